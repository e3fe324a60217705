//! `run`: runs topologies until stopped, or until all is done.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clickhouse_connector::ClickHouse;
use connect::RawStore;
use http_connector::Hosts;
use log::{Log, LogError};
use runtime::{
    Board, FlowParts, Held, Holds, RunParts, SnapshotSettings, StopSignal, SystemTopics, TaskEnd, Turn, names,
};
use topology::plan::Topology;

use super::check::load;
use super::claims::claim;
use crate::access::{self, Access};
use crate::arguments::{ClickHouseAt, Data, Run};
use crate::buckets::Buckets;
use crate::control::Answering;
use crate::data::{self, DataFolder, KnownFlow, Server};
use crate::exit::{Exit, away, failure};
use crate::flow_names::{self, FlowNames};
use crate::live::{self, LiveLines, Report};
use crate::old_rows::OldRows;
use crate::rebuild::Means;
use crate::registry::Patience;
use crate::services::OpenLog;
use crate::signals::Signals;
use crate::tap::Taps;
use crate::watch::{Listen, RunOf, Running, Watched};
use crate::wiring::{self, DocumentsFrom, Tables, Wiring};
use crate::{before, displaced, earlier, environment, keys, rebuild, refused, show, unread};

/// What a run is told.
pub(crate) struct RunSettings {
    pub(crate) topologies: Vec<Topology>,
    pub(crate) documents: DocumentsFrom,
    pub(crate) not_claimed: Vec<String>,
    pub(crate) once: bool,
    /// How long a run that ends by itself waits for ClickHouse at its start.
    pub(crate) service_wait: Duration,
    pub(crate) clickhouse: ClickHouseAt,
    pub(crate) data: Data,
    /// Where it is watched.
    pub(crate) listen: Option<Listen>,
}

/// What a run left behind.
pub(crate) struct Finished {
    pub(crate) board: Arc<Board>,
    pub(crate) holds: Vec<Held>,
    pub(crate) took: i64,
    pub(crate) exit: Exit,
    pub(crate) old_rows: Vec<OldRows>,
    /// The ClickHouse of the run, still running.
    pub(crate) server: Server,
}

/// What is known of the folder of `--documents` before anything is read.
pub(super) struct Intake {
    pub(super) not_claimed: Vec<String>,
    /// The folder of `--documents` in which no file fits any source of the run.
    pub(super) nothing_fits: Option<PathBuf>,
    /// The folder of `--documents`, and its files at the start.
    given: Option<(PathBuf, Vec<GivenFile>)>,
}

/// A file of `--documents` that a source claims.
struct GivenFile {
    flow: String,
    document: String,
    name: String,
}

impl Intake {
    /// The folder of `--documents` if not one of its files holds data.
    pub(super) fn no_data(&self, board: &Board) -> Option<&Path> {
        let (folder, files) = self.given.as_ref().filter(|(_, files)| !files.is_empty())?;
        files.iter().all(|file| board.is_no_data(&file.flow, &file.document, &file.name)).then_some(folder)
    }
}

/// The status of a run that ends by itself where `no_data` is so: it would end as if all were loaded.
pub(super) fn without_data(exit: Exit, no_data: Option<&Path>) -> Exit {
    if exit == Exit::Fine && no_data.is_some() { Exit::Refused } else { exit }
}

