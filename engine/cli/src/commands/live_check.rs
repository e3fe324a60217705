//! `check --live`: asks the services that topologies use whether a run would find what it needs. Changes nothing.
//!
//! Of ClickHouse: that it answers, that each table is as planned or can be made, and that the login may write it. Of
//! publishers: one polite request for a page of links, and nothing where addresses come from a calendar. Of folders: that
//! they are there. Of buckets: one page of the listing. Of Kafka and the registry, where connections name them: `live_topics`. A line of each, or an object, and
//! what helps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clickhouse_connector::{ClickHouse, ClickHouseSettings, Password};
use connect::{Absent, Discovery, Fields, Found, Known, Landing, LandingError, Newest, Preflight, SourceError, Stop};
use http_connector::Hosts;
use runtime::{Displaced, Twice};
use topology::plan::{self, SourcePlan, TableWrite, To, Topology};

use crate::arguments::Check;
use crate::buckets::{Buckets, Lacking};
use crate::control::{self, Question};
use crate::data::{self, DataFolder, Server};
use crate::displaced;
use crate::environment;
use crate::exit::Exit;
use crate::services::{OpenLog, Owned, Services};
use crate::wiring::{self, DocumentsFrom, Tables, Wiring};

/// What a look at one thing found.
pub(super) enum Looked {
    Fine(String),
    /// It is wrong: what, and what helps.
    Wrong(String, String),
    /// It does not answer: what, and what helps.
    Unreachable(String, String),
}

/// One thing that was looked at.
pub(super) struct Service {
    what: String,
    found: Looked,
}

impl Service {
    /// A line for people, and what helps.
    pub(super) fn text(&self) -> String {
        let what = &self.what;
        match &self.found {
            Looked::Fine(how) => format!("ok           {what}: {how}"),
            Looked::Wrong(why, remedy) => format!("wrong        {what}: {why}\n  to go on: {remedy}"),
            Looked::Unreachable(why, remedy) => format!("unreachable  {what}: {why}\n  to go on: {remedy}"),
        }
    }

    /// For scripts.
    pub(super) fn json(&self) -> serde_json::Value {
        let (state, said, remedy) = match &self.found {
            Looked::Fine(how) => ("ok", how, None),
            Looked::Wrong(why, remedy) => ("wrong", why, Some(remedy)),
            Looked::Unreachable(why, remedy) => ("unreachable", why, Some(remedy)),
        };
        serde_json::json!({ "service": self.what, "state": state, "said": said, "remedy": remedy })
    }
}

/// Asks for all, tells each as it is found, and gives all of them.
pub(super) fn check(
    arguments: &Check,
    topologies: &[Topology],
    each: &mut dyn FnMut(&Service),
) -> Result<(Exit, Vec<Service>)> {
    let mut exit = Exit::Fine;
    let mut services = Vec::new();
    let mut tell = |what: &str, found: Looked| {
        exit = match (&found, exit) {
            (Looked::Unreachable(..), _) | (_, Exit::Unreachable) => Exit::Unreachable,
            (Looked::Wrong(..), _) => Exit::Environment,
            (Looked::Fine(_), exit) => exit,
        };
        let service = Service { what: what.to_owned(), found };
        each(&service);
        services.push(service);
    };
    sources(arguments, topologies, &mut tell)?;
    super::live_topics::topics(&Services::read(&arguments.data)?, topologies, &mut tell)?;
    let mut told = BTreeSet::new();
    let flows = topologies.iter().flat_map(|topology| topology.flows.iter().map(move |flow| (topology, flow)));
    let tables: Vec<(String, &TableWrite)> = flows
        .filter_map(|(topology, flow)| match &flow.to {
            To::Table(table) => Some((format!("{}/{}", topology.name, flow.name), table)),
            To::Topic(_) => None,
        })
        .filter(|(_, table)| told.insert(Arc::clone(&table.table.name)))
        .collect();
    if !tables.is_empty() {
        landings(arguments, &tables, &mut tell)?;
    }
    Ok((exit, services))
}

