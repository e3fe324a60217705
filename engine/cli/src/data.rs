//! The data folder: where the embedded default lives, and how its parts are opened.
//!
//! ```text
//! DIR/log/         the embedded log; its lock says who owns the folder
//! DIR/lock         says who owns the folder where the log is elsewhere
//! DIR/owner        names the run that owns the folder, or owned it last
//! DIR/turn         the command that works with the folder; others wait for it
//! DIR/documents/   the raw store
//! DIR/snapshots/   snapshots of stores; may be removed while no run owns the folder: a start then takes longer
//! DIR/scratch/     files without a name, for what does not fit into memory; empty for all to see
//! DIR/clickhouse/  the embedded ClickHouse
//! DIR/flows.json   the flows that ever ran on the folder
//! DIR/holds.json   what was on hold when their last runs ended
//! DIR/control      the socket of the run that owns the folder
//! DIR/publishers/  the synthetic publishers' state; only where the demonstration lives
//! ```

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use batch::RowsMeaning;
use clickhouse_connector::{
    ClickHouse, ClickHouseSettings, EmbeddedServer, EmbeddedSettings, Fetch, Password, Program,
};
use connect::{FolderStore, RawStore};
use indicatif::{ProgressBar, ProgressStyle};
use log::Log;
use log::embedded::EmbeddedLog;
use operators::WorkingMemory;
use runtime::{Destination, FlowInput, FlowParts, ScratchFolder, names};
use serde::{Deserialize, Serialize};
use topology::plan::{From, Topology};

use crate::arguments::{ClickHouseAt, Data};
use crate::exit::{Exit, failure};
use crate::flow_names::{self, FlowNames};
use crate::registry::Patience;
use crate::services::{OpenLog, Owned, Services};
use crate::show;
use crate::stores::{self, KnownStore};
use crate::turn::{self, Role, Turn};
use crate::{earlier, environment, keys, rebuild};

/// A flow, as commands need it that know no topology file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownFlow {
    /// Input topic.
    pub(crate) topic: String,
    /// The schema by which it read the topic's records when it last ran; none of records that others write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reads: Option<String>,
    /// `topology/flow` as its topology calls it now, if that is another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) called: Option<String>,
    /// Where it lands, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) landing: Option<LandedBy>,
    /// The topic that it fills, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fills: Option<String>,
    /// The keys of the topics that it fills, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) keys: BTreeMap<String, Vec<String>>,
    /// What its steps remember.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) stores: Vec<KnownStore>,
    /// The file of its topology, from the root on, when it last ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
    /// The encoding of the documents that it reads, if it reads any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) encoding: Option<String>,
    /// [`topology::making`] of it when it last ran.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) making: String,
    /// Set while rows of it stand that an earlier text of its topology made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) changed: Option<Changed>,
    /// True if its topology ran without it since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) gone: bool,
}

/// That a flow makes other rows than it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changed {
    /// When the first run by the other text began, in milliseconds since 1970 UTC.
    pub(crate) at: i64,
    /// [`topology::making`] of before.
    pub(crate) before: String,
}

/// A flow's landing, as `reconcile` needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LandedBy {
    /// `database.table`.
    pub(crate) table: String,
    /// `append`, `by-key` or `by-document`.
    pub(crate) rows: String,
    /// Value of `_landing`.
    pub(crate) landing: String,
    /// True if the row with the newest position wins among those of one key.
    #[serde(default)]
    pub(crate) newest_by_position: bool,
    /// Tables that the topology named before this one, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) was: Vec<String>,
    /// Topics that the flow read before the one that it reads now, and rows of which may stand there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) read: Vec<String>,
}

impl LandedBy {
    /// `topology/flow/`, with which `_landing` of all its rows begins, from whatever log.
    pub(crate) fn of_rows(&self) -> &str {
        self.landing.rfind('/').map_or("", |end| &self.landing[..=end])
    }

    /// The tables that were named before the topology named `now`, the latest last.
    pub(crate) fn tables_before(&self, now: &str) -> Vec<String> {
        let all = self.was.iter().chain([&self.table]);
        all.filter(|table| *table != now).cloned().collect()
    }
}

/// Writes a file so that it is whole or as it was.
fn write_whole(place: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = place.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, place)
}

/// A data folder.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    root: PathBuf,
    services: Arc<Services>,
}

