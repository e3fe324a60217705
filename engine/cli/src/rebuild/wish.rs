//! What people say of rebuilds, and what is told of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clickhouse_connector::ClickHouse;
use log::Log;
use runtime::{Lacking, Rebuild, Stage, names};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Means, One, table};
use crate::abort;
use crate::access::{Access, stands_at};
use crate::data::KnownFlow;
use crate::edited::{Edited, edited};
use crate::exit::{Exit, failure};
use crate::flow_names::FlowNames;
use crate::registry::Patience;
use crate::{earlier, environment, show};

/// Why a flow that lands in `table` cannot be rebuilt, and what helps; `None` if it can. Without a ClickHouse its table is
/// not looked at. `live` is `topology/flow` as the log knows it.
pub(super) fn refusal(
    log: &dyn Log,
    client: Option<&ClickHouse>,
    known: &BTreeMap<String, KnownFlow>,
    live: &str,
    table: &str,
) -> Result<Option<(String, String)>> {
    let first = names::first(live);
    let lands = |it: &KnownFlow| !it.gone && it.landing.as_ref().is_some_and(|by| by.table == table);
    let others = known.iter().filter(|(name, it)| names::first(name) != first && lands(it));
    let (mut landed, mut may_land) = (Vec::new(), Vec::new());
    for (name, it) in others {
        let called = it.called.as_ref().unwrap_or(name).clone();
        // A copy whose file is gone, and which has landed nothing, will land nothing.
        if has_landed(log, name)? {
            landed.push(called);
        } else if it.file.as_ref().is_none_or(|file| file.exists()) {
            may_land.push(called);
        }
    }
    if !landed.is_empty() {
        return Ok(Some(shared(first, table, &landed)));
    }
    if !may_land.is_empty() {
        let others = may_land.join(", ");
        let what =
            format!("{table} is the table of {others} too, whose rows would be lost when the tables are exchanged");
        return Ok(Some((what, again(first))));
    }
    let Some(it) = known.get(live) else { return Ok(None) };
    for partition in 0..log.topic(&it.topic)?.map_or(0, |state| state.partitions) {
        let begins = log.first(&it.topic, partition)?;
        if begins > 0 {
            let what = format!(
                "partition {partition} of {} begins at {begins}: what stood before that is gone, and its rows would be \
                 missing in the new table",
                it.topic
            );
            return Ok(Some((what, "mend the rows in the table itself".to_owned())));
        }
    }
    let Some(client) = client.filter(|client| table::exists(client, table).unwrap_or(false)) else { return Ok(None) };
    if let Some(what) = table::not_exchangeable(client, table)? {
        return Ok(Some((what, again(first))));
    }
    let others = table::rows_of_others(client, table, live)?;
    Ok((!others.is_empty()).then(|| shared(first, table, &others)))
}

/// True if a flow has ever landed a row.
fn has_landed(log: &dyn Log, name: &str) -> Result<bool> {
    let [topology, flow] = names::parts(name);
    Ok(runtime::ledger(log, topology, flow)?.iter().any(|entry| entry.counts.landed > 0))
}

/// That other flows have rows in the table.
pub(super) fn shared(first: &str, table: &str, others: &[String]) -> (String, String) {
    let others = others.join(", ");
    (format!("{table} also holds rows of {others}, which would be lost when the tables are exchanged"), again(first))
}

/// Why a flow with outputs besides cannot be rebuilt, and what helps.
pub(super) fn also_writes(name: &str, outputs: &[&str]) -> (String, String) {
    let what = format!("{name} also writes {}, to which all would be written once more", outputs.join(", "));
    (what, format!("spotlight release {name} --from earliest, without a run, which says what to delete before"))
}

fn again(first: &str) -> String {
    format!(
        "spotlight release {first} --from earliest, without a run, reads it again into the table itself: rows of one key or \
         document replace each other, and those of a table that appends are to be deleted before"
    )
}

/// What a person says of the rebuild of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Said {
    /// That it is to be.
    Wish,
    /// That it is not to be.
    Cancel,
    /// That documents which it refuses may go.
    AcceptRefused,
}