/// Looks once at the place of each source, and takes nothing.
fn sources(arguments: &Check, topologies: &[Topology], tell: &mut dyn FnMut(&str, Looked)) -> Result<()> {
    let buckets = Buckets::read(&arguments.data, topologies)?;
    let mut topologies = topologies.to_vec();
    for Lacking { flow, what, remedy } in buckets.lacking(&topologies) {
        tell(&flow, Looked::Wrong(what, remedy));
        for topology in &mut topologies {
            let name = Arc::clone(&topology.name);
            topology.flows.retain(|one| format!("{name}/{}", one.name) != flow);
        }
    }
    let topologies = topologies.as_slice();
    let mut wiring = Wiring {
        tables: Tables::Nowhere,
        schemas: Arc::new(operators::KeptSchemas::open("", Box::new(|_| Ok(())))?),
        documents: DocumentsFrom::Publishers { contact: arguments.contact.clone(), rewrite: None, buckets },
        hosts: Arc::new(Hosts::new()),
        taps: Arc::default(),
    };
    let mut seen = Seen::default();
    for mut parts in wiring.sources(topologies)? {
        let mut of = topologies.iter().flat_map(|one| one.flows.iter().map(move |flow| (one, flow)));
        let found = of.find(|(topology, flow)| parts.flow == format!("{}/{}", topology.name, flow.name));
        let Some(plan::From::Documents(documents)) = found.map(|(_, flow)| &flow.from) else { continue };
        let (requests, what) = match &documents.source {
            SourcePlan::Files { .. } => (usize::MAX, "there"),
            SourcePlan::Http(http) => match http.discover {
                plan::Discover::Links { .. } => (1, "the page answers, and its links fit"),
                plan::Discover::Calendar { .. } => (0, "addresses come from a calendar; nothing was asked"),
            },
            SourcePlan::S3(_) => (usize::MAX, "the bucket answers"),
        };
        let first_page_only = matches!(documents.source, SourcePlan::S3(_));
        let owns_rows = found.is_some_and(|(_, flow)| displaced::owns_rows(flow));
        let mut look = Look { requests: requests.into(), first_page_only, ..Look::default() };
        let place = format!("{}: {}", parts.flow, parts.source.describe());
        let ended = parts.source.round(&mut look);
        let twice = found.and_then(|(_, flow)| seen.add(&parts.flow, flow, &std::mem::take(&mut look.urls)));
        let answer = match ended {
            Ok(()) | Err(SourceError::Stopping) => look.told(what, owns_rows, twice.as_deref()),
            Err(SourceError::Transient { what, .. }) => {
                Looked::Unreachable(what, "try later, or open the address in a browser".to_owned())
            }
            Err(SourceError::Operator { code, what, remedy }) => Looked::Wrong(format!("{code} {what}"), remedy),
        };
        tell(&place, answer);
    }
    Ok(())
}

/// Who claims what, by place of its rows and address: two flows that both do bring them twice.
#[derive(Default)]
struct Seen(BTreeMap<(String, String), String>);

impl Seen {
    /// Adds what a flow found. What is told if another one claims of it too.
    fn add(&mut self, name: &str, flow: &plan::Flow, urls: &[String]) -> Option<String> {
        if !displaced::adds(flow) {
            return None;
        }
        let place = match &flow.to {
            To::Table(table) => table.table.name.to_string(),
            To::Topic(write) => write.topic.to_string(),
        };
        let mut twice: Option<Twice> = None;
        for url in urls {
            let other = self.0.entry((place.clone(), url.clone())).or_insert_with(|| name.to_owned());
            match &mut twice {
                _ if other == name => {}
                Some(twice) => twice.more += 1,
                None => {
                    let name = url.rsplit('/').next().unwrap_or(url).to_owned();
                    twice = Some(Twice { name, other: other.clone(), place: place.clone(), more: 0 });
                }
            }
        }
        Some(displaced::twice_line(name, &twice?))
    }
}

