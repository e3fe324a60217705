//! `top`: the flows of a run, sorted by trouble and drawn anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use runtime::{FlowState, Held};
use serde::Deserialize;
use serde_json::Value;

use crate::arguments::Top;
use crate::control::{self, Question};
use crate::data::DataFolder;
use crate::exit::{Exit, failure};
use crate::watch::lag::Lag;
use crate::{environment, show};

pub(super) fn top(arguments: &Top) -> Result<Exit> {
    let folder = DataFolder::existing(&arguments.data)?;
    let drawn_anew = !arguments.once && crate::table::terminal().is_some();
    let mut before: Option<Moment> = None;
    loop {
        let Some(answer) = control::ask(&folder.control(), &Question::Moment)? else {
            let remedy = "spotlight status says what the data folder knows; spotlight run starts one";
            return Err(failure(Exit::Unreachable, "no run is going on with this data folder", remedy));
        };
        let moment = Moment::of(answer)?;
        let text = moment.table(before.as_ref());
        if !drawn_anew {
            show::line(&text);
            return Ok(Exit::Fine);
        }
        show::screen(&text);
        before = Some(moment);
        std::thread::park_timeout(Duration::from_secs(arguments.every));
    }
}

/// What a run said of its flows.
#[derive(Debug, Deserialize)]
struct Moment {
    flows: BTreeMap<String, FlowState>,
    holds: Vec<Held>,
    lags: BTreeMap<String, Lag>,
    open_dead_letters: BTreeMap<String, u64>,
    late: BTreeSet<String>,
    /// When it was asked, in milliseconds.
    #[serde(skip)]
    at: i64,
}

/// How a flow stands. The worst first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    Held(String),
    NotReady,
    Source,
    Late,
    Refused,
    Letters,
    Behind,
    Paused,
    None,
}

/// A lag of so many milliseconds is told as trouble.
const BEHIND: i64 = 60_000;

impl Trouble {
    fn words(&self) -> String {
        match self {
            Self::Held(code) => format!("held {code}"),
            Self::NotReady => "not ready".to_owned(),
            Self::Source => "source fails".to_owned(),
            Self::Late => "late".to_owned(),
            Self::Refused => "refused".to_owned(),
            Self::Letters => "dead letters".to_owned(),
            Self::Behind => "behind".to_owned(),
            Self::Paused => "paused".to_owned(),
            Self::None => "fine".to_owned(),
        }
    }
}

impl Moment {
    fn of(answer: Value) -> Result<Self> {
        Ok(Self { at: environment::now(), ..serde_json::from_value(answer)? })
    }

    fn trouble(&self, name: &str, state: &FlowState) -> Trouble {
        let held = self.holds.iter().find(|held| held.flow == name);
        match held {
            Some(held) => Trouble::Held(held.code.clone()),
            None if state.paused => Trouble::Paused,
            None if !state.ready() => Trouble::NotReady,
            None if state.source_trouble.is_some() => Trouble::Source,
            None if self.late.contains(name) => Trouble::Late,
            None if !state.refused.is_empty() => Trouble::Refused,
            None if self.open_dead_letters.get(name).is_some_and(|open| *open > 0) => Trouble::Letters,
            None if self.lags.get(name).is_some_and(|lag| lag.milliseconds > BEHIND) => Trouble::Behind,
            None => Trouble::None,
        }
    }

