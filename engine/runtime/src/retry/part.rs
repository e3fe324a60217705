//! Dead letters that are worked at once.

use crate::dead_letter::DeadLetter;

/// Bytes of memory that the letters of a part take. Larger: fewer transactions, and documents are read less often.
/// Smaller: less memory; what is written of them is there several times until it is committed.
const BYTES: usize = 16 * 1024 * 1024;

/// Gathers letters until they are enough.
#[derive(Debug, Default)]
pub struct Part {
    letters: Vec<DeadLetter>,
    bytes: usize,
}

impl Part {
    /// Adds a letter. Gives all that were gathered once they are enough to be worked.
    pub fn add(&mut self, letter: DeadLetter) -> Option<Vec<DeadLetter>> {
        self.bytes += letter.memory();
        self.letters.push(letter);
        (self.bytes >= BYTES).then(|| std::mem::take(self).letters)
    }

    /// What is left.
    #[must_use]
    pub fn rest(self) -> Vec<DeadLetter> {
        self.letters
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, Part};
    use crate::dead_letter::DeadLetter;

    #[test]
    fn a_part_ends_by_its_memory_and_no_letter_is_lost() {
        for (size, count) in [(BYTES / 2, 7), (BYTES * 2, 3), (0, 100_000)] {
            let (mut part, mut parts) = (Part::default(), Vec::new());
            for row in 0..count {
                parts.extend(part.add(DeadLetter { row, bytes: vec![0; size], ..DeadLetter::default() }));
            }
            parts.push(part.rest());
            assert!(parts.len() > 2, "{size}");
            let most = parts.iter().map(|part| part.iter().map(DeadLetter::memory).sum::<usize>()).max();
            assert!(most < Some(BYTES + size + 1000), "{size}: {most:?}");
            let rows: Vec<i64> = parts.concat().iter().map(|letter| letter.row).collect();
            assert_eq!(rows, (0..count).collect::<Vec<_>>());
        }
    }
}