/// Lets a source look, and stops it before it takes anything.
#[derive(Default)]
struct Look {
    /// Requests that it may still make.
    requests: std::cell::Cell<usize>,
    /// It may not wait, as a bucket does between two pages of its listing.
    first_page_only: bool,
    /// It wanted to go on to another page.
    has_more: std::cell::Cell<bool>,
    /// Files of a folder that fit.
    fitting: Option<usize>,
    /// Why none of them fits.
    misfit: Option<String>,
    /// Files of other names that are versions of one document.
    displaced: Vec<Displaced>,
    /// The addresses of what fits.
    urls: Vec<String>,
}

impl Look {
    /// `owns_rows`: a version of a document takes the rows of the one before away. `twice`: what is told of documents
    /// that another flow claims too.
    fn told(self, what: &str, owns_rows: bool, twice: Option<&str>) -> Looked {
        if let Some(misfit) = self.misfit {
            let remedy = match self.first_page_only {
                false => "write `file-names` as the files are called, or name another folder under `path`",
                true => "write `file-names` as the files are called, or name another folder under `prefix`",
            };
            return Looked::Wrong(format!("no file there fits the `file-names`: {misfit}"), remedy.to_owned());
        }
        let mut how = what.to_owned();
        match self.fitting {
            None if self.has_more.get() => how.push_str(", no file fits"),
            None => {}
            Some(1) => how.push_str(", 1 file fits"),
            Some(files) => how.push_str(&format!(", {files} files fit")),
        }
        if self.has_more.get() {
            how.push_str(" on the first page of its listing, and there are more pages");
        }
        let (told, more) = self.displaced.split_at(self.displaced.len().min(DISPLACED_NAMED));
        if owns_rows && !told.is_empty() {
            told.iter().for_each(|pair| how.push_str(&format!("\n  one document: {}", pair.line())));
            if !more.is_empty() {
                how.push_str(&format!("\n  and {} more pairs", more.len()));
            }
        }
        twice.into_iter().for_each(|line| how.push_str(&format!("\n  {line}")));
        Looked::Fine(how)
    }
}

/// Pairs of files of one document that are named. Larger: more lines.
const DISPLACED_NAMED: usize = 10;

impl Discovery for Look {
    fn now(&self) -> i64 {
        environment::now()
    }

    fn known(&self, _url: &str) -> Option<Known> {
        None
    }

    fn newest(&self, _name: &str, _fields: &Fields) -> Option<Newest> {
        None
    }

    fn given_up(&self, _url: &str) -> bool {
        false
    }

    fn found(&mut self, document: Found<'_>) -> Result<bool, SourceError> {
        self.urls.push(document.url);
        Ok(false)
    }

    fn unchanged(&mut self, _url: &str) -> Result<(), SourceError> {
        Ok(())
    }

    fn absent(&mut self, _absent: Absent) -> Result<(), SourceError> {
        Ok(())
    }

    fn one_document(&mut self, others: &[String], newest: &str, fields: &Fields) {
        self.displaced.extend(Displaced::of(others, newest, fields));
    }

    fn not_claimed(&mut self, _url: &str) {}

    fn looked(&mut self, _place: &str, fitting: usize, misfit: Option<&str>) {
        self.fitting = Some(fitting);
        self.misfit = misfit.map(str::to_owned);
    }

    fn wait(&self, time: Duration) -> Result<(), Stop> {
        if self.first_page_only {
            self.has_more.set(true);
            return Err(Stop);
        }
        std::thread::park_timeout(time);
        Ok(())
    }

    fn stopping(&self) -> bool {
        let left = self.requests.get();
        self.requests.set(left.saturating_sub(1));
        left == 0
    }
}

/// The ClickHouse that a run would use, as long as the check goes on.
enum Asked {
    /// It is there.
    There(Box<ClickHouse>, Option<Box<Own>>),
    /// The first run makes it, with all tables.
    NotYet,
}