pub(crate) fn run(arguments: &Run) -> Result<Exit> {
    let topologies = load(&arguments.files)?;
    if arguments.dry {
        let (documents, intake) = intake(arguments, &topologies)?;
        let listen = Listen::of(&arguments.listen, true)?;
        return super::dry::dry(arguments, &topologies, documents, (&intake, listen));
    }
    // A command line that cannot be carried out leaves no folder behind.
    let (documents, mut intake) = intake(arguments, &topologies)?;
    let listen = Listen::of(&arguments.listen, arguments.once)?;
    if DataFolder::open(&arguments.data)?.is_demonstration() {
        return Err(failure(
            Exit::Usage,
            format!("the data folder {} holds the demonstration's synthetic rows", arguments.data.data.display()),
            "name another folder with --data DIR, or remove this one",
        ));
    }
    let (unread, folders) = (unread::unread(&topologies), unread::folders(&topologies));
    let owners = displaced::owners(&topologies);
    let finished = run_topologies(RunSettings {
        topologies,
        documents,
        not_claimed: std::mem::take(&mut intake.not_claimed),
        once: arguments.once,
        service_wait: Duration::from_secs(arguments.service_wait),
        clickhouse: arguments.clickhouse.clone(),
        data: arguments.data.clone(),
        listen,
    });
    let finished = match finished {
        Err(error) if error.is::<Stopped>() => {
            show::note(&error.to_string());
            return Ok(if arguments.once { Exit::Fenced } else { Exit::Fine });
        }
        finished => finished?,
    };
    let mut flows = finished.board.flows();
    refused::set_aside(&mut flows);
    let no_data = intake.no_data(&finished.board).filter(|_| arguments.once);
    live::table(&Report {
        flows: &flows,
        not_claimed: &finished.board.not_claimed(),
        holds: &finished.holds,
        took: finished.took,
        nothing_fits: intake.nothing_fits.as_deref().filter(|_| flows.values().all(|state| state.found == 0)),
        no_data,
        unread: &unread::with_rows(unread, &flows, &folders),
        old_rows: &finished.old_rows,
        displaced: &[displaced::lines(&owners, &flows), displaced::twice(&flows)].concat(),
        dry: None,
        format: arguments.format,
    });
    // Only now: people see the table before ClickHouse has ended.
    drop(finished.server);
    Ok(without_data(finished.exit, no_data))
}

/// Where the documents come from, by what was typed.
fn intake(arguments: &Run, topologies: &[Topology]) -> Result<(DocumentsFrom, Intake)> {
    let (documents, not_claimed) = match &arguments.documents {
        None => {
            let buckets = Buckets::read(&arguments.data, topologies)?.refuse(topologies)?;
            let contact = arguments.contact.clone();
            (DocumentsFrom::Publishers { contact, rewrite: None, buckets }, Vec::new())
        }
        Some(folder) => claim(folder, topologies, arguments.once || arguments.dry)?,
    };
    let nothing_fits = match &documents {
        DocumentsFrom::Folder { folder, files, .. } if files.values().all(Vec::is_empty) => Some(folder.clone()),
        _ => None,
    };
    let flow_names = FlowNames::of_topologies(topologies);
    let given = match &documents {
        DocumentsFrom::Folder { folder, files, .. } => {
            let given = files.iter().flat_map(|(flow, files)| {
                let recorded = flow_names.recorded(flow);
                files.iter().map(move |file| GivenFile {
                    flow: flow.clone(),
                    document: names::document(&recorded, &file.fields, &file.name),
                    name: file.name.clone(),
                })
            });
            Some((folder.clone(), given.collect()))
        }
        DocumentsFrom::Publishers { .. } => None,
    };
    Ok((documents, Intake { not_claimed, nothing_fits, given }))
}

/// Runs topologies with all that they need, and comes back when they are done or stopped.
pub(crate) fn run_topologies(settings: RunSettings) -> Result<Finished> {
    let RunSettings { topologies, documents, not_claimed, once, service_wait, clickhouse, data, listen } = settings;
    let started = environment::now();
    // Before anything is waited for: who watches sees that the process lives and is not ready. Not before the folder is this
    // process's: one that is refused was never there.
    let (mut listen, mut watched) = (listen, None);
    let ground = Ground::open(&data, &clickhouse, once.then_some(service_wait), &mut || {
        watched = listen.take().map(Watched::start).transpose()?;
        Ok(())
    })?;
    let pass = loop {
        let pass = ground.pass(&topologies, documents.clone(), &not_claimed, once, watched.as_ref())?;
        if !pass.turned {
            break pass;
        }
    };
    let took = environment::now() - started;
    // A log that is away by now has no say in how the run ended; `status` tells of such rows later.
    let old_rows = match ground.access(None, Arc::default(), BTreeMap::new()).old_rows() {
        Err(error) if away(&error).is_some() => Vec::new(),
        old_rows => old_rows?,
    };
    Ok(Finished { board: pass.board, holds: pass.holds, took, exit: pass.exit, old_rows, server: ground.server })
}

