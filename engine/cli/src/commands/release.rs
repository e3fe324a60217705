//! `release --from`: says where a flow goes on, when its committed position can no longer be used.

use anyhow::{Context, Result};
use batch::{Headers, RecordsBuilder};
use connect::RowPosition;
use log::{Log, Written};
use runtime::{Progress, Rebuild, Release as Released, Stage};
use state::SeenKeys;

use crate::arguments::Release;
use crate::data::{DataFolder, KnownFlow, LandedBy};
use crate::exit::{Exit, failure};
use crate::flow_names::FlowNames;
use crate::{earlier, environment, rebuild, show};

pub(crate) fn from(arguments: &Release) -> Result<Exit> {
    let folder = DataFolder::existing(&arguments.data)?;
    let open = folder.log()?;
    let log: &dyn Log = &*open;
    let recorded = folder.knows(&arguments.flow)?;
    let mut flows = folder.known_flows()?;
    let rebuild =
        if folder.shares_the_log() { None } else { runtime::rebuilds(log)?.remove(runtime::names::first(&recorded)) };
    if let Some(rebuild) = rebuild.filter(Rebuild::goes_on) {
        let (what, cancel) = match rebuild.stage {
            Stage::Exchanging { .. } => {
                ("and its tables are being exchanged", "start a run, which ends that".to_owned())
            }
            _ => (
                "which has all read again from the beginning",
                format!("wait for that; or spotlight rebuild {} --cancel", arguments.flow),
            ),
        };
        let what = format!("{} is being rebuilt, {what}", arguments.flow);
        return Err(failure(Exit::Usage, what, cancel));
    }
    let (topology, flow) = recorded.split_once('/').ok_or_else(|| {
        let beginning = format!("{}/", arguments.flow);
        let names = FlowNames::of_known(&flows);
        let its: Vec<String> =
            flows.keys().filter(|name| name.starts_with(&beginning)).map(|name| names.shown(name)).collect();
        failure(Exit::Usage, format!("`{}` is a topology: --from is for one flow", arguments.flow), its.join(", or "))
    })?;
    let known = flows.remove(&recorded);
    let KnownFlow { topic, reads, landing, stores, .. } = known.context("a flow that was known is not")?;
    let state = log.topic(&topic)?.ok_or_else(|| {
        failure(Exit::Usage, format!("topic {topic} does not exist"), "run the topology once, which makes it")
    })?;
    let group = runtime::names::group(topology, flow);
    let moves = moves(log, (&*group, &*topic), state.partitions, arguments)?;
    if let Some(schema) = reads {
        let back = moves.iter().filter(|one| one.to < one.end).map(|one| (one.partition, one.to));
        let names = (arguments.flow.as_str(), topic.as_str(), schema.as_str());
        earlier::refuse_release((log, folder.schemas()?.as_ref()), names, back)?;
    }
    let mut transaction = log.begin();
    for Move { partition, to: offset, first: begins, end, .. } in &moves {
        let (partition, offset) = (*partition, *offset);
        let next = RowPosition { offset, row: 0 };
        let progress = Progress { next, topic: state.identity.to_string(), open: None, stores: Vec::new() };
        transaction.commit_position(&group, &topic, partition, progress.position())?;
        // What landed before is not looked for in the table any more: a person knows of it.
        let ledger = runtime::names::ledger(topology, flow);
        let earliest = arguments.from.as_deref() == Some("earliest");
        let onto = anew(log, ((topology, flow), &topic, &state.identity.to_string()), partition, landing.as_ref())?;
        let released = Released { released_to: (offset, 0), at: environment::now(), onto };
        let of_another_topic = released.onto.is_some();
        transaction.append(Written { topic: ledger, partition, records: released.records()? })?;
        // A topic that is to be filled by whoever is sent back too holds nothing yet.
        if offset == *end && !(earliest && of_another_topic) {
            continue;
        }
        // What the rows that come once more made its steps remember would make all of them repeats.
        let first = if offset <= *begins { None } else { first_arrival(log, &topic, partition, offset)? };
        for store in &stores {
            let changelog = runtime::names::changelog(topology, flow, &store.store);
            if log.topic(&changelog)?.is_none() {
                continue;
            }
            let mut records = RecordsBuilder::new();
            SeenKeys::once_more(first, &mut |key, value| records.push(Some(key), value, &Headers::new(), 0));
            transaction.append(Written { topic: changelog, partition, records: records.finish() })?;
        }
    }
    transaction
        .commit()
        .with_context(|| format!("{} stays where it stands: {} failed", arguments.flow, folder.log_name()))?;
    // Ahead of where the flow goes on now, they cannot be used. One that stays is told by the run, which does without it.
    for one in moves.iter().filter(|one| one.from.is_some_and(|from| from > (one.to, 0))) {
        for store in &stores {
            let changelog = runtime::names::changelog(topology, flow, &store.store);
            _ = runtime::remove_snapshot(&folder.snapshots(), &changelog, one.partition);
        }
    }
    if arguments.from.as_deref() == Some("earliest") && arguments.partition.is_none() {
        folder.settles(&recorded)?;
    }
    tell(&moves, arguments, &topic, landing.as_ref());
    Ok(Exit::Fine)
}

