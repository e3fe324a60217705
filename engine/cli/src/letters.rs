//! Dead letters of a data folder that are not at their end, looked through one by one: there may be more of them than
//! fit into memory.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use anyhow::Result;
use runtime::{DeadLetter, DeadLetters, Mark};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::access::{self, Access};
use crate::control::Only;
use crate::exit::{Exit, failure};
use crate::flow_names::FlowNames;
use crate::old_rows::OldRows;
use crate::show;

/// A letter that nothing was done about.
pub(crate) const OPEN: &str = "open";
/// One that was sent back and that no run has worked yet.
pub(crate) const WAITING: &str = "waiting";

/// Characters of a row that a list shows.
const ROW: usize = 48;

/// Letters with one flow, state, code, step and field.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    /// `topology/flow`.
    pub(crate) flow: String,
    /// `open` or `waiting`.
    pub(crate) state: String,
    pub(crate) code: String,
    pub(crate) step: String,
    pub(crate) field: String,
    /// How many they are.
    pub(crate) rows: u64,
    /// Why the first of them failed.
    pub(crate) message: String,
    /// The beginning of the first one's row as published, on one line and safe to print; empty of what is no text.
    #[serde(default)]
    pub(crate) row: String,
    /// Where the first of them stood.
    pub(crate) place: String,
    /// The end of the first one's id that no other has.
    pub(crate) id: String,
}

/// What there is, as `dlq ls` shows it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    /// Groups; or, where each letter was asked for, groups of one.
    pub(crate) groups: Vec<Group>,
    pub(crate) open: u64,
    pub(crate) waiting: u64,
    pub(crate) old_rows: Vec<OldRows>,
}

/// Positions of rows that are on their way back, by flow and partition of its input.
type Waiting = HashMap<(String, i32), HashSet<(i64, i64)>>;

impl Access {
    /// The topologies that may have dead letters. On a log that others share only those that ran on the data folder:
    /// another folder's letters are its own.
    pub(crate) fn topologies_with_letters(&self) -> Result<Vec<String>> {
        let topics = self.log.topics()?;
        if !self.folder.shares_the_log() {
            return Ok(with_letters(&topics, None));
        }
        let flows = self.folder.known_flows()?;
        let known: Vec<&str> = flows.keys().map(String::as_str).collect();
        Ok(with_letters(&topics, Some(&known)))
    }

