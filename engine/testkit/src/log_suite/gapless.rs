//! Checks of logs that promise offsets from 0 without gaps, which the contract does not.
//!
//! On such a log the end of a partition is the number of its records, and an append starts where the one before ended.

use log::Log;

use super::{Check, Failure, all, at, commit, ensure, same, topic};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("an append starts at the end, and the end is the number of records", ends),
    ("blocks follow one another without gaps", blocks),
];

fn ends(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 2)?;
    commit(log, &[("prices", 0, &["before"])], Some(("group", "prices", 0, 1)))?;
    let appended = commit(
        log,
        &[("prices", 0, &["a", "b"]), ("prices", 1, &["c"]), ("prices", 0, &["d"]), ("prices", 1, &[])],
        None,
    )?;
    let found: Vec<(i32, i64)> = appended.iter().map(|append| (append.partition, append.first_offset)).collect();
    same(&found, &[(0, 1), (1, 0), (0, 3), (1, 1)])?;
    let mut aborted = log.begin();
    aborted.append(super::written("prices", 0, &["aborted"]))?;
    aborted.commit_position("group", "prices", 0, at(9))?;
    drop(aborted);
    let nothing = commit(log, &[("prices", 0, &[]), ("prices", 1, &[])], None)?;
    let found: Vec<i64> = nothing.iter().map(|append| append.first_offset).collect();
    same(&found, &[4, 1])?;
    same(&[log.end("prices", 0)?, log.end("prices", 1)?], &[4_i64, 1])
}

fn blocks(log: &dyn Log) -> Result<(), Failure> {
    topic(log, "prices", 1)?;
    for length in [3, 1, 400, 1, 20] {
        commit(log, &[("prices", 0, &vec!["value"; length])], None)?;
    }
    let mut next = 0;
    for block in all(log, "prices", 0)? {
        ensure(block.base_offset == next, || format!("block at {} after {next}", block.base_offset))?;
        next = block.next_offset();
    }
    ensure(next == 425 && log.end("prices", 0)? == 425, || format!("the last block ends at {next}"))
}
