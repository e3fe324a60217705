//! Looks keys up in the stores of dedupe steps, from what the log has committed.
//!
//! The changelog of a store holds each change that can matter yet, so it alone answers: with a run, without one, and
//! without the memory that the whole store takes. What a running task has not committed is not seen.

use std::time::Duration;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute;
use batch::{ColumnType, Records};
use log::{Log, LogError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use state::{SeenKeys, Store};
use topology::plan::{Columns, Dedupe, Flow, Verb};

use crate::data::DataFolder;
use crate::exit::{Exit, failure};
use crate::flow_names::FlowNames;
use crate::show;

/// Bytes of one reading of a changelog.
const READ_BYTES: usize = 8 * 1024 * 1024;

/// The store of a dedupe step, as commands need it that know no topology file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownStore {
    /// Name of the step.
    pub(crate) step: String,
    /// Name of the store.
    pub(crate) store: String,
    /// Columns of the key, and their types.
    pub(crate) key: Vec<(String, String)>,
    /// How long a key is remembered, in milliseconds.
    pub(crate) remember_ms: u64,
    /// The columns that are compared, and their types; none where content does not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) content: Vec<(String, String)>,
}

/// The stores of a flow.
pub(crate) fn of(flow: &Flow) -> Vec<KnownStore> {
    let stores = flow.steps.iter().filter_map(|step| {
        let Verb::Dedupe(dedupe) = &step.verb else { return None };
        // The columns pass through, so those that leave the step are those of its key.
        let columns = step.output.values().next()?;
        let key = dedupe.key.iter().map(|name| Some((name.to_string(), columns.get(name)?.of.to_string())));
        Some(KnownStore {
            step: step.name.to_string(),
            store: dedupe.store().to_string(),
            key: key.collect::<Option<_>>()?,
            remember_ms: u64::try_from(dedupe.remember.as_millis()).unwrap_or(u64::MAX),
            content: content(dedupe, columns),
        })
    });
    stores.collect()
}

/// The columns that a dedupe step compares, in the order of their names.
fn content(dedupe: &Dedupe, columns: &Columns) -> Vec<(String, String)> {
    let counts = |name: &str| !dedupe.key.iter().chain(&dedupe.ignore).any(|other| **other == *name);
    let columns = columns.iter().filter(|(name, _)| dedupe.compare_content && counts(name));
    let mut content: Vec<_> = columns.map(|(name, column)| (name.to_string(), column.of.to_string())).collect();
    content.sort();
    content
}

/// Looks a key up in the store of a step, `topology/flow.step`.
pub(crate) fn look(log: &dyn Log, folder: &DataFolder, place: &str, key: &[String]) -> Result<Value> {
    let ([topology, flow], store) = known(folder, place)?;
    let fingerprint = fingerprint(&store, key)?;
    let changelog = runtime::names::changelog(&topology, &flow, &store.store);
    let mut answer = json!({ "store": store.store, "key": key, "remember_ms": store.remember_ms, "seen": null });
    let Some(state) = log.topic(&changelog)? else { return Ok(answer) };
    for partition in 0..state.partitions {
        let remember = Duration::from_millis(store.remember_ms);
        let mut seen = SeenKeys::of_one_key(store.store.as_str().into(), remember, fingerprint);
        let mut offset = log.first(&changelog, partition)?;
        loop {
            let blocks = match log.read(&changelog, partition, offset, READ_BYTES) {
                // A run has just deleted what nobody needs.
                Err(LogError::OutOfRange { first, .. }) if first > offset => {
                    offset = first;
                    continue;
                }
                read => read?,
            };
            let Some(last) = blocks.last() else { break };
            offset = last.next_offset();
            for record in blocks.iter().flat_map(Records::iter) {
                seen.apply(record.key.unwrap_or_default(), record.value)?;
            }
        }
        if let Some((arrival, content)) = seen.get(fingerprint) {
            answer["seen"] = json!(arrival);
            answer["partition"] = json!(partition);
            answer["stream_time"] = json!(seen.stream_time());
            // 0 is what stores keep where content does not count.
            answer["content"] = if content == 0 { Value::Null } else { json!(format!("{content:016x}")) };
        }
    }
    Ok(answer)
}