    /// The table, and below it what helps. Rows in a second are those since `before`.
    fn table(&self, before: Option<&Self>) -> String {
        let mut flows: Vec<(Trouble, std::cmp::Reverse<i64>, &String, &FlowState)> = self
            .flows
            .iter()
            .map(|(name, state)| {
                let waits = self.lags.get(name).map_or(0, |lag| lag.milliseconds);
                (self.trouble(name, state), std::cmp::Reverse(waits), name, state)
            })
            .collect();
        flows.sort_by(|one, other| (&one.0, one.1, one.2).cmp(&(&other.0, other.1, other.2)));
        let rows = flows.iter().map(|(trouble, _, name, state)| {
            let lag = self.lags.get(*name).copied().unwrap_or_default();
            let age = state.newest_document.map_or(String::new(), |at| short(self.at - at));
            vec![
                (*name).clone(),
                trouble.words(),
                show::count(lag.records.unsigned_abs()),
                if lag.records == 0 { String::new() } else { short(lag.milliseconds) },
                self.rate(name, state, before),
                show::count(self.open_dead_letters.get(*name).copied().unwrap_or(0)),
                show::count(state.refused.len() as u64),
                age,
            ]
        });
        let header = ["=flow", "state", "#behind", "#oldest", "#rows/s", "#dead", "#refused", "#newest"];
        let mut text = crate::table::rendered(&header, &rows.collect::<Vec<_>>(), None);
        let width = crate::table::terminal().unwrap_or(usize::MAX);
        let mut told = BTreeSet::new();
        for Held { flow, code, what, remedy, .. } in &self.holds {
            if told.insert((flow, code, what)) {
                let line = format!("hold[{code}]: {flow} waits: {what}\n  to go on: {remedy}");
                text.push('\n');
                text.push_str(&show::wrapped(&line, width, 2));
            }
        }
        text
    }

    fn rate(&self, name: &str, state: &FlowState, before: Option<&Self>) -> String {
        let earlier = before.and_then(|before| Some((before.flows.get(name)?.run.rows_in, before.at)));
        match earlier {
            Some((rows, at)) if self.at > at => {
                let rows = state.run.rows_in.saturating_sub(rows);
                show::count(rows * 1000 / (self.at - at).unsigned_abs())
            }
            _ => String::new(),
        }
    }
}

/// A time in milliseconds, in few letters.
fn short(milliseconds: i64) -> String {
    let seconds = milliseconds.max(0) / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Moment, short};

    #[test]
    fn flows_are_sorted_by_trouble_in_80_columns() {
        let state = |more: serde_json::Value| {
            let mut state = serde_json::to_value(runtime::FlowState {
                assigned: true,
                prepared: true,
                ..runtime::FlowState::default()
            })
            .expect("a state");
            more.as_object().expect("fields").iter().for_each(|(name, value)| state[name] = value.clone());
            state
        };
        let answer = json!({
            "flows": {
                "a/fine": state(json!({})),
                "b/paused": state(json!({ "paused": true })),
                "c/held": state(json!({})),
                "d/late": state(json!({ "newest_document": 1 })),
                "e/behind": state(json!({})),
                "f/more-behind": state(json!({})),
                "g/dead-letters-of-a-flow-with-a-long-name": state(json!({})),
            },
            "holds": [{
                "flow": "c/held", "partition": 0, "code": "E5201", "what": "table x is wrong", "remedy": "mend it",
                "since": 0, "tries": 1,
            }],
            "lags": {
                "e/behind": { "records": 7, "milliseconds": 61_000 },
                "f/more-behind": { "records": 1, "milliseconds": 7_300_000 },
            },
            "open_dead_letters": { "g/dead-letters-of-a-flow-with-a-long-name": 3 },
            "late": ["d/late"],
        });
        let table = Moment::of(answer).expect("a moment").table(None);
        let first: Vec<&str> = table.lines().skip(2).filter_map(|line| line.split_whitespace().next()).collect();
        let long = "g/dead-letters-of-a-flow-with-a-long-name";
        assert_eq!(
            first[..7],
            ["c/held", "d/late", long, "f/more-behind", "e/behind", "b/paused", "a/fine"],
            "{table}"
        );
        assert!(
            table.contains("held E5201") && table.contains("to go on: mend it") && table.contains("2 h"),
            "{table}"
        );
    }

    #[test]
    fn times_are_short() {
        assert_eq!([0, 61_000, 120_000, 7_300_000, 200_000_000].map(short), ["0 s", "61 s", "2 min", "2 h", "2 d"]);
    }
}
