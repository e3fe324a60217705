//! `dlq replay` and `dlq give-up`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use runtime::Standing;

use super::ask::ask;
use crate::arguments::{Format, GiveUp, Replay};
use crate::control::{Only, Question};
use crate::data::DataFolder;
use crate::exit::{Exit, failure};
use crate::flow_names::FlowNames;
use crate::letters::{Listed, OPEN};
use crate::replay::{Done, Replayed};
use crate::{refused, show};

pub(crate) fn replay(arguments: &Replay) -> Result<Exit> {
    let code = known_code(arguments.code.as_deref())?;
    not_a_file(arguments)?;
    // Mistakes in the files are shown as `check` shows them, before anything is asked.
    let topologies = super::check::load_without_warnings(&arguments.files)?;
    let mut files = Vec::new();
    for file in &arguments.files {
        files.push(file.canonicalize().with_context(|| format!("cannot find {}", file.display()))?);
    }
    let question = Question::Replay { files, code: code.clone(), ids: arguments.ids.clone(), dry: arguments.dry };
    // A trial looks at the tables too.
    let clickhouse = arguments.dry.then_some(&arguments.show.clickhouse);
    let answer = ask(&arguments.show.data, clickhouse, &question)?;
    let Done { flows: done, left_out } = serde_json::from_value(answer)?;
    left_out.iter().for_each(|line| show::note(line));
    if arguments.show.format == Format::Json {
        show::json(&serde_json::to_value(&done)?);
        return Ok(Exit::Fine);
    }
    if done.is_empty() {
        let names: Vec<&str> = topologies.iter().map(|topology| &*topology.name).collect();
        nothing_matched(&format!(" of {}", names.join(", ")), code.as_deref());
        return Ok(Exit::Fine);
    }
    if arguments.dry {
        print_trial(&done);
    } else {
        print_sent(&done);
    }
    Ok(Exit::Fine)
}

/// The code as it is written in dead letters. One that nothing can have is a mistake, and not an answer of nothing.
pub(super) fn known_code(code: Option<&str>) -> Result<Option<String>> {
    code.map(|code| Ok(super::explain::known(code)?.code.to_string())).transpose()
}

fn nothing_matched(whose: &str, code: Option<&str>) {
    let with = code.map_or(String::new(), |code| format!(" has the code {code}"));
    let is = if code.is_none() { "there is no" } else { "no" };
    show::prose(&format!(
        "nothing matched: {is} open dead letter{whose}{with}; spotlight dlq ls lists all that are open"
    ));
}

fn print_trial(done: &[Replayed]) {
    let mut rows = Vec::new();
    for flow in done {
        let Some(trial) = &flow.trial else { continue };
        rows.push(vec![
            flow.flow.clone(),
            show::count(flow.chosen),
            show::count(trial.pass),
            show::count(trial.dropped),
            show::count(trial.fail.values().sum()),
        ]);
    }
    show::table(&["=flow", "#open", "#would pass", "#would be dropped", "#would fail again"], rows);
    for flow in done {
        for (why, count) in flow.trial.iter().flat_map(|trial| &trial.fail) {
            show::prose(&format!("{}: {} would fail again: {why}", flow.flow, show::count(*count)));
        }
        if let Some(why) = &flow.table {
            show::prose(&format!("{}: {why}", flow.flow));
        }
    }
    show::prose("nothing was changed; without --dry they go back to their flows");
}

fn print_sent(done: &[Replayed]) {
    let mut rows = Vec::new();
    for flow in done {
        rows.push(vec![
            flow.flow.clone(),
            show::count(flow.chosen),
            show::count(flow.sent),
            match flow {
                Replayed { paused: true, .. } => "once it is resumed: it is paused",
                Replayed { running: true, .. } => "now, by the run that is going on",
                _ => "by the next run of this topology",
            }
            .to_owned(),
        ]);
    }
    show::table(&["=flow", "#open", "#sent back", "worked"], rows);
    for flow in done.iter().filter(|flow| flow.sent < flow.chosen) {
        let left = flow.chosen - flow.sent;
        show::prose(&format!("{}: {} open: their input topic was deleted and made again", flow.flow, stay(left)));
    }
    for Replayed { flow, .. } in done.iter().filter(|flow| flow.paused && flow.sent > 0) {
        show::prose(&format!(
            "paused: {flow} reads nothing, nor what went back to it\n  to go on: spotlight resume {flow}"
        ));
    }
}