/// A server that was started for the check. The folder's lock, which may be its log's, keeps a run from starting while it
/// is in use.
struct Own {
    _server: Server,
    _lock: Option<Owned>,
    _log: Option<OpenLog>,
}

fn landings(arguments: &Check, tables: &[(String, &TableWrite)], tell: &mut dyn FnMut(&str, Looked)) -> Result<()> {
    let (client, _own) = match clickhouse(arguments)? {
        Asked::NotYet => {
            let how = format!("embedded; the first run on {} makes it", arguments.data.data.display());
            tell("ClickHouse", Looked::Fine(how));
            return Ok(());
        }
        Asked::There(client, own) => (client, own),
    };
    if let Err(error) = client.execute("SELECT 1 FORMAT Null", &[]) {
        let remedy = "start it, or mend the address, user or password";
        let why = format!("does not answer: {}", data::chain(&error));
        tell(&format!("ClickHouse {}", client.address()), Looked::Unreachable(why, remedy.to_owned()));
        return Ok(());
    }
    tell(&format!("ClickHouse {}", client.address()), Looked::Fine("it answers".to_owned()));
    for (flow, table) in tables {
        let looked = match told(&client, &table.table.name, wiring::landing(&client, table)?.preflight()) {
            Looked::Wrong(what, remedy) => Looked::Wrong(what, connect::for_flow(&remedy, flow)),
            looked => looked,
        };
        tell(&format!("table {}", table.table.name), looked);
    }
    Ok(())
}

fn clickhouse(arguments: &Check) -> Result<Asked> {
    if arguments.clickhouse.clickhouse.is_some() {
        return Ok(Asked::There(Box::new(Server::elsewhere(&arguments.clickhouse)?.client()?), None));
    }
    let Ok(folder) = DataFolder::existing(&arguments.data) else { return Ok(Asked::NotYet) };
    if let Some(answer) = control::ask(&folder.control(), &Question::ClickHouse)? {
        let text = |name: &str| answer.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let settings = ClickHouseSettings::new(text("url"), text("user"), Password::new(text("password")));
        return Ok(Asked::There(Box::new(data::client(&settings)?), None));
    }
    let lock = folder.own()?;
    let log = if lock.is_none() { Some(folder.log()?) } else { None };
    let server = Server::start(&arguments.clickhouse, &folder)?;
    Ok(Asked::There(Box::new(server.client()?), Some(Box::new(Own { _server: server, _lock: lock, _log: log }))))
}

fn told(client: &ClickHouse, table: &str, looked: Result<Preflight, LandingError>) -> Looked {
    let (how, grant) = match looked {
        Ok(Preflight::Ready) => ("as planned", format!("CHECK GRANT SELECT, INSERT ON {table}")),
        Ok(Preflight::Missing { .. }) => {
            let database = table.split('.').next().unwrap_or_default();
            ("missing; the first run makes it", format!("CHECK GRANT CREATE TABLE ON {database}.*"))
        }
        Ok(Preflight::Behind { statements, left_over }) => {
            let remedy = format!("spotlight plan FILE --apply, which runs: {}", statements.join("; "));
            let instead = connect::told_left_over(table, &left_over);
            return Looked::Wrong(format!("it lacks columns that the plan has{instead}"), remedy);
        }
        Ok(Preflight::Different { code, what, remedy }) => return Looked::Wrong(format!("{code} {what}"), remedy),
        Err(LandingError::Operator { code, what, remedy }) => return Looked::Wrong(format!("{code} {what}"), remedy),
        Err(error) => return Looked::Unreachable(data::chain(&error), "try again".to_owned()),
    };
    // A server that is too old to be asked answers with an error: then nothing is known, and nothing is said.
    match client.query_bytes(&grant, "TSV", &[]) {
        Ok(answer) if answer.trim_ascii() == b"0" => {
            let right = grant.trim_start_matches("CHECK ");
            Looked::Wrong(format!("{how}, but the user lacks a right"), format!("{right} TO the user"))
        }
        _ => Looked::Fine(how.to_owned()),
    }
}
