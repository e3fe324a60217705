//! `status`, `receipts`, `reconcile` and `release`: questions to the run that owns the data folder, or to the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use runtime::{FlowState, Holds, Receipt, Standing, Standings, names};
use serde_json::Value;

use super::of_one;
use super::remedies::{failed_mutations, remedies};
use crate::access::{Absent, Access, newest};
use crate::arguments::{ClickHouseAt, Data, Format, Receipts, Release, Show, Status};
use crate::control::{self, Only, Question};
use crate::data::{DataFolder, Server};
use crate::edited::Edited;
use crate::exit::Exit;
use crate::old_rows::OldRows;
use crate::{environment, rebuild, refused, show, wiring};

/// Asks the run; without one opens the folder and answers itself.
pub(super) fn ask(data: &Data, clickhouse: Option<&ClickHouseAt>, question: &Question) -> Result<Value> {
    let folder = DataFolder::existing(data)?;
    if let Some(answer) = control::ask(&folder.control(), question)? {
        return Ok(answer);
    }
    let open = folder.log()?;
    let log = open.log();
    let server = match (clickhouse.map(|at| Server::start(at, &folder)), question) {
        // A trial without a ClickHouse says that it has not looked at tables.
        (Some(Err(_)), Question::Replay { .. }) | (None, _) => None,
        (Some(server), _) => Some(server?),
    };
    let client = server.as_ref().map(Server::client).transpose()?;
    let holds = Arc::new(Holds::default());
    let (raw, schemas) = (folder.documents()?, folder.schemas()?);
    let system = wiring::system_topics(&schemas, &wiring::system_topology()?)?;
    let revisions = BTreeMap::new();
    let taps = Arc::default();
    let access = Access {
        log,
        board: None,
        holds,
        client,
        server: None,
        folder,
        raw,
        schemas,
        system,
        revisions,
        taps,
        run: None,
        listens: None,
        turn: None,
    };
    access.answer(question)
}

