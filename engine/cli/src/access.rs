//! Answers questions about a data folder: the same for the run that owns it and for a command that opened it itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clickhouse_connector::{ClickHouse, ClickHouseSettings};
use connect::RawStore;
use log::{Log, LogError};
use runtime::{Absence, Board, FlowState, Holds, Receipt, SystemTopics, Turn, names};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use telemetry::Counts;

use crate::control::{self, Question, Reply};
use crate::data::{DataFolder, KnownFlow};
use crate::edited::edited;
use crate::environment;
use crate::exit::{Exit, failure};
use crate::flow_names::FlowNames;
use crate::replay::Chosen;
use crate::tap::frame::Wire;
use crate::tap::topic::{TopicTap, Wanted};
use crate::tap::{Manner, Taps};
use crate::watch::Running;
use crate::watch::lag::{self, Lag};
use crate::{rebuild, reconcile};

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;
/// Receipts of today that `status` tells at most.
const RECEIPTS_TOLD: usize = 500;

/// A document that its publisher does not have.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Absent {
    /// Its receipt: version 0, without bytes or rows.
    #[serde(flatten)]
    pub(crate) receipt: Receipt,
    /// True if it is asked for again.
    pub(crate) asked_again: bool,
}

impl Absent {
    fn of(topology: &str, flow: &str, absence: Absence) -> Self {
        let Absence { document, name, url, reason, asked_again, at } = absence;
        let receipt = Receipt {
            topology: topology.to_owned(),
            flow: flow.to_owned(),
            document,
            version: 0,
            name,
            url,
            sha256: String::new(),
            size: 0,
            outcome: operators::Outcome::Absent.word().to_owned(),
            code: String::new(),
            message: reason,
            counts: Counts::default(),
            withdrawn: 0,
            revision: String::new(),
            fetched_at: at,
            at,
        };
        Self { receipt, asked_again }
    }
}

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
    /// The run that is going on, if one is.
    pub(crate) run: Option<Arc<Running>>,
    /// Where it listens.
    pub(crate) listens: Option<String>,
    /// Ends its pass, so that another one may begin; none of a run that ends by itself.
    pub(crate) turn: Option<Turn>,
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
            Question::Pause { flow, paused } => {
                let (mut said, paused, board) = (self.pause(flow, *paused)?, *paused, self.board.clone());
                Reply::Stream(Box::new(move |mut stream| {
                    said["not_yet"] = board.map_or(Value::Null, |board| not_yet(&said, paused, &board));
                    control::write_answer(&mut stream, &said)
                }))
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
            Question::Moment => self.moment(),
            Question::Pause { flow, paused } => self.pause(flow, *paused),
            Question::Receipts => Ok(serde_json::to_value(self.receipts()?)?),
            Question::Absent => Ok(serde_json::to_value(self.absent()?)?),
            Question::DeadLetters { only } => self.whole_letters(only),
            Question::ListDeadLetters { each, only } => Ok(serde_json::to_value(self.list_letters(*each, only)?)?),
            Question::Earlier { files } => {
                let mut topologies = topology::load(files, &topology::DiskFiles).topologies;
                let known = self.folder.known_flows()?;
                rebuild::name(&mut topologies, &rebuild::live(&known));
                crate::flow_names::refuse(&topologies, &known, self.log.as_ref())?;
                crate::keys::refuse(&topologies, &known, self.log.as_ref())?;
                crate::earlier::refuse_partitions(&topologies, self.log.as_ref())?;
                let earlier = crate::earlier::earlier(&topologies, self.log.as_ref(), self.schemas.as_ref())?;
                Ok(serde_json::to_value(earlier)?)
            }
            Question::DeadLetter { id } => self.one_letter(id),
            Question::Topics => self.topics(),
            Question::Reconcile => self.reconcile(),
            Question::Replay { files, code, ids, dry } => {
                let chosen = Chosen::new(self, code.as_ref(), ids)?;
                Ok(serde_json::to_value(crate::replay::replay(self, files, &chosen, *dry)?)?)
            }
            Question::GiveUp { flow, code, ids } => {
                let flow = flow.as_ref().map(|flow| self.folder.knows(flow)).transpose()?;
                let chosen = Chosen::new(self, code.as_ref(), ids)?;
                crate::replay::give_up(self, flow.as_deref(), &chosen)
            }
            Question::GiveUpDocuments { flow, documents } => self.give_up_documents(flow, documents),
            Question::Release { flow } => {
                let recorded = self.folder.knows(flow)?;
                let flow = self.folder.flow_names()?.shown(&recorded);
                // What is read beside it is on hold under the name that it has in the log, and is meant too.
                let beside =
                    |held: &&String| names::generation(held) > 1 && names::first(held) == names::first(&recorded);
                let held: BTreeSet<String> = self.holds.list().into_iter().map(|held| held.flow).collect();
                let released: usize = held.iter().filter(beside).map(|flow| self.holds.release(flow)).sum();
                Ok(json!({ "released": self.holds.release(&flow) + released }))
            }
            Question::Rebuild { flow: None, .. } => self.list_rebuilds(),
            Question::Rebuild { flow: Some(flow), said } => self.rebuild(flow, *said),
            Question::State { place, key } => crate::stores::look(self.log.as_ref(), &self.folder, place, key),
            Question::Tap { .. } | Question::TapTopic { .. } => anyhow::bail!("rows are no single answer"),
        }
    }

    /// Topology and flow of every flow that has a ledger, but for generations that others have taken the place of.
    pub(crate) fn flows(&self) -> Result<Vec<(String, String)>> {
        let (topics, known) = (self.log.topics()?, self.folder.known_flows()?);
        let live = rebuild::live(&known);
        let ledgers = topics.iter().filter_map(|topic| topic.strip_suffix(".ledger"));
        let flows = ledgers.filter_map(|name| name.split_once('.'));
        let counts = |(one, two): &(&str, &str)| rebuild::counts(&format!("{one}/{two}"), &known, &live);
        Ok(flows.filter(counts).map(|(one, two)| (one.to_owned(), two.to_owned())).collect())
    }

    fn status(&self) -> Result<Value> {
        let mut flows = match &self.board {
            Some(board) => board.flows(),
            None => {
                let (board, names) = (Board::default(), self.folder.flow_names()?);
                for (topology, flow) in self.flows()? {
                    for entry in runtime::ledger(self.log.as_ref(), &topology, &flow)? {
                        board.restore(&names.shown(&format!("{topology}/{flow}")), &entry);
                    }
                }
                board.flows()
            }
        };
        // By the log also while a run is going on: a task counts what waits only when it looks for more. Where the log is
        // away, or a topic of it, what the tasks have seen stands.
        let known = self.folder.known_flows()?;
        match (waiting(self.log.as_ref(), &known), &self.board) {
            (Ok(waiting), _) => {
                let names = FlowNames::of_known(&known);
                let waiting = waiting.into_iter().map(|(flow, waiting)| (names.shown(&flow), waiting));
                waiting.for_each(|(flow, waiting)| flows.entry(flow).or_default().waiting = waiting);
            }
            (Err(_), Some(_)) => {}
            (Err(error), None) => return Err(error),
        }
        // Of a run its own: what others have done stands in the ledger, and no total is made of it here.
        if self.board.is_some() {
            flows.retain(|flow, _| self.revisions.contains_key(names::parts(flow)[0]));
        }
        crate::refused::set_aside(&mut flows);
        for flow in self.paused()?.into_keys() {
            flows.entry(flow).or_default().paused = true;
        }
        let balanced: BTreeMap<&String, bool> =
            flows.iter().map(|(name, state)| (name, state.total.balanced())).collect();
        let (open, waiting) = self.count_letters()?;
        let absent = match self.absent() {
            // The log is away, or a topic of it.
            Err(_) if self.board.is_some() => Vec::new(),
            absent => absent?,
        };
        let mut not_there: BTreeMap<String, [u64; 2]> = BTreeMap::new();
        for Absent { receipt, asked_again } in &absent {
            let of_flow = not_there.entry(format!("{}/{}", receipt.topology, receipt.flow)).or_default();
            of_flow[usize::from(!asked_again)] += 1;
        }
        let held_before = if self.board.is_some() { Vec::new() } else { self.folder.held()? };
        Ok(json!({
            "running": self.board.is_some(),
            "flows": flows,
            "accounted_for": balanced,
            "holds": self.folder.with_files(self.holds.list())?,
            "held_when_it_ended": held_before,
            "open_dead_letters": open,
            "waiting_dead_letters": waiting,
            "absent": not_there
                .into_iter()
                .map(|(flow, [asked_again, given_up])| {
                    (flow, json!({ "asked_again": asked_again, "given_up": given_up }))
                })
                .collect::<BTreeMap<_, _>>(),
            "changed": self.changed()?,
            "rebuildable": self.rebuildable()?,
            "edited": self.edited()?,
            "old_rows": self.old_rows()?,
            "rebuilds": self.rebuilds_going_on()?,
            "lags": self.lags(),
            "ready": self.ready(),
            "listens": self.listens,
            "paused": self.paused()?,
            "receipts_today": self.receipts_since(environment::now() / DAY * DAY)?,
        }))
    }

    /// Flows of which rows stand that an earlier text of their topology made, and since when they make others.
    fn changed(&self) -> Result<BTreeMap<String, i64>> {
        let known = self.folder.known_flows()?;
        let names = FlowNames::of_known(&known);
        let changed = known.iter().filter(|(_, flow)| !flow.gone);
        Ok(changed.filter_map(|(name, flow)| Some((names.shown(name), flow.changed.as_ref()?.at))).collect())
    }

    /// Those of them that land in a table, which can be rebuilt.
    fn rebuildable(&self) -> Result<Vec<String>> {
        let known = self.folder.known_flows()?;
        let names = FlowNames::of_known(&known);
        let alone = |flow: &KnownFlow| flow.landing.is_some() && flow.keys.is_empty() && !self.folder.shares_the_log();
        let lands = known.iter().filter(|(_, flow)| !flow.gone && flow.changed.is_some() && alone(flow));
        Ok(lands.map(|(name, _)| names.shown(name)).collect())
    }

    /// Files of the topologies that run which are not as the run has read them, and what is different.
    fn edited(&self) -> Result<BTreeMap<String, Value>> {
        let mut running = BTreeMap::new();
        for (recorded, flow) in self.folder.known_flows()? {
            let [topology, _] = names::parts(&recorded);
            if let (Some(revision), Some(file)) = (self.revisions.get(topology), flow.file) {
                running.insert(topology.to_owned(), (revision.clone(), file));
            }
        }
        let told = edited(&running).into_iter();
        Ok(told
            .map(|(topology, how)| {
                let file = &running[&topology].1;
                (topology, json!({ "file": file, "how": how }))
            })
            .collect())
    }

    /// The rebuilds that are to begin, go on or wait for a person.
    fn rebuilds_going_on(&self) -> Result<Value> {
        let told = match self.list_rebuilds() {
            // The log is away.
            Err(_) if self.board.is_some() => return Ok(json!([])),
            told => told?,
        };
        let ended = |one: &Value| ["done", "refused"].iter().any(|stage| one["stage"]["is"] == *stage);
        Ok(told.as_array().into_iter().flatten().filter(|one| !ended(one)).cloned().collect())
    }

    /// What `top` shows, and whoever looks often.
    fn moment(&self) -> Result<Value> {
        let mut flows = self.board.as_ref().map(|board| board.flows()).unwrap_or_default();
        crate::refused::set_aside(&mut flows);
        let (mut open, names) = (BTreeMap::new(), self.folder.flow_names()?);
        if let Some(run) = &self.run {
            let letters = run.sampled.look().letters.clone();
            open = letters.into_iter().map(|(flow, (count, _))| (names.shown(&flow), count)).collect();
        }
        Ok(json!({
            "running": self.board.is_some(),
            "flows": flows,
            "holds": self.folder.with_files(self.holds.list())?,
            "lags": self.lags(),
            "open_dead_letters": open,
            "late": self.run.as_ref().map(|run| run.late(environment::now())).unwrap_or_default(),
        }))
    }

    /// How far each flow is behind, in the partitions of this process: records, and milliseconds that the oldest waits.
    fn lags(&self) -> BTreeMap<String, Lag> {
        let Some(run) = &self.run else { return BTreeMap::new() };
        let (seen, now, holds) = (run.sampled.look(), environment::now(), self.holds.list());
        run.board.look(|flows| {
            let lag = |(name, state): (&String, &FlowState)| {
                let rests = state.paused || holds.iter().any(|held| held.flow == *name);
                Some((name.clone(), lag::of(name, state, rests, &seen, now)?))
            };
            flows.iter().filter_map(lag).collect()
        })
    }

    /// As `/ready` says.
    fn ready(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.awaited().is_empty())
    }

    /// Paused flows by the names that people see, and since when.
    pub(crate) fn paused(&self) -> Result<BTreeMap<String, i64>> {
        let shown = self.folder.flow_names()?;
        let paused = match runtime::paused_flows(self.log.as_ref()) {
            // The log is away, and the tasks know.
            Err(_) if self.board.is_some() => return Ok(BTreeMap::new()),
            paused => paused?,
        };
        let known = self.folder.known_flows()?;
        // Others on the log pause flows of their own.
        let own = known.iter().filter(|(flow, it)| is_called(flow, it)).map(|(flow, _)| flow);
        let here = own.filter_map(|flow| Some((flow, *paused.get(names::first(flow))?)));
        Ok(here.map(|(flow, at)| (shown.shown(flow), at)).collect())
    }

    /// Pauses flows, or lets them go on: those that are not so already.
    fn pause(&self, flow: &str, paused: bool) -> Result<Value> {
        let recorded = self.folder.knows(flow)?;
        let known = self.folder.known_flows()?;
        let meant = |name: &&String| **name == recorded || name.split('/').next() == Some(&recorded);
        // One that no file names any more is meant where it is named itself: the file may come back.
        let here = known.iter().filter(|(name, it)| is_called(name, it) && (!it.gone || **name == recorded));
        let here = here.map(|(name, _)| name);
        let flows: Vec<String> = here.filter(meant).cloned().collect();
        if flows.is_empty() {
            let what = format!("no flow of {flow} was in the files that ran last");
            return Err(failure(Exit::Usage, what, "spotlight status lists the flows; name one of them"));
        }
        let before = runtime::paused_flows(self.log.as_ref())?;
        let (change, so): (Vec<String>, Vec<String>) =
            flows.into_iter().partition(|name| before.contains_key(names::first(name)) != paused);
        if !change.is_empty() {
            runtime::pause(self.log.as_ref(), &change, paused, environment::now())?;
        }
        let flow_names = self.folder.flow_names()?;
        let shown = |flows: Vec<String>| -> Vec<String> { flows.iter().map(|flow| flow_names.shown(flow)).collect() };
        let elsewhere = self.folder.shares_the_log();
        Ok(json!({ "changed": shown(change), "so_already": shown(so), "elsewhere": elsewhere }))
    }

    /// The receipts since an instant, the newest last; of many the newest.
    fn receipts_since(&self, since: i64) -> Result<Vec<Receipt>> {
        let mut receipts = self.receipts()?;
        receipts.retain(|receipt| receipt.at >= since);
        let more = receipts.len().saturating_sub(RECEIPTS_TOLD);
        Ok(receipts.split_off(more))
    }

    /// All receipts of all flows, the newest last.
    fn receipts(&self) -> Result<Vec<Receipt>> {
        let (mut receipts, names) = (Vec::new(), self.folder.flow_names()?);
        for (topology, flow) in self.flows()? {
            receipts.extend(runtime::receipts(runtime::ledger(self.log.as_ref(), &topology, &flow)?));
        }
        for Receipt { topology, flow, .. } in &mut receipts {
            *flow = names.shown_of(topology, flow);
        }
        receipts.sort_by_key(|receipt: &Receipt| receipt.at);
        Ok(receipts)
    }

    /// Documents that their publishers do not have, as they were asked last, the newest last.
    fn absent(&self) -> Result<Vec<Absent>> {
        let (mut found, mut seen, names) = (Vec::new(), BTreeSet::new(), self.folder.flow_names()?);
        for (topology, flow) in self.flows()? {
            // All generations of a flow have one source.
            if !seen.insert((topology.clone(), names::first(&flow).to_owned())) {
                continue;
            }
            let of_flow = runtime::absences(self.log.as_ref(), &topology, &flow)?;
            let flow = names.shown_of(&topology, &flow);
            found.extend(of_flow.into_iter().map(|absence| Absent::of(&topology, &flow, absence)));
        }
        found.sort_by_key(|absent| absent.receipt.at);
        Ok(found)
    }

    /// All topics with their number of records.
    fn topics(&self) -> Result<Value> {
        let mut told = Vec::new();
        for name in self.log.topics()? {
            let Some(state) = self.log.topic(&name)? else { continue };
            let log = &self.log;
            let ends = (0..state.partitions)
                .map(|partition| Ok::<_, LogError>(log.end(&name, partition)? - log.first(&name, partition)?));
            let records: i64 = ends.collect::<Result<Vec<_>, _>>()?.into_iter().sum();
            let internal = topology::is_own_topic(&name);
            told.push(json!({
                "topic": &*name, "partitions": state.partitions, "records": records, "internal": internal,
            }));
        }
        Ok(told.into())
    }

    /// The ledger of each landing against what its table holds.
    fn reconcile(&self) -> Result<Value> {
        let client = self.client.as_ref().context("there is no ClickHouse here")?;
        let mut known = self.folder.known_flows()?;
        let flow_names = FlowNames::of_known(&known);
        let exchanging = rebuild::exchanging(self.log.as_ref(), &self.folder)?;
        // Which of the tables is which the run says that ends it.
        let left: Vec<(String, KnownFlow)> =
            known.extract_if(.., |flow, _| exchanging.contains(names::first(flow))).collect();
        let mut found = reconcile::reconcile(self.log.as_ref(), client, &known)?;
        for (flow, landing) in
            left.into_iter().filter(|(flow, it)| is_called(flow, it)).filter_map(|(flow, it)| Some((flow, it.landing?)))
        {
            let flow = flow_names.shown(&flow);
            let told = json!({ "flow": flow, "table": landing.table, "rows": landing.rows, "exchanging": true });
            found.as_array_mut().into_iter().for_each(|found| found.push(told.clone()));
        }
        Ok(found)
    }
}

