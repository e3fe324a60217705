//! What a step made of a batch, row by row, as text.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::Result;
use arrow::array::Array;
use batch::{Batch, Failed, Origins};
use operators::StepOutput;

use crate::rows::{Rows, quoted};

/// Rows that a tap remembers to have shown.
const REMEMBERED: usize = 200_000;

/// A batch before and after a step. All of it is shared with the task, nothing is copied.
pub(super) struct Seen {
    step: Arc<str>,
    before: Batch,
    /// True for rows that come back from the dead letters.
    again: bool,
    next: Option<Batch>,
    outputs: Vec<(Arc<str>, Batch)>,
    failed: Option<Failed>,
    dropped: Vec<Arc<str>>,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fate {
    Next(usize),
    Output(usize, usize),
    Dead(usize),
    Dropped,
}

/// Shows each row once, though a batch may be redone and a document read twice. A row that was dead and passes later,
/// because a person sent it back, is shown again.
#[derive(Default)]
pub(super) struct Once(HashSet<(i32, i64, i64, u8, bool)>);

impl Once {
    fn is_new(&mut self, origins: &Origins, row: usize, fate: Fate, again: bool) -> bool {
        let kind = match fate {
            Fate::Next(_) => 0,
            Fate::Output(name, _) => 3 + (name as u8).min(200),
            Fate::Dead(_) => 1,
            Fate::Dropped => 2,
        };
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let (offset, number) = origins.position(row);
        self.0.insert((origins.input.partition, offset, number, kind, again))
    }
}

impl Seen {
    pub(super) fn new(step: &Arc<str>, before: Batch, after: &StepOutput, again: bool) -> Self {
        Self {
            step: Arc::clone(step),
            before,
            again,
            next: after.next.clone(),
            outputs: after.outputs.clone(),
            failed: after.failed.clone(),
            dropped: after.dropped.iter().map(|(reason, _)| Arc::clone(reason)).collect(),
        }
    }

    /// The rows as text: before and after the step, or only what leaves the flow here.
    pub(super) fn rows(&self, flow: &str, whole: bool, json: bool, once: &mut Once) -> Result<Vec<String>> {
        let before = Rows::new(self.before.columns())?;
        let next = self.next.as_ref().map(|next| Rows::new(next.columns())).transpose()?;
        let outputs = self.outputs.iter().map(|(name, rows)| Ok((name, Rows::new(rows.columns())?)));
        let outputs: Vec<_> = outputs.collect::<Result<_>>()?;
        let fates = self.fates();
        let mut shown = Vec::new();
        for row in 0..before.len() {
            let origins = self.before.origins();
            let fate = fates.get(&origins.position(row)).copied().unwrap_or(Fate::Dropped);
            let leaves = match fate {
                Fate::Next(_) => &*self.step == super::LAST,
                Fate::Output(..) => true,
                Fate::Dead(_) | Fate::Dropped => false,
            };
            if !(whole || leaves) || !once.is_new(origins, row, fate, self.again) {
                continue;
            }
            let after = match fate {
                Fate::Next(index) => next.as_ref().map(|rows| ("", rows, index)),
                Fate::Output(name, index) => outputs.get(name).map(|(name, rows)| (&***name, rows, index)),
                Fate::Dead(_) | Fate::Dropped => None,
            };
            shown.push(match (whole, json) {
                (true, true) => self.whole_json(flow, row, &before, fate, after),
                (true, false) => self.whole_text(row, &before, fate, after),
                (false, true) => leaving_json(&place_json(flow, origins, row, self.again), after),
                (false, false) if self.again => format!("replayed: {}", leaving_text(after)),
                (false, false) => leaving_text(after),
            });
        }
        Ok(shown)
    }

    /// What became of each position.
    fn fates(&self) -> HashMap<(i64, i64), Fate> {
        let mut fates = HashMap::new();
        let positions = |batch: &Batch| (0..batch.len()).map(|row| batch.origins().position(row)).collect::<Vec<_>>();
        for (index, position) in self.next.iter().flat_map(positions).enumerate() {
            fates.insert(position, Fate::Next(index));
        }
        for (name, (_, rows)) in self.outputs.iter().enumerate() {
            for (index, position) in positions(rows).into_iter().enumerate() {
                fates.insert(position, Fate::Output(name, index));
            }
        }
        if let Some(failed) = &self.failed {
            for (index, failure) in failed.failures.iter().enumerate() {
                fates.insert(failed.origins.position(failure.row), Fate::Dead(index));
            }
        }
        fates
    }

