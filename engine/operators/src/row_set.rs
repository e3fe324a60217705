//! Sets of row numbers, small where the rows are few and where they are many.
//!
//! Numbers are kept as bits, in chunks of 4,096 rows. All rows of a document of 40 million take 5 MB.

use std::collections::BTreeMap;

const WORD: i64 = u64::BITS as i64;
const WORDS: usize = 64;
const CHUNK: i64 = WORD * WORDS as i64;

/// A set of row numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSet {
    chunks: BTreeMap<i64, Box<[u64; WORDS]>>,
    count: u64,
}

impl RowSet {
    /// Adds a row.
    pub fn insert(&mut self, row: i64) {
        let (chunk, word, bit) = place(row);
        let words = self.chunks.entry(chunk).or_insert_with(|| Box::new([0; WORDS]));
        self.count += u64::from(words[word] & bit == 0);
        words[word] |= bit;
    }

    /// True if the row is in it.
    #[must_use]
    pub fn contains(&self, row: i64) -> bool {
        let (chunk, word, bit) = place(row);
        self.chunks.get(&chunk).is_some_and(|words| words[word] & bit != 0)
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.count
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = i64> {
        self.chunks.iter().flat_map(|(chunk, words)| {
            let set = (0..CHUNK).filter(|at| words[(at / WORD) as usize] & (1 << (at % WORD)) != 0);
            set.map(move |at| chunk * CHUNK + at)
        })
    }

    /// Takes over all rows of another set, which is empty then.
    pub(crate) fn append(&mut self, other: &mut Self) {
        for (chunk, words) in std::mem::take(&mut other.chunks) {
            let own = self.chunks.entry(chunk).or_insert_with(|| Box::new([0; WORDS]));
            for (own, word) in own.iter_mut().zip(*words) {
                self.count += u64::from((word & !*own).count_ones());
                *own |= word;
            }
        }
        other.count = 0;
    }
}

fn place(row: i64) -> (i64, usize, u64) {
    let within = row.rem_euclid(CHUNK);
    (row.div_euclid(CHUNK), (within / WORD) as usize, 1 << (within % WORD))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::RowSet;

    fn of(rows: &[i64]) -> RowSet {
        let mut set = RowSet::default();
        rows.iter().for_each(|&row| set.insert(row));
        set
    }

    proptest! {
        #[test]
        fn it_is_a_set(one in prop::collection::vec(-9_000_i64..9_000, 0..50), other in prop::collection::vec(any::<i64>(), 0..50)) {
            let mut set = of(&one);
            set.append(&mut of(&other));
            let model: BTreeSet<i64> = one.iter().chain(&other).copied().collect();
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(set.len(), model.len() as u64);
            prop_assert!(model.iter().all(|&row| set.contains(row)));
            prop_assert_eq!(set.contains(7), model.contains(&7));
        }
    }
}
