//! `tap`: live rows of a running flow, or the records of a topic.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result};
use signal_hook::consts::SIGINT;

use crate::arguments::{Format, Tap, TapFrom};
use crate::control::{self, Question};
use crate::data::DataFolder;
use crate::exit::{Exit, Failure, failure};
use crate::show;
use crate::tap::Manner;
use crate::tap::frame::{Frame, Wire};
use crate::tap::topic::{TopicTap, Wanted};

pub(crate) fn tap(arguments: &Tap) -> Result<Exit> {
    if arguments.topics {
        return topics(arguments);
    }
    if arguments.place.is_none() && arguments.topic.is_none() {
        let remedy = "name a flow as TOPOLOGY/FLOW (spotlight status lists them), or a topic with --topic NAME \
                      (spotlight tap --topics lists them)";
        return Err(failure(Exit::Usage, "tap is not told what to look at", remedy));
    }
    let folder = DataFolder::existing(&arguments.data)?;
    end_on_interrupt()?;
    let (limit, json) = (arguments.limit, arguments.format == Format::Json);
    let question = match (&arguments.place, &arguments.topic) {
        (Some(place), _) => Question::Tap { place: place.clone(), limit, json },
        (None, Some(topic)) => {
            let from_end = arguments.from == TapFrom::End;
            Question::TapTopic { topic: topic.clone(), from_end, limit, json }
        }
        (None, None) => return Err(failure(Exit::Usage, "nothing to look at", "name a flow, or --topic NAME")),
    };
    if let Some(stream) = control::open(&folder.control(), &question)? {
        return show_stream(stream);
    }
    match question {
        Question::TapTopic { topic, from_end: false, .. } => without_run(&folder, topic, Manner { limit, json }),
        question => {
            let remedy = match question {
                Question::TapTopic { topic, .. } => format!(
                    "spotlight tap --topic {topic} shows what is there; to see what comes, start a run with spotlight \
                     run FILE"
                ),
                _ => {
                    "start one with spotlight run FILE in another terminal; spotlight tap --topic NAME shows the rows \
                      of a topic without a run"
                        .to_owned()
                }
            };
            let what = format!("no run is going on on the data folder {}", arguments.data.data.display());
            Err(failure(Exit::Unreachable, what, remedy))
        }
    }
}

/// Lists topics, those of the engine only if they are asked for.
fn topics(arguments: &Tap) -> Result<Exit> {
    let answer = super::ask::ask(&arguments.data, None, &Question::Topics)?;
    let all = answer.as_array().map_or(&[][..], Vec::as_slice);
    let listed: Vec<&serde_json::Value> = all.iter().filter(|one| arguments.all || one["internal"] != true).collect();
    if arguments.format == Format::Json {
        show::json(&listed.into_iter().cloned().collect());
        return Ok(Exit::Fine);
    }
    let number = |value: &serde_json::Value| show::count(value.as_u64().unwrap_or(0));
    let rows = listed.iter().map(|one| {
        vec![one["topic"].as_str().unwrap_or_default().to_owned(), number(&one["partitions"]), number(&one["records"])]
    });
    if listed.is_empty() {
        show::prose("there are no topics of topologies");
    } else {
        show::table(&["=topic", "#partitions", "#records"], rows.collect());
    }
    let left = (all.len() - listed.len()) as u64;
    if left > 0 {
        let internal = show::counted(left, "topic");
        show::prose(&format!("{internal} that the engine made for itself: spotlight tap --topics --all"));
    }
    Ok(Exit::Fine)
}

/// Shows what is in a topic of a folder that no run owns.
fn without_run(folder: &DataFolder, topic: String, manner: Manner) -> Result<Exit> {
    let open = folder.log()?;
    let log = open.log();
    let tap = TopicTap::open(&log, &folder.schemas()?, &Wanted { topic, from_end: false })?;
    let mut left = false;
    let mut take = |frame: Frame| -> Result<()> {
        if let Frame::Row(row) = frame
            && !show::read_line(&row)
        {
            left = true;
            anyhow::bail!("nobody reads any more");
        }
        Ok(())
    };
    let shown = tap.show(manner, &mut Wire::Here(&mut take));
    if left { Ok(Exit::Fine) } else { shown.map(|()| Exit::Fine) }
}

/// Shows what a run sends until it has sent all, ends, or nobody reads any more.
fn show_stream(stream: UnixStream) -> Result<Exit> {
    let mut missed = 0;
    for line in BufReader::new(stream).lines() {
        // A run that is killed may break the connection in the middle of a line.
        let Ok(line) = line else { break };
        match Frame::read(&line) {
            Some(Frame::Row(row)) if show::read_line(&row) => {}
            Some(Frame::Row(_)) => return Ok(Exit::Fine),
            Some(Frame::Missed(rows)) => {
                missed += rows;
                let (rows, were) = (show::counted(missed, "row"), if missed == 1 { "was" } else { "were" });
                show::note(&format!("{rows} so far {were} not shown: they came faster than they could be"));
            }
            Some(Frame::Beat) => {}
            Some(Frame::Enough) => return Ok(Exit::Fine),
            None => return Err(refused(&line)),
        }
    }
    show::note("the run has ended");
    Ok(Exit::Fine)
}

/// Why the run gives no rows.
fn refused(line: &str) -> anyhow::Error {
    let said = serde_json::from_str::<serde_json::Value>(line).context("the run did not answer");
    match said.map(|mut said| serde_json::from_value::<Failure>(said["error"].take())) {
        Ok(Ok(failure)) => failure.into(),
        Ok(Err(error)) => error.into(),
        Err(error) => error,
    }
}

/// Ctrl-C is how a tap ends: no failure.
fn end_on_interrupt() -> Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT]).context("signals cannot be caught")?;
    let work = move || {
        if signals.forever().next().is_some() {
            let _flushed = std::io::stdout().flush();
            std::process::exit(Exit::Fine as i32);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(work)?;
    Ok(())
}