impl DataFolder {
    /// The folder, made if it is missing, with the services that the command line names.
    pub(crate) fn open(at: &Data) -> Result<Self> {
        let services = Services::read(at)?;
        let root = &at.data;
        std::fs::create_dir_all(root).map_err(|error| {
            failure(
                Exit::Environment,
                format!("the data folder {} cannot be made: {error}", root.display()),
                "name another one with --data DIR",
            )
        })?;
        let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
        if services.shares_the_log() && root.join("log").is_dir() {
            return Err(failure(
                Exit::Usage,
                format!(
                    "the data folder {} holds a log of its own, and the file of connections names Kafka",
                    root.display()
                ),
                "name another folder with --data DIR, or leave --connections away",
            ));
        }
        Ok(Self { root, services: Arc::new(services) })
    }

    /// The folder, if a run has used it.
    pub(crate) fn existing(at: &Data) -> Result<Self> {
        if Self::is_used(at) {
            return Self::open(at);
        }
        Err(failure(
            Exit::Environment,
            format!("there is no data of Spotlight in {}", at.data.display()),
            "name the folder that a run used, with --data DIR",
        ))
    }

    /// Owns the folder alone, where the log is elsewhere and may be away; `None` if the log lies in the folder.
    pub(crate) fn own(&self) -> Result<Option<Owned>> {
        self.services.own(&self.root)
    }

    /// True if a run has used the folder. Makes nothing.
    pub(crate) fn is_used(at: &Data) -> bool {
        at.data.join("log").is_dir() || at.data.join("lock").is_file()
    }

    /// Opens the log, and with it owns the folder, for a command. Waits for another command that works with the folder.
    pub(crate) fn log(&self) -> Result<OpenLog> {
        self.open_log(Role::Command, &Patience::none(), &mut || Ok(()))
    }

    /// The same for a run, which may wait for a log that is elsewhere, too. `owned` is called as soon as nobody else can
    /// have the folder.
    pub(crate) fn log_of_run(&self, patience: &Patience, owned: &mut dyn FnMut() -> Result<()>) -> Result<OpenLog> {
        self.open_log(Role::Run, patience, owned)
    }

    fn open_log(&self, role: Role, patience: &Patience, owned: &mut dyn FnMut() -> Result<()>) -> Result<OpenLog> {
        match self.services.log(&self.root, role, patience, owned)? {
            Some(log) => Ok(log),
            None if self.root.join("lock").is_file() => Err(failure(
                Exit::Usage,
                format!("the log of the data folder {} is on Kafka", self.root.display()),
                "name the file of connections with --connections FILE",
            )),
            None => {
                let turn = Turn::take(&self.root, &patience.stop)?;
                let log = self.embedded_log()?;
                if role == Role::Run {
                    turn::sign_owner(&self.root);
                }
                owned()?;
                Ok(OpenLog::embedded(log, turn.kept_by(role)))
            }
        }
    }

    fn embedded_log(&self) -> Result<EmbeddedLog> {
        let opened = EmbeddedLog::open(&self.root.join("log"), environment::clock());
        opened.map_err(|error| match error {
            log::LogError::InUse => turn::in_use(&self.root),
            error @ log::LogError::Damaged(_) => failure(
                Exit::Environment,
                format!("the log in {} cannot be read: {}", self.root.display(), chain(&error)),
                "spotlight explain E5303 says what can be done",
            ),
            error if environment::denied(&error) => failure(
                Exit::Environment,
                format!("the log in {} cannot be opened: {}", self.root.display(), chain(&error)),
                "give this user the right to write there, or name another folder with --data DIR",
            ),
            error => anyhow::Error::from(error).context(format!("the log in {} cannot be opened", self.root.display())),
        })
    }

    /// True if the log is one that other data folders may share.
    pub(crate) fn shares_the_log(&self) -> bool {
        self.services.shares_the_log()
    }

    /// The log, for the middle of a sentence.
    pub(crate) fn log_name(&self) -> String {
        if self.shares_the_log() {
            "the log on Kafka".to_owned()
        } else {
            format!("the log in {}", self.root.display())
        }
    }

    /// Opens the raw store.
    pub(crate) fn documents(&self) -> Result<Arc<dyn RawStore>> {
        let own = self.root.join("documents");
        match self.services.documents(&own)? {
            Some(elsewhere) => Ok(elsewhere),
            None => Ok(Arc::new(FolderStore::open(&own)?)),
        }
    }