    /// Hands over each letter that is open or waits in a retry topic for a run, with which of both it is.
    pub(crate) fn each_letter(&self, mut take: impl FnMut(DeadLetter, &'static str) -> Result<()>) -> Result<()> {
        for topology in self.topologies_with_letters()? {
            let letters = DeadLetters::read(self.log.as_ref(), &topology)?;
            let waiting = self.waiting_rows(&topology)?;
            letters.each_open(self.log.as_ref(), |letter| take(letter, OPEN))?;
            self.each_waiting(&letters, &waiting, |letter| take(letter, WAITING))?;
        }
        Ok(())
    }

    /// Hands over each letter that was sent back and stands among the rows that wait.
    fn each_waiting(
        &self,
        letters: &DeadLetters,
        waiting: &Waiting,
        mut take: impl FnMut(DeadLetter) -> Result<()>,
    ) -> Result<()> {
        if waiting.is_empty() {
            return Ok(());
        }
        let sent_back = |word: Option<&str>| word == Some(Mark::Replayed.word());
        letters.each(self.log.as_ref(), sent_back, |letter, _| {
            let rows = waiting.get(&(letter.flow.clone(), letter.partition));
            let waits = rows.is_some_and(|rows| rows.contains(&(letter.offset, letter.row)));
            if waits { take(letter) } else { Ok(()) }
        })
    }

    /// The rows of a topology that are on their way back.
    fn waiting_rows(&self, topology: &str) -> Result<Waiting> {
        let mut waiting = Waiting::new();
        for (_, flow) in self.flows()?.into_iter().filter(|(of, _)| of == topology) {
            let retries = self.log.topic(&runtime::names::retry(topology, &flow))?;
            for partition in 0..retries.map_or(0, |state| state.partitions) {
                let rows = runtime::waiting_rows(self.log.as_ref(), topology, &flow, partition)?;
                if !rows.is_empty() {
                    waiting.insert((flow.clone(), partition), rows.into_iter().collect());
                }
            }
        }
        Ok(waiting)
    }

    /// How many are open, and how many wait.
    pub(crate) fn count_letters(&self) -> Result<(u64, u64)> {
        let (mut open, mut waiting) = (0, 0);
        for topology in self.topologies_with_letters()? {
            let letters = DeadLetters::read(self.log.as_ref(), &topology)?;
            open += letters.open();
            self.each_waiting(&letters, &self.waiting_rows(&topology)?, |_| {
                waiting += 1;
                Ok(())
            })?;
        }
        Ok((open, waiting))
    }

    /// All of them whole, for scripts.
    pub(crate) fn whole_letters(&self, only: &Only) -> Result<Value> {
        let (only, names) = (self.knows(only)?, self.folder.flow_names()?);
        let mut all = Vec::new();
        self.each_letter(|letter, state| {
            if only.has(&letter) {
                all.push(whole(letter, state, &names));
            }
            Ok(())
        })?;
        Ok(all.into())
    }

    /// What there is: in groups, or each letter.
    pub(crate) fn list_letters(&self, each: bool, only: &Only) -> Result<Listed> {
        let (only, names) = (self.knows(only)?, self.folder.flow_names()?);
        let (mut groups, mut ids) = (BTreeMap::<(String, i64), Group>::new(), Ids::default());
        let (mut open, mut waiting, mut number) = (0, 0, 0);
        self.each_letter(|letter, state| {
            ids.add(&letter.id);
            if !only.has(&letter) {
                return Ok(());
            }
            *if state == OPEN { &mut open } else { &mut waiting } += 1;
            number += 1;
            let DeadLetter { topology, flow, code, step, field, .. } = &letter;
            let flow = names.shown(&format!("{topology}/{flow}"));
            let key = format!("{flow} {state} {code} {step} {field}");
            let group = match groups.entry((key, if each { number } else { 0 })) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(Group {
                    flow,
                    state: state.to_owned(),
                    code: code.clone(),
                    step: step.clone(),
                    field: field.clone(),
                    rows: 0,
                    message: letter.message.clone(),
                    row: self.row(&letter)?,
                    place: place(&letter),
                    id: letter.id.clone(),
                }),
            };
            group.rows += 1;
            Ok(())
        })?;
        let mut groups: Vec<Group> = groups.into_values().collect();
        groups.iter_mut().for_each(|group| group.id = ids.short(&group.id).to_owned());
        Ok(Listed { groups, open, waiting, old_rows: self.old_rows()? })
    }

    /// How a letter's row begins, a record by its schema.
    fn row(&self, letter: &DeadLetter) -> Result<String> {
        let record = match access::is_documents(&letter.topic) {
            true => None,
            false => crate::tap::topic::decoded(&*self.schemas, &letter.bytes, false)?,
        };
        Ok(match record {
            Some(record) => batch::excerpt(record.as_bytes(), ROW),
            None if letter.document.is_empty() => String::new(),
            None => batch::excerpt(&letter.bytes, ROW),
        })
    }

    /// The one letter that is meant, whole.
    pub(crate) fn one_letter(&self, written: &str) -> Result<Value> {
        let ids = self.meant(&[written.to_owned()], true)?.ids;
        let (mut found, names) = (None, self.folder.flow_names()?);
        self.each_letter(|letter, state| {
            if ids.contains(&letter.id) {
                found = Some((letter, state));
            }
            Ok(())
        })?;
        let Some((letter, state)) = found else { return Ok(Value::Null) };
        let readable = self.readable(&letter)?;
        let mut value = whole(letter, state, &names);
        if let Some((text, how)) = readable {
            value["readable"] = json!(text);
            value["readable_as"] = json!(how);
        }
        Ok(value)
    }

