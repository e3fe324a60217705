//! Reads a scenario: a text with a title, files, and a story.
//!
//! ```text
//! scenario NUMBER: TITLE                             or `rule: TITLE`, of what only this engine promises
//! Prose: whose scenario it is, and where our answer is another.
//! partitions: NUMBER                                 of every topic; one if nothing is said, so that order can be told
//! deaths: none | each point | NUMBER random          (what else the story is told with; see `world.rs`)
//!
//! --- feed.yaml                                      (a topology; `schemas/...` beside it as it needs)
//! --- story
//! clock TIME                                         the log's clock, which gives records their arrival
//! send TOPIC [NUMBER times] [arrived TIME] {JSON}    a row, in the columns of the flow that reads the topic
//! send TOPIC [NUMBER times] [arrived TIME] bytes ... a record that holds just these bytes
//! publish NAME                                       a document, whose text stands in the lines below; it stays offered
//!   LINE
//! run                                                a life of the process, until all is done
//! run, killed at ARROW NUMBER                        at that arrow of the landing protocol, counted from 1
//! run, killed before commit NUMBER                   the transaction did not happen, counted from 1
//! run, killed after commit NUMBER                    it did, and the process did not live to know
//! run, on a full disk                                until a commit was refused; then it is told to stop
//! run, to a hold                                     until nothing goes on, and a flow waits for a person
//! mend                                               from now on the files under `later/` are there in place of those of their names
//! lose snapshots                                     a start reads the changelogs whole
//! send back the dead letters                         as a person does who mended what was wrong; it may die like a run
//! shows                                              everything that committed readers see, in the lines below
//!   LINE
//! ```
//!
//! A `TIME` is a number with a unit (`90ms 30s 6m 2h 400d`, also negative) counted from 2026-01-01 UTC, or `the first`
//! or `the last` millisecond that a whole number can say.

use runtime::landing::Arrow;

/// 2026-01-01 in milliseconds since 1970 UTC.
const START: i64 = 1_767_225_600_000;

/// What the story is told with beside itself. All tellings must show the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deaths {
    /// Only as it is written.
    None,
    /// Before each plain `run` a life that ends at one point of it; each point there is, one after another.
    EachPoint,
    /// Before each plain `run` some lives that end at random points; so many tellings.
    Random(u64),
}

/// Where a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// At the nth arrow of this kind; of any kind if none is named.
    Arrow(Option<Arrow>, usize),
    /// Just before the nth commit.
    Before(usize),
    /// Just after the nth commit.
    After(usize),
}

/// How a life goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Whole,
    Killed(Death),
    FullDisk,
    Held,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Row(serde_json::Map<String, serde_json::Value>),
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Clock(i64),
    /// Arrival 0 is for the log to set.
    Send {
        topic: String,
        times: usize,
        arrival: i64,
        what: Sent,
    },
    Run(Life),
    Publish {
        name: String,
        lines: Vec<String>,
    },
    Mend,
    LoseSnapshots,
    SendBack,
    Shows(Vec<String>),
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// None of a rule of our own.
    pub(crate) number: Option<u32>,
    pub(crate) title: String,
    pub(crate) partitions: i32,
    pub(crate) deaths: Deaths,
    /// Path and text.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) story: Vec<Act>,
}

impl Scenario {
    /// How people call it.
    pub(crate) fn named(&self) -> String {
        self.number.map_or("rule".to_owned(), |number| format!("scenario {number}"))
    }

    /// Reads a scenario.
    ///
    /// # Errors
    /// The line that says nothing.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut sections = text.split("\n--- ");
        let mut head = sections.next().unwrap_or_default().lines();
        let first = head.next().unwrap_or_default();
        let (number, title) = match first.split_once(": ").ok_or(first)? {
            ("rule", title) => (None, title),
            (scenario, title) => {
                (Some(scenario.strip_prefix("scenario ").and_then(|number| number.parse().ok()).ok_or(first)?), title)
            }
        };
        let (mut deaths, mut partitions) = (None, 1);
        for line in head {
            match line.split_once(": ") {
                Some(("deaths", said)) => deaths = Some(read_deaths(said)?),
                Some(("partitions", said)) => partitions = said.parse().map_err(|_| line)?,
                _ => {}
            }
        }
        let deaths = deaths.ok_or("no line `deaths:`")?;
        let (mut files, mut story) = (Vec::new(), Vec::new());
        for section in sections {
            let (name, body) = section.split_once('\n').ok_or(section)?;
            if name == "story" {
                story = acts(body)?;
            } else {
                files.push((name.to_owned(), format!("{body}\n")));
            }
        }
        let shows = story.iter().filter(|act| matches!(act, Act::Shows(_))).count();
        if shows == 0 {
            return Err("a story that shows nothing".to_owned());
        }
        Ok(Self { number, title: title.to_owned(), partitions, deaths, files, story })
    }
}