/// What to type in place of the name of a flow, or of a topology: they are worked by its file as it is now.
fn not_a_file(arguments: &Replay) -> Result<()> {
    let Some(name) = arguments.files.iter().find(|file| !file.exists()) else { return Ok(()) };
    let name = name.display().to_string();
    let known = match DataFolder::is_used(&arguments.show.data) {
        true => DataFolder::existing(&arguments.show.data)?.known_flows()?,
        false => BTreeMap::new(),
    };
    let recorded = FlowNames::of_known(&known).recorded(&name);
    let is_meant = |flow: &str| flow == recorded || flow.split('/').next() == Some(&name);
    let flow = known.iter().find(|(flow, _)| is_meant(flow)).map(|(_, flow)| flow);
    if flow.is_none() && name.ends_with(".yaml") {
        return Ok(());
    }
    let file = flow.and_then(|flow| flow.file.as_ref()).map_or("FILE".to_owned(), |file| file.display().to_string());
    Err(failure(
        Exit::Usage,
        format!(
            "`{name}` names no file: dlq replay takes topology files, as dead letters go back by the file as it is now"
        ),
        format!(
            "spotlight dlq replay {file}, for all of its flows; --code CODE or --id ID says which dead letters, and spotlight \
             dlq ls --all lists them with their ids"
        ),
    ))
}

pub(crate) fn give_up(arguments: &GiveUp) -> Result<Exit> {
    if let Some(flow) = arguments.flow.as_ref().filter(|_| !arguments.documents.is_empty()) {
        return give_up_documents(arguments, flow);
    }
    let code = known_code(arguments.code.as_deref())?;
    let (flow, ids) = (arguments.flow.clone(), arguments.ids.clone());
    if flow.is_none() && ids.is_empty() {
        return Err(not_told_what(arguments)?);
    }
    let mut answer = ask(&arguments.show.data, None, &Question::GiveUp { flow, code: code.clone(), ids })?;
    let left_out = answer.as_object_mut().and_then(|answer| answer.remove("left_out")).unwrap_or_default();
    left_out.as_array().into_iter().flatten().filter_map(|line| line.as_str()).for_each(show::note);
    if arguments.show.format == Format::Json {
        show::json(&answer);
        return Ok(Exit::Fine);
    }
    let number = |name: &str| answer[name].as_u64().unwrap_or(0);
    let (chosen, given_up) = (number("chosen"), number("given_up"));
    if chosen == 0 {
        let whose = arguments.flow.as_ref().map_or(String::new(), |flow| format!(" of {flow}"));
        nothing_matched(&whose, code.as_deref());
        return Ok(Exit::Fine);
    }
    show::prose(&format!("{} given up", show::counted(given_up, "dead letter")));
    if given_up < chosen {
        show::prose(&format!("{} open: their input topic was deleted and made again", stay(chosen - given_up)));
    }
    Ok(Exit::Fine)
}

fn give_up_documents(arguments: &GiveUp, flow: &str) -> Result<Exit> {
    let question = Question::GiveUpDocuments { flow: flow.to_owned(), documents: arguments.documents.clone() };
    let answer = ask(&arguments.show.data, None, &question)?;
    if arguments.show.format == Format::Json {
        show::json(&answer);
        return Ok(Exit::Fine);
    }
    let when = match answer["running"] == true {
        true => "it counts no longer as soon as the run that is going on has noted it",
        false => "it counts no longer from the next run of its topology on",
    };
    for one in answer["documents"].as_array().into_iter().flatten() {
        let [flow, document, code] = ["flow", "document", "code"].map(|of| one[of].as_str().unwrap_or_default());
        let stays: Option<Standing> = serde_json::from_value(one["stays"].clone()).unwrap_or_default();
        let stays = match refused::stays(stays) {
            none if none.is_empty() => "; no row of an earlier version is there".to_owned(),
            rows => format!("{rows}, and nothing is withdrawn"),
        };
        show::prose(&format!("given up: {} ({flow}), refused for {code}; {when}{stays}", show::foreign(document)));
    }
    Ok(Exit::Fine)
}

/// Which flows there are to choose from.
fn not_told_what(arguments: &GiveUp) -> Result<anyhow::Error> {
    let question = Question::ListDeadLetters { each: false, only: Only::default() };
    let listed: Listed = serde_json::from_value(ask(&arguments.show.data, None, &question)?)?;
    let mut flows: BTreeMap<String, u64> = BTreeMap::new();
    for group in listed.groups.into_iter().filter(|group| group.state == OPEN) {
        *flows.entry(group.flow).or_default() += group.rows;
    }
    let told: Vec<String> = flows.iter().map(|(flow, rows)| format!("{flow} ({})", show::count(*rows))).collect();
    let remedy = match told.is_empty() {
        true => "no dead letter is open".to_owned(),
        false => format!("name a flow with open dead letters: {}; or single ones with --id ID", told.join(", ")),
    };
    Ok(failure(Exit::Usage, "dlq give-up is not told what to give up", remedy))
}

fn stay(left: u64) -> String {
    format!("{} {}", show::count(left), if left == 1 { "stays" } else { "stay" })
}