    /// Bytes that are no UTF-8 as what a person can read, and how they were read: by the schema that a record names, or in
    /// the encoding that the topology declared for the document when it ran last.
    fn readable(&self, letter: &DeadLetter) -> Result<Option<(String, String)>> {
        if !access::is_documents(&letter.topic) {
            let record = crate::tap::topic::decoded(&*self.schemas, &letter.bytes, true)?;
            return Ok(record.map(|record| (record, "Avro".to_owned())));
        }
        if std::str::from_utf8(&letter.bytes).is_ok() {
            return Ok(None);
        }
        let known = self.folder.known_flows()?;
        let encoding =
            known.get(&format!("{}/{}", letter.topology, letter.flow)).and_then(|flow| flow.encoding.clone());
        let text = encoding.as_ref().and_then(|label| codec::delimited::read_as(label, &letter.bytes));
        Ok(text.zip(encoding))
    }

    /// What is meant, with the flow as letters name it.
    fn knows(&self, only: &Only) -> Result<Only> {
        let flow = only.flow.as_ref().map(|flow| self.folder.knows(flow)).transpose()?;
        Ok(Only { flow, ..only.clone() })
    }

    /// The ids that are meant by any unique beginning or end. Without `waiting` only those of open letters. What means
    /// no letter is told beside them.
    ///
    /// # Errors
    /// If none of what was written means a letter.
    pub(crate) fn meant(&self, written: &[String], waiting: bool) -> Result<Meaning> {
        let mut found: Vec<Meant> = written.iter().map(|_| Meant::default()).collect();
        self.each_letter(|letter, state| {
            let fits = written.iter().zip(&mut found).filter(|(written, _)| means(&letter.id, written));
            for (written, meant) in fits {
                if state == WAITING && !waiting {
                    meant.waiting += 1;
                    continue;
                }
                meant.count += 1;
                meant.exact |= letter.id == **written;
                if meant.count == 1 || letter.id == **written {
                    meant.id.clone_from(&letter.id);
                }
            }
            Ok(())
        })?;
        let mut meaning = Meaning::default();
        let mut remedy = None;
        for (written, meant) in written.iter().zip(found) {
            match meant.only(written, waiting) {
                Ok(id) => {
                    meaning.ids.insert(id);
                }
                Err((what, helps)) => {
                    remedy.get_or_insert(helps);
                    meaning.none.push(what);
                }
            }
        }
        match remedy.filter(|_| meaning.ids.is_empty()) {
            Some(remedy) => Err(failure(Exit::Usage, meaning.none.join("\n"), remedy)),
            None => Ok(meaning),
        }
    }
}

/// What ids, or beginnings and ends of them, mean.
#[derive(Debug, Default)]
pub(crate) struct Meaning {
    pub(crate) ids: BTreeSet<String>,
    /// A line for each that means no letter.
    pub(crate) none: Vec<String>,
}

impl Only {
    fn has(&self, letter: &DeadLetter) -> bool {
        let of = |flow: &String| letter.topology == *flow || format!("{}/{}", letter.topology, letter.flow) == *flow;
        self.flow.as_ref().is_none_or(of) && self.code.as_ref().is_none_or(|code| letter.code == *code)
    }
}

/// What is known of a beginning or end of an id.
#[derive(Default)]
struct Meant {
    id: String,
    exact: bool,
    count: u64,
    waiting: u64,
}

impl Meant {
    /// The one letter, or what is wrong and what helps.
    fn only(self, written: &str, waiting: bool) -> Result<String, (String, &'static str)> {
        Err(match self {
            Self { exact: true, id, .. } | Self { count: 1, id, .. } => return Ok(id),
            Self { count: 0, waiting: 1.., .. } => (
                format!("the dead letter `{written}` was sent back already and waits for a run of its topology"),
                "start that run; if the row fails again, it is open again",
            ),
            Self { count: 0, .. } => (
                format!(
                    "no dead letter that is open{} has the id `{written}`",
                    if waiting { " or waiting" } else { "" }
                ),
                "spotlight dlq ls --all lists them",
            ),
            Self { count, .. } => {
                (format!("{count} dead letters begin or end with `{written}`"), "give more of the id")
            }
        })
    }
}