pub(crate) fn status(arguments: &Status) -> Result<Exit> {
    let (wanted, arguments) = (&arguments.flow, &arguments.show);
    let mut answer = ask(&arguments.data, None, &Question::Status)?;
    if let Some(wanted) = wanted {
        let question = Question::ListDeadLetters { each: false, only: Only::default() };
        let listed = serde_json::from_value(ask(&arguments.data, None, &question)?)?;
        of_one::only(&mut answer, wanted, &listed)?;
    }
    if arguments.format == Format::Json {
        show::json(&answer);
        return Ok(Exit::Fine);
    }
    let flows: BTreeMap<String, FlowState> = serde_json::from_value(answer["flows"].clone())?;
    let mut rows = Vec::new();
    for (name, state) in &flows {
        let total = &state.total;
        rows.push(vec![
            name.clone(),
            show::count(total.rows_in),
            show::count(total.landed),
            show::count(total.outputs.values().sum()),
            show::count(total.dropped.values().sum()),
            show::count(total.dead),
            show::count(total.held),
            if total.balanced() { "yes".to_owned() } else { "NO".to_owned() },
            show::count(state.refused.len() as u64),
            show::count(u64::try_from(state.waiting.values().sum::<i64>()).unwrap_or(0)),
        ]);
    }
    if rows.is_empty() {
        show::prose("no flow has run on this data folder yet");
    }
    let header = [
        "=flow",
        "#rows in",
        "#landed",
        "#other outputs",
        "#dropped",
        "#dead",
        "#rows refused",
        "adds up",
        "#documents refused",
        "#waiting",
    ];
    if !rows.is_empty() {
        show::table(&header, rows);
    }
    if flows.values().any(|state| state.total.held > 0 || !state.refused.is_empty()) {
        show::prose(
            "documents refused: those whose newest version is refused now; spotlight receipts --refused says why.\n\
             rows refused: all rows of documents that were ever refused, each reading counted; none of them landed.",
        );
    }
    for (name, state) in &flows {
        state.gone.values().for_each(|refusal| show::prose(&refused::gone_line(name, refusal)));
        if let Some(trouble) = &state.source_trouble {
            let again = state
                .looks_again
                .map_or(String::new(), |at| format!("; it is asked again in {}", show::wait(at - environment::now())));
            show::prose(&format!("source trouble: {name}: {trouble}{again}"));
        }
        if let Some(what) = &state.waits_for {
            show::prose(&format!("tries again by itself: {name}: {what}"));
        }
    }
    for (name, state) in flows.iter().filter(|(name, state)| state.paused && names::generation(name) == 1) {
        show::prose(&super::pause::line(name, state.finds_documents(), answer["paused"][name].as_i64()));
    }
    for (name, number) in answer["absent"].as_object().into_iter().flatten() {
        let [asked, given_up] = ["asked_again", "given_up"].map(|of| number[of].as_u64().unwrap_or(0));
        let parts = [(asked, "asked for again"), (given_up, "not asked for any more")];
        let parts = parts.iter().filter(|(number, _)| *number > 0);
        let parts: Vec<String> = parts.map(|(number, what)| format!("{} {what}", show::count(*number))).collect();
        let documents = show::counted(asked + given_up, "document");
        show::prose(&format!(
            "absent: {name}: {documents} that the publisher does not have ({}); spotlight receipts --absent lists them",
            parts.join(", ")
        ));
    }
    for (name, at) in answer["changed"].as_object().into_iter().flatten() {
        let rebuildable = answer["rebuildable"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let (rebuild, deletes) = match rebuildable {
            true => (
                format!("spotlight rebuild {name}, or "),
                ", but deletes nothing by itself and says what to delete before",
            ),
            false => (String::new(), ""),
        };
        show::prose(&format!(
            "changed: {name} makes other rows since {} (UTC), and what it read before stays as it was made then: {rebuild}\
             spotlight release {name} --from earliest without a run, has all made again{deletes}; spotlight release \
             {name} --keep-rows says that it may stay",
            show::minute(at.as_i64().unwrap_or(0))
        ));
    }
    for (topology, one) in answer["edited"].as_object().into_iter().flatten() {
        if let Ok(how) = serde_json::from_value::<Edited>(one["how"].clone()) {
            show::prose(&how.line(topology, one["file"].as_str().unwrap_or_default()));
        }
    }
    answer["rebuilds"].as_array().into_iter().flatten().for_each(|one| show::prose(&rebuild::line(one)));
    holds(&answer["holds"], "waits");
    holds(&answer["held_when_it_ended"], "was on hold when its last run ended");
    let old_rows: Vec<OldRows> = serde_json::from_value(answer["old_rows"].clone())?;
    old_rows.iter().for_each(|old| show::prose(&old.line(false)));
    let running = answer["running"].as_bool().unwrap_or(false);
    let waiting = match answer["waiting_dead_letters"].as_u64().unwrap_or(0) {
        0 => String::new(),
        more => format!(", waiting to be replayed: {more}"),
    };
    show::prose(&format!(
        "{}; open dead letters: {}{waiting}",
        if running { "a run is going on" } else { "no run is going on" },
        answer["open_dead_letters"]
    ));
    Ok(Exit::Fine)
}

/// Prints holds. The partitions of a flow mostly wait for the same.
fn holds(holds: &Value, waits: &str) {
    let mut told = BTreeSet::new();
    for held in holds.as_array().into_iter().flatten() {
        let text = |name: &str| held[name].as_str().unwrap_or_default().to_owned();
        let line = format!(
            "hold[{}]: {} {waits}: {}\n  to go on: {}",
            text("code"),
            text("flow"),
            text("what"),
            text("remedy")
        );
        if !told.contains(&line) {
            show::prose(&line);
            told.insert(line);
        }
    }
}

/// Letters of a revision that tell it from others.
const REVISION: usize = 8;

pub(crate) fn receipts(arguments: &Receipts) -> Result<Exit> {
    let mut receipts: Vec<Receipt> = serde_json::from_value(ask(&arguments.show.data, None, &Question::Receipts)?)?;
    let absent: Vec<Absent> = match arguments.show.format == Format::Json && !arguments.absent {
        true => Vec::new(),
        false => serde_json::from_value(ask(&arguments.show.data, None, &Question::Absent)?)?,
    };
    if arguments.absent {
        return absences(&receipts, absent, arguments.show.format);
    }
    let (all, stays) = (receipts.len(), stays(&receipts));
    if !arguments.all {
        receipts = newest(receipts);
    }
    let earlier = all - receipts.len();
    if arguments.refused {
        receipts.retain(|receipt| ["incomplete", "failed"].contains(&&*receipt.outcome));
    }
    if arguments.show.format == Format::Json {
        show::json(&serde_json::to_value(&receipts)?);
        return Ok(Exit::Fine);
    }
    let rows = receipts.iter().map(|receipt| {
        let stays = refused::stays(stays.get(&of_version(receipt)).copied());
        let said = format!("{} {}{stays}", receipt.code, receipt.message).trim().to_owned();
        let reasons = receipt.counts.dropped.iter().map(|(reason, rows)| format!("{}: {reason}", show::count(*rows)));
        let reasons = reasons.collect::<Vec<_>>().join(", ");
        let dropped = if reasons.is_empty() { reasons } else { format!("dropped {reasons}") };
        vec![
            show::minute(receipt.at),
            format!("{}/{}", receipt.topology, receipt.flow),
            show::foreign(&receipt.name),
            receipt.version.to_string(),
            receipt.outcome.clone(),
            show::count(receipt.counts.landed),
            show::count(receipt.counts.dropped.values().sum()),
            show::count(receipt.counts.dead),
            show::count(receipt.withdrawn),
            receipt.revision.chars().take(REVISION).collect(),
            [said, dropped].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; "),
        ]
    });
    if receipts.is_empty() {
        let none = match arguments.refused {
            true => "no document is refused now",
            false => "there are no receipts: no document has come to its end yet",
        };
        show::prose(none);
        left_out(&absent);
        return Ok(Exit::Fine);
    }
    let header = [
        "=when (UTC)",
        "?flow",
        "=document",
        "#version",
        "outcome",
        "#landed",
        "#dropped",
        "#dead",
        "#withdrawn",
        "?revision",
        "why",
    ];
    show::table(&header, rows.collect());
    if earlier > 0 {
        let earlier = show::count(earlier as u64);
        show::prose(&format!("the newest of each document, the last one last; {earlier} earlier: --all"));
    }
    left_out(&absent);
    Ok(Exit::Fine)
}

/// That there are documents which their publisher does not have: they have no version, and stand in no ledger.
fn left_out(absent: &[Absent]) {
    if !absent.is_empty() {
        let (documents, are) =
            (show::counted(absent.len() as u64, "document"), if absent.len() == 1 { "is" } else { "are" });
        show::prose(&format!("{documents} that a publisher does not have {are} left out: spotlight receipts --absent"));
    }
}

/// Documents that are not there: those that their publisher does not have, and those of which the newest version is a page
/// for people.
fn absences(receipts: &[Receipt], mut absent: Vec<Absent>, format: Format) -> Result<Exit> {
    let pages = newest(receipts.to_vec()).into_iter().filter(|receipt| receipt.outcome == "absent");
    absent.extend(pages.map(|receipt| Absent { receipt, asked_again: true }));
    absent.sort_by_key(|absent| absent.receipt.at);
    if format == Format::Json {
        show::json(&serde_json::to_value(&absent)?);
        return Ok(Exit::Fine);
    }
    if absent.is_empty() {
        show::prose("every document that was expected is there");
        return Ok(Exit::Fine);
    }
    let rows = absent.iter().map(|Absent { receipt, asked_again }| {
        vec![
            show::minute(receipt.at),
            format!("{}/{}", receipt.topology, receipt.flow),
            receipt.name.clone(),
            if *asked_again { "yes" } else { "no" }.to_owned(),
            receipt.url.clone(),
            format!("{} {}", receipt.code, receipt.message).trim().to_owned(),
        ]
    });
    show::table(&["=when (UTC)", "?flow", "=document", "asked again", "?address", "why"], rows.collect());
    Ok(Exit::Fine)
}

/// A version of a document: topology, flow, key and number.
type Version = (String, String, String, i64);

fn of_version(receipt: &Receipt) -> Version {
    let Receipt { topology, flow, document, version, .. } = receipt;
    (topology.clone(), flow.clone(), document.clone(), *version)
}

/// What stays of earlier versions, by the versions that are no data or were refused.
fn stays(receipts: &[Receipt]) -> BTreeMap<Version, Standing> {
    let mut sorted: Vec<&Receipt> = receipts.iter().collect();
    sorted.sort_by_key(|receipt| (receipt.version, receipt.at));
    let mut flows: BTreeMap<(&str, &str), Standings> = BTreeMap::new();
    let mut stays = BTreeMap::new();
    for receipt in sorted {
        let flow = flows.entry((&receipt.topology, &receipt.flow)).or_default();
        match flow.take(receipt) {
            Some(standing) => stays.insert(of_version(receipt), standing),
            None => stays.remove(&of_version(receipt)),
        };
    }
    stays
}

pub(crate) fn reconcile(arguments: &Show) -> Result<Exit> {
    let answer = ask(&arguments.data, Some(&arguments.clickhouse), &Question::Reconcile)?;
    let found = answer.as_array().context("the answer is no list")?;
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let sum = |kind: &str| -> u64 { found.iter().map(|one| number(&one[kind])).sum() };
    let wrong: u64 = ["gaps", "repeats", "strays"].into_iter().map(sum).sum();
    let exchanging = found.iter().any(|one| one["exchanging"] == true);
    if arguments.format == Format::Json {
        show::json(&answer);
    } else {
        let rows = found.iter().map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            let count = |name: &str| show::count(number(&one[name]));
            vec![
                one["flow"].as_str().unwrap_or("(no flow here)").to_owned(),
                text("table"),
                text("rows"),
                count("ledger"),
                count("table_rows"),
                count("gaps"),
                count("repeats"),
                count("strays"),
            ]
        });
        if found.is_empty() {
            show::prose("no flow of this data folder has landed rows in a table yet: there is nothing to compare");
            return Ok(Exit::Fine);
        }
        let header = ["=flow", "=table", "rows", "#ledger", "#in the table", "#gaps", "#repeats", "#strays"];
        show::table(&header, rows.collect());
        let compared: BTreeSet<&str> = found.iter().filter_map(|one| one["compared"].as_str()).collect();
        compared.into_iter().for_each(|words| show::prose(&format!("compared {words}")));
        for one in found.iter().filter(|one| one["exchanging"] == true) {
            let flow = one["flow"].as_str().unwrap_or_default();
            show::prose(&format!(
                "{flow} is not compared: its tables are being exchanged; start a run, which ends that"
            ));
        }
        found.iter().for_each(differences);
        found.iter().for_each(earlier_table);
        found.iter().flat_map(remedies).for_each(|told| show::prose(&told));
        let mutations: BTreeSet<String> = found.iter().flat_map(failed_mutations).collect();
        mutations.iter().for_each(|told| show::prose(told));
        if sum("foreign") > 0 {
            let foreign = sum("foreign");
            let (rows, are) = (show::counted(foreign, "row"), if foreign == 1 { "is" } else { "are" });
            show::prose(&format!(
                "{rows} of flows that this data folder does not know, or of topics that a flow read before, {are} left out"
            ));
        }
        show::line(match (wrong, exchanging) {
            (0, false) => "reconciled: 0 gaps, 0 repeats, 0 strays",
            (0, true) => "NOT all is compared",
            _ => "NOT reconciled",
        });
    }
    Ok(match (wrong, exchanging) {
        (0, false) => Exit::Fine,
        (0, true) => Exit::Refused,
        _ => Exit::NotReconciled,
    })
}