/// False for a generation that is only read beside the live one: people know it by the name of the flow.
fn is_called(recorded: &str, known: &KnownFlow) -> bool {
    names::generation(recorded) == 1 || known.called.is_some()
}

/// How long a pause is waited for that was said. It is heard within half a second and obeyed within another, but for what
/// is in work: a document that is proven, or an insert that the table has not answered.
const OBEYED: Duration = Duration::from_secs(10);
/// How often it is looked whether it is obeyed.
const LOOK: Duration = Duration::from_millis(20);

/// Those flows of an answer that this run has not paused, or let go on, in the time in which it should have.
fn not_yet(said: &Value, paused: bool, board: &Board) -> Value {
    let names = ["changed", "so_already"].map(|of| said[of].as_array().cloned().unwrap_or_default());
    let names: Vec<String> = names.iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect();
    let left = || -> Vec<&String> {
        board.look(|flows| {
            // Flows that this process does not run obey no one here.
            let obeys = |name: &&String| flows.get(*name).is_some_and(|state| state.paused != paused);
            names.iter().filter(obeys).collect()
        })
    };
    for _ in 0..OBEYED.as_millis() / LOOK.as_millis() {
        if left().is_empty() {
            break;
        }
        std::thread::park_timeout(LOOK);
    }
    json!(left())
}