/// What the generation beside refuses, if it has read all.
fn lacking(told: &Value) -> Option<Lacking> {
    serde_json::from_value(told["lacks"].clone()).ok()
}

impl Access {
    fn means<'a>(&'a self, patience: &'a Patience) -> Result<Means<'a>> {
        let client = self.client.as_ref().context("there is no ClickHouse here")?;
        Ok(Means {
            log: self.log.as_ref(),
            client,
            folder: &self.folder,
            system: &self.system,
            schemas: self.schemas.as_ref(),
            patience,
        })
    }

    /// Wishes for a rebuild of a flow, or takes it back.
    pub(crate) fn rebuild(&self, written: &str, said: Said) -> Result<Value> {
        if self.folder.shares_the_log() {
            let what = "a rebuild is for a log that one process has alone: on Kafka other processes may land what this one \
                        does not see";
            let remedy = format!("{}; or land in a table of another name, and let readers change over", again(written));
            return Err(failure(Exit::Usage, what, remedy));
        }
        let known = self.folder.known_flows()?;
        let recorded = self.folder.knows(written)?;
        let first = names::first(&recorded).to_owned();
        if !first.contains('/') {
            let its =
                known.keys().filter(|name| name.starts_with(&format!("{first}/")) && names::generation(name) == 1);
            let its = its.cloned().collect::<Vec<_>>().join(", or ");
            return Err(failure(Exit::Usage, format!("`{written}` is a topology: a rebuild is of one flow"), its));
        }
        if first.starts_with("spotlight/") {
            let what = format!("{written} is the engine's own, and no run reads it again");
            return Err(failure(Exit::Usage, what, "rebuild a flow of a topology file"));
        }
        let rebuild = runtime::rebuilds(self.log.as_ref())?.remove(&first).unwrap_or_else(Rebuild::none);
        let patience = Patience::none();
        let means = self.means(&patience)?;
        let mut one = One { means: &means, first: &first, rebuild };
        let name = FlowNames::of_known(&known).shown(&one.live());
        let said = match said {
            Said::Wish => self.wish(&mut one, &name, &known),
            Said::Cancel => self.take_back(&mut one, &name),
            Said::AcceptRefused => self.accept(&mut one, &name),
        };
        said.map_err(table::given_up)
    }

    fn wish(&self, one: &mut One<'_>, name: &str, known: &BTreeMap<String, KnownFlow>) -> Result<Value> {
        if one.rebuild.goes_on() {
            let what = format!("{name} is being rebuilt already");
            return Err(failure(Exit::Usage, what, format!("spotlight rebuild {name} --cancel takes it back")));
        }
        let of = known.get(&one.live()).with_context(|| format!("{} is not known", one.live()))?;
        let Some(landing) = &of.landing else {
            let what = format!("{name} lands in no table, so nothing can be exchanged");
            return Err(failure(Exit::Usage, what, "rebuild the flows that land what it makes"));
        };
        if !of.keys.is_empty() {
            let outputs: Vec<&str> = of.keys.keys().map(String::as_str).collect();
            let (what, remedy) = also_writes(name, &outputs);
            return Err(failure(Exit::Usage, format!("{name} cannot be rebuilt: {what}"), remedy));
        }
        if let Some((what, remedy)) =
            refusal(self.log.as_ref(), self.client.as_ref(), known, &one.live(), &landing.table)?
        {
            return Err(failure(Exit::Usage, format!("{name} cannot be rebuilt: {what}"), remedy));
        }
        let lacking = match &of.reads {
            Some(schema) => earlier::lacking_columns((self.log.as_ref(), self.schemas.as_ref()), (&of.topic, schema))?,
            None => std::collections::BTreeSet::new(),
        };
        let last = table::free(one.means.client, &landing.table, one.rebuild.last + 1)?;
        one.rebuild = Rebuild { last, ..one.rebuild.clone() };
        one.say(Stage::Wished)?;
        abort::taken("rebuild-wished");
        Ok(json!({
            "lacking_columns": lacking, "topic": of.topic,
            "flow": name, "table": landing.table, "beside": table::beside(&landing.table, one.rebuild.last),
            "begins": if self.is_earlier(of, one.first) { "restart" } else { self.turn_over(name) },
        }))
    }

