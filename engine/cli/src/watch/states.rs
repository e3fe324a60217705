//! Tells the states of a run as metrics, from what the run knows of itself.

use std::collections::BTreeMap;
use std::time::Duration;

use runtime::names::{dead_letters, parts};
use runtime::{FlowState, Held, StoreState, TaskState};
use telemetry::list as metrics;

use super::lag::{self, Lag};
use super::sampled::Seen;
use super::{Running, process};
use crate::environment;

/// The words of the engine for what has no step of its own.
const OF_DOCUMENT: &str = "document";
/// The label value of what leaves by a flow's destination.
const DESTINATION: &str = "destination";

/// Tells all states, to the recorder of the scrape.
pub(super) fn tell(running: Option<&Running>) {
    metrics::BUILD_INFO.set(&[env!("CARGO_PKG_VERSION"), &kafka_connector::client_version()], 1.0);
    process::tell();
    let Some(running) = running else { return };
    let (seen, now, holds) = (running.sampled.look(), environment::now(), running.holds.list());
    metrics::LOG_SEEN_AGE.set(&[], age(now, seen.at));
    let budget = &running.memory.budget;
    metrics::MEMORY_FILL.set(&[], budget.taken() as f64 / budget.limit().max(1) as f64);
    for (topology, (revision, fresh_within)) in &running.topologies {
        metrics::TOPOLOGY_INFO.set(&[topology, revision], 1.0);
        if let Some(seconds) = fresh_within {
            metrics::FRESH_WITHIN.set(&[topology], *seconds);
        }
    }
    for (flow, seconds) in &running.intervals {
        metrics::DOCUMENT_INTERVAL.set(&parts(flow), *seconds);
    }
    held(&holds, now);
    running.board.look(|flows| {
        for (name, state) in flows {
            let of_flow = parts(name);
            let is_held = holds.iter().any(|held| held.flow == *name);
            records(of_flow, state);
            flow(of_flow, state, is_held, lag::of(name, state, state.paused || is_held, &seen, now));
            documents(of_flow, state, now);
            tasks(of_flow, state, running.landings.contains_key(name), now);
            stores(of_flow, state);
            letters(of_flow, running.recorded.get(name).unwrap_or(name), &seen, now);
            limits(name, running, &seen);
        }
    });
}

/// Seconds since an instant, both in milliseconds.
fn age(now: i64, at: i64) -> f64 {
    (now - at).max(0) as f64 / 1000.0
}

fn held(holds: &[Held], now: i64) {
    let mut by_code: BTreeMap<(&str, &str), (u64, i64)> = BTreeMap::new();
    for held in holds {
        let (count, since) = by_code.entry((&held.flow, &held.code)).or_insert((0, held.since));
        (*count, *since) = (*count + 1, held.since.min(*since));
    }
    for ((name, code), (count, since)) in by_code {
        let [topology, flow] = parts(name);
        metrics::FLOW_HELD.set(&[topology, flow, code], count as f64);
        metrics::FLOW_HELD_AGE.set(&[topology, flow, code], age(now, since));
    }
}

fn records([topology, flow]: [&str; 2], state: &FlowState) {
    let counts = &state.run;
    metrics::RECORDS_IN.reached(&[topology, flow], counts.rows_in);
    metrics::RECORDS_EXPANDED.reached(&[topology, flow], counts.expanded);
    metrics::RECORDS_OUT.reached(&[topology, flow, DESTINATION], counts.landed);
    for (output, rows) in &counts.outputs {
        metrics::RECORDS_OUT.reached(&[topology, flow, output], *rows);
    }
    for (reason, rows) in &counts.dropped {
        metrics::RECORDS_DROPPED.reached(&[topology, flow, reason], *rows);
    }
    for (code, steps) in &state.dead {
        metrics::RECORDS_DEAD_LETTERED.reached(&[topology, flow, code], steps.values().sum());
        for (step, rows) in steps {
            let stage = if step.is_empty() { OF_DOCUMENT } else { step };
            metrics::RECORD_ERRORS.reached(&[topology, flow, code, stage], *rows);
        }
    }
    for (code, documents) in &state.refusals {
        metrics::RECORD_ERRORS.reached(&[topology, flow, code, OF_DOCUMENT], *documents);
    }
    metrics::RECORDS_HELD.reached(&[topology, flow], counts.held);
}

fn flow(of_flow: [&str; 2], state: &FlowState, is_held: bool, lag: Option<Lag>) {
    let truth = |is: bool| f64::from(u8::from(is));
    metrics::FLOW_UP.set(&of_flow, truth(state.ready() && !is_held && !state.paused));
    metrics::FLOW_READY.set(&of_flow, truth(state.ready()));
    metrics::FLOW_PAUSED.set(&of_flow, truth(state.paused));
    metrics::FLOW_TASKS.set(&of_flow, state.tasks.len() as f64);
    metrics::FLOW_RESTARTS.reached(&of_flow, state.restarts);
    if let Some(Lag { records, milliseconds }) = lag {
        metrics::FLOW_LAG_RECORDS.set(&of_flow, records as f64);
        metrics::FLOW_LAG_SECONDS.set(&of_flow, age(milliseconds, 0));
    }
}