/// What runs stand on: an open data folder, a ClickHouse that answers, and the signal to stop. Several passes may
/// follow each other on one ground.
pub(crate) struct Ground {
    pub(crate) folder: DataFolder,
    pub(crate) log: OpenLog,
    pub(crate) client: ClickHouse,
    pub(crate) stop: StopSignal,
    patience: Patience,
    signals: Signals,
    raw: Arc<dyn RawStore>,
    schemas: Arc<dyn operators::Schemas>,
    system: SystemTopics,
    server: Server,
    answering: Answering,
}

/// A run was told to stop while it waited for the log: nothing was begun.
#[derive(Debug, thiserror::Error)]
#[error("stopped while it waited: {0}")]
struct Stopped(anyhow::Error);

fn unless_stopped(stop: &StopSignal, error: anyhow::Error) -> anyhow::Error {
    if stop.stopping() { Stopped(error).into() } else { error }
}

/// What one pass left behind.
pub(crate) struct Pass {
    pub(crate) board: Arc<Board>,
    pub(crate) holds: Vec<Held>,
    pub(crate) exit: Exit,
    /// True if another pass is to follow: a rebuild begins, is taken back, or is done.
    pub(crate) turned: bool,
}

impl Ground {
    /// Catches signals, opens the folder and starts ClickHouse. Waits so long for ClickHouse, or for ever. `owned` is called
    /// as soon as nobody else can have the folder.
    pub(crate) fn open(
        data: &Data,
        clickhouse: &ClickHouseAt,
        wait: Option<Duration>,
        owned: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Self> {
        // First of all: who stops a run while ClickHouse starts wants it to end in order, too.
        let stop = StopSignal::new();
        let signals = Signals::catch(&stop)?;
        let folder = DataFolder::open(data)?;
        let patience = Patience { stop: stop.clone(), at_most: wait };
        // What the file of connections lacks is told before anybody is waited for.
        let (raw, schemas) = (folder.documents()?, folder.schemas_of_run(patience.clone())?);
        let log = folder.log_of_run(&patience, owned).map_err(|error| unless_stopped(&stop, error))?;
        let server = Server::start(clickhouse, &folder)?;
        let client = server.client()?;
        server.keep_alive();
        reach(&client, wait, &stop)?;
        let system = wiring::system_topics(&schemas, &wiring::system_topology()?)?;
        Ok(Self {
            folder,
            log,
            client,
            stop,
            patience,
            signals,
            raw,
            schemas,
            system,
            server,
            answering: Answering::default(),
        })
    }

    /// What answers questions about the folder; `board` and `revisions` are those of a run that is going on.
    pub(crate) fn access(
        &self,
        board: Option<Arc<Board>>,
        holds: Arc<Holds>,
        revisions: BTreeMap<String, String>,
    ) -> Access {
        Access {
            log: self.log.log(),
            board,
            holds,
            client: Some(self.client.clone()),
            server: Some(self.server.settings().clone()),
            folder: self.folder.clone(),
            raw: Arc::clone(&self.raw),
            schemas: Arc::clone(&self.schemas),
            system: self.system.clone(),
            revisions,
            taps: Arc::default(),
            run: None,
            listens: None,
            turn: None,
        }
    }

    /// Runs topologies until they are done or stopped.
    pub(crate) fn pass(
        &self,
        topologies: &[Topology],
        documents: DocumentsFrom,
        not_claimed: &[String],
        once: bool,
        watched: Option<&Watched>,
    ) -> Result<Pass> {
        let (folder, log) = (&self.folder, self.log.log());
        let (mut topologies, stop) = (topologies.to_vec(), self.stop.child());
        let begun = rebuild::begin(&self.means(log.as_ref()), &mut topologies);
        let begun = begun.map_err(|error| unless_stopped(&self.stop, error))?;
        let (topologies, turn) = (topologies.as_slice(), Turn::of(&stop));
        let system = wiring::system_topology()?;
        let mut wiring = Wiring {
            tables: Tables::ClickHouse(self.client.clone()),
            schemas: Arc::clone(&self.schemas),
            documents,
            hosts: Arc::new(Hosts::new()),
            taps: Arc::new(Taps::new(topologies)),
        };
        let sources = wiring.sources(topologies)?;
        let looking: Vec<String> = sources.iter().map(|source| source.flow.clone()).collect();
        let mut flows = wiring.flows(topologies)?;
        flows.extend(wiring.rebuilding(topologies, &begun.building, &turn)?);
        flows.extend(wiring.flows(std::slice::from_ref(&system))?);
        let known = folder.known_flows()?;
        before::tell(&mut flows, &known, topologies);
        // The log may go away between any two of these, and come back.
        let prepared = self.patience.wait(
            || {
                flow_names::refuse(topologies, &known, log.as_ref())?;
                keys::refuse(topologies, &known, log.as_ref())?;
                earlier::refuse_partitions(topologies, log.as_ref())?;
                earlier::refuse(topologies, log.as_ref(), self.schemas.as_ref())?;
                wiring::look_for_topics(&flows, log.as_ref(), folder.shares_the_log())?;
                runtime::make_topics(&flows, log.as_ref())?;
                folder.remember_flows(&flows, topologies, log.as_ref())
            },
            away,
        );
        prepared.map_err(|error| unless_stopped(&self.stop, error))?;
        let mut notes =
            flow_names::changed(topologies, &known, &begun.going_on(), (log.as_ref(), folder.shares_the_log()))?;
        notes.extend(keys::compared(topologies, &known));
        notes.iter().for_each(|note| show::note(note));
        let names: Vec<String> = flows.iter().map(FlowParts::name).collect();
        let recorded: Vec<String> = flows.iter().map(FlowParts::recorded_as).collect();
        // What was on hold under an earlier name is so under this one, or not at all.
        let before = FlowNames::of_known(&known);
        let before = recorded.iter().flat_map(|flow| [flow.clone(), before.shown(flow)]);
        folder.note_held(&names.iter().cloned().chain(before).collect::<Vec<_>>(), Vec::new())?;

        let (board, holds) = (Arc::new(Board::default()), Arc::new(Holds::default()));
        self.signals.tell_of(&board);
        not_claimed.iter().for_each(|path| board.note_not_claimed(path));
        let revisions = flows.iter().map(|parts| (parts.topology.to_string(), parts.revision.to_string())).collect();
        let mut access = self.access(Some(Arc::clone(&board)), Arc::clone(&holds), revisions);
        (access.taps, access.turn) = (Arc::clone(&wiring.taps), (!once).then(|| turn.clone()));
        let (memory, all) = (folder.memory(), with_system(topologies, system));
        let running = Arc::new(Running::of(RunOf {
            topologies: &all,
            flows: &flows,
            sources: &sources,
            board: Arc::clone(&board),
            holds: Arc::clone(&holds),
            memory: memory.clone(),
            log: Arc::clone(&log),
        })?);
        (access.run, access.listens) = (Some(Arc::clone(&running)), watched.and_then(Watched::address));
        let access = Arc::new(access);
        if let Some(watched) = watched {
            watched.of_run(Some((running, Arc::clone(&access))));
        }
        self.answering.by(&folder.control(), access)?;
        if !once && begun.is_behind(&self.means(log.as_ref()))? {
            turn.ask();
        }
        let lines = LiveLines::start(Arc::clone(&board));
        let mut ended = runtime::run(RunParts {
            flows,
            sources,
            log: Arc::clone(&log),
            raw: Arc::clone(&self.raw),
            system: self.system.clone(),
            once,
            slots: slots(),
            memory,
            stop,
            board: Arc::clone(&board),
            holds: Arc::clone(&holds),
            snapshots: Some(SnapshotSettings::new(folder.snapshots())),
            faults: crate::abort::faults()?,
            clock: environment::clock(),
        })?;
        drop(lines);
        let turned = turn.asked() && !self.stop.stopping();
        if !turned {
            self.answering.end();
            watched.iter().for_each(|watched| watched.of_run(None));
        }
        self.log.settle();
        let mut held = folder.with_files(holds.list())?;
        folder.note_held(&names, held.clone())?;
        if turned || (once && !self.stop.stopping()) {
            self.settle(&mut ended.failed, &mut held, &board)?;
            folder.note_held(&names, held.clone())?;
        }
        begun.building.iter().for_each(|one| one.tell_once(topologies, &board));
        let exit = outcome(&ended.failed, &board, once, &self.stop, &|| {
            let mut known = folder.known_flows()?;
            known.retain(|flow, _| recorded.contains(flow) && !flow.starts_with("spotlight/"));
            waits(&*self.log, &known, &board, &looking)
        })?;
        Ok(Pass { board, holds: held, exit, turned })
    }

    /// Ends the rebuilds that have read all. What was on hold of the generations that they take the place of is so no more.
    /// Not behind a task that failed: how the run ends is said first.
    fn settle(&self, failed: &mut Vec<(String, TaskEnd)>, held: &mut Vec<Held>, board: &Board) -> Result<()> {
        if failed.iter().any(|(_, end)| !matches!(end, TaskEnd::Held | TaskEnd::Fenced)) {
            return Ok(());
        }
        let rebuild::Settled { done, nexts, waits } = rebuild::settle(&self.means(self.log.log().as_ref()), held)?;
        failed.retain(|(flow, end)| !matches!(end, TaskEnd::Held) || !done.contains(flow));
        held.retain(|held| !done.contains(&held.flow));
        for (flow, next) in done.iter().zip(&nexts) {
            // What the generation of before refused is refused no more.
            let refused = board.look(|flows| flows.get(next).map(|state| state.refused.clone()).unwrap_or_default());
            board.change(flow, |state| state.refused = refused);
        }
        // What the names of documents mean it does not mend.
        let mended = |held: &&mut Held| waits.contains(&held.flow) && held.code != runtime::ANOTHER_IDENTITY.0;
        for held in held.iter_mut().filter(mended) {
            held.remedy = "its rebuild mends that, and waits for a person as is said above".to_owned();
        }
        failed.extend(waits.into_iter().map(|flow| (flow, TaskEnd::Held)));
        Ok(())
    }

    fn means<'a>(&'a self, log: &'a dyn Log) -> Means<'a> {
        let (schemas, patience) = (self.schemas.as_ref(), &self.patience);
        Means { log, client: &self.client, folder: &self.folder, system: &self.system, schemas, patience }
    }
}

/// These topologies and the engine's own.
fn with_system(topologies: &[Topology], system: Topology) -> Vec<Topology> {
    topologies.iter().cloned().chain([system]).collect()
}

/// How many documents are in memory at once.
pub(super) fn slots() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get) + 1
}

