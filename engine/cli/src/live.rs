//! The live lines of a run on a terminal, and the table at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use runtime::{Board, DeadLetter, FlowState, Held, names};
use serde_json::json;

use crate::arguments::Format;
use crate::old_rows::OldRows;
use crate::unread::Unread;
use crate::{environment, refused, show};

/// The lines that are on the terminal now.
static SHOWN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Writes to standard error beside the live lines: they are drawn again below it, and take nothing of it away.
pub(crate) fn beside<T>(write: impl FnOnce() -> T) -> T {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown {
        Some(lines) => lines.suspend(write),
        None => write(),
    }
}

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
            *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(lines.clone());
            let mut bars: BTreeMap<String, ProgressBar> = BTreeMap::new();
            while !stop.load(Ordering::Relaxed) {
                for (name, state) in board.flows() {
                    if name.starts_with("spotlight/") {
                        continue;
                    }
                    let idle = state.source_trouble.is_none() && state.found == 0 && state.looks_again.is_none();
                    if state.started.is_none() && idle {
                        continue;
                    }
                    let bar = bars.entry(name.clone()).or_insert_with(|| {
                        let bar = lines.add(ProgressBar::new_spinner());
                        let style = ProgressStyle::with_template("{spinner} {prefix:28!} {wide_msg}");
                        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                        bar.with_prefix(name)
                    });
                    bar.set_message(moment(&state, environment::now()));
                    bar.tick();
                }
                std::thread::park_timeout(Duration::from_millis(150));
            }
            bars.values().for_each(ProgressBar::finish_and_clear);
            *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
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

/// What a flow does at an instant, in milliseconds since 1970 UTC.
fn moment(state: &FlowState, now: i64) -> String {
    let documents = state.read();
    let waiting: i64 = state.waiting.values().sum();
    let working: Vec<&str> = state.working.values().map(String::as_str).collect();
    let mut text = show::counted(state.run.landed, "row");
    if documents > 0 {
        text.push_str(&format!(", {}", show::counted(documents, "document")));
    }
    if waiting > 0 {
        text.push_str(&format!(", {waiting} wait"));
    }
    if state.run.dead > 0 {
        text.push_str(&format!(", {} dead", show::count(state.run.dead)));
    }
    // Before the trouble, which may be longer than the line is wide.
    if let Some(again) = state.looks_again.filter(|_| working.is_empty() && waiting == 0) {
        // In whole seconds, so that the line does not flicker.
        text.push_str(&format!(", looks again in {}", show::wait(again - now)));
    }
    if let Some(trouble) = &state.source_trouble {
        text.push_str(&format!(", source: {trouble}"));
    } else if !working.is_empty() {
        text.push_str(&format!(", at {}", working.join(", ")));
    }
    text
}

/// What there is to say at the end of a run.
pub(crate) struct Report<'a> {
    /// All flows.
    pub(crate) flows: &'a BTreeMap<String, FlowState>,
    /// Files that no source claims.
    pub(crate) not_claimed: &'a [String],
    /// Flows that wait for a person.
    pub(crate) holds: &'a [Held],
    /// Milliseconds that it took.
    pub(crate) took: i64,
    /// The folder of `--documents` in which no file fits any source of the run.
    pub(crate) nothing_fits: Option<&'a Path>,
    /// The folder of `--documents` in which every file is a page for people, or the like, instead of data.
    pub(crate) no_data: Option<&'a Path>,
    /// Topics whose rows wait for a flow that reads them.
    pub(crate) unread: &'a [Unread],
    /// Rows of earlier versions that stay in tables.
    pub(crate) old_rows: &'a [OldRows],
    /// Files that took each other's place as versions of one document, a line each.
    pub(crate) displaced: &'a [String],
    /// Of a dry run: what is kept nowhere.
    pub(crate) dry: Option<&'a Dry>,
    /// How it is printed.
    pub(crate) format: Format,
}

/// What is known of a dry run alone.
pub(crate) struct Dry {
    /// Its dead letters.
    pub(crate) letters: Vec<DeadLetter>,
    /// Rows of versions of documents that a newer one takes the place of, by flow.
    pub(crate) replaced: BTreeMap<String, u64>,
}

/// Dead letters of a dry run that are told one by one.
const LETTERS: usize = 10;

