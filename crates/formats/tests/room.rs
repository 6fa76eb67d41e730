//! What a message claims to hold takes no memory: what is looked at is how much address space this
//! process has had, which room that is made but never filled takes as well.

use millrace_formats::msgpack;

/// The most address space that this process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the system tells it");
    let line = status.lines().find(|line| line.starts_with("VmPeak:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    1024 * number
        .and_then(|it| it.parse::<u64>().ok())
        .expect("a number")
}

#[test]
fn room_is_made_for_what_a_message_can_hold_however_deep_its_claims_nest() {
    const FILLER: usize = 1 << 20;
    let claims: [&[u8]; 4] = [
        &[0xdd, 0x00, 0x0f, 0x00, 0x00],
        &[0xdd, 0xff, 0xff, 0xff, 0xff],
        &[0xdf, 0x00, 0x07, 0x00, 0x00, 0xa0],
        &[0xdf, 0xff, 0xff, 0xff, 0xff, 0xa0],
    ];
    for claim in claims {
        let mut message = claim.repeat(900);
        message.resize(message.len() + FILLER, 0xc1);
        let before = peak();
        assert!(msgpack::read(&message, usize::MAX).is_err());
        // An element takes 48 bytes at most.
        let taken = peak() - before;
        assert!(taken < 128 * FILLER as u64, "{claim:?} took {taken} bytes");
    }
}
