//! Answers questions about a data folder: the same for the run that owns it and for a command that opened it itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use clickhouse_connector::{ClickHouse, ClickHouseSettings};
use connect::RawStore;
use log::Log;
use runtime::{Board, DeadLetter, Holds, Mark, Receipt, SystemTopics};
use serde_json::{Value, json};

use crate::control::{Question, Reply};
use crate::data::DataFolder;
use crate::reconcile;
use crate::tap::frame::Wire;
use crate::tap::topic::{TopicTap, Wanted};
use crate::tap::{Manner, Taps};

/// What is needed to answer.
pub(crate) struct Access {
    pub(crate) log: Arc<dyn Log>,
    /// Of a run; a command that opened the folder itself reads the ledgers.
    pub(crate) board: Option<Arc<Board>>,
    pub(crate) holds: Arc<Holds>,
    pub(crate) client: Option<ClickHouse>,
    pub(crate) server: Option<ClickHouseSettings>,
    pub(crate) folder: DataFolder,
    pub(crate) raw: Arc<dyn RawStore>,
    pub(crate) schemas: Arc<dyn operators::Schemas>,
    pub(crate) system: SystemTopics,
    /// Revision of each topology that is running.
    pub(crate) revisions: BTreeMap<String, String>,
    /// The flows that are running, for those who look.
    pub(crate) taps: Arc<Taps>,
}

impl Access {
    /// What a run replies.
    pub(crate) fn reply(&self, question: &Question) -> Result<Reply> {
        Ok(match question {
            Question::Tap { place, limit, json } => {
                let (looking, manner) = (self.taps.open(place)?, Manner { limit: *limit, json: *json });
                Reply::Stream(Box::new(move |mut stream| looking.show(manner, &mut Wire::Socket(&mut stream))))
            }
            Question::TapTopic { topic, from_end, limit, json } => {
                let wanted = Wanted { topic: topic.clone(), from_end: *from_end };
                let tap = TopicTap::open(&self.log, &self.schemas, &wanted)?;
                let manner = Manner { limit: *limit, json: *json };
                Reply::Stream(Box::new(move |mut stream| tap.show(manner, &mut Wire::Socket(&mut stream))))
            }
            question => Reply::Value(self.answer(question)?),
        })
    }

    /// The answer as JSON.
    pub(crate) fn answer(&self, question: &Question) -> Result<Value> {
        match question {
            Question::ClickHouse => {
                let server = self.server.as_ref().context("there is no ClickHouse here")?;
                Ok(json!({ "url": server.url, "user": server.user, "password": server.password.reveal() }))
            }
            Question::Status => self.status(),
            Question::Receipts => Ok(serde_json::to_value(self.receipts()?)?),
            Question::DeadLetters => {
                let told = |(letter, state): &(DeadLetter, &str)| {
                    let mut value = crate::show::letter(letter);
                    value["state"] = json!(state);
                    value
                };
                Ok(self.letters_to_come()?.iter().map(told).collect())
            }
            Question::Topics => self.topics(),
            Question::Reconcile => self.reconcile(),
            Question::Replay { files, code, dry } => {
                Ok(serde_json::to_value(crate::replay::replay(self, files, code.as_deref(), *dry)?)?)
            }
            Question::GiveUp { flow, code } => {
                self.folder.knows(flow)?;
                crate::replay::give_up(self, flow, code.as_deref())
            }
            Question::Release { flow } => {
                self.folder.knows(flow)?;
                Ok(json!({ "released": self.holds.release(flow) }))
            }
            Question::State { place, key } => crate::stores::look(self.log.as_ref(), &self.folder, place, key),
            Question::Tap { .. } | Question::TapTopic { .. } => anyhow::bail!("rows are no single answer"),
        }
    }

    /// `topology/flow` of every flow that has a ledger.
    fn flows(&self) -> Result<Vec<(String, String)>> {
        let topics = self.log.topics()?;
        let ledgers = topics.iter().filter_map(|topic| topic.strip_suffix(".ledger"));
        Ok(ledgers.filter_map(|name| name.split_once('.')).map(|(one, two)| (one.to_owned(), two.to_owned())).collect())
    }