/// The identity of a flow's input, if the ledger of a partition speaks of another topic up to now.
fn anew(
    log: &dyn Log,
    ((topology, flow), topic, identity): ((&str, &str), &str, &str),
    partition: i32,
    landing: Option<&LandedBy>,
) -> Result<Option<String>> {
    let other = match log.position(&runtime::names::group(topology, flow), topic, partition)? {
        Some(position) => Progress::read(&position).is_ok_and(|progress| progress.topic != identity),
        None => {
            let known = log.topic(&runtime::names::ledger(topology, flow))?.is_some_and(|it| partition < it.partitions);
            let of_now = known.then(|| runtime::ledger_of_now(log, topology, flow, partition)).transpose()?;
            let speaks_of = of_now.and_then(|(_, topic)| topic);
            landing.is_some_and(|landing| !landing.read.is_empty()) && speaks_of.as_deref() != Some(identity)
        }
    };
    Ok(other.then(|| identity.to_owned()))
}

/// `--keep-rows`: a person says that what stands may stay, though an earlier text of the topology made it.
pub(crate) fn keep_rows(arguments: &Release) -> Result<Exit> {
    let folder = DataFolder::existing(&arguments.data)?;
    // Where the log lies in the folder, who has the one has the other.
    let owned = folder.own()?;
    let _log = owned.is_none().then(|| folder.log()).transpose()?;
    let (recorded, known) = (folder.knows(&arguments.flow)?, folder.known_flows()?);
    let names = FlowNames::of_known(&known);
    let topology = format!("{recorded}/");
    let mut kept = Vec::new();
    for flow in known.keys().filter(|flow| **flow == recorded || flow.starts_with(&topology)) {
        if folder.settles(flow)? {
            kept.push(names.shown(flow));
        }
    }
    show::prose(&match kept.as_slice() {
        [] => format!("nothing to keep: no rows of {} are of an earlier text of its topology", arguments.flow),
        kept => format!(
            "the rows of {} stay as they are, and what is read from now on is made as the file says now",
            kept.join(", ")
        ),
    });
    Ok(Exit::Fine)
}

/// Where a flow goes on in one partition of its input.
#[derive(Debug, PartialEq, Eq)]
struct Move {
    partition: i32,
    /// Offset and row where it stands; `None` if it never began.
    from: Option<(i64, i64)>,
    /// True if a run ended while it landed what follows there.
    open: bool,
    /// The offset where it goes on.
    to: i64,
    /// The first record that is there.
    first: i64,
    /// The end of the partition.
    end: i64,
}

impl Move {
    /// True if nothing changes for the flow.
    fn is_none(&self) -> bool {
        self.from.unwrap_or((0, 0)) == (self.to, 0) && !self.open
    }
}

/// What the command line means for each partition that it moves.
fn moves(log: &dyn Log, (group, topic): (&str, &str), partitions: i32, arguments: &Release) -> Result<Vec<Move>> {
    let mut moves = Vec::new();
    for partition in 0..partitions {
        let (first, end) = (log.first(topic, partition)?, log.end(topic, partition)?);
        let position = log.position(group, topic, partition)?;
        let stands = position.as_ref().map(Progress::read);
        let open = matches!(&stands, Some(Ok(Progress { open: Some(_), .. })));
        let from = position.zip(stands).map(|(at, stands)| match stands {
            Ok(Progress { next, .. }) => (next.offset, next.row),
            Err(_) => (at.offset, 0),
        });
        moves.push(Move { partition, from, open, to: end, first, end });
    }
    chosen(moves, topic, arguments)
}