/// The topology and the flow, as the log knows them, and the store of a step.
fn known(folder: &DataFolder, place: &str) -> Result<([String; 2], KnownStore)> {
    let (mut stores, known) = (Vec::new(), folder.known_flows()?);
    let flow_names = FlowNames::of_known(&known);
    for (recorded, known) in known {
        let flow = flow_names.shown(&recorded);
        let of_flow = known.stores.into_iter();
        stores.extend(of_flow.map(|store| (format!("{flow}.{}", store.step), recorded.clone(), store)));
    }
    let written = place.split_once('.').map(|(flow, step)| format!("{}.{step}", flow_names.shown(flow)));
    let place = written.as_deref().unwrap_or(place);
    let names: Vec<&str> = stores.iter().map(|(name, ..)| name.as_str()).collect();
    match stores.iter().find(|(name, ..)| name == place) {
        Some((_, recorded, store)) => Ok((runtime::names::parts(recorded).map(str::to_owned), store.clone())),
        None => {
            let what =
                format!("there is no store of a step `{place}` in the data folder{}", show::meant(place, &names));
            let remedy = match names.as_slice() {
                [] => "run a topology with a dedupe step first".to_owned(),
                names => format!("these are: {}", names.join(", ")),
            };
            Err(failure(Exit::Usage, what, remedy))
        }
    }
}

/// The fingerprint of a key, as the step makes it.
fn fingerprint(store: &KnownStore, key: &[String]) -> Result<u128> {
    let names: Vec<&str> = store.key.iter().map(|(name, _)| name.as_str()).collect();
    if key.len() != names.len() {
        let what = format!(
            "the key has {}, and {} given",
            batch::counted(names.len() as u64, "column"),
            if key.len() == 1 { "1 was".to_owned() } else { format!("{} were", key.len()) }
        );
        return Err(failure(Exit::Usage, what, format!("give the values of: {}", names.join(" "))));
    }
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    for ((name, written), value) in store.key.iter().zip(key) {
        let column = ColumnType::parse(written).with_context(|| format!("the type of {name} in flows.json"))?;
        let options = compute::CastOptions { safe: false, ..compute::CastOptions::default() };
        let text = StringArray::from(vec![value.as_str()]);
        let array = compute::cast_with_options(&text, &column.of.arrow(), &options).map_err(|_| {
            failure(Exit::Usage, format!("`{value}` is no {written}"), format!("give {name} as a value of that type"))
        })?;
        columns.push((name, array));
    }
    let row = RecordBatch::try_from_iter(columns)?;
    let indices: Vec<usize> = (0..row.num_columns()).collect();
    operators::fingerprint_rows(&row, &indices)?.first().copied().context("a key of no columns")
}

/// A key as people see it.
pub(crate) fn told(answer: &Value) -> String {
    let texts = answer["key"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let key = texts.collect::<Vec<_>>().join(", ");
    let remember = answer["remember_ms"].as_i64().unwrap_or(i64::MAX);
    let Some(seen) = answer["seen"].as_i64() else {
        return format!("({key}) was never seen, or is forgotten: a row of this key would pass");
    };
    let content = answer["content"].as_str().map_or(String::new(), |content| format!("; its content is {content}"));
    let until = seen.saturating_add(remember);
    let now = answer["stream_time"].as_i64().unwrap_or(i64::MIN);
    let then = if until > now {
        format!("a row of this key is a repeat if it arrives before {}", show::time(until))
    } else {
        "that is too long ago: a row of this key would pass".to_owned()
    };
    format!("({key}) was seen at {}{content}\n{then}", show::time(seen))
}