    /// Where stores are saved, to come back sooner.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// What documents may take of memory, and where the rest goes.
    pub(crate) fn memory(&self) -> WorkingMemory {
        WorkingMemory::new(Arc::new(ScratchFolder::new(&self.root.join("scratch"))))
    }

    /// Place of the control socket.
    pub(crate) fn control(&self) -> PathBuf {
        self.root.join("control")
    }

    /// Schemas and their ids: the registry's, or kept in the folder while there is none.
    pub(crate) fn schemas(&self) -> Result<Arc<dyn operators::Schemas>> {
        self.schemas_of_run(Patience::none())
    }

    /// The same for a run, which may wait for the registry.
    pub(crate) fn schemas_of_run(&self, patience: Patience) -> Result<Arc<dyn operators::Schemas>> {
        if let Some(registry) = self.services.schemas(patience)? {
            return Ok(Arc::new(registry));
        }
        let place = self.root.join("schemas.json");
        let text = match std::fs::read_to_string(&place) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", place.display())),
        };
        let keep = move |text: &str| -> std::io::Result<()> { write_whole(&place, text.as_bytes()) };
        let kept = operators::KeptSchemas::open(&text, Box::new(keep));
        Ok(Arc::new(kept.map_err(|error| {
            let remedy =
                "bring it back from a copy of the data folder: without it the records of topics cannot be read";
            self.unreadable("schemas.json", &error, remedy)
        })?))
    }

    /// Writes down which flows there are, and where they land.
    pub(crate) fn remember_flows(&self, flows: &[FlowParts], topologies: &[Topology], log: &dyn Log) -> Result<()> {
        let mut known = self.known_flows()?;
        for (name, flow) in &mut known {
            flow.gone |= topologies.iter().any(|one| name.split('/').next() == Some(&*one.name));
        }
        let planned = earlier::planned(topologies);
        for flow in flows {
            let (name, recorded) = (flow.name(), flow.recorded_as());
            let called = (name != recorded).then_some(name);
            // Such a one has never begun; see `flow_names::refuse`.
            called.iter().for_each(|name| drop(known.remove(name)));
            let topic = match &flow.input {
                FlowInput::Documents(_) => names::documents(&flow.topology, &flow.flow),
                FlowInput::Topic { topic, .. } => Arc::clone(topic),
            };
            let Some(state) = log.topic(&topic)? else { continue };
            let before = known.get(&recorded).and_then(|known| known.landing.as_ref());
            let fills = match &flow.destination {
                Destination::Topic(output) => Some(output.topic.to_string()),
                Destination::Table(_) => None,
            };
            let landing = match &flow.destination {
                Destination::Topic(_) => None,
                Destination::Table(table) => Some(LandedBy {
                    table: table.table.name.to_string(),
                    rows: match &table.table.rows {
                        RowsMeaning::Append => "append",
                        RowsMeaning::ByKey { .. } => "by-key",
                        RowsMeaning::ByDocument => "by-document",
                    }
                    .to_owned(),
                    landing: format!("{recorded}/{}", state.identity),
                    newest_by_position: table.table.rows == RowsMeaning::ByKey { version: None },
                    was: before.map(|before| before.tables_before(&table.table.name)).unwrap_or_default(),
                    read: known.get(&recorded).map(|known| keys::topics_before(known, &topic)).unwrap_or_default(),
                }),
            };
            let of = topologies.iter().find(|one| one.name == flow.topology);
            let plan = of.and_then(|of| of.flows.iter().find(|plan| *plan.recorded_as() == flow.flow));
            let stores = plan.map(stores::of).unwrap_or_default();
            // Also those of topics that it filled before.
            let mut keys = known.get(&recorded).map(|known| known.keys.clone()).unwrap_or_default();
            keys.extend(plan.map(keys::of).unwrap_or_default());
            let file = of.and_then(|of| std::path::absolute(&*of.file).ok());
            let encoding = plan.and_then(|plan| match &plan.from {
                From::Documents(documents) => Some(documents.decode.encoding.to_string()),
                From::Topic(_) => None,
            });
            let making = of.zip(plan).map(|(of, plan)| topology::making(of, plan)).unwrap_or_default();
            let reads = planned.get(&topic).filter(|_| matches!(flow.input, FlowInput::Topic { of_others: false, .. }));
            let reads = reads.map(|planned| planned.schema.clone());
            let topic = topic.to_string();
            let changed = flow_names::changed_since(known.get(&recorded), &recorded, &making, log)?;
            let known_flow = KnownFlow {
                topic,
                reads,
                called,
                landing,
                fills,
                keys,
                stores,
                file,
                encoding,
                making,
                changed,
                gone: false,
            };
            known.insert(recorded, known_flow);
        }
        let text = serde_json::to_vec_pretty(&known)?;
        Ok(write_whole(&self.root.join("flows.json"), &text)?)
    }

    /// Notes that a flow makes all its rows anew, or that those that stand may. False if none is of an earlier text.
    pub(crate) fn settles(&self, recorded: &str) -> Result<bool> {
        let mut known = self.known_flows()?;
        let Some(_) = known.get_mut(recorded).and_then(|flow| flow.changed.take()) else { return Ok(false) };
        self.write("flows.json", &serde_json::to_vec_pretty(&known)?)?;
        Ok(true)
    }

    /// The flows that ever ran on this folder, by `topology/flow` as the log knows them.
    pub(crate) fn known_flows(&self) -> Result<BTreeMap<String, KnownFlow>> {
        match std::fs::read(self.root.join("flows.json")) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                let remedy = "bring it back from a copy of the data folder; without one remove it: the next run of each \
                              topology writes its flows anew";
                self.unreadable("flows.json", &error, remedy)
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of these flows.
    pub(crate) fn flow_names(&self) -> Result<FlowNames> {
        Ok(FlowNames::of_known(&self.known_flows()?))
    }

    /// The name by which the log knows what somebody wrote; fails unless a flow, as `topology/flow`, or a topology of this
    /// name ever ran on the folder.
    pub(crate) fn knows(&self, name: &str) -> Result<String> {
        let flows = self.known_flows()?;
        let recorded = FlowNames::of_known(&flows).recorded(name);
        if let Some(live) = rebuild::meant(&flows, name)? {
            return Ok(live);
        }
        let topologies = flows.keys().filter_map(|flow| flow.split_once('/')).map(|(topology, _)| topology);
        let called = flows.values().filter_map(|known| known.called.as_deref());
        let mut known: Vec<&str> = topologies.chain(flows.keys().map(String::as_str)).chain(called).collect();
        known.retain(|name| names::generation(name) == 1);
        known.dedup();
        if known.contains(&name) {
            return Ok(recorded);
        }
        let what = format!("there is no flow or topology `{name}` in the data folder{}", show::meant(name, &known));
        Err(failure(Exit::Usage, what, "spotlight status lists the flows"))
    }

    /// Writes a file of the folder so that it is whole or as it was.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        write_whole(&self.place(name), bytes)
    }

    /// A file of the folder that somebody else has changed, or a disk has lost: we write each whole or not at all.
    pub(crate) fn unreadable(&self, name: &str, error: &dyn std::error::Error, remedy: &str) -> anyhow::Error {
        let what = format!("{} is damaged: {}", self.place(name).display(), chain(error));
        failure(Exit::Environment, what, remedy)
    }

    /// Place of other files of a command.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where the demonstration's publishers keep what they have done.
    pub(crate) fn publishers(&self) -> PathBuf {
        self.place("publishers")
    }

    /// True if the folder is the demonstration's: its rows are synthetic.
    pub(crate) fn is_demonstration(&self) -> bool {
        self.publishers().exists()
    }
}