/// The partitions that are moved, with where to. An offset means another record in each partition, so it is for one of
/// them, unless a person says otherwise.
fn chosen(mut moves: Vec<Move>, topic: &str, arguments: &Release) -> Result<Vec<Move>> {
    let wanted = arguments.from.as_deref().unwrap_or_default();
    let (all, of_topic) = (moves.len(), show::counted(moves.len() as u64, "partition"));
    if let Some(partition) = arguments.partition {
        moves.retain(|one| one.partition == partition);
        if moves.is_empty() {
            let what = format!("there is no partition {partition} of {topic}: it has {of_topic}, from 0 on");
            return Err(failure(Exit::Usage, what, "such as --partition 0"));
        }
    }
    let offset = match wanted {
        "earliest" | "end" => None,
        number => Some(number.parse::<i64>().ok().filter(|offset| *offset >= 0).ok_or_else(|| {
            let what = format!("`{number}` is neither `earliest`, `end` nor an offset");
            failure(Exit::Usage, what, "such as --from earliest")
        })?),
    };
    let for_each = !matches!(wanted, "earliest" | "end");
    if for_each && all > 1 && arguments.partition.is_none() && !arguments.all_partitions {
        let what = format!("{topic} has {of_topic}, and in each the offset {wanted} is of another record");
        let remedy = "say which is meant with --partition N, or --all-partitions; an id such as 3/0/17 of a dead letter \
                      is of partition 3, offset 0";
        return Err(failure(Exit::Usage, what, remedy));
    }
    for one in &mut moves {
        one.to = offset.unwrap_or(if wanted == "earliest" { one.first } else { one.end });
        if one.to < one.first {
            let Move { partition, to, first, .. } = one;
            let what =
                format!("partition {partition} of {topic} begins at {first}: what stood at the offset {to} is gone");
            return Err(failure(Exit::Usage, what, "give an offset that it holds, or --from earliest"));
        }
        if one.to > one.end {
            let Move { partition, to, end, .. } = one;
            let what = format!("partition {partition} of {topic} ends at {end}, before the offset {to}");
            return Err(failure(Exit::Usage, what, "give an offset that it holds, or --from end"));
        }
    }
    Ok(moves)
}

/// Says what was moved, and what that does to the table.
fn tell(moves: &[Move], arguments: &Release, topic: &str, landing: Option<&LandedBy>) {
    let (flow, wanted) = (&arguments.flow, arguments.from.as_deref().unwrap_or_default());
    if let Some(landing) = landing.filter(|_| wanted != "end") {
        show::note(&rows_that_stay(flow, landing));
    }
    if let Some(landing) = landing {
        moves.iter().filter_map(|one| half_landed(one, landing)).for_each(|told| show::note(&told));
    }
    let moved: Vec<&Move> = moves.iter().filter(|one| !one.is_none()).collect();
    let rows = moved.iter().map(|Move { partition, from, to, end, .. }| {
        let from = match from {
            None => "its beginning".to_owned(),
            Some((offset, 0)) => offset.to_string(),
            Some((offset, row)) => format!("{offset}, row {row}"),
        };
        vec![partition.to_string(), from, to.to_string(), end.to_string()]
    });
    if !moved.is_empty() {
        show::table(&["#partition", "#stood at", "#goes on at", "#end"], rows.collect());
    }
    let others = match moves.len() - moved.len() {
        0 => String::new(),
        stay => format!("; {} stood there already", show::counted(stay as u64, "partition")),
    };
    let of = arguments.partition.map_or(String::new(), |partition| format!("partition {partition} of "));
    show::line(&format!("{flow} goes on from {wanted} of {of}{topic}{others}"));
}

/// What a run that ended while it landed them may have left in the table, where the flow goes on behind it.
fn half_landed(one: &Move, landing: &LandedBy) -> Option<String> {
    let (table, of_rows) = (&landing.table, landing.of_rows());
    let (offset, row) = one.from.filter(|(offset, _)| one.open && one.to > *offset)?;
    let partition = one.partition;
    Some(format!(
        "a run ended while it landed rows of partition {partition}; those that came to {table} stay there, unless they are \
         deleted before the next run: spotlight sql \"delete from {table} where startsWith(_landing, '{of_rows}') and \
         _partition = {partition} and (_offset, _row) >= ({offset}, {row})\""
    ))
}

