//! `release --from`: says where a flow goes on, when its committed position can no longer be used.

use anyhow::{Context, Result};
use connect::RowPosition;
use log::Written;
use runtime::{Progress, Release as Released};

use crate::arguments::Release;
use crate::data::DataFolder;
use crate::exit::{Exit, failure};
use crate::{environment, show};

pub(crate) fn from(arguments: &Release) -> Result<Exit> {
    let wanted = arguments.from.as_deref().unwrap_or_default();
    let folder = DataFolder::existing(&arguments.data)?;
    let log = folder.log()?;
    let log: &dyn log::Log = &*log;
    let (topology, flow) = arguments.flow.split_once('/').ok_or_else(|| {
        failure(Exit::Usage, format!("`{}` is not TOPOLOGY/FLOW", arguments.flow), "such as sec-ftd/load")
    })?;
    folder.knows(&arguments.flow)?;
    let known = folder.known_flows()?.remove(&arguments.flow);
    let topic = known.map(|flow| flow.topic).context("a flow that was known is not")?;
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
    }
    transaction.commit()?;
    show::line(&format!("{} goes on from {wanted} of {topic}", arguments.flow));
    Ok(Exit::Fine)
}
