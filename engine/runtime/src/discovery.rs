//! What becomes of what a source finds: bytes into the raw store, a record into the `documents` topic, and the memory
//! of what was seen, in one transaction.
//!
//! An address whose bytes are those of its own last fetch is nothing new: two addresses of one key must not take turns.
//! One exception leads back where the newest version's own address is gone, see [`Found::instead_of`]: what is gone is
//! forgotten in the same transaction, so that each address still counts once for as long as it is there.

mod memory;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use batch::{Headers, RecordsBuilder, partition_of};
use connect::{
    Absent, Discovery, DocumentRecord, Fields, Found, Known, Newest, Originals, RawError, SourceError, Stop,
};
use log::{Log, LogError, Position, Written};
use telemetry::Counts;

use crate::board::Board;
use crate::codes;
use crate::displaced::Displaced;
use crate::identity::{self, Identify, Misnamed};
use crate::ledger::Receipt;
use crate::names;
use crate::stop::StopSignal;
use crate::system::SystemTopics;
use memory::{Address, Latest, each_memory, remember_address};

pub(crate) use memory::named;
pub use memory::{Absence, absences};

/// The memory and the hands of one source's discovery.
pub struct FlowDiscovery {
    topology: Arc<str>,
    flow: Arc<str>,
    /// `topology/flow`, as people see it.
    name: String,
    revision: Arc<str>,
    partitions: i32,
    owns_rows: bool,
    identify: Identify,
    landed: HashSet<String>,
    log: Arc<dyn Log>,
    raw: Arc<Originals>,
    board: Arc<Board>,
    system: SystemTopics,
    stop: StopSignal,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    addresses: HashMap<String, Address>,
    documents: HashMap<String, Latest>,
    /// Refused documents that were appended again: key, and the version and revision for which it was.
    again: HashMap<String, (i64, String)>,
    /// Why it cannot go on.
    ended: RefCell<Option<LogError>>,
}

