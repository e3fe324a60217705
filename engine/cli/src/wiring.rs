//! From plans to flows that run: the only place where connectors, formats and the engine meet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clickhouse_connector::{ClickHouse, ClickHouseLanding};
use connect::listed::FileNames;
use connect::{Landing, Source};
use driver::assemble;
use file_connector::{ClaimedFile, ClaimedFiles, FileSettings, FileSource, Sources, WatchedFolder};
use http_connector::{Hosts, HttpSettings, HttpSource, TimeLimits};
use indexmap::IndexMap;
use pattern::Pattern;
use runtime::{
    Destination, DocumentInputParts, FlowInput, FlowParts, OutsideTopic, Rebuilds, SourceParts, SystemTopics,
    TableOutput, TopicOutput, Turn,
};
use topology::plan::{self, SourcePlan, Topology};

use crate::buckets::Buckets;
use crate::data;
use crate::declared::Declared;
use crate::exit::{Exit, failure};
use crate::flow_names::{self, FlowNames};
use crate::nowhere::Nowhere;
use crate::rebuild::{self, Building};
use crate::tap::Taps;

/// Partitions of a `documents` topic: how many documents of one feed may be worked on side by side.
pub(crate) const DOCUMENT_PARTITIONS: i32 = 4;

/// How often a run without an end looks into the folder of `--documents`, whatever the topologies say: that is how often
/// their publishers are asked. Larger: who drops a file waits for longer. Smaller: folders with very many files are
/// listed all the time.
const LOOK_INTO_FOLDER: Duration = Duration::from_secs(3);

/// Longest wait for a range to fill of what is read again beside a live flow, which stands still for about as long at the
/// end. Longer: it stands still for longer. Shorter: more and smaller parts of the table, for the last records only.
const RANGE_BESIDE: Duration = Duration::from_millis(200);

/// Where documents come from in this run.
#[derive(Clone)]
pub(crate) enum DocumentsFrom {
    /// From where the topologies say.
    Publishers {
        /// Contact address told to publishers.
        contact: Option<String>,
        /// Loopback address that plays all publishers.
        rewrite: Option<String>,
        /// The buckets that topologies look into.
        buckets: Buckets,
    },
    /// From a folder: files by `topology/flow`.
    Folder {
        /// The folder, for people.
        folder: PathBuf,
        /// Files that each source claims.
        files: BTreeMap<String, Vec<ClaimedFile>>,
        /// For a run without an end, which looks again: the patterns of all sources, by `topology/flow`.
        again: Option<Sources>,
    },
}

/// Where the rows of tables go in this run.
pub(crate) enum Tables {
    /// Into ClickHouse.
    ClickHouse(ClickHouse),
    /// Nowhere: the run only shows what would land.
    Nowhere,
}

/// What flows are wired to.
pub(crate) struct Wiring {
    /// Where rows go.
    pub(crate) tables: Tables,
    /// Schemas and their ids.
    pub(crate) schemas: Arc<dyn operators::Schemas>,
    /// Where documents come from.
    pub(crate) documents: DocumentsFrom,
    /// Requests to one host are paced together.
    pub(crate) hosts: Arc<Hosts>,
    /// Who looks at rows.
    pub(crate) taps: Arc<Taps>,
}

impl Wiring {
    /// The sources of all flows that read documents.
    pub(crate) fn sources(&mut self, topologies: &[Topology]) -> Result<Vec<SourceParts>> {
        let mut sources = Vec::new();
        for topology in topologies {
            for flow in &topology.flows {
                let plan::From::Documents(documents) = &flow.from else { continue };
                sources.push(SourceParts {
                    flow: format!("{}/{}", topology.name, flow.name),
                    source: self.source(topologies, topology, flow, documents)?,
                    every: match (&self.documents, &documents.source) {
                        (DocumentsFrom::Folder { .. }, _) => LOOK_INTO_FOLDER,
                        (DocumentsFrom::Publishers { .. }, SourcePlan::Files { every, .. }) => *every,
                        (DocumentsFrom::Publishers { .. }, SourcePlan::Http(http)) => http.every,
                        (DocumentsFrom::Publishers { .. }, SourcePlan::S3(s3)) => s3.every,
                    },
                });
            }
        }
        Ok(sources)
    }