    /// Has the rebuild go on though it refuses documents whose rows are in the live table.
    fn accept(&self, one: &mut One<'_>, name: &str) -> Result<Value> {
        let Stage::Building { making, table, beside, .. } = one.rebuild.stage.clone() else {
            let what = format!("{name} is not being rebuilt, or nothing is read yet: no document of it is refused");
            return Err(failure(Exit::Usage, what, "spotlight rebuild lists what is, and what it refuses"));
        };
        one.say(Stage::Building { making, table, beside, accept_refused: true })?;
        Ok(json!({ "flow": name, "accepted": true, "begins": self.turn_over(name) }))
    }

    fn take_back(&self, one: &mut One<'_>, name: &str) -> Result<Value> {
        let beside = match &one.rebuild.stage {
            // No table was made of it yet: one of that name is somebody's.
            Stage::Wished => None,
            Stage::Building { beside, .. } => Some(beside.clone()),
            Stage::Cancelled { beside } => beside.clone(),
            Stage::Exchanging { table, beside, before, .. } if table::identity(one.means.client, table)? == *before => {
                Some(beside.clone())
            }
            Stage::Exchanging { .. } => {
                let what = format!("the tables of {name} are exchanged");
                return Err(failure(Exit::Usage, what, "start a run, which ends that"));
            }
            Stage::Nothing | Stage::Done { .. } | Stage::Refused { .. } => {
                let what = format!("{name} is not being rebuilt");
                return Err(failure(Exit::Usage, what, "spotlight rebuild lists what is"));
            }
        };
        one.say(Stage::Cancelled { beside: beside.clone() })?;
        // Beside a run the table goes when nothing lands in it any more.
        let goes = if self.board.is_some() {
            self.turn_over(name)
        } else {
            one.clean(beside.as_deref())?;
            one.say(Stage::Nothing)?;
            "now"
        };
        Ok(json!({ "flow": name, "cancelled": true, "beside": beside, "goes": goes }))
    }

    /// True if the run that is going on has the flow's topology as its file was earlier.
    fn is_earlier(&self, known: &KnownFlow, first: &str) -> bool {
        let [name, _] = names::parts(first);
        let (Some(running), Some(file)) = (self.revisions.get(name), &known.file) else { return false };
        let one = [(name.to_owned(), (running.clone(), file.clone()))].into();
        edited(&one).get(name) == Some(&Edited::Differs)
    }

    /// Has a run without an end begin anew with what was said, if it has the flow. Says when it counts.
    fn turn_over(&self, name: &str) -> &'static str {
        let Some(turn) = self
            .turn
            .as_ref()
            .filter(|_| self.board.as_ref().is_some_and(|it| it.look(|flows| flows.contains_key(name))))
        else {
            return "next-run";
        };
        turn.ask();
        "now"
    }

    /// Every flow of which a rebuild was said, with how far it is.
    pub(crate) fn list_rebuilds(&self) -> Result<Value> {
        let (known, mut told) = (self.folder.known_flows()?, Vec::new());
        let names = FlowNames::of_known(&known);
        if self.folder.shares_the_log() {
            return Ok(told.into());
        }
        for (first, rebuild) in runtime::rebuilds(self.log.as_ref())? {
            if rebuild.stage == Stage::Nothing {
                continue;
            }
            let live = names::of_generation(&first, rebuild.live);
            let mut one = json!({ "flow": names.shown(&live), "since": rebuild.at, "live": rebuild.live,
                "generation": rebuild.last, "stage": serde_json::to_value(&rebuild.stage)? });
            if let (Stage::Building { .. }, Some(known)) = (&rebuild.stage, known.get(&live)) {
                let (read, of) = self.progress(&names::of_generation(&first, rebuild.last), &known.topic)?;
                (one["read"], one["of"]) = (read.into(), of.into());
                if read == of {
                    let next = names::of_generation(&first, rebuild.last);
                    one["lacks"] = serde_json::to_value(runtime::lacking(self.log.as_ref(), &live, &next)?)?;
                }
            }
            told.push(one);
        }
        Ok(told.into())
    }

    /// How many records of a topic a flow has read, and of how many.
    fn progress(&self, flow: &str, topic: &str) -> Result<(i64, i64)> {
        let ([of, flow], log) = (names::parts(flow), self.log.as_ref());
        let (group, mut read, mut all) = (names::group(of, flow), 0, 0);
        for partition in 0..log.topic(topic)?.map_or(0, |state| state.partitions) {
            let first = log.first(topic, partition)?;
            read += stands_at(log, &group, topic, partition)? - first;
            all += log.end(topic, partition)? - first;
        }
        Ok((read, all))
    }
}