/// The first places in which a table differs from its ledger.
fn differences(landing: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let whose = landing["flow"].as_str().map_or(text(&landing["table"]), str::to_owned);
    let named = landing["differences"].as_array().map_or(&[][..], Vec::as_slice);
    for one in named {
        show::prose(&format!(
            "{} of {}: {}: {} expected, {} found",
            text(&one["kind"]),
            whose,
            text(&one["place"]),
            one["expected"],
            one["found"]
        ));
    }
    let more = landing["places"].as_u64().unwrap_or(0).saturating_sub(named.len() as u64);
    if more > 0 {
        show::prose(&format!("and {} of {whose}", show::counted(more, "more place")));
    }
}

/// Rows that landed in another table, which the topology named before.
fn earlier_table(landing: &Value) {
    let (Some(flow), Some(now)) = (landing["flow"].as_str(), landing["table"].as_str()) else { return };
    let earlier = &landing["earlier_table"];
    let (Some(was), Some(rows)) = (earlier["table"].as_str(), earlier["rows"].as_u64()) else { return };
    show::line(&format!(
        "{flow} landed in {was} before the topology named {now}: {} of its rows stand in {was}\n  to go on: {}",
        show::count(rows),
        renamed(flow, was, now, landing["table_missing"] == true)
    ));
}