/// Documents or records that wait for each flow, as the log knows it, by partition: those behind the position that it
/// has committed. On a log whose offsets have gaps a number of records may be too large by as many as there are gaps; one
/// of documents is not.
pub(crate) fn waiting(
    log: &dyn Log,
    flows: &BTreeMap<String, KnownFlow>,
) -> Result<BTreeMap<String, BTreeMap<i32, i64>>> {
    let mut waiting = BTreeMap::new();
    for (name, known) in flows {
        let Some((topology, flow)) = name.split_once('/') else { continue };
        let Some(state) = log.topic(&known.topic)? else { continue };
        let group = names::group(topology, flow);
        let mut of_flow = BTreeMap::new();
        for partition in 0..state.partitions {
            let position = stands_at(log, &group, &known.topic, partition)?;
            of_flow.insert(partition, behind(log, &known.topic, partition, position)?.records);
        }
        waiting.insert(name.clone(), of_flow);
    }
    Ok(waiting)
}

/// Where a group stands in a partition: before its first record if it never committed a position.
pub(crate) fn stands_at(log: &dyn Log, group: &str, topic: &str, partition: i32) -> Result<i64, LogError> {
    match log.position(group, topic, partition)?.map(|position| position.offset) {
        // Others may have cut their topic.
        None | Some(0) => log.first(topic, partition),
        Some(offset) => Ok(offset),
    }
}

