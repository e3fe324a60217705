//! How much memory all documents and ranges in work may take together, and where the rest goes.
//!
//! Every part that gathers rows or keys of a document, or rows of a range of a topic, asks the one [`Budget`] of the process before it gathers more.
//! One that is refused does without: rows that are not kept are read a second time, keys go to a file, a range ends
//! early. So what documents cost does not grow with their size, nor with how many of them wait.
//!
//! The budget counts what is gathered, not what the process takes: a block in the making and the copies that a landing
//! makes of a range come on top, both bounded by what is gathered.

use std::fmt::Debug;
use std::io::{self, Cursor, Read, Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that all documents and ranges in work may take together. Larger: fewer rows go through a file. Smaller: less memory.
/// Where a table's partitions are cut out of a range it is there twice, so twice this stays well below half a gigabyte.
const BUDGET_BYTES: usize = 128 * 1024 * 1024;

/// Bytes that are shared out.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    taken: AtomicUsize,
    most: AtomicUsize,
}

impl Budget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, taken: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    /// Bytes that one holder may have though there is no room: so little that many of them are no danger, and enough to
    /// be worth a commit.
    #[must_use]
    pub fn least(&self) -> usize {
        /// So many holders of the least take as much again as the budget.
        const HOLDERS: usize = 32;
        self.limit / HOLDERS
    }

    /// Bytes that may be taken.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes that are taken now.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Most bytes that were taken at once.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize, beyond: bool) -> bool {
        let room = |taken: usize| taken.checked_add(bytes).filter(|&sum| beyond || sum <= self.limit);
        let added = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room);
        if let Ok(before) = added {
            self.most.fetch_max(before + bytes, Ordering::Relaxed);
        }
        added.is_ok()
    }
}

/// What one holder has of a budget; given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    taken: usize,
}

impl Share {
    /// A share of nothing yet.
    #[must_use]
    pub fn of(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), taken: 0 }
    }

    /// Takes so many bytes more, if they are there.
    pub fn take(&mut self, bytes: usize) -> bool {
        let taken = self.budget.add(bytes, false);
        self.taken += if taken { bytes } else { 0 };
        taken
    }

    /// Takes so many bytes more, also beyond the limit: for the one block without which nothing goes on.
    pub fn take_anyway(&mut self, bytes: usize) {
        if self.budget.add(bytes, true) {
            self.taken += bytes;
        }
    }

    /// Gives bytes back, at most what it has.
    pub fn give(&mut self, bytes: usize) {
        let bytes = bytes.min(self.taken);
        self.taken -= bytes;
        self.budget.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Gives all of it back.
    pub fn give_all(&mut self) {
        self.give(self.taken);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_all();
    }
}

/// A file of nobody's: it is gone when it is dropped, and when the process ends.
pub trait ScratchFile: Read + Write + Seek + Send + Debug {}
impl<T: Read + Write + Seek + Send + Debug> ScratchFile for T {}

/// Where what does not fit into memory goes.
pub trait Scratch: Send + Sync + Debug {
    /// A new, empty file.
    ///
    /// # Errors
    /// If the disk does not take it.
    fn file(&self) -> io::Result<Box<dyn ScratchFile>>;
}

/// Scratch files in memory, for documents that are in memory themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryScratch;

impl Scratch for MemoryScratch {
    fn file(&self) -> io::Result<Box<dyn ScratchFile>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }
}

/// The memory that documents are worked with. Clones share one budget.
#[derive(Clone, Debug)]
pub struct WorkingMemory {
    /// What is shared out.
    pub budget: Arc<Budget>,
    /// Where the rest goes.
    pub scratch: Arc<dyn Scratch>,
}

impl WorkingMemory {
    /// The budget of a process, with files from `scratch`.
    #[must_use]
    pub fn new(scratch: Arc<dyn Scratch>) -> Self {
        Self { budget: Arc::new(Budget::new(BUDGET_BYTES)), scratch }
    }

    /// The same with a budget of so many bytes.
    #[must_use]
    pub fn limited(limit: usize, scratch: Arc<dyn Scratch>) -> Self {
        Self { budget: Arc::new(Budget::new(limit)), scratch }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Budget, Share};

    #[test]
    fn shares_never_sum_to_more_than_the_budget_and_come_back() {
        let budget = Arc::new(Budget::new(100));
        let (mut one, mut other) = (Share::of(&budget), Share::of(&budget));
        assert!(one.take(60) && !other.take(41) && other.take(40));
        assert!(!one.take(1) && one.take(0));
        one.give(1000);
        assert_eq!(budget.taken(), 40);
        other.take_anyway(usize::MAX);
        assert_eq!(budget.taken(), 40, "what cannot be counted is not taken");
        other.take_anyway(100);
        assert!(!one.take(1));
        drop(other);
        assert_eq!((budget.taken(), budget.most()), (0, 140));
    }
}