/// Most documents that are named.
const NAMED: usize = 10;

/// That a rebuild refuses documents whose rows are in the live table, and what can be done; or that they go, where a person
/// has said that they may.
pub(super) fn lacks(name: &str, table: &str, lacking: &Lacking, accepted: bool) -> String {
    let Lacking { documents, rows } = lacking;
    let why = |why: &str| if why.is_empty() { String::new() } else { format!(" ({why})") };
    let mut named: Vec<String> =
        documents.iter().take(NAMED).map(|(document, of)| format!("{document}{}", why(of))).collect();
    named.extend((documents.len() > NAMED).then(|| format!("and {} more", documents.len() - NAMED)));
    let (all, rows) = (show::counted(documents.len() as u64, "document"), show::counted(*rows, "row"));
    let what = format!("its file as it is now refuses {all} whose rows are in {table}: {}", named.join(", "));
    match accepted {
        true => format!("the rebuild of {name} lets {rows} go, as you said: {what}"),
        false => format!(
            "the rebuild of {name} waits, and {table} stays as it is: {what}; {rows} would be gone\n  to go on: mend the \
             topology file, by which it begins anew; or spotlight rebuild {name} --accept-refused, which lets them go; or \
             spotlight rebuild {name} --cancel"
        ),
    }
}

/// That a rebuild has made no row at all, and what can be done.
pub(super) fn empties(name: &str, table: &str, rows: u64) -> String {
    format!(
        "the rebuild of {name} waits, and {table} stays as it is: its file as it is now makes no row of what made the {} that \
         are there\n  to go on: mend the topology file, by which it begins anew, or the flow that fills its topic; or \
         spotlight rebuild {name} --accept-refused, which lets all of them go; or spotlight rebuild {name} --cancel",
        show::counted(rows, "row")
    )
}

/// What is told of a rebuild, as [`Access::list_rebuilds`] gives it.
pub(crate) fn line(told: &Value) -> String {
    let text = |place: &Value| place.as_str().unwrap_or_default().to_owned();
    let (flow, stage) = (text(&told["flow"]), &told["stage"]);
    let since = told["since"].as_i64().map_or(String::new(), |at| format!(" since {} UTC", show::minute(at)));
    match stage["is"].as_str().unwrap_or_default() {
        "wished" => format!("{flow}: its rebuild begins with the next run of its topology"),
        "building" if lacking(told).is_some_and(|lacking| !lacking.is_none()) => {
            let (table, accepted) = (text(&stage["table"]), stage["accept_refused"] == true);
            lacks(&flow, &table, &lacking(told).unwrap_or_default(), accepted)
        }
        "building" => {
            let number = |name: &str| show::count(told[name].as_u64().unwrap_or(0));
            format!(
                "{flow}: is rebuilt into {}{since}: {} of {} records of its input are read",
                text(&stage["beside"]),
                number("read"),
                number("of")
            )
        }
        "exchanging" => format!("{flow}: its tables are being exchanged{since}; a run ends that"),
        "cancelled" => format!("{flow}: its rebuild is taken back; the next run removes the table beside"),
        "refused" => {
            format!("{flow}: cannot be rebuilt: {}\n  to go on: {}", text(&stage["what"]), text(&stage["remedy"]))
        }
        _ => {
            let (beside, ago) = (text(&stage["beside"]), environment::now() - told["since"].as_i64().unwrap_or(0));
            let ago = show::duration(ago);
            format!("{flow}: was rebuilt {ago} ago; the table of before was kept as {beside}")
        }
    }
}