/// What is behind a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Behind {
    /// Records, or documents.
    pub(crate) records: i64,
    /// When the first of them arrived, in milliseconds since 1970 UTC, if it can be read.
    pub(crate) first_arrival: Option<i64>,
}

/// Records of a partition from a position on.
pub(crate) fn behind(log: &dyn Log, topic: &str, partition: i32, mut position: i64) -> Result<Behind, LogError> {
    let end = log.end(topic, partition)?;
    // Documents are counted, as they are few; of records it is enough that there is one.
    let (counted, mut behind) = (is_documents(topic), Behind::default());
    let bytes = if counted { 1024 * 1024 } else { 1 };
    while position < end {
        // What is not kept any more, or not whole, is the flow's own hold. It waits all the same.
        let Ok(blocks) = log.read(topic, partition, position, bytes) else {
            behind.records += end - position;
            break;
        };
        let Some((first, last)) = blocks.first().zip(blocks.last()) else { break };
        behind.first_arrival = behind.first_arrival.or_else(|| first.arrivals.values().first().copied());
        if !counted {
            behind.records = end - position;
            break;
        }
        behind.records += blocks.iter().map(|block| block.len() as i64).sum::<i64>();
        position = last.next_offset();
    }
    Ok(behind)
}

/// True for the topics whose records are documents.
pub(crate) fn is_documents(topic: &str) -> bool {
    topic.ends_with(".documents")
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