/// How a run ends; one that would end by itself and was stopped before has not ended well. `left` says in words what it
/// has not done.
pub(super) fn outcome(
    failed: &[(String, TaskEnd)],
    board: &Board,
    once: bool,
    stop: &StopSignal,
    left: &dyn Fn() -> Result<String>,
) -> Result<Exit> {
    let exit = status(failed, board, once)?;
    if !once || !stop.stopping() || !matches!(exit, Exit::Fine | Exit::Refused) {
        return Ok(exit);
    }
    show::note(&format!("stopped before the end: {}", left()?));
    Ok(Exit::Fenced)
}

/// What waits for the next run of these flows, in words. `looking` are those that have sources.
fn waits(log: &dyn Log, flows: &BTreeMap<String, KnownFlow>, board: &Board, looking: &[String]) -> Result<String> {
    let (mut documents, mut records) = (0, 0);
    for (flow, waiting) in access::waiting(log, flows)? {
        let of_documents = flows.get(&flow).is_some_and(|known| access::is_documents(&known.topic));
        *(if of_documents { &mut documents } else { &mut records }) += waiting.values().sum::<i64>();
    }
    let counted = |number: i64, one: &str| show::counted(number.unsigned_abs(), one);
    let mut words = match (documents, records) {
        (0, 0) => "nothing that was found waits for the next run".to_owned(),
        (_, 0) => format!("{} left to the next run", counted(documents, "document")),
        (0, _) => format!("{} left to the next run", counted(records, "record")),
        _ => format!("{} and {} left to the next run", counted(documents, "document"), counted(records, "record")),
    };
    let states = board.flows();
    let unseen: Vec<&str> = looking
        .iter()
        .filter(|flow| !states.get(*flow).is_some_and(|state| state.looked))
        .map(String::as_str)
        .collect();
    if !unseen.is_empty() {
        words.push_str(&format!("; not all that its source offers was looked at for {}", unseen.join(", ")));
    }
    Ok(words)
}