    fn status(&self) -> Result<Value> {
        let flows = match &self.board {
            Some(board) => board.flows(),
            None => {
                let board = Board::default();
                for (topology, flow) in self.flows()? {
                    for entry in runtime::ledger(self.log.as_ref(), &topology, &flow)? {
                        board.restore(&format!("{topology}/{flow}"), &entry);
                    }
                }
                board.flows()
            }
        };
        let balanced: BTreeMap<&String, bool> =
            flows.iter().map(|(name, state)| (name, state.total.balanced())).collect();
        let letters = self.letters_to_come()?;
        let open = letters.iter().filter(|(_, state)| *state == "open").count();
        Ok(json!({
            "running": self.board.is_some(),
            "flows": flows,
            "accounted_for": balanced,
            "holds": self.holds.list(),
            "open_dead_letters": open,
            "waiting_dead_letters": letters.len() - open,
        }))
    }

    /// All receipts of all flows, the newest last.
    fn receipts(&self) -> Result<Vec<Receipt>> {
        let mut receipts = Vec::new();
        for (topology, flow) in self.flows()? {
            receipts.extend(runtime::receipts(runtime::ledger(self.log.as_ref(), &topology, &flow)?));
        }
        receipts.sort_by_key(|receipt: &Receipt| receipt.at);
        Ok(receipts)
    }

    /// Dead letters that are open, of all topologies.
    pub(crate) fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        let topics = self.log.topics()?;
        let mut open = Vec::new();
        for topology in topics.iter().filter_map(|topic| topic.strip_suffix(".dead-letters")) {
            let letters = runtime::dead_letters(self.log.as_ref(), topology)?.into_values();
            open.extend(letters.filter(|(_, mark)| mark.is_none()).map(|(letter, _)| letter));
        }
        Ok(open)
    }

    /// Dead letters that are not at their end: open ones, and those that wait in a retry topic for a run.
    fn letters_to_come(&self) -> Result<Vec<(DeadLetter, &'static str)>> {
        let topics = self.log.topics()?;
        let mut waiting: HashMap<(String, i32), HashSet<(i64, i64)>> = HashMap::new();
        let mut found = Vec::new();
        for topology in topics.iter().filter_map(|topic| topic.strip_suffix(".dead-letters")) {
            for (letter, mark) in runtime::dead_letters(self.log.as_ref(), topology)?.into_values() {
                if mark.is_none() {
                    found.push((letter, "open"));
                    continue;
                }
                if mark.as_deref() != Some(Mark::Replayed.word()) {
                    continue;
                }
                let place = (letter.flow.clone(), letter.partition);
                if !waiting.contains_key(&place) {
                    let rows = runtime::waiting_rows(self.log.as_ref(), topology, &letter.flow, letter.partition)?;
                    waiting.insert(place.clone(), rows.into_iter().collect());
                }
                if waiting.get(&place).is_some_and(|rows| rows.contains(&(letter.offset, letter.row))) {
                    found.push((letter, "waiting"));
                }
            }
            waiting.clear();
        }
        Ok(found)
    }

    /// All topics with their number of records.
    fn topics(&self) -> Result<Value> {
        let mut told = Vec::new();
        for name in self.log.topics()? {
            let Some(state) = self.log.topic(&name)? else { continue };
            let ends = (0..state.partitions).map(|partition| self.log.end(&name, partition));
            let records: i64 = ends.collect::<Result<Vec<_>, _>>()?.into_iter().sum();
            told.push(json!({ "topic": &*name, "partitions": state.partitions, "records": records }));
        }
        Ok(told.into())
    }

    /// The ledger of each landing against what its table holds.
    fn reconcile(&self) -> Result<Value> {
        let client = self.client.as_ref().context("there is no ClickHouse here")?;
        reconcile::reconcile(self.log.as_ref(), client, &self.folder.known_flows()?)
    }
}

/// The newest receipt of each document of a flow, in their order.
pub(crate) fn newest(receipts: Vec<Receipt>) -> Vec<Receipt> {
    let mut newest: HashMap<[String; 3], (i64, i64)> = HashMap::new();
    let whose = |receipt: &Receipt| [receipt.topology.clone(), receipt.flow.clone(), receipt.document.clone()];
    for receipt in &receipts {
        let latest = newest.entry(whose(receipt)).or_default();
        // What came back of an earlier version does not make that the newest.
        *latest = (*latest).max((receipt.version, receipt.at));
    }
    receipts.into_iter().filter(|receipt| newest.get(&whose(receipt)) == Some(&(receipt.version, receipt.at))).collect()
}
