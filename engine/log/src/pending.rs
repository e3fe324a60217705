//! A transaction before it is committed, and its way to offsets.
//!
//! Everything a caller can do wrong is found when it is handed in; at the commit only the store can fail. Offsets and
//! arrivals are given out by [`Pending::settle`], which the log calls while no other commit runs.

use std::collections::HashMap;

use arrow::array::{Array, BinaryArray, Int64Array};
use batch::Records;

use crate::directory::{Directory, Place, Reach};
use crate::{Appended, LogError, Position, Written, rules};

/// Most records of one block. A reader that starts in the middle of a block reads the whole block from disk, so larger
/// is dearer there; smaller costs more rows of the store and more, shorter arrays for the reader.
const MOST_RECORDS: usize = 8192;

/// Most bytes of keys, values and headers of one block, unless a single record is larger. A block is what a reader
/// takes at least, so larger costs memory; smaller as above.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Whose position it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PositionKey {
    pub(crate) group: String,
    pub(crate) place: Place,
}

/// What a transaction has collected.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    appends: Vec<(Place, Written)>,
    positions: HashMap<PositionKey, Position>,
}

/// A transaction with its offsets, ready for the store.
pub(crate) struct Settled {
    /// Blocks in the order of their offsets within each partition; none is empty.
    pub(crate) blocks: Vec<Block>,
    /// Where each append went, for the caller.
    pub(crate) appended: Vec<Appended>,
    /// What the directory shows once the store has it.
    pub(crate) committed: Committed,
}

/// Records of one block with offsets and arrivals.
pub(crate) struct Block {
    pub(crate) place: Place,
    pub(crate) records: Records,
    /// Latest arrival that the log had set in this partition after this block.
    pub(crate) latest_arrival: i64,
}

/// What a commit changes in the directory.
pub(crate) struct Committed {
    pub(crate) reaches: HashMap<Place, Reach>,
    pub(crate) positions: HashMap<PositionKey, Position>,
}

impl Pending {
    /// See [`Transaction::append`](crate::Transaction::append).
    pub(crate) fn append(&mut self, directory: &Directory, mut written: Written) -> Result<(), LogError> {
        let (place, _) = directory.partition(&written.topic, written.partition)?;
        rules::check_columns(&written.records)?;
        for index in 0..written.records.len() {
            let bytes = rules::record_bytes(&written.records, index);
            if bytes > rules::LARGEST_RECORD {
                return Err(LogError::TooLarge { topic: written.topic, bytes, limit: rules::LARGEST_RECORD });
            }
        }
        if written.records.headers.null_count() > 0 {
            // A null slot may cover bytes; they must not come back as headers.
            let headers = written.records.headers.iter().map(Option::unwrap_or_default);
            written.records.headers = BinaryArray::from_iter_values(headers);
        }
        self.appends.push((place, written));
        Ok(())
    }

    /// See [`Transaction::commit_position`](crate::Transaction::commit_position).
    pub(crate) fn commit_position(
        &mut self,
        directory: &Directory,
        (group, topic, partition): (&str, &str, i32),
        position: Position,
    ) -> Result<(), LogError> {
        let (place, _) = directory.partition(topic, partition)?;
        rules::check_position(group, &position)?;
        self.positions.insert(PositionKey { group: group.to_owned(), place }, position);
        Ok(())
    }

    /// True if a commit would change nothing.
    pub(crate) fn changes_nothing(&self) -> bool {
        self.positions.is_empty() && self.appends.iter().all(|(_, written)| written.records.is_empty())
    }

    /// Gives out offsets and arrivals. `now` is the log's clock.
    pub(crate) fn settle(self, directory: &Directory, now: i64) -> Settled {
        let mut reaches: HashMap<Place, Reach> = HashMap::new();
        let mut blocks = Vec::new();
        let mut appended = Vec::with_capacity(self.appends.len());
        for (place, Written { topic, partition, mut records }) in self.appends {
            let reach = reaches.entry(place).or_insert_with(|| directory.reach(place).unwrap_or_default());
            records.base_offset = reach.end;
            appended.push(Appended { topic, partition, first_offset: reach.end });
            reach.end = records.next_offset();
            if let Some(arrivals) = arrivals_from(&records.arrivals, now.max(reach.latest_arrival)) {
                reach.latest_arrival = now.max(reach.latest_arrival);
                records.arrivals = arrivals;
            }
            split(place, &records, reach.latest_arrival, &mut blocks);
        }
        Settled { blocks, appended, committed: Committed { reaches, positions: self.positions } }
    }
}

/// The arrivals with `now` in place of 0 (and of null); nothing if there is nothing to replace.
fn arrivals_from(arrivals: &Int64Array, now: i64) -> Option<Int64Array> {
    let missing = arrivals.null_count() > 0 || arrivals.values().contains(&0);
    missing.then(|| {
        Int64Array::from_iter_values(arrivals.iter().map(|arrival| arrival.filter(|at| *at != 0).unwrap_or(now)))
    })
}

/// Cuts records into blocks of bounded size.
fn split(place: Place, records: &Records, latest_arrival: i64, blocks: &mut Vec<Block>) {
    let mut start = 0;
    let mut bytes = 0;
    for index in 0..records.len() {
        let more = rules::record_bytes(records, index);
        if index > start && (index - start >= MOST_RECORDS || bytes + more > MOST_BYTES) {
            blocks.push(Block { place, records: records.slice(start, index - start), latest_arrival });
            (start, bytes) = (index, 0);
        }
        bytes += more;
    }
    if start < records.len() {
        blocks.push(Block { place, records: records.slice(start, records.len() - start), latest_arrival });
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use batch::{Headers, RecordsBuilder};

    use super::{MOST_RECORDS, arrivals_from, split};
    use crate::directory::Place;

    #[test]
    fn blocks_are_cut_by_number_and_by_bytes() {
        let megabytes = 1024 * 1024;
        let cases: [(usize, usize, &[usize]); 6] = [
            (0, 10, &[]),
            (1, 10, &[1]),
            (MOST_RECORDS, 1, &[MOST_RECORDS]),
            (MOST_RECORDS + 1, 1, &[MOST_RECORDS, 1]),
            (5, 2 * megabytes, &[2, 2, 1]),
            (2, 5 * megabytes, &[1, 1]),
        ];
        for (count, bytes, expected) in cases {
            let value = vec![7_u8; bytes];
            let mut builder = RecordsBuilder::new();
            for _ in 0..count {
                builder.push(None, Some(&value), &Headers::new(), 1);
            }
            let mut blocks = Vec::new();
            split(Place { topic: 1, partition: 0 }, &builder.finish(), 0, &mut blocks);
            let lengths: Vec<usize> = blocks.iter().map(|block| block.records.len()).collect();
            assert_eq!(lengths, expected, "{count} of {bytes} bytes");
            let mut next = 0;
            for block in &blocks {
                assert_eq!(block.records.base_offset, next);
                next = block.records.next_offset();
            }
        }
    }

    #[test]
    fn only_missing_arrivals_are_set() {
        let arrivals = Int64Array::from(vec![Some(0), Some(5), None]);
        assert_eq!(arrivals_from(&arrivals, 9), Some(Int64Array::from(vec![9, 5, 9])));
        assert_eq!(arrivals_from(&Int64Array::from(vec![5, 6]), 9), None);
    }
}