/// What helps where a topology names another table than the one that holds a flow's rows.
pub(super) fn renamed(flow: &str, was: &str, now: &str, missing: bool) -> String {
    let take = if missing {
        format!("spotlight sql \"rename table {was} to {now}\" takes them along")
    } else {
        format!("spotlight sql \"insert into {now} select * from {was}\" copies them")
    };
    format!(
        "name {was} in the file again; or {take}; or spotlight release {flow} --from earliest has the next run land all \
         anew in {now}"
    )
}

pub(crate) fn release(arguments: &Release) -> Result<Exit> {
    if arguments.from.is_some() {
        return super::release::from(arguments);
    }
    if arguments.keep_rows {
        return super::release::keep_rows(arguments);
    }
    let folder = DataFolder::existing(&arguments.data)?;
    let flow = &arguments.flow;
    let question = Question::Release { flow: flow.clone() };
    let Some(answer) = control::ask(&folder.control(), &question)? else {
        folder.knows(flow)?;
        show::prose(&format!(
            "nothing to release: no run is going on, so nothing of {flow} waits; a run looks again at its start by itself"
        ));
        return Ok(Exit::Fine);
    };
    let tasks = match answer["released"].as_u64().unwrap_or(0) {
        // What is asked for is so already: no failure, also for a script that releases on suspicion.
        0 => {
            show::line(&format!("nothing to release: nothing of {flow} is on hold"));
            return Ok(Exit::Fine);
        }
        1 => "1 held task".to_owned(),
        more => format!("{more} held tasks"),
    };
    show::line(&format!("{tasks} of {flow} try again"));
    Ok(Exit::Fine)
}