/// What a discovery is made of.
pub struct DiscoveryParts {
    /// Topology.
    pub topology: Arc<str>,
    /// The name by which the flow's topics and documents are found.
    pub flow: Arc<str>,
    /// `topology/flow`, as people see it.
    pub name: String,
    /// Revision of the topology.
    pub revision: Arc<str>,
    /// Partitions of the `documents` topic.
    pub partitions: i32,
    /// True if documents own their rows in a table: a newer version takes the place of an older one.
    pub owns_rows: bool,
    /// What the patterns of now say of a name.
    pub identify: Identify,
    /// Keys of documents that have rows.
    pub landed: HashSet<String>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// The raw store.
    pub raw: Arc<Originals>,
    /// What people see.
    pub board: Arc<Board>,
    /// Receipts as a topic.
    pub system: SystemTopics,
    /// The signal to stop.
    pub stop: StopSignal,
    /// Milliseconds since 1970 UTC.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl FlowDiscovery {
    /// Reads the memory of earlier runs.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn open(parts: DiscoveryParts) -> Result<Self, LogError> {
        let DiscoveryParts { topology, flow, name, revision, partitions, owns_rows, identify, landed, .. } = parts;
        let DiscoveryParts { log, raw, board, system, stop, clock, .. } = parts;
        let mut discovery = Self {
            topology,
            flow,
            name,
            revision,
            partitions,
            owns_rows,
            identify,
            landed,
            log,
            raw,
            board,
            system,
            stop,
            clock,
            addresses: HashMap::new(),
            documents: HashMap::new(),
            again: HashMap::new(),
            ended: RefCell::default(),
        };
        discovery.remember()?;
        Ok(discovery)
    }

    fn remember(&mut self) -> Result<(), LogError> {
        let (log, topic) = (Arc::clone(&self.log), names::discovery(&self.topology, &self.flow));
        each_memory(log.as_ref(), &topic, &mut |key, value| {
            if let (Some(url), Ok(address)) = (key.strip_prefix("url "), serde_json::from_slice(value)) {
                self.addresses.insert(url.to_owned(), address);
            } else if let (Some(key), Ok(latest)) = (key.strip_prefix("doc "), serde_json::from_slice(value)) {
                self.documents.insert(key.to_owned(), latest);
            } else if let (Some(key), Ok(again)) = (key.strip_prefix("again "), serde_json::from_slice(value)) {
                self.again.insert(key.to_owned(), again);
            }
        })
    }

    /// The records that were appended last of these documents.
    fn records_of(&self, keys: &BTreeSet<&str>) -> Result<BTreeMap<String, DocumentRecord>, LogError> {
        let mut records = BTreeMap::new();
        if keys.is_empty() {
            return Ok(records);
        }
        let topic = names::discovery(&self.topology, &self.flow);
        each_memory(self.log.as_ref(), &topic, &mut |key, value| {
            if let Some(key) = key.strip_prefix("doc ").filter(|key| keys.contains(key))
                && let Ok(record) = serde_json::from_slice(value)
            {
                records.insert(key.to_owned(), record);
            }
        })?;
        Ok(records)
    }

    /// Appends again the records of documents that an earlier revision refused: a new revision tries them again, once.
    /// That it did is remembered in the same transaction: a process that dies before the document is closed must not
    /// append it a second time.
    /// `refused`: key and version of documents that another revision refused and of which nothing waits to be worked. A
    /// newer version than the refused one is none that was refused: it is left as it is.
    ///
    /// # Errors
    /// If the log fails.
    pub fn try_refused_again(&mut self, refused: &HashMap<String, i64>) -> Result<u64, SourceError> {
        let newest = refused
            .iter()
            .filter(|(key, version)| self.documents.get(*key).is_some_and(|latest| latest.version == **version));
        let keys: BTreeSet<&str> = newest.map(|(key, _)| key.as_str()).collect();
        let records = self.records_of(&keys).map_err(|error| transient(&error))?.into_values();
        let tried =
            |record: &DocumentRecord| self.again.get(&record.key) == Some(&(record.version, self.revision.to_string()));
        let again: Vec<DocumentRecord> = records.filter(|record| !tried(record)).collect();
        for record in &again {
            let tried = (record.key.as_str(), record.version);
            let renamed = self.renamed(record);
            self.append(renamed.as_ref().unwrap_or(record), &[], Some(tried))?;
            self.again.insert(record.key.clone(), (record.version, self.revision.to_string()));
            if let Some(DocumentRecord { key, version, name, url, sha256, .. }) = renamed {
                self.documents.insert(key, Latest { version, name, url, sha256 });
            }
        }
        Ok(again.len() as u64)
    }

    /// A document without rows that would be another one by the patterns of now, as that one.
    fn renamed(&self, record: &DocumentRecord) -> Option<DocumentRecord> {
        let fields = (self.identify)(&record.name, &record.url)?;
        let key = self.key(&fields, &record.name);
        let latest = self.documents.get(&key);
        if key == record.key
            || self.landed.contains(&record.key)
            || latest.is_some_and(|latest| latest.sha256 == record.sha256)
        {
            return None;
        }
        let version = latest.map_or(1, |latest| latest.version + 1);
        Some(DocumentRecord { key, version, fields, again: false, ..record.clone() })
    }

    /// A document with rows that would be another one by the patterns of now, where documents own their rows.
    #[must_use]
    pub fn misnamed(&self) -> Option<Misnamed> {
        let each = self.documents.iter().map(|(key, latest)| (key.as_str(), latest.name.as_str(), latest.url.as_str()));
        let flow = format!("{}/{}", self.topology, self.flow);
        self.owns_rows.then(|| identity::misnamed(&flow, each, &self.landed, &self.identify)).flatten()
    }

    fn key(&self, fields: &Fields, name: &str) -> String {
        names::document(&format!("{}/{}", self.topology, self.flow), fields, name)
    }

    /// `tried`: key and version of the refused document that is tried again by it.
    fn append(
        &self,
        record: &DocumentRecord,
        addresses: &[(&str, &Address)],
        tried: Option<(&str, i64)>,
    ) -> Result<(), SourceError> {
        let again = tried.is_some_and(|(key, _)| key == record.key);
        let mut documents = RecordsBuilder::new();
        let text = |again| serde_json::to_vec(&DocumentRecord { again, ..record.clone() });
        let offered = text(again).map_err(|error| transient(&error))?;
        documents.push(Some(record.key.as_bytes()), Some(&offered), &Headers::new(), 0);
        let text = text(false).map_err(|error| transient(&error))?;
        let mut memory = RecordsBuilder::new();
        let key = format!("doc {}", record.key);
        memory.push(Some(key.as_bytes()), Some(&text), &Headers::new(), 0);
        for (url, address) in addresses {
            remember_address(url, address, &mut memory).map_err(|error| transient(&error))?;
        }
        if let Some((key, version)) = tried {
            let text = serde_json::to_vec(&(version, &*self.revision)).map_err(|error| transient(&error))?;
            memory.push(Some(format!("again {key}").as_bytes()), Some(&text), &Headers::new(), 0);
        }
        let partition = partition_of(record.key.as_bytes(), self.partitions);
        let written = [
            (names::documents(&self.topology, &self.flow), partition, documents.finish()),
            (names::discovery(&self.topology, &self.flow), 0, memory.finish()),
        ];
        self.commit(written.into(), None)
    }

    fn remember_url(&mut self, url: &str, address: Address, receipt: Option<&Receipt>) -> Result<(), SourceError> {
        let mut memory = RecordsBuilder::new();
        remember_address(url, &address, &mut memory).map_err(|error| transient(&error))?;
        self.commit(vec![(names::discovery(&self.topology, &self.flow), 0, memory.finish())], receipt)?;
        self.addresses.insert(url.to_owned(), address);
        Ok(())
    }

    fn commit(
        &self,
        written: Vec<(Arc<str>, i32, batch::Records)>,
        receipt: Option<&Receipt>,
    ) -> Result<(), SourceError> {
        let mut transaction = self.log.begin();
        // Only the one that owns this partition finds documents; that its position moves proves it.
        let (group, place) = (names::group(&self.topology, &self.flow), names::discovery(&self.topology, &self.flow));
        transaction.claim(&group, &place, 0);
        let position = Position { offset: 0, metadata: String::new() };
        transaction.commit_position(&group, &place, 0, position).map_err(|error| transient(&error))?;
        for (topic, partition, records) in written {
            transaction.append(Written { topic, partition, records }).map_err(|error| transient(&error))?;
        }
        if let Some(receipt) = receipt {
            self.system.write_receipts(&[receipt], transaction.as_mut()).map_err(|error| transient(&error))?;
        }
        match transaction.commit() {
            Ok(_) => Ok(()),
            // What is remembered here may not be what the log holds: it has to be read again.
            Err(error @ (LogError::NotOwned { .. } | LogError::Unknown(_) | LogError::Fenced)) => {
                *self.ended.borrow_mut() = Some(error);
                Err(SourceError::Stopping)
            }
            Err(error) => Err(transient(&error)),
        }
    }

    /// Documents that are not there and are asked for again.
    #[must_use]
    pub fn not_yet(&self) -> u64 {
        self.addresses.values().filter(|address| address.absent.is_some() && !address.given_up).count() as u64
    }

    /// Refuses a file that has rows under another identity, which would stay beside those of this one.
    fn keeps_its_identity(&self, key: &str, url: &str, name: &str) -> Result<(), SourceError> {
        let Some((before, _)) = self.documents.iter().find(|(_, latest)| latest.url == url) else { return Ok(()) };
        let of = |key: &str| key.rsplit('/').next().unwrap_or(key).to_owned();
        let name = batch::bounded(name);
        Err(SourceError::Operator {
            code: codes::ANOTHER_IDENTITY,
            what: format!(
                "{name} has changed, and would be another document by the named parts of `file-names` as they are now: \
                 {}, where its rows landed as {}; both would stand side by side",
                of(key),
                of(before)
            ),
            remedy: "name the parts of `file-names` as they were: a column may be called otherwise, as in `day: \
                     document.date`; or, if the new ones are meant, land in a table of another name by a flow of another name"
                .to_owned(),
        })
    }

    /// Why nothing can be found any more, if that is so.
    pub fn ended(&self) -> Option<LogError> {
        self.ended.borrow_mut().take()
    }
}