    /// All flows of all topologies.
    pub(crate) fn flows(&self, topologies: &[Topology]) -> Result<Vec<FlowParts>> {
        let mut flows = Vec::new();
        for topology in topologies {
            for flow in &topology.flows {
                flows.push(self.flow(topology, flow).with_context(|| format!("{}/{}", topology.name, flow.name))?);
            }
        }
        Ok(flows)
    }

    /// The generations that are read beside the live ones.
    pub(crate) fn rebuilding(&self, topologies: &[Topology], all: &[Building], turn: &Turn) -> Result<Vec<FlowParts>> {
        let plans = all.iter().filter_map(|one| one.plan(topologies));
        let parts = plans.map(|(topology, flow, recorded)| {
            let mut parts = self.flow(topology, &flow)?;
            let accept_refused = all.iter().any(|one| one.accept_refused && one.flow == parts.recorded_as());
            let called = FlowNames::of_topologies(topologies).shown(&recorded);
            if let Destination::Table(table) = &mut parts.destination {
                table.batch_age = table.batch_age.min(RANGE_BESIDE);
                table.kept = Box::default();
            }
            parts.rebuilds = Some(Rebuilds { called, recorded, accept_refused, turn: turn.clone() });
            Ok(parts)
        });
        parts.collect()
    }

    fn flow(&self, topology: &Topology, flow: &plan::Flow) -> Result<FlowParts> {
        let mut outputs = IndexMap::new();
        for (name, topic) in &flow.outputs {
            outputs.insert(Arc::clone(name), topic_output(&self.schemas, topic)?);
        }
        let input = match &flow.from {
            plan::From::Documents(documents) => FlowInput::Documents(DocumentInputParts {
                partitions: DOCUMENT_PARTITIONS,
                reader: Arc::new(assemble::document_reader(flow, documents)?),
                identify: identify(documents),
                range_rows: runtime::RANGE_ROWS,
            }),
            plan::From::Topic(topic) => {
                let (schemas, topic) = (Arc::clone(&self.schemas), Arc::new(topic.clone()));
                let read = Arc::clone(&topic);
                let new = move || assemble::record_reader(&read, &schemas);
                // What is wrong with a declared schema is told before anything starts.
                new()?;
                let fault = |error| operators::StepError::Plan { step: "decode".into(), what: data::chain(&error) };
                let make = move || new().map_err(fault);
                FlowInput::Topic {
                    topic: Arc::clone(&topic.topic),
                    partitions: topic.partitions,
                    of_others: topic.decode.is_some(),
                    reader: Box::new(make),
                }
            }
        };
        let destination = match &flow.to {
            plan::To::Topic(write) => Destination::Topic(topic_output(&self.schemas, write)?),
            plan::To::Table(table) => Destination::Table(self.table(table, flow)?),
        };
        let (chain_of, watch) = (flow.clone(), self.taps.of(&format!("{}/{}", topology.name, flow.name)));
        let chain = move || match &watch {
            Some(watch) => assemble::chain(&chain_of).watched_by(Arc::clone(watch) as _),
            None => assemble::chain(&chain_of),
        };
        Ok(FlowParts {
            topology: Arc::clone(&topology.name),
            called: Arc::clone(&flow.name),
            flow: Arc::clone(flow.recorded_as()),
            revision: Arc::clone(&topology.revision),
            input,
            chain: Box::new(chain),
            outputs,
            destination,
            bad_rows_above: flow.bad_rows_above,
            beside: Vec::new(),
            rebuilds: None,
        })
    }

