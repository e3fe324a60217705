//! `pause` and `resume`: a word in the log, which every process follows. A run that is asked answers once it obeys.

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
    let not_yet = names("not_yet");
    let obeyed = |flow: &&String| !not_yet.contains(flow);
    for flow in names("so_already").iter().filter(obeyed) {
        let so = if paused { "is paused already" } else { "is not paused" };
        show::line(&format!("{flow} {so}"));
    }
    for flow in names("changed").iter().filter(obeyed) {
        match paused {
            true => show::prose(&format!("{flow} is paused\n  to go on: spotlight resume {flow}")),
            false => show::line(&format!("{flow} goes on")),
        }
    }
    for flow in &not_yet {
        match paused {
            true => show::prose(&format!(
                "{flow} will be paused once what it works on has ended\n  to go on: spotlight resume {flow}"
            )),
            false => show::line(&format!("{flow} will go on once what it worked on has ended")),
        }
    }
    if answer["elsewhere"] == true && !names("changed").is_empty() {
        show::prose("Other processes on this Kafka hear of it within a second.");
    }
    Ok(Exit::Fine)
}

/// What is told of a paused flow, which may find `documents`; `since` in milliseconds since 1970 UTC.
pub(crate) fn line(flow: &str, documents: bool, since: Option<i64>) -> String {
    let since = since.map_or(String::new(), |since| format!(" since {} UTC", show::minute(since)));
    let looks = if documents { ", and does not look what its source offers" } else { "" };
    format!("paused: {flow} reads nothing{since}{looks}\n  to go on: spotlight resume {flow}")
}
