//! `dlq replay` and `dlq give-up`.

use anyhow::{Context, Result};

use super::ask::ask;
use crate::arguments::{Format, GiveUp, Replay};
use crate::control::Question;
use crate::exit::Exit;
use crate::replay::Replayed;
use crate::show;

pub(crate) fn replay(arguments: &Replay) -> Result<Exit> {
    let code = known_code(arguments.code.as_deref())?;
    // Mistakes in the files are shown as `check` shows them, before anything is asked.
    let topologies = super::check::load(&arguments.files)?;
    let mut files = Vec::new();
    for file in &arguments.files {
        files.push(file.canonicalize().with_context(|| format!("cannot find {}", file.display()))?);
    }
    let question = Question::Replay { files, code: code.clone(), dry: arguments.dry };
    let answer = ask(&arguments.show.data, None, &question)?;
    if arguments.show.format == Format::Json {
        show::json(&answer);
        return Ok(Exit::Fine);
    }
    let done: Vec<Replayed> = serde_json::from_value(answer)?;
    if done.is_empty() {
        let names: Vec<&str> = topologies.iter().map(|topology| &*topology.name).collect();
        nothing_matched(&names.join(", "), code.as_deref());
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
fn known_code(code: Option<&str>) -> Result<Option<String>> {
    code.map(|code| Ok(super::explain::known(code)?.code.to_string())).transpose()
}

fn nothing_matched(whose: &str, code: Option<&str>) {
    let with = code.map_or(String::new(), |code| format!(" has the code {code}"));
    let is = if code.is_none() { "there is no" } else { "no" };
    show::line(&format!(
        "nothing matched: {is} open dead letter of {whose}{with}; spotlight dlq ls lists all that are open"
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
            show::line(&format!("{}: {} would fail again: {why}", flow.flow, show::count(*count)));
        }
    }
    show::line("nothing was changed; without --dry they go back to their flows");
}

fn print_sent(done: &[Replayed]) {
    let mut rows = Vec::new();
    for flow in done {
        rows.push(vec![
            flow.flow.clone(),
            show::count(flow.chosen),
            show::count(flow.sent),
            if flow.running { "now, by the run that is going on" } else { "by the next run of this topology" }
                .to_owned(),
        ]);
    }
    show::table(&["=flow", "#open", "#sent back", "worked"], rows);
    for flow in done.iter().filter(|flow| flow.sent < flow.chosen) {
        show::line(&format!(
            "{}: {} stay open: their input topic was deleted and made again",
            flow.flow,
            show::count(flow.chosen - flow.sent)
        ));
    }
}

pub(crate) fn give_up(arguments: &GiveUp) -> Result<Exit> {
    let code = known_code(arguments.code.as_deref())?;
    let question = Question::GiveUp { flow: arguments.flow.clone(), code: code.clone() };
    let answer = ask(&arguments.show.data, None, &question)?;
    if arguments.show.format == Format::Json {
        show::json(&answer);
        return Ok(Exit::Fine);
    }
    let number = |name: &str| answer[name].as_u64().unwrap_or(0);
    let (chosen, given_up) = (number("chosen"), number("given_up"));
    if chosen == 0 {
        nothing_matched(&arguments.flow, code.as_deref());
        return Ok(Exit::Fine);
    }
    show::line(&format!("{} dead letters given up", show::count(given_up)));
    if given_up < chosen {
        let open = show::count(chosen - given_up);
        show::line(&format!("{open} stay open: their input topic was deleted and made again"));
    }
    Ok(Exit::Fine)
}