    fn table(&self, table: &plan::TableWrite, flow: &plan::Flow) -> Result<TableOutput> {
        let mut kept = Vec::new();
        if let Tables::ClickHouse(client) = &self.tables {
            for before in rebuild::kept(table, flow.recorded_as()) {
                kept.push((before.table.name.to_string(), Arc::new(landing(client, &before)?) as _));
            }
        }
        let landing: Arc<dyn Landing> = match &self.tables {
            Tables::ClickHouse(client) => Arc::new(landing(client, table)?),
            Tables::Nowhere => Arc::new(Nowhere),
        };
        Ok(TableOutput {
            landing,
            table: table.table.clone(),
            was: None,
            kept: kept.into(),
            earlier_flows: Vec::new(),
            batch_rows: table.batch_rows,
            batch_age: table.batch_age,
        })
    }

    fn source(
        &mut self,
        topologies: &[Topology],
        topology: &Topology,
        flow: &plan::Flow,
        documents: &plan::Documents,
    ) -> Result<Box<dyn Source>> {
        match &mut self.documents {
            DocumentsFrom::Folder { folder, files, again } => {
                let name = format!("{}/{}", topology.name, flow.name);
                if let Some(sources) = again {
                    return Ok(Box::new(WatchedFolder::new(folder, &name, Arc::clone(sources))));
                }
                Ok(Box::new(ClaimedFiles::new(folder, files.remove(&name).unwrap_or_default())))
            }
            DocumentsFrom::Publishers { contact, rewrite, buckets } => match &documents.source {
                SourcePlan::Files { path, .. } => Ok(Box::new(FileSource::new(FileSettings {
                    path: rooted(topology, path),
                    file_names: documents.file_names.clone(),
                    of_others: patterns_of_others(topologies, topology, flow, documents),
                }))),
                SourcePlan::S3(s3) => {
                    let of_others = patterns_of_others(topologies, topology, flow, documents);
                    let names = FileNames::new(documents.file_names.clone(), of_others);
                    Ok(Box::new(buckets.source(&flow_names::called(topology, flow), s3, names)?))
                }
                SourcePlan::Http(http) => {
                    let settings = http_settings(http, contact.clone(), rewrite.clone());
                    let hosts = Arc::clone(&self.hosts);
                    let source = HttpSource::new(settings, hosts).map_err(|error| {
                        failure(Exit::Environment, data::chain(&error), "mend the `http:` source of the topology")
                    })?;
                    Ok(Box::new(source))
                }
            },
        }
    }
}

/// What names of files the other sources of these topologies take from the place of one of them.
fn patterns_of_others(
    topologies: &[Topology],
    topology: &Topology,
    flow: &plan::Flow,
    documents: &plan::Documents,
) -> Vec<Pattern> {
    let place = place_of(topology, documents);
    let flows = topologies.iter().flat_map(|one| one.flows.iter().map(move |flow| (one, flow)));
    let others = flows.filter(|(one, other)| one.name != topology.name || other.name != flow.name);
    let patterns = others.filter_map(|(one, other)| match &other.from {
        plan::From::Documents(documents) if place_of(one, documents) == place => Some(documents.file_names.clone()),
        plan::From::Documents(_) | plan::From::Topic(_) => None,
    });
    patterns.flatten().collect()
}

/// A place that sources may share: a path, or a folder of a bucket.
#[derive(PartialEq)]
enum Place {
    Path(Arc<str>),
    Bucket(Arc<str>, Arc<str>),
    /// A publisher's, which is asked for what is there.
    OfNone,
}

fn place_of(topology: &Topology, documents: &plan::Documents) -> Place {
    match &documents.source {
        SourcePlan::Files { path, .. } => Place::Path(rooted(topology, path)),
        SourcePlan::S3(s3) => Place::Bucket(Arc::clone(&s3.bucket), Arc::clone(&s3.prefix)),
        SourcePlan::Http(_) => Place::OfNone,
    }
}