/// How a run ends. One without an end of its own was told to stop and did: what waits for a person is no failure of it.
fn status(failed: &[(String, TaskEnd)], board: &Board, once: bool) -> Result<Exit> {
    for (flow, end) in failed {
        match end {
            TaskEnd::Held => {}
            TaskEnd::Fenced => {
                show::note(&format!("{flow}: another process of this instance's name has taken over"));
                return Ok(Exit::Fenced);
            }
            TaskEnd::Log(error @ (LogError::Away(_) | LogError::Unknown(_) | LogError::NotOwned { .. })) => {
                let what = format!("{flow}: the log failed: {}", data::chain(error));
                return Err(failure(Exit::Fenced, what, "start the run again: it goes on where it stands"));
            }
            TaskEnd::Log(error @ LogError::Damaged(_)) => {
                let what = format!("{flow}: the log cannot be read: {}", data::chain(error));
                return Err(failure(Exit::Environment, what, "spotlight explain E5303 says what can be done"));
            }
            TaskEnd::Log(error @ LogError::Store(_)) => {
                let what = format!("{flow}: the log's disk failed: {}", data::chain(error));
                return Err(failure(
                    Exit::Fenced,
                    what,
                    "look at the disk of the data folder, then start the run again",
                ));
            }
            end => anyhow::bail!("{flow}: {}", data::chain(end)),
        }
    }
    if !once {
        return Ok(Exit::Fine);
    }
    let mut flows = board.flows();
    refused::set_aside(&mut flows);
    let refused = flows.values().any(|state| !state.refused.is_empty());
    // Where files are and none has a name that is read, a run would end as if all were loaded.
    let trouble = flows.values().any(|state| state.source_trouble.is_some() || state.misfit.is_some());
    Ok(if refused || trouble || !failed.is_empty() { Exit::Refused } else { Exit::Fine })
}

/// Waits for ClickHouse: so long if the run ends by itself, for ever otherwise, and not once the run was told to stop.
fn reach(client: &ClickHouse, at_most: Option<Duration>, stop: &StopSignal) -> Result<()> {
    let mut waited = Duration::ZERO;
    loop {
        let Err(error) = client.execute("SELECT 1 FORMAT Null", &[]) else {
            return Ok(());
        };
        if at_most.is_some_and(|at_most| waited >= at_most) {
            return Err(failure(
                Exit::Unreachable,
                format!("ClickHouse at {} does not answer: {}", client.address(), data::chain(&error)),
                "start it, or mend the address, user or password",
            ));
        }
        let pause = Duration::from_secs(1);
        tracing::warn!(address = client.address(), reason = %error, "waiting for ClickHouse");
        if !stop.wait(pause) {
            return Ok(());
        }
        waited += pause;
    }
}