    /// Code, field and message of a dead row.
    fn why(&self, index: usize) -> (String, String, String) {
        let failure = self.failed.as_ref().and_then(|failed| failed.failures.get(index));
        failure.map_or_else(Default::default, |failure| {
            (failure.code.to_string(), failure.field.as_deref().unwrap_or_default().to_owned(), failure.message.clone())
        })
    }

    /// Why rows are dropped here: known of a single row only where there is one reason.
    fn reason(&self) -> &str {
        if let [only] = &*self.dropped { only } else { "" }
    }

    fn whole_json(&self, flow: &str, row: usize, before: &Rows<'_>, fate: Fate, after: After<'_>) -> String {
        let became = match (fate, after) {
            (Fate::Dead(index), _) => {
                let (code, field, message) = self.why(index);
                let [code, field, message] = [code, field, message].map(|text| quoted(&text));
                format!(r#""dead":{{"code":{code},"field":{field},"message":{message}}}"#)
            }
            (_, Some(("", rows, index))) => format!(r#""after":{}"#, rows.json(index)),
            (_, Some((output, rows, index))) => format!(r#""output":{},"after":{}"#, quoted(output), rows.json(index)),
            _ => format!(r#""dropped":{}"#, quoted(self.reason())),
        };
        let (place, step) = (place_json(flow, self.before.origins(), row, self.again), quoted(&self.step));
        format!(r#"{{{place},"step":{step},"before":{},{became}}}"#, before.json(row))
    }

    fn whole_text(&self, row: usize, before: &Rows<'_>, fate: Fate, after: After<'_>) -> String {
        let became = match (fate, after) {
            (Fate::Dead(index), _) => {
                let (code, field, message) = self.why(index);
                let field = if field.is_empty() { field } else { format!("{field}: ") };
                format!("dead    {code} {field}{message}")
            }
            (_, Some(("", rows, index))) => format!("after   {}", rows.text(index)),
            (_, Some((output, rows, index))) => format!("output  {output}: {}", rows.text(index)),
            _ => format!("dropped {}", self.reason()),
        };
        let replayed = if self.again { " (replayed)" } else { "" };
        let place = place(self.before.origins(), row);
        format!("{place}{replayed}\n  before  {}\n  {}", before.text(row), became.trim_end())
    }
}

/// The output (empty for the way on), its rows, and which of them.
type After<'a> = Option<(&'a str, &'a Rows<'a>, usize)>;

fn leaving_json(place: &str, after: After<'_>) -> String {
    let Some((output, rows, index)) = after else { return String::new() };
    let output = if output.is_empty() { String::new() } else { format!(r#","output":{}"#, quoted(output)) };
    format!(r#"{{{place}{output},"row":{}}}"#, rows.json(index))
}

fn leaving_text(after: After<'_>) -> String {
    match after {
        Some(("", rows, index)) => rows.text(index),
        Some((output, rows, index)) => format!("{output}: {}", rows.text(index)),
        None => String::new(),
    }
}

/// Document and line of a row, if it has them.
fn line_of(origins: &Origins, row: usize) -> Option<(String, u64)> {
    let (documents, _, _, lines) = origins.place.spread(origins.len());
    (documents.is_valid(row) && lines.is_valid(row)).then(|| (documents.value(row).to_owned(), lines.value(row)))
}

fn place(origins: &Origins, row: usize) -> String {
    match line_of(origins, row) {
        Some((document, line)) => format!("{document} line {line}"),
        None => {
            let (input, (offset, _)) = (&origins.input, origins.position(row));
            format!("{} {}:{offset}", input.topic, input.partition)
        }
    }
}

fn place_json(flow: &str, origins: &Origins, row: usize, again: bool) -> String {
    let (offset, number) = origins.position(row);
    let mut text = format!(
        r#""flow":{},"partition":{},"offset":{offset},"number":{number}"#,
        quoted(flow),
        origins.input.partition
    );
    if let Some((document, line)) = line_of(origins, row) {
        text.push_str(&format!(r#","document":{},"line":{line}"#, quoted(&document)));
    }
    text.push_str(if again { r#","replayed":true"# } else { "" });
    text
}