/// Refuses a run whose topics of others are not as the flows read them.
///
/// `shared`: the log is on Kafka.
pub(crate) fn look_for_topics(flows: &[FlowParts], log: &dyn log::Log, shared: bool) -> Result<()> {
    let remedy = match runtime::look_for_topics(flows, log) {
        Ok(()) => return Ok(()),
        Err(OutsideTopic::Log(error)) => return Err(error.into()),
        Err(error @ OutsideTopic::Missing { .. }) => (
            error,
            if shared {
                "look at its name, at the servers of the file of connections, and at its `namespace`, with which the \
                 name in Kafka begins unless it stands under `elsewhere`; whoever fills the topic makes it"
            } else {
                "name the file of connections with --connections FILE: on the log of a data folder nobody else writes"
            }
            .to_owned(),
        ),
        Err(OutsideTopic::Partitions { topic, flow, found, wanted }) => {
            let remedy = format!("say it in the topology: from: {{ topic: {topic}, partitions: {found} }}");
            (OutsideTopic::Partitions { topic, flow, found, wanted }, remedy)
        }
    };
    Err(failure(Exit::Environment, remedy.0.to_string(), remedy.1))
}

/// What writes a topic.
fn topic_output(schemas: &Arc<dyn operators::Schemas>, topic: &plan::TopicWrite) -> Result<TopicOutput> {
    let plan::TopicWrite { topic: name, columns, key, schema, partitions } = topic;
    let writer = operators::AvroWriter::new(schemas.as_ref(), name, columns, key.clone(), schema.as_deref())?;
    Ok(TopicOutput { topic: Arc::clone(name), partitions: *partitions, writer: Arc::new(writer) })
}

/// A path of a topology file from where the program runs. An absolute one stays as it is.
fn rooted(topology: &Topology, path: &str) -> Arc<str> {
    topology::place_of(&topology::DiskFiles, Path::new(&*topology.file), path).to_string_lossy().into()
}

/// The landing of a table.
pub(crate) fn landing(client: &ClickHouse, table: &plan::TableWrite) -> Result<Declared<ClickHouseLanding>> {
    let landing = ClickHouseLanding::new(client.clone(), &table.table).map_err(|error| {
        failure(Exit::Topology, format!("table {}: {}", table.table.name, data::chain(&error)), "mend the table")
    })?;
    Ok(Declared::new(if table.at_least_once { landing.at_least_once() } else { landing }, table))
}

fn http_settings(http: &plan::HttpPlan, contact: Option<String>, rewrite: Option<String>) -> HttpSettings {
    HttpSettings {
        discover: match &http.discover {
            plan::Discover::Calendar { url, from, to_days_ago, step_days, weekdays_only, zone } => {
                http_connector::Discover::Calendar {
                    url: url.clone(),
                    from: *from,
                    to_days_ago: *to_days_ago,
                    step_days: *step_days,
                    weekdays_only: *weekdays_only,
                    zone: Arc::clone(zone),
                }
            }
            plan::Discover::Links { page, matching } => {
                http_connector::Discover::Links { page: Arc::clone(page), matching: matching.clone() }
            }
        },
        rate: http.rate,
        body_limit: http.body_limit,
        absent_statuses: http.absent_statuses.clone(),
        give_up_after: http.give_up_after,
        recheck_for: http.recheck_for,
        contact_required: http.contact_required,
        contact,
        version: env!("CARGO_PKG_VERSION"),
        rewrite,
        time_limits: TimeLimits::default(),
    }
}

/// The engine's own topology, which turns receipts and dead letters into tables.
pub(crate) fn system_topology() -> Result<Topology> {
    let mut loaded = topology::load_own(&[PathBuf::from("system/topologies/spotlight.yaml")], &SystemFiles);
    match (loaded.topologies.pop(), loaded.findings.first()) {
        (Some(topology), None) => Ok(topology),
        (_, Some(finding)) => anyhow::bail!("the engine's own topology is wrong: {}", finding.text(false)),
        (None, None) => anyhow::bail!("the engine's own topology is empty"),
    }
}