/// The ClickHouse of a command: the embedded one, which ends with it, or one that runs elsewhere.
pub(crate) struct Server {
    settings: ClickHouseSettings,
    embedded: Option<Arc<EmbeddedServer>>,
    ending: Arc<AtomicBool>,
}

impl Server {
    /// The one at `--clickhouse URL`.
    pub(crate) fn elsewhere(at: &ClickHouseAt) -> Result<Self> {
        let url = at.clickhouse.as_deref().unwrap_or_default();
        let user = environment::variable("SPOTLIGHT_CLICKHOUSE_USER").unwrap_or_else(|| "default".to_owned());
        let password = environment::variable("SPOTLIGHT_CLICKHOUSE_PASSWORD").unwrap_or_default();
        let settings = ClickHouseSettings::new(url, user, Password::new(password));
        Ok(Self { settings, embedded: None, ending: Arc::default() })
    }

    /// Finds or starts it: `--clickhouse URL`; a `clickhouse` on the path; the library in the cache folder, fetched
    /// once.
    pub(crate) fn start(at: &ClickHouseAt, data: &DataFolder) -> Result<Self> {
        if at.clickhouse.is_some() {
            return Self::elsewhere(at);
        }
        if let Some(settings) = data.services.clickhouse()? {
            return Ok(Self { settings, embedded: None, ending: Arc::default() });
        }
        let program = match environment::on_path("clickhouse") {
            Some(binary) => Program::Binary(binary),
            None => Program::Library { child: own_command()?, library: library()? },
        };
        let settings = EmbeddedSettings::new(data.root.join("clickhouse"), program);
        let embedded = EmbeddedServer::start(settings).map_err(|error| {
            failure(
                Exit::Unreachable,
                format!("the embedded ClickHouse does not start: {}", chain(&error)),
                "use another one with --clickhouse URL, or spotlight explain E5210",
            )
        })?;
        Ok(Self { settings: embedded.client_settings(), embedded: Some(Arc::new(embedded)), ending: Arc::default() })
    }

