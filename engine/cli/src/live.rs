//! The live lines of a run on a terminal, and the table at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use runtime::{Board, FlowState, Held};
use serde_json::json;

use crate::arguments::Format;
use crate::unread::Unread;
use crate::{environment, show};

/// One live line a flow, until dropped.
pub(crate) struct LiveLines {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LiveLines {
    /// Starts the lines if a person watches.
    pub(crate) fn start(board: Arc<Board>) -> Self {
        let ending = Arc::new(AtomicBool::new(false));
        if !environment::watched() {
            return Self { ending, thread: None };
        }
        let stop = Arc::clone(&ending);
        let work = move || {
            let lines = MultiProgress::new();
            let mut bars: BTreeMap<String, ProgressBar> = BTreeMap::new();
            while !stop.load(Ordering::Relaxed) {
                for (name, state) in board.flows() {
                    if name.starts_with("spotlight/") {
                        continue;
                    }
                    if state.started.is_none() && state.source_trouble.is_none() && state.found == 0 {
                        continue;
                    }
                    let bar = bars.entry(name.clone()).or_insert_with(|| {
                        let bar = lines.add(ProgressBar::new_spinner());
                        let style = ProgressStyle::with_template("{spinner} {prefix:28!} {wide_msg}");
                        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                        bar.with_prefix(name)
                    });
                    bar.set_message(moment(&state));
                    bar.tick();
                }
                std::thread::park_timeout(Duration::from_millis(150));
            }
            bars.values().for_each(ProgressBar::finish_and_clear);
        };
        let thread = std::thread::Builder::new().name("live lines".to_owned()).spawn(work).ok();
        Self { ending, thread }
    }
}

impl Drop for LiveLines {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A display that failed is no reason to fail the run.
            let _joined = thread.join();
        }
    }
}

fn moment(state: &FlowState) -> String {
    let documents: u64 = state.documents.values().sum();
    let waiting: i64 = state.waiting.values().sum();
    let working: Vec<&str> = state.working.values().map(String::as_str).collect();
    let mut text = format!("{} rows", show::count(state.run.landed));
    if documents > 0 {
        text.push_str(&format!(", {documents} {}", if documents == 1 { "document" } else { "documents" }));
    }
    if waiting > 0 {
        text.push_str(&format!(", {waiting} wait"));
    }
    if state.run.dead > 0 {
        text.push_str(&format!(", {} dead", state.run.dead));
    }
    if let Some(trouble) = &state.source_trouble {
        text.push_str(&format!(", source: {trouble}"));
    } else if !working.is_empty() {
        text.push_str(&format!(", at {}", working.join(", ")));
    }
    text
}

/// What people should be told though nothing went wrong.
pub(crate) struct Hints {
    /// The folder of `--documents` in which no file fits any source of the run.
    pub(crate) nothing_fits: Option<PathBuf>,
    /// Topics whose rows wait for a flow that reads them.
    pub(crate) unread: Vec<Unread>,
}

/// Prints what a run did: a table of flows, then what was refused, not claimed or held, with reasons.
pub(crate) fn table(board: &Board, holds: &[Held], took: i64, hints: &Hints, format: Format) {
    let flows = board.flows();
    let not_claimed = board.not_claimed();
    if format == Format::Json {
        show::json(&json!({
            "flows": flows, "holds": holds, "not_claimed": not_claimed, "took_ms": took,
            "nothing_fits": hints.nothing_fits, "unread": hints.unread,
        }));
        return;
    }
    flows_table(&flows);
    for (name, state) in &flows {
        for refusal in state.refused.values() {
            let code = if refusal.code.is_empty() { String::new() } else { format!(" {}", refusal.code) };
            show::line(&format!("refused: {} ({name}): {}{code}: {}", refusal.name, refusal.outcome, refusal.message));
        }
        if let Some(trouble) = &state.source_trouble {
            show::line(&format!("source trouble: {name}: {trouble}"));
        }
    }
    for file in &not_claimed {
        let why = if file.ends_with(')') { "" } else { ": no source of these topologies has a pattern for its name" };
        show::line(&format!("not claimed: {file}{why}"));
    }
    if let Some(folder) = &hints.nothing_fits {
        show::line(&format!("no file in {} fits the `file-names` of any flow of this run", folder.display()));
    }
    for (name, state) in &flows {
        if let Some(place) = &state.nothing_fits {
            show::line(&format!("no file in {place} fits the `file-names` of {name}"));
        }
    }
    hints.unread.iter().for_each(|unread| show::line(&unread.line()));
    // The partitions of a flow mostly wait for the same.
    let mut told = BTreeSet::new();
    for held in holds.iter().filter(|held| told.insert((&held.flow, &held.code, &held.what))) {
        show::line(&format!("hold[{}]: {} waits: {}\n  to go on: {}", held.code, held.flow, held.what, held.remedy));
    }
    show::line(&format!("took {}", show::duration(took)));
}

/// A line a flow. Columns that few flows need are there only if one does: the others then fit into 80 columns.
fn flows_table(flows: &BTreeMap<String, FlowState>) {
    let flows = || flows.iter().filter(|(name, _)| !name.starts_with("spotlight/"));
    let dropped = |state: &FlowState| state.run.dropped.values().sum::<u64>();
    let outputs = |state: &FlowState| state.run.outputs.values().sum::<u64>();
    let (any_dropped, any_outputs) = (flows().any(|(_, it)| dropped(it) > 0), flows().any(|(_, it)| outputs(it) > 0));
    let mut header = vec!["flow", "#documents", "#read", "#landed"];
    header.extend(any_dropped.then_some("#dropped"));
    header.extend(any_outputs.then_some("#outputs"));
    header.extend(["#dead", "#refused", "#time"]);
    let rows = flows().map(|(name, state)| {
        // The documents of the lines below: what was read and refused, and then replaced by a version that is fine, is
        // no one's trouble any more.
        let refused = state.refused.len() as u64;
        let mut row = vec![name.clone()];
        row.extend([state.documents.values().sum(), state.run.rows_in, state.run.landed].map(show::count));
        row.extend(any_dropped.then(|| show::count(dropped(state))));
        row.extend(any_outputs.then(|| show::count(outputs(state))));
        row.extend([state.run.dead, refused].map(show::count));
        row.push(show::duration(state.busy_ms));
        row
    });
    show::table(&header, rows.collect());
}