/// What becomes of the rows that stand in the table when those of the flow land once more.
fn rows_that_stay(flow: &str, landing: &LandedBy) -> String {
    let LandedBy { table, rows, read, .. } = landing;
    if let Some(before) = read.last().filter(|_| landing.newest_by_position) {
        return format!(
            "{flow} read {before} before: its rows of that would hide those of the topic of now in {table}, so it waits for \
             what E5122 says; or spotlight rebuild {flow}, which makes the table of what the topic of now holds"
        );
    }
    if let Some(before) = read.last() {
        return format!(
            "{flow} read {before} before: its rows of that stay in the table in which they landed, and do not come again \
             unless who fills the topic of now is sent back too; to make {table} of what that topic holds: spotlight rebuild \
             {flow}, or, where that is refused, a table of another name"
        );
    }
    let of_flow = rebuild::rows_of(landing.of_rows().trim_end_matches('/'));
    let delete = format!("spotlight sql \"delete from {table} where {of_flow}\"");
    match rows.as_str() {
        "append" => format!(
            "{table} appends: rows of {flow} that stand there land once more beside themselves, unless they are deleted \
             before the next run: {delete}"
        ),
        _ => format!(
            "{table} keeps rows of {flow} under keys that a changed topology does not make any more, unless its rows are \
             deleted before the next run: {delete}"
        ),
    }
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Move, chosen};
    use crate::arguments::{Arguments, Command};

    #[test]
    fn an_offset_is_for_one_partition_unless_all_are_meant() {
        let said_of = |words: &str, first: i64, ends: &[i64]| -> Result<Vec<(i32, i64)>, String> {
            let words = ["spotlight", "release", "a/b"].into_iter().chain(words.split(' '));
            let Command::Release(arguments) = Arguments::try_parse_from(words).expect("words").command else {
                panic!("no release");
            };
            let stands = |(&end, partition)| Move { partition, from: None, open: false, to: end, first, end };
            let moves = ends.iter().zip(0..).map(stands);
            let moves = chosen(moves.collect(), "topic", &arguments).map_err(|error| error.to_string())?;
            Ok(moves.into_iter().map(|one| (one.partition, one.to)).collect())
        };
        // What a retention has taken cannot be read again.
        assert_eq!(said_of("--from earliest", 2, &[3, 4]), Ok(vec![(0, 2), (1, 2)]));
        assert_eq!(said_of("--from 2", 2, &[3]), Ok(vec![(0, 2)]));
        let gone = said_of("--from 1", 2, &[3]).expect_err("gone");
        assert!(gone.contains("partition 0 of topic begins at 2: what stood at the offset 1 is gone"), "{gone}");
        let said = |words: &str, ends: &[i64]| said_of(words, 0, ends);
        type Moved<'a> = &'a [(i32, i64)];
        let cases: [(&str, &[i64], Moved<'_>); 7] = [
            ("--from earliest", &[3, 4], &[(0, 0), (1, 0)]),
            ("--from end", &[3, 4], &[(0, 3), (1, 4)]),
            ("--from end --partition 1", &[3, 4], &[(1, 4)]),
            ("--from 2", &[3], &[(0, 2)]),
            ("--from 3 --partition 1", &[1, 4], &[(1, 3)]),
            ("--from 3 --all-partitions", &[3, 4], &[(0, 3), (1, 3)]),
            ("--from earliest --all-partitions", &[3, 4], &[(0, 0), (1, 0)]),
        ];
        for (words, ends, moved) in cases {
            assert_eq!(said(words, ends).as_deref(), Ok(moved), "{words}");
        }
        let wrong: [(&str, &[i64], &str); 5] = [
            ("--from 2", &[3, 4], "has 2 partitions, and in each the offset 2 is of another record"),
            ("--from 2 --partition 2", &[3, 4], "no partition 2 of topic: it has 2 partitions"),
            ("--from 4 --all-partitions", &[3, 4], "partition 0 of topic ends at 3, before the offset 4"),
            ("--from start", &[3, 4], "`start` is neither"),
            ("--from=-1", &[3], "`-1` is neither"),
        ];
        for (words, ends, told) in wrong {
            assert!(said(words, ends).is_err_and(|error| error.contains(told)), "{words}: {:?}", said(words, ends));
        }
    }
}