fn documents(of_flow: [&str; 2], state: &FlowState, now: i64) {
    let [topology, flow] = of_flow;
    for (outcome, documents) in &state.documents {
        metrics::DOCUMENT_OUTCOMES.reached(&[topology, flow, outcome], *documents);
    }
    if let Some(fetched) = state.newest_document {
        metrics::DOCUMENT_NEWEST_AGE.set(&of_flow, age(now, fetched));
    }
    // Only where this process looks, has looked, or would if the flow were not paused.
    if state.looks.is_empty() && state.looks_since.is_none() {
        return;
    }
    for (how, looks) in &state.looks {
        metrics::DOCUMENT_ATTEMPTS.reached(&[topology, flow, how], *looks);
    }
    if let Some(looked_at) = state.looked_at.or(state.looks_since) {
        metrics::DOCUMENT_CURSOR_AGE.set(&of_flow, age(now, looked_at));
    }
    metrics::DOCUMENT_FOUND.reached(&of_flow, state.found);
    metrics::DOCUMENT_BYTES.reached(&of_flow, state.found_bytes);
    metrics::DOCUMENT_NOT_YET.set(&of_flow, state.not_yet as f64);
    metrics::DOCUMENT_REFUSED.set(&of_flow, state.refused.len() as f64);
}

fn tasks(of_flow: [&str; 2], state: &FlowState, lands: bool, now: i64) {
    let [topology, flow] = of_flow;
    for (partition, task) in &state.tasks {
        if let Some((offset, _)) = task.position {
            metrics::FLOW_POSITION.set(&[topology, flow, &partition.to_string()], offset as f64);
        }
    }
    let tasks = || state.tasks.values();
    if let Some(newest) = tasks().filter_map(|task| task.newest_read).max() {
        metrics::NEWEST_RECORD_AGE.set(&of_flow, age(now, newest));
    }
    if let Some(newest) = tasks().filter_map(|task| task.newest_closed).max() {
        metrics::LANDED_AGE.set(&of_flow, age(now, newest));
    }
    if lands {
        // Where it is not known when a range was opened, since this process has it.
        let opened = |task: &TaskState| task.open.map(|open| if open.at == 0 { task.since } else { open.at });
        let open: Vec<i64> = tasks().filter_map(opened).collect();
        metrics::LANDING_OPEN_RANGES.set(&of_flow, open.len() as f64);
        metrics::LANDING_OPEN_RANGE_AGE.set(&of_flow, open.iter().min().map_or(0.0, |oldest| age(now, *oldest)));
    }
}

fn stores([topology, flow]: [&str; 2], state: &FlowState) {
    let mut stores: BTreeMap<&str, (u64, u64, f64, i64)> = BTreeMap::new();
    for (name, store) in state.tasks.values().flat_map(|task| &task.stores) {
        let StoreState { keys, bytes, to_restore, restored } = *store;
        let done = if to_restore == 0 { 1.0 } else { restored as f64 / to_restore as f64 };
        let all = stores.entry(name).or_insert((0, 0, 1.0, 0));
        *all = (all.0 + keys, all.1 + bytes, all.2.min(done), all.3 + (to_restore - restored).max(0));
    }
    for (name, (keys, bytes, done, left)) in stores {
        metrics::STATE_KEYS.set(&[topology, flow, name], keys as f64);
        metrics::STATE_BYTES.set(&[topology, flow, name], bytes as f64);
        metrics::STATE_RESTORE_RATIO.set(&[topology, flow, name], done);
        metrics::CHANGELOG_LAG.set(&[topology, flow, name], left as f64);
    }
}

/// What the flow's surroundings allow: how long topics and tables remember, and how much may be bad.
fn limits(name: &str, running: &Running, seen: &Seen) {
    let [topology, flow] = parts(name);
    if let Some(share) = running.limits.get(name) {
        metrics::DEAD_LETTER_LIMIT.set(&[topology, flow], *share);
    }
    let kept_for = |topic: &str| seen.kept_for.get(topic).map(Duration::as_secs_f64);
    if let Some(seconds) = running.wanted.inputs.get(name).and_then(|input| kept_for(input)) {
        metrics::TOPIC_RETENTION.set(&[topology, flow], seconds);
    }
    if let Some(seconds) = kept_for(&dead_letters(topology)) {
        metrics::DLQ_RETENTION.set(&[topology, flow], seconds);
    }
    if let Some(time) = running.landings.get(name).and_then(|landing| landing.remembers_for()) {
        metrics::LANDING_DEDUP_WINDOW.set(&[topology, flow], time.as_secs_f64());
    }
}

fn letters(of_flow: [&str; 2], recorded: &str, seen: &Seen, now: i64) {
    if seen.at == 0 {
        return;
    }
    let (open, oldest) = seen.letters.get(recorded).copied().unwrap_or_default();
    metrics::DLQ_OPEN.set(&of_flow, open as f64);
    metrics::DLQ_OLDEST_AGE.set(&of_flow, oldest.map_or(0.0, |oldest| age(now, oldest)));
}