fn whole(mut letter: DeadLetter, state: &str, names: &FlowNames) -> Value {
    letter.flow = names.shown_of(&letter.topology, &letter.flow);
    let mut value = show::letter(&letter);
    value["state"] = json!(state);
    value
}

/// Where the row of a letter stood, for people.
pub(crate) fn place(letter: &DeadLetter) -> String {
    let DeadLetter { topic, partition, offset, document, member, line, .. } = letter;
    if document.is_empty() {
        return format!("{topic} partition {partition} offset {offset}");
    }
    let member = if member.is_empty() { String::new() } else { format!(" {member}") };
    format!("{document}{member}{}", at_line(*line))
}

/// The line of a row as it stands behind its document; of what has no lines, as the tables of a page, nothing.
pub(crate) fn at_line(line: u64) -> String {
    if line == 0 { String::new() } else { format!(" line {line}") }
}

/// True if what somebody wrote begins this id, or ends it with whole parts.
fn means(id: &str, written: &str) -> bool {
    let ends = id.strip_suffix(written).is_some_and(|before| before.is_empty() || before.ends_with('/'));
    !written.is_empty() && (ends || id.starts_with(written))
}

/// How many ids have which end: of each the hashes only.
#[derive(Default)]
struct Ids(HashMap<u64, u32>);

impl Ids {
    /// The ends of an id that may stand for it: partition, offset and row, then with what is before them.
    fn ends(id: &str) -> impl Iterator<Item = &str> {
        let slashes = id.rmatch_indices('/').map(|(at, _)| at + 1);
        slashes.skip(2).map(|at| &id[at..])
    }

    fn hash(end: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        end.hash(&mut hasher);
        hasher.finish()
    }

    fn add(&mut self, id: &str) {
        Self::ends(id).for_each(|end| *self.0.entry(Self::hash(end)).or_default() += 1);
    }

    /// The shortest end of an id that no other has.
    fn short<'a>(&self, id: &'a str) -> &'a str {
        Self::ends(id).find(|end| self.0.get(&Self::hash(end)) == Some(&1)).unwrap_or(id)
    }
}

/// The topologies of which there is a topic of dead letters, among those of the `known` flows if these are given.
fn with_letters(topics: &[Arc<str>], known: Option<&[&str]>) -> Vec<String> {
    let topologies = topics.iter().filter_map(|topic| topic.strip_suffix(".dead-letters"));
    let is_known = |topology: &&str| {
        let of_it = |flow: &&str| flow.split_once('/').is_some_and(|(of, _)| of == *topology);
        known.is_none_or(|known| known.iter().any(of_it))
    };
    topologies.filter(is_known).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Ids, means};

    #[test]
    fn on_a_shared_log_only_topologies_of_the_folder_have_letters() {
        let topics =
            ["a.dead-letters", "a.load.ledger", "ab.dead-letters", "strangers.dead-letters"].map(Arc::<str>::from);
        assert_eq!(super::with_letters(&topics, None), ["a", "ab", "strangers"]);
        assert_eq!(super::with_letters(&topics, Some(&["a/load", "c/load"])), ["a"]);
        assert!(super::with_letters(&topics, Some(&[])).is_empty());
    }

    #[test]
    fn an_id_is_meant_by_its_beginning_or_its_last_parts() {
        let ids = ["a/load/0f/3/0/1", "a/load/0f/13/0/1", "a/load/0f/3/0/11", "b/load/9c/3/0/11"];
        let cases = [
            ("3/0/1", vec![0]),
            ("0/1", vec![0, 1]),
            ("3/0/11", vec![2, 3]),
            ("b/", vec![3]),
            ("a/load/0f/3/0/1", vec![0, 2]),
            ("", vec![]),
            ("/1", vec![]),
        ];
        for (written, meant) in cases {
            let found: Vec<usize> = (0..ids.len()).filter(|&id| means(ids[id], written)).collect();
            assert_eq!(found, meant, "{written}");
        }
        let mut known = Ids::default();
        ids.iter().for_each(|id| known.add(id));
        assert_eq!(ids.map(|id| known.short(id)), ["3/0/1", "13/0/1", "0f/3/0/11", "9c/3/0/11"]);
    }
}
