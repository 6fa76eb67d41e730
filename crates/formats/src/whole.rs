//! Reading a stream whole, within a bound, and without copies that double it.

use std::io::{self, Read};

/// How much is read in one piece.
const PIECE: usize = 1 << 20;

/// Reads a stream to its end; `None` when it has more than `limit` bytes. `expected` bytes are made
/// room for at first.
///
/// Beside the content no more than about 2 MiB is held: growing a large buffer in place would take
/// up to three times as much, because it is copied.
///
/// # Errors
/// Those of the stream.
pub fn read_whole(
    mut stream: impl Read,
    limit: usize,
    expected: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    let mut size = 0;
    let mut expected = expected.min(limit).min(PIECE);
    loop {
        // One byte more than may come shows that there is too much.
        let room = (limit - size).saturating_add(1).min(PIECE);
        let mut piece = Vec::with_capacity(expected);
        let read = stream.by_ref().take(room as u64).read_to_end(&mut piece)?;
        size += read;
        if size > limit {
            return Ok(None);
        }
        pieces.push(piece);
        if read < room {
            return Ok(Some(joined(pieces, size)));
        }
        expected = PIECE;
    }
}

/// The pieces as one; each is freed when it is copied.
fn joined(mut pieces: Vec<Vec<u8>>, size: usize) -> Vec<u8> {
    if pieces.len() == 1 {
        return pieces.remove(0);
    }
    let mut whole = Vec::with_capacity(size);
    for piece in pieces {
        whole.extend_from_slice(&piece);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_to_its_end_or_not_at_all() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 3] {
            let content: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            for limit in [size, size + 1, usize::MAX] {
                let whole = read_whole(&content[..], limit, 10).unwrap();
                assert_eq!(whole.as_ref(), Some(&content), "{size} of {limit}");
            }
            if let Some(limit) = size.checked_sub(1) {
                assert_eq!(read_whole(&content[..], limit, usize::MAX).unwrap(), None);
            }
        }
    }

    #[test]
    fn an_endless_stream_is_left_at_the_bound() {
        let mut read = 0;
        let endless = std::io::repeat(0).take(u64::MAX);
        let counted = Counted(endless, &mut read);
        assert_eq!(read_whole(counted, 3 * PIECE, 0).unwrap(), None);
        assert_eq!(read, 3 * PIECE + 1);
    }

    struct Counted<'a, R>(R, &'a mut usize);

    impl<R: Read> Read for Counted<'_, R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(buffer)?;
            *self.1 += read;
            Ok(read)
        }
    }
}
