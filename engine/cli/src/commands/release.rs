//! `release --from`: says where a flow goes on, when its committed position can no longer be used.

use anyhow::{Context, Result};
use batch::{Headers, RecordsBuilder};
use connect::RowPosition;
use log::{Log, Written};
use runtime::{Progress, Release as Released};
use state::SeenKeys;

use crate::arguments::Release;
use crate::data::{DataFolder, KnownFlow, LandedBy};
use crate::exit::{Exit, failure};
use crate::{environment, show};

pub(crate) fn from(arguments: &Release) -> Result<Exit> {
    let wanted = arguments.from.as_deref().unwrap_or_default();
    let folder = DataFolder::existing(&arguments.data)?;
    let log = folder.log()?;
    let log: &dyn Log = &*log;
    let (topology, flow) = arguments.flow.split_once('/').ok_or_else(|| {
        failure(Exit::Usage, format!("`{}` is not TOPOLOGY/FLOW", arguments.flow), "such as sec-ftd/load")
    })?;
    folder.knows(&arguments.flow)?;
    let known = folder.known_flows()?.remove(&arguments.flow);
    let KnownFlow { topic, landing, stores } = known.context("a flow that was known is not")?;
    let state = log.topic(&topic)?.ok_or_else(|| {
        failure(Exit::Usage, format!("topic {topic} does not exist"), "run the topology once, which makes it")
    })?;
    let group = runtime::names::group(topology, flow);
    let mut transaction = log.begin();
    for partition in 0..state.partitions {
        let end = log.end(&topic, partition)?;
        let offset = match wanted {
            "earliest" => 0,
            "end" => end,
            number => number.parse::<i64>().ok().filter(|offset| (0..=end).contains(offset)).ok_or_else(|| {
                let what = format!("`{number}` is neither `earliest`, `end` nor an offset from 0 to {end}");
                failure(Exit::Usage, what, "such as --from earliest")
            })?,
        };
        let next = RowPosition { offset, row: 0 };
        let progress = Progress { next, topic: state.identity.to_string(), open: None };
        transaction.commit_position(&group, &topic, partition, progress.position())?;
        // What landed before is not looked for in the table any more: a person knows of it.
        let released = Released { released_to: (offset, 0), at: environment::now() };
        let ledger = runtime::names::ledger(topology, flow);
        transaction.append(Written { topic: ledger, partition, records: released.records()? })?;
        if offset == end {
            continue;
        }
        // What the rows that come once more made its steps remember would make all of them repeats.
        let first = if offset == 0 { None } else { first_arrival(log, &topic, partition, offset)? };
        for store in &stores {
            let changelog = runtime::names::changelog(topology, &store.store);
            if log.topic(&changelog)?.is_none() {
                continue;
            }
            let mut records = RecordsBuilder::new();
            SeenKeys::once_more(first, &mut |key, value| records.push(Some(key), value, &Headers::new(), 0));
            transaction.append(Written { topic: changelog, partition, records: records.finish() })?;
        }
    }
    transaction.commit()?;
    if let Some(LandedBy { table, .. }) = landing.filter(|landing| wanted != "end" && landing.rows == "append") {
        show::note(&format!(
            "{table} appends: rows of {} that stand there land once more beside themselves, unless they are deleted before \
             the next run",
            arguments.flow
        ));
    }
    show::line(&format!("{} goes on from {wanted} of {topic}", arguments.flow));
    Ok(Exit::Fine)
}

/// When the record at an offset, or the first one after it, arrived; `None` if it cannot be read, so that nothing is
/// taken for a repeat that is none.
fn first_arrival(log: &dyn Log, topic: &str, partition: i32, offset: i64) -> Result<Option<i64>> {
    let blocks = match log.read(topic, partition, offset, 1) {
        Err(log::LogError::OutOfRange { .. } | log::LogError::Damaged(_)) => return Ok(None),
        blocks => blocks?,
    };
    Ok(blocks.first().filter(|block| !block.is_empty()).map(|block| block.arrivals.value(0)))
}