fn read_deaths(said: &str) -> Result<Deaths, String> {
    match said.split_once(' ') {
        None if said == "none" => Ok(Deaths::None),
        Some(("each", "point")) => Ok(Deaths::EachPoint),
        Some((count, "random")) => Ok(Deaths::Random(count.parse().map_err(|_| said)?)),
        _ => Err(said.to_owned()),
    }
}

fn acts(body: &str) -> Result<Vec<Act>, String> {
    let mut acts = Vec::new();
    for line in body.lines().filter(|line| !line.trim().is_empty()) {
        match acts.last_mut() {
            Some(Act::Shows(lines) | Act::Publish { lines, .. }) if line.starts_with("  ") => {
                lines.push(line.trim().to_owned());
            }
            _ => acts.push(act(line).ok_or_else(|| format!("a line of the story that says nothing: {line}"))?),
        }
    }
    Ok(acts)
}

fn act(line: &str) -> Option<Act> {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("clock", at) => Some(Act::Clock(time(at)?)),
        ("publish", name) => Some(Act::Publish { name: name.to_owned(), lines: Vec::new() }),
        ("send", "back the dead letters") => Some(Act::SendBack),
        ("send", rest) => send(rest),
        ("run", "") => Some(Act::Run(Life::Whole)),
        ("run,", "on a full disk") => Some(Act::Run(Life::FullDisk)),
        ("run,", "to a hold") => Some(Act::Run(Life::Held)),
        ("run,", rest) => death(rest).map(|death| Act::Run(Life::Killed(death))),
        ("mend", "") => Some(Act::Mend),
        ("lose", "snapshots") => Some(Act::LoseSnapshots),
        ("shows", "") => Some(Act::Shows(Vec::new())),
        _ => None,
    }
}

fn send(rest: &str) -> Option<Act> {
    let (topic, mut rest) = rest.split_once(' ')?;
    let (mut times, mut arrival) = (1, 0);
    if let Some((count, after)) = rest.split_once(" times ") {
        (times, rest) = (count.parse().ok()?, after);
    }
    if let Some(after) = rest.strip_prefix("arrived ") {
        let end = after.find(" {").or_else(|| after.find(" bytes "))?;
        arrival = time(&after[..end])?;
        rest = &after[end + 1..];
    }
    let what = match rest.strip_prefix("bytes ") {
        Some(bytes) => Sent::Bytes(bytes.as_bytes().to_vec()),
        None => Sent::Row(serde_json::from_str(rest).ok()?),
    };
    Some(Act::Send { topic: topic.to_owned(), times, arrival, what })
}

fn death(rest: &str) -> Option<Death> {
    let (place, number) = rest.strip_prefix("killed ")?.rsplit_once(' ')?;
    let number = number.parse::<usize>().ok()?.checked_sub(1)?;
    match place {
        "before commit" => Some(Death::Before(number)),
        "after commit" => Some(Death::After(number)),
        _ => {
            let word = place.strip_prefix("at ")?;
            let arrow = Arrow::ALL.into_iter().find(|arrow| arrow.to_string().ends_with(word))?;
            Some(Death::Arrow(Some(arrow), number))
        }
    }
}

fn time(text: &str) -> Option<i64> {
    match text {
        "the first" => return Some(i64::MIN),
        "the last" => return Some(i64::MAX),
        _ => {}
    }
    let split = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let number: i64 = text[..split].parse().ok()?;
    let unit = match &text[split..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(START + number * unit)
}
