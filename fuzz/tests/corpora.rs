//! Every input of the corpora is read again: what was mended once stays mended.

use std::path::Path;
use std::time::{Duration, Instant};

use millrace_fuzz::TARGETS;

/// Far above what an input takes; one that is here because it took minutes must stay below it.
const TIME_MAX: Duration = Duration::from_secs(60);

#[test]
fn every_input_of_the_corpora_is_read_within_its_bounds() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in TARGETS.iter().filter(|it| it.name != "canary") {
        let folder = corpora.join(target.name);
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut count = 0;
        for entry in entries {
            let path = entry.expect("an entry of the folder").path();
            let data = std::fs::read(&path).expect("an input");
            let started = Instant::now();
            (target.run)(&data);
            assert!(started.elapsed() < TIME_MAX, "{}", path.display());
            count += 1;
        }
        assert!(count > 0, "{} has no inputs", target.name);
    }
}

#[test]
#[should_panic(expected = "the canary was found")]
fn the_canary_fails() {
    let canary = millrace_fuzz::target("canary").expect("it is a target");
    (canary.run)(b"millrace");
}