/// Prints what a run did: a table of flows, then what was refused, not claimed or held, with reasons.
pub(crate) fn table(report: &Report<'_>) {
    let Report { flows, not_claimed, holds, took, nothing_fits, no_data, unread, old_rows, displaced, dry, format } =
        *report;
    if format == Format::Json {
        let mut told = json!({
            "flows": flows, "holds": holds, "not_claimed": not_claimed, "took_ms": took,
            "nothing_fits": nothing_fits, "no_data": no_data, "unread": unread, "old_rows": old_rows,
        });
        if let Some(dry) = dry {
            told["dry"] = json!(true);
            told["dead_letters"] = dry.letters.iter().map(show::letter).collect();
            told["replaced"] = json!(dry.replaced);
        }
        show::json(&told);
        return;
    }
    flows_table(flows, dry);
    dropped(flows);
    for (name, state) in flows {
        let now = &state.revision;
        state.refused.values().for_each(|refusal| show::prose(&refused::line(&called(name), refusal, now)));
        state.gone.values().for_each(|refusal| show::prose(&refused::gone_line(&called(name), refusal)));
        if let Some(trouble) = &state.source_trouble {
            show::prose(&format!("source trouble: {}: {trouble}", called(name)));
        }
    }
    if let Some(line) = refused::way_out(flows).filter(|_| dry.is_none()) {
        show::prose(&line);
    }
    absent(flows);
    if dry.is_none() {
        dead(flows);
    }
    dead_letters(dry.map_or(&[], |dry| &dry.letters));
    old_rows.iter().for_each(|old| show::prose(&old.line(dry.is_some())));
    displaced.iter().for_each(|line| show::prose(line));
    for file in not_claimed {
        let why = if file.ends_with(')') { "" } else { ": no source of these topologies has a pattern for its name" };
        show::prose(&format!("not claimed: {}{why}", show::foreign(file)));
    }
    if let Some(folder) = nothing_fits {
        // What is no file is named with a remark.
        let place = folder.display();
        show::prose(&match not_claimed.iter().all(|name| name.contains(" (no file: ")) {
            true => format!("there is no file in {place}: nothing was read"),
            false => format!("no file in {place} fits the `file-names` of any flow of this run"),
        });
    }
    if let Some(folder) = no_data {
        show::prose(&format!(
            "no data: not one file in {} holds data, so there was nothing to load: fetch them anew, and open one to see \
             what it is",
            folder.display()
        ));
    }
    for (name, state) in flows {
        if let Some(place) = &state.nothing_fits {
            let misfit = state.misfit.as_ref().map_or(String::new(), |misfit| format!(": {misfit}"));
            let place = show::foreign(place);
            show::prose(&match state.misfit {
                Some(_) => format!("no file in {place} fits the `file-names` of {name}{misfit}"),
                None if place.contains(['*', '?', '[']) => format!("no file fits `{place}` for {name}"),
                None => format!("there is no file in `{place}` for {name}; its sub-folders are not looked into"),
            });
        }
    }
    unread.iter().for_each(|unread| show::prose(&unread.line()));
    for (name, state) in flows.iter().filter(|(name, state)| state.paused && names::generation(name) == 1) {
        show::prose(&crate::commands::paused_line(name, state.finds_documents(), None));
    }
    // The partitions of a flow mostly wait for the same.
    let mut told = BTreeSet::new();
    for held in holds.iter().filter(|held| told.insert((&held.flow, &held.code, &held.what))) {
        show::prose(&format!("hold[{}]: {} waits: {}\n  to go on: {}", held.code, held.flow, held.what, held.remedy));
    }
    show::prose(&format!("took {}", show::duration(took)));
    if dry.is_some() {
        show::prose(
            "dry run: nothing was written. Every document was read as if it were new; what newer versions would \
             withdraw from tables is not known.",
        );
    }
}

/// A flow as people name it: what a rebuild reads once more is a flow of its own, with a name that no file has.
fn called(flow: &str) -> String {
    match names::generation(flow) {
        1 => flow.to_owned(),
        _ => format!("{} (its rebuild)", names::first(flow)),
    }
}

/// Documents that are not there, or a page for people instead: the first of each flow.
fn absent(flows: &BTreeMap<String, FlowState>) {
    for (name, state) in flows {
        for refusal in &state.absent {
            let code = if refusal.code.is_empty() { String::new() } else { format!(" {}", refusal.code) };
            let (stays, message) = (refused::stays(refusal.stays), &refusal.message);
            show::prose(&format!("absent: {} ({name}):{code} {message}{stays}", refusal.name));
        }
        let more = state.not_there().saturating_sub(state.absent.len() as u64);
        if more > 0 {
            show::prose(&format!(
                "and {} of {name}; all of them: spotlight sql \"select name, message from spotlight.receipts where \
                 outcome = 'absent'\"",
                show::counted(more, "more absent document")
            ));
        }
    }
}

/// Why rows were dropped, a line a flow.
fn dropped(flows: &BTreeMap<String, FlowState>) {
    for (name, state) in flows.iter().filter(|(name, _)| !name.starts_with("spotlight/")) {
        let reasons: Vec<String> = state.run.dropped.iter().map(|(reason, rows)| dropped_by(reason, *rows)).collect();
        if !reasons.is_empty() {
            show::prose(&format!("dropped: {name}: {}", reasons.join(", ")));
        }
    }
}

/// A reason with its number, and in other words where it is one of the engine's own that says little.
fn dropped_by(reason: &str, rows: u64) -> String {
    let more = match reason {
        "same key twice" => " (equal rows of one document, of which the first landed)",
        _ => "",
    };
    format!("{} by `{reason}`{more}", show::count(rows))
}

