//! `pause` and `resume`: a word in the log, which every process follows.

use anyhow::Result;

use super::ask::ask;
use crate::arguments::Pause;
use crate::control::Question;
use crate::exit::Exit;
use crate::show;

pub(super) fn pause(arguments: &Pause, paused: bool) -> Result<Exit> {
    let question = Question::Pause { flow: arguments.flow.clone(), paused };
    let answer = ask(&arguments.data, None, &question)?;
    let names = |of: &str| -> Vec<String> {
        answer[of].as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    for flow in names("so_already") {
        let so = if paused { "is paused already" } else { "is not paused" };
        show::line(&format!("{flow} {so}"));
    }
    for flow in names("changed") {
        match paused {
            true => show::prose(&format!("{flow} is paused\n  to go on: spotlight resume {flow}")),
            false => show::line(&format!("{flow} goes on")),
        }
    }
    Ok(Exit::Fine)
}

/// What is told of a paused flow; `since` in milliseconds since 1970 UTC.
pub(crate) fn line(flow: &str, since: Option<i64>) -> String {
    let since = since.map_or(String::new(), |since| format!(" since {} UTC", show::minute(since)));
    format!("paused: {flow} reads nothing{since}\n  to go on: spotlight resume {flow}")
}