impl Discovery for FlowDiscovery {
    fn now(&self) -> i64 {
        (self.clock)()
    }

    fn known(&self, url: &str) -> Option<Known> {
        let address = self.addresses.get(url)?;
        let sha256 = address.sha256.clone()?;
        Some(Known { sha256, validators: address.validators.clone(), fetched_at: address.fetched_at })
    }

    fn newest(&self, name: &str, fields: &Fields) -> Option<Newest> {
        let latest = self.documents.get(&self.key(fields, name))?;
        Some(Newest { url: latest.url.clone(), sha256: latest.sha256.clone() })
    }

    fn given_up(&self, url: &str) -> bool {
        self.addresses.get(url).is_some_and(|address| address.given_up)
    }

    fn found(&mut self, document: Found<'_>) -> Result<bool, SourceError> {
        let staged = self.raw.stage(document.content).map_err(|error| match error {
            RawError::Content(source) => SourceError::Transient {
                what: format!("{} could not be read: {source}", document.name),
                retry_after: None,
            },
            error @ RawError::Store { .. } => transient(&error),
        })?;
        let now = self.now();
        let address = Address {
            sha256: Some(staged.sha256.clone()),
            validators: document.validators,
            fetched_at: now,
            ..Address::default()
        };
        let key = self.key(&document.fields, &document.name);
        let own_last = self.addresses.get(&document.url).and_then(|known| known.sha256.as_ref());
        let latest = self.documents.get(&key);
        let gone = document.instead_of.filter(|gone| latest.is_some_and(|latest| latest.url == *gone));
        let same_as_own = gone.is_none() && own_last == Some(&staged.sha256);
        let same_as_latest = latest.is_some_and(|latest| latest.sha256 == staged.sha256);
        if same_as_own || same_as_latest {
            self.raw.discard(&staged);
            let moved = self.addresses.get(&document.url).is_none_or(|known| {
                known.sha256 != address.sha256 || known.validators != address.validators || known.absent.is_some()
            });
            if moved {
                self.remember_url(&document.url, address, None)?;
            } else {
                self.unchanged(&document.url)?;
            }
            return Ok(false);
        }
        if latest.is_none() && self.owns_rows && self.addresses.contains_key(&document.url) {
            self.keeps_its_identity(&key, &document.url, &document.name)?;
        }
        let version = latest.map_or(1, |latest| latest.version + 1);
        // What is gone gives its place back, and takes nobody's.
        let displaced = latest
            .filter(|_| gone.is_none())
            .and_then(|latest| Displaced::between(&latest.name, &document.name, &document.fields));
        if let Some(line) = displaced.as_ref().filter(|_| self.owns_rows).map(Displaced::line) {
            tracing::warn!(flow = self.name, "one document: {line}");
        }
        let kept = self.raw.keep(&staged, &key, version).map_err(|error| transient(&error))?;
        let record = DocumentRecord {
            key: key.clone(),
            version,
            name: document.name,
            url: document.url.clone(),
            fields: document.fields,
            sha256: kept.sha256,
            size: kept.size,
            fetched_at: now,
            stored: kept.reference,
            again: false,
        };
        let forgotten = Address::default();
        let mut addresses = vec![(document.url.as_str(), &address)];
        addresses.extend(gone.as_ref().map(|gone| (gone.as_str(), &forgotten)));
        self.append(&record, &addresses, None)?;
        tracing::info!(flow = self.name, document = record.name, version, bytes = record.size, "document found");
        self.addresses.insert(document.url, address);
        if let Some(gone) = gone {
            tracing::info!(flow = self.name, document = record.name, gone, "back to what is still there");
            self.addresses.insert(gone, forgotten);
        }
        let bytes = record.size;
        self.documents.insert(key, Latest { version, name: record.name, url: record.url, sha256: record.sha256 });
        self.board.change(&self.name, |state| {
            state.found += 1;
            state.found_bytes += bytes;
        });
        Ok(true)
    }