/// Why rows of this run became dead letters, a line a flow, and where they are to be seen.
fn dead(flows: &BTreeMap<String, FlowState>) {
    let with_any = || flows.iter().filter(|(name, state)| !name.starts_with("spotlight/") && !state.dead.is_empty());
    for (name, state) in with_any() {
        let of = |(code, steps): (&String, &BTreeMap<String, u64>)| {
            steps.iter().map(|(step, rows)| format!("{} by {code} at {step}", show::count(*rows))).collect::<Vec<_>>()
        };
        let reasons: Vec<String> = state.dead.iter().flat_map(of).collect();
        show::prose(&format!("dead: {name}: {}", reasons.join(", ")));
    }
    if with_any().next().is_some() {
        show::prose("  to see those that are open: spotlight dlq ls");
    }
}

/// The first dead letters, each with its reason and the row as it was published.
fn dead_letters(letters: &[DeadLetter]) {
    for letter in letters.iter().take(LETTERS) {
        let DeadLetter { topology, flow, code, step, field, message, .. } = letter;
        let field = if field.is_empty() { String::new() } else { format!(", {field}") };
        let place = crate::letters::place(letter);
        show::prose(&format!("dead: {topology}/{flow} {code} at {step}{field}: {message}"));
        show::prose(&format!("  {place}: {}", batch::excerpt(&letter.bytes, 160)));
    }
    if let Some(more) = letters.len().checked_sub(LETTERS).filter(|more| *more > 0) {
        show::prose(&format!("and {}", show::counted(more as u64, "more dead letter")));
    }
}

/// A line a flow. Columns that few flows need are there only if one does: the others then fit into 80 columns.
fn flows_table(flows: &BTreeMap<String, FlowState>, dry: Option<&Dry>) {
    let flows = || flows.iter().filter(|(name, _)| !name.starts_with("spotlight/"));
    let dropped = |state: &FlowState| state.run.dropped.values().sum::<u64>();
    let outputs = |state: &FlowState| state.run.outputs.values().sum::<u64>();
    let replaced = |name: &String| dry.and_then(|dry| dry.replaced.get(name)).copied().unwrap_or(0);
    let any_absent = flows().any(|(_, it)| it.not_there() > 0);
    let any_replaced = flows().any(|(name, _)| replaced(name) > 0);
    let any_withdrawn = flows().any(|(_, it)| it.withdrawn > 0);
    let (any_dropped, any_outputs) = (flows().any(|(_, it)| dropped(it) > 0), flows().any(|(_, it)| outputs(it) > 0));
    let mut header = vec!["=flow", "#documents"];
    header.extend(any_absent.then_some("#absent"));
    header.extend(["#read", if dry.is_some() { "#would land" } else { "#landed" }]);
    header.extend(any_replaced.then_some("#replaced"));
    header.extend(any_withdrawn.then_some("#withdrawn"));
    header.extend(any_dropped.then_some("#dropped"));
    header.extend(any_outputs.then_some("#outputs"));
    header.extend(["#dead", "#refused", "#time"]);
    let rows = flows().map(|(name, state)| {
        // The documents of the lines below: what was read and refused, and then replaced by a version that is fine, is
        // no one's trouble any more.
        let refused = state.refused.len() as u64;
        let mut row = vec![called(name), show::count(state.read())];
        row.extend(any_absent.then(|| show::count(state.not_there())));
        row.extend([state.run.rows_in, state.run.landed.saturating_sub(replaced(name))].map(show::count));
        row.extend(any_replaced.then(|| show::count(replaced(name))));
        row.extend(any_withdrawn.then(|| show::count(state.withdrawn)));
        row.extend(any_dropped.then(|| show::count(dropped(state))));
        row.extend(any_outputs.then(|| show::count(outputs(state))));
        row.extend([state.run.dead, refused].map(show::count));
        row.push(show::duration(state.busy_ms));
        row
    });
    show::table(&header, rows.collect());
    if any_replaced {
        show::prose("replaced: rows of a version of a document that a newer version takes the place of");
    }
    if any_withdrawn {
        show::prose("withdrawn: rows of earlier versions of documents that the newest does not have any more");
    }
}

#[cfg(test)]
mod tests {
    use runtime::FlowState;

    use super::moment;

    #[test]
    fn a_flow_that_waits_for_its_source_says_when_it_looks_again() {
        let idle = FlowState { looks_again: Some(3_660_000), ..FlowState::default() };
        assert_eq!(moment(&idle, 60_000), "0 rows, looks again in 1 h 0 min");
        let busy = FlowState { working: [(0, "a.zip".to_owned())].into(), ..idle.clone() };
        assert_eq!(moment(&busy, 60_000), "0 rows, at a.zip");
        let troubled = FlowState { source_trouble: Some("status 503".to_owned()), ..idle };
        assert_eq!(moment(&troubled, 3_650_000), "0 rows, looks again in 10 s, source: status 503");
    }
}