/// Receipts and dead letters as topics, by the columns that the engine's own topology reads.
pub(crate) fn system_topics(schemas: &Arc<dyn operators::Schemas>, system: &Topology) -> Result<SystemTopics> {
    let output = |name: &str| -> Result<Option<TopicOutput>> {
        for flow in &system.flows {
            let plan::From::Topic(topic) = &flow.from else { continue };
            if &*topic.topic == name {
                let write = plan::TopicWrite {
                    topic: Arc::clone(&topic.topic),
                    columns: topic.columns.clone(),
                    key: vec![topic.columns.keys().next().cloned().context("a topic without columns")?],
                    schema: topic.schema.clone(),
                    partitions: topic.partitions,
                };
                return Ok(Some(topic_output(schemas, &write)?));
            }
        }
        Ok(None)
    };
    Ok(SystemTopics { receipts: output(runtime::RECEIPTS)?, dead_letters: output(runtime::DEAD_LETTERS)? })
}

/// The files of the engine's own topology, which are part of the program.
struct SystemFiles;

/// Path and text of each.
const SYSTEM_FILES: [(&str, &str); 5] = [
    ("system/topologies/spotlight.yaml", include_str!("../system/topologies/spotlight.yaml")),
    ("system/schemas/tables/spotlight.receipts.yaml", include_str!("../system/schemas/tables/spotlight.receipts.yaml")),
    (
        "system/schemas/tables/spotlight.dead_letters.yaml",
        include_str!("../system/schemas/tables/spotlight.dead_letters.yaml"),
    ),
    ("system/schemas/topics/spotlight.receipts.avsc", include_str!("../system/schemas/topics/spotlight.receipts.avsc")),
    (
        "system/schemas/topics/spotlight.dead_letters.avsc",
        include_str!("../system/schemas/topics/spotlight.dead_letters.avsc"),
    ),
];

impl topology::Files for SystemFiles {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let found = SYSTEM_FILES.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &Path) -> std::io::Result<Vec<PathBuf>> {
        Err(std::io::ErrorKind::NotADirectory.into())
    }

    fn exists(&self, path: &Path) -> bool {
        SYSTEM_FILES.iter().any(|(name, _)| Path::new(name).starts_with(path))
    }
}

/// What the patterns of a source say of a document, by its name, or by its address where it came from a publisher.
pub(crate) fn identify(documents: &plan::Documents) -> runtime::Identify {
    let (names, source) = (documents.file_names.clone(), documents.source.clone());
    Arc::new(move |name, url| match &source {
        SourcePlan::Http(http) if url.starts_with("http://") || url.starts_with("https://") => match &http.discover {
            plan::Discover::Calendar { url: address, .. } => address.matches(url),
            plan::Discover::Links { matching, .. } => matching.matches(url).or_else(|| matching.matches(name)),
        },
        _ => names.iter().find_map(|pattern| pattern.matches(name)),
    })
}

#[cfg(test)]
mod tests {
    use runtime::Mark;

    use super::SYSTEM_FILES;

    /// What people read beside a column is all that can stand in it.
    #[test]
    fn tables_of_the_engine_name_the_words_that_stand_in_them() {
        let about = |table: &str, column: &str| {
            let file = format!("system/schemas/tables/{table}.yaml");
            let (_, text) = SYSTEM_FILES.iter().find(|(name, _)| *name == file).expect("a table");
            text.lines().find(|line| line.trim_start().starts_with(column)).expect("a column").to_owned()
        };
        let state = about("spotlight.dead_letters", "state:");
        let marks = [Mark::Replayed, Mark::GivenUp, Mark::Superseded].map(Mark::word);
        for word in marks.into_iter().chain(["open"]) {
            assert!(state.contains(word), "{word}: {state}");
        }
        let outcome = about("spotlight.receipts", "outcome:");
        for word in ["rows", "empty", "unpublished", "absent", "incomplete", "failed", "given-up"] {
            assert!(outcome.contains(word), "{word}: {outcome}");
        }
    }
}