    /// A client.
    pub(crate) fn client(&self) -> Result<ClickHouse> {
        client(&self.settings)
    }

    /// How to reach it.
    pub(crate) fn settings(&self) -> &ClickHouseSettings {
        &self.settings
    }

    /// Starts the embedded server again whenever it dies, until this value is dropped.
    pub(crate) fn keep_alive(&self) {
        let Some(embedded) = self.embedded.clone() else {
            return;
        };
        let ending = Arc::clone(&self.ending);
        // The thread ends with the process or with this value; there is nothing to join it for.
        let _thread = std::thread::Builder::new().name("clickhouse keeper".to_owned()).spawn(move || {
            while !ending.load(Ordering::Relaxed) {
                match embedded.ensure_alive() {
                    Ok(false) => {}
                    Ok(true) => tracing::warn!("the embedded ClickHouse had died and was started again"),
                    Err(error) => tracing::error!(reason = %error, "the embedded ClickHouse does not start again"),
                }
                std::thread::park_timeout(std::time::Duration::from_millis(200));
            }
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(embedded) = &self.embedded {
            embedded.stop();
        }
    }
}

/// An address without what stands before its last `@`: it may be a password.
fn without_login(url: &str) -> String {
    let Some((before, host)) = url.rsplit_once('@') else { return url.to_owned() };
    let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://")).unwrap_or_default();
    format!("{scheme}…@{host}")
}

/// A client of a server.
pub(crate) fn client(settings: &ClickHouseSettings) -> Result<ClickHouse> {
    ClickHouse::new(settings).map_err(|error| {
        failure(
            Exit::Environment,
            format!("{} is no ClickHouse: {}", without_login(&settings.url), chain(&error)),
            "give its address as http://HOST:PORT",
        )
    })
}

/// How the child process that is ClickHouse is started: this program again, with a hidden command.
fn own_command() -> Result<Vec<OsString>> {
    let program = std::env::current_exe().context("the program cannot find itself")?;
    Ok(vec![program.into_os_string(), "clickhouse-child".into()])
}

/// The library that is ClickHouse, fetched once.
fn library() -> Result<PathBuf> {
    let cache = environment::cache_folder().ok_or_else(|| {
        failure(Exit::Environment, "there is no cache folder: neither XDG_CACHE_HOME nor HOME is set", "set HOME")
    })?;
    let fetch = Fetch::new(cache);
    let bar = ProgressBar::hidden();
    let mut progress = |done: u64, total: u64| {
        if bar.is_hidden() && environment::watched() && bar.length().is_none() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        let style = ProgressStyle::with_template("fetching ClickHouse once {wide_bar} {bytes}/{total_bytes}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_length(total);
        bar.set_position(done);
    };
    let found = fetch.library(&mut progress);
    bar.finish_and_clear();
    found.map_err(|error| {
        failure(
            Exit::Unreachable,
            format!("ClickHouse cannot be had: {}", chain(&error)),
            "use one that runs with --clickhouse URL, put a `clickhouse` on the PATH, or install npm",
        )
    })
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