    fn unchanged(&mut self, url: &str) -> Result<(), SourceError> {
        // Only the time of the last look changes. It is kept in memory: after a restart one look more is made.
        let now = self.now();
        if let Some(address) = self.addresses.get_mut(url) {
            address.fetched_at = now;
        }
        Ok(())
    }

    fn absent(&mut self, absent: Absent) -> Result<(), SourceError> {
        let known = self.addresses.get(&absent.url);
        let noted = known.is_some_and(|known| {
            known.absent.as_deref() == Some(&absent.reason) && known.given_up != absent.asked_again
        });
        if noted {
            return Ok(());
        }
        let known = known.cloned().unwrap_or_default();
        let address = Address {
            absent: Some(absent.reason.clone()),
            given_up: !absent.asked_again,
            fetched_at: self.now(),
            of: Some((self.key(&absent.fields, &absent.name), absent.name.clone())),
            ..known
        };
        let receipt = Receipt {
            topology: self.topology.to_string(),
            flow: self.flow.to_string(),
            document: self.key(&absent.fields, &absent.name),
            version: 0,
            name: absent.name.clone(),
            url: absent.url.clone(),
            sha256: String::new(),
            size: 0,
            outcome: operators::Outcome::Absent.word().to_owned(),
            code: String::new(),
            message: absent.reason.clone(),
            counts: Counts::default(),
            withdrawn: 0,
            revision: self.revision.to_string(),
            fetched_at: self.now(),
            at: self.now(),
        };
        tracing::info!(flow = self.name, document = absent.name, reason = absent.reason, "document absent");
        self.remember_url(&absent.url, address, Some(&receipt))?;
        self.board.change(&self.name, |state| state.note(&receipt, None));
        Ok(())
    }

    fn one_document(&mut self, others: &[String], newest: &str, fields: &Fields) {
        if let Some(displaced) = Displaced::of(others, newest, fields) {
            self.board.change(&self.name, |state| state.note_displaced(displaced));
        }
    }

    fn not_claimed(&mut self, url: &str) {
        self.board.note_not_claimed(url);
    }

    fn looked(&mut self, place: &str, fitting: usize, misfit: Option<&str>) {
        let nothing = (fitting == 0).then(|| place.to_owned());
        let misfit = misfit.filter(|_| fitting == 0).map(str::to_owned);
        self.board.change(&self.name, |state| (state.nothing_fits, state.misfit) = (nothing, misfit));
    }

    fn wait(&self, time: Duration) -> Result<(), Stop> {
        if self.stop.wait(time) { Ok(()) } else { Err(Stop) }
    }

    fn stopping(&self) -> bool {
        self.stop.stopping()
    }
}

fn transient(error: &dyn std::error::Error) -> SourceError {
    let mut what = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        what.push_str(": ");
        what.push_str(&inner.to_string());
        cause = inner.source();
    }
    SourceError::Transient { what, retry_after: None }
}
