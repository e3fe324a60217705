//! `nomad-job`: prints a job of Nomad for topologies. Starts nothing and asks nobody.
//!
//! The job carries the text of each file that loading the topologies has read, so that Nomad's versions of a job are
//! versions of the feeds too. Paths in it start where the command runs, and where `nomad` runs later: there `file()` of a
//! job starts, wherever the job is kept. Seen with Nomad 1.10.5.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::Result;
use connections::{Authorities, Connections, Secret, Vault};
use s3_connector::S3Settings;
use topology::plan::{From, SourcePlan, To, Topology};
use topology::{DiskFiles, Files};

use super::check::load_by;
use crate::arguments::{NomadJob, Shape};
use crate::buckets::Buckets;
use crate::exit::{Exit, failure};
use crate::nomad::{BRACKETS, Form, Job};
use crate::{flow_names, services, show, wiring};

pub(super) fn nomad_job(arguments: &NomadJob) -> Result<Exit> {
    let here = std::path::absolute(".")?;
    let recorded = Recorded::default();
    let topologies = load_by(&arguments.files, &recorded)?;
    let name = name(arguments, &topologies)?;
    let known = arguments.connections.as_deref().map(environment).transpose()?;
    let buckets = known.as_ref().map(|known| known.buckets.clone()).unwrap_or_default();
    Buckets::new(buckets, arguments.connections.clone()).refuse(&topologies)?;
    let form = form(arguments, &topologies, known.as_ref())?;
    let Paths { feeds, topologies: texts, files, rooted } = paths(&here, &topologies, recorded.read.into_inner())?;
    let (stored, variables) = known.map_or_else(Default::default, |known| (known.stored, known.variables));
    let job = Job {
        form,
        flows: flows(&topologies),
        command: command(arguments),
        feeds,
        topologies: texts,
        files,
        rooted,
        contact: topologies.iter().any(wants_contact),
        connections: arguments.connections.as_ref().map(|file| file.display().to_string()),
        stored,
        variables,
        name,
    };
    if let Some((one, other)) = job.alike() {
        return Err(failure(
            Exit::Environment,
            format!("{one} and {other} would have one name among Nomad's secrets"),
            "rename one of them: only letters, digits and `_` tell them apart there",
        ));
    }
    notes(&topologies, form);
    show::line(job.text().trim_end());
    Ok(Exit::Fine)
}

/// Files of this machine, with a list of those that were read.
#[derive(Default)]
struct Recorded {
    read: RefCell<BTreeSet<PathBuf>>,
}

impl Files for Recorded {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let bytes = DiskFiles.read(path)?;
        self.read.borrow_mut().insert(path.to_owned());
        Ok(bytes)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        DiskFiles.list(path)
    }

    fn exists(&self, path: &Path) -> bool {
        DiskFiles.exists(path)
    }
}

/// What a file of connections asks of a job.
struct Environment {
    /// True if it names a Kafka.
    shared: bool,
    buckets: BTreeMap<String, S3Settings>,
    stored: BTreeSet<String>,
    variables: BTreeSet<String>,
}

/// Reads a file of connections, without its secrets: only where they are looked for is of interest.
fn environment(file: &Path) -> Result<Environment> {
    let shown = file.display().to_string();
    let wrong = |what: String, remedy: &str| failure(Exit::Environment, format!("{shown}: {what}"), remedy);
    let bytes = std::fs::read(file)
        .map_err(|error| wrong(format!("it cannot be read: {error}"), "name a file of connections"))?;
    // Under its bare name, so that a relative path in it stays one.
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let reading = connections::read(&name, &bytes);
    show::findings(&reading.findings);
    let Some(connections) = reading.connections else {
        return Err(wrong(
            "it cannot be used".to_owned(),
            "mend it; spotlight check --connections FILE looks at it alone",
        ));
    };
    if std::str::from_utf8(&bytes).is_ok_and(|text| text.contains(BRACKETS[0])) {
        return Err(wrong(
            format!("it holds `{}`, which Nomad would take for its own", BRACKETS[0]),
            "write it otherwise",
        ));
    }
    let (stored, variables) = (RefCell::new(BTreeSet::new()), RefCell::new(BTreeSet::new()));
    let file = |path: &Path| {
        stored.borrow_mut().insert(path.display().to_string());
        Ok(b"-".to_vec())
    };
    let variable = |name: &str| {
        variables.borrow_mut().insert(name.to_owned());
        Some("-".to_owned())
    };
    let resolved = connections.resolve(&Vault { file: Some(&file), variable: &variable });
    let resolved = resolved.map_err(|findings| {
        show::findings(&findings);
        wrong("it cannot be used".to_owned(), "mend it")
    })?;
    if let Some(path) = files_of(&resolved).into_iter().find(|path| path.is_relative()) {
        return Err(wrong(
            format!("`{}` is a path from that file on, which is another place on each node", path.display()),
            "write the whole path at which each node has it",
        ));
    }
    let (stored, variables) = (stored.into_inner(), variables.into_inner());
    Ok(Environment { shared: connections.kafka.is_some(), buckets: services::buckets(&resolved), stored, variables })
}

/// Paths in a file of connections that a node must have.
fn files_of(connections: &Connections<Secret>) -> Vec<&PathBuf> {
    fn trusted(authorities: &Authorities) -> Option<&PathBuf> {
        match authorities {
            Authorities::System => None,
            Authorities::File(path) => Some(path),
        }
    }
    let tls = connections.kafka.as_ref().and_then(|kafka| kafka.tls.as_ref());
    let own = tls.and_then(|tls| tls.certificate.as_ref());
    let mut found: Vec<Option<&PathBuf>> = vec![
        connections.shared_folder.as_ref(),
        tls.and_then(|tls| trusted(&tls.authorities)),
        own.map(|own| &own.certificate),
        own.map(|own| &own.key),
    ];
    found.push(connections.registry.as_ref().and_then(|registry| trusted(&registry.authorities)));
    found.push(connections.clickhouse.as_ref().and_then(|clickhouse| trusted(&clickhouse.authorities)));
    found.push(connections.object_store.as_ref().and_then(|store| trusted(&store.authorities)));
    found.extend(connections.buckets.values().map(|bucket| trusted(&bucket.authorities)));
    found.into_iter().flatten().collect()
}

/// The name of the job: that of the only topology, or the one that was given.
fn name(arguments: &NomadJob, topologies: &[Topology]) -> Result<String> {
    match (&arguments.name, topologies) {
        (Some(name), _) => Ok(name.clone()),
        (None, [topology]) => Ok(topology.name.to_string()),
        (None, several) => Err(failure(
            Exit::Usage,
            format!("one job of {} topologies has no name yet", several.len()),
            "give it one with --name NAME, or print a job for each topology",
        )),
    }
}

/// How the topologies run, if what was asked for can be had.
fn form(arguments: &NomadJob, topologies: &[Topology], known: Option<&Environment>) -> Result<Form> {
    let shared = known.is_some_and(|known| known.shared);
    let usage = |what: &str, remedy: &str| Err(failure(Exit::Usage, what, remedy));
    match arguments.shape {
        Some(Shape::Feed) if topologies.len() > 1 => {
            return usage("a job of the shape `feed` has one topology", "name one file, or take --shape group");
        }
        Some(Shape::Feed | Shape::Group) if shared => {
            return usage(
                "with a Kafka in the file of connections the job shares partitions",
                "take --shape shared, or a file of connections without Kafka",
            );
        }
        Some(Shape::Shared) if !shared => {
            return usage(
                "only a log on Kafka can be shared by several processes",
                "name a file of connections that has `kafka` with --connections FILE",
            );
        }
        _ => {}
    }
    match arguments.count {
        Some(count) if !shared && count > 1 => usage(
            "one process owns a data folder, and with it the embedded log",
            "leave --count out, or name a file of connections that has `kafka` with --connections FILE",
        ),
        count => Ok(if shared { Form::Shared { count: count.unwrap_or(2) } } else { Form::Embedded }),
    }
}

/// Where the files of a job are.
struct Paths {
    feeds: String,
    topologies: Vec<String>,
    files: Vec<String>,
    rooted: bool,
}

/// All files that were read, by path from the folder at which the topologies' own paths start.
fn paths(here: &Path, topologies: &[Topology], read: BTreeSet<PathBuf>) -> Result<Paths> {
    let whole = |path: &Path| plain(&here.join(path));
    let root_of = |topology: &Topology| {
        let schemas = topology::place_of(&DiskFiles, Path::new(&*topology.file), "schemas");
        (whole(schemas.parent().unwrap_or(Path::new(""))), DiskFiles.exists(&schemas))
    };
    let mut roots = topologies.iter().map(root_of);
    let Some((root, has_schemas)) = roots.next() else { anyhow::bail!("no topology was loaded") };
    if let Some((other, _)) = roots.find(|(other, _)| *other != root) {
        return Err(failure(
            Exit::Usage,
            format!("these topologies stand in different projects: {} and {}", root.display(), other.display()),
            "print a job for each project",
        ));
    }
    let below = |path: &Path| -> Result<String> {
        let path = whole(path);
        let outside = || {
            let what =
                format!("{} lies outside of {}, where the paths of these feeds start", path.display(), root.display());
            failure(Exit::Usage, what, "put it below that folder")
        };
        let text = path.strip_prefix(&root).ok().and_then(Path::to_str).ok_or_else(outside)?;
        Ok(text.to_owned())
    };
    let own = topologies.iter().map(|topology| below(Path::new(&*topology.file))).collect::<Result<Vec<String>>>()?;
    let mut files = own.clone();
    for path in read {
        let bytes = DiskFiles.read(&path)?;
        let shown = path.display();
        let text = String::from_utf8(bytes).map_err(|_| {
            failure(
                Exit::Usage,
                format!("{shown} is no text, which a job could carry"),
                "leave the test that needs it out",
            )
        })?;
        if text.contains(BRACKETS[0]) {
            let what = format!("{shown} holds `{}`, which Nomad would take for its own", BRACKETS[0]);
            return Err(failure(Exit::Usage, what, "write it otherwise"));
        }
        let file = below(&path)?;
        if !files.contains(&file) {
            files.push(file);
        }
    }
    let rooted = has_schemas && !files.iter().any(|file| file.starts_with("schemas/"));
    Ok(Paths { feeds: way(here, &root), topologies: own, files, rooted })
}

/// A path without `.` and `..`, as far as its words say.
fn plain(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                found.pop();
            }
            part => found.push(part),
        }
    }
    found
}

/// The way from one folder to another.
fn way(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) = (from.components().collect(), to.components().collect());
    let same = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = from[same..].iter().map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to[same..].iter().copied()).collect();
    if way.as_os_str().is_empty() { ".".to_owned() } else { way.display().to_string() }
}

/// The flows, a line each.
fn flows(topologies: &[Topology]) -> Vec<String> {
    let of = |topology: &Topology| {
        let line = |flow: &topology::plan::Flow| {
            let name = flow_names::called(topology, flow);
            match &flow.to {
                To::Table(table) => format!("{name} lands in {}", table.table.name),
                To::Topic(topic) => format!("{name} writes {}", topic.topic),
            }
        };
        topology.flows.iter().map(line).collect::<Vec<_>>()
    };
    topologies.iter().flat_map(of).collect()
}

fn wants_contact(topology: &Topology) -> bool {
    topology.flows.iter().any(|flow| match &flow.from {
        From::Documents(documents) => matches!(&documents.source, SourcePlan::Http(http) if http.contact_required),
        From::Topic(_) => false,
    })
}

/// The command that prints the job again.
fn command(arguments: &NomadJob) -> Vec<String> {
    let mut words: Vec<String> = ["spotlight", "nomad-job"].map(str::to_owned).into();
    words.extend(arguments.files.iter().map(|file| file.display().to_string()));
    let mut option =
        |name: &str, value: Option<String>| words.extend(value.into_iter().flat_map(|it| [name.to_owned(), it]));
    option("--connections", arguments.connections.as_ref().map(|file| file.display().to_string()));
    option("--count", arguments.count.map(|count| count.to_string()));
    option("--name", arguments.name.clone());
    words.iter().map(|word| word.chars().filter(|letter| !letter.is_control()).collect()).collect()
}

/// What whoever runs the job wants to know before.
fn notes(topologies: &[Topology], form: Form) {
    for topology in topologies {
        for flow in &topology.flows {
            if let From::Documents(documents) = &flow.from
                && let SourcePlan::Files { path, .. } = &documents.source
                && Path::new(&**path).is_relative()
            {
                show::note(&format!(
                    "{} looks into `{path}`, which on a node is a folder of the job's own, without a file\n  to go on: write the \
                     whole path of a folder that the nodes have",
                    flow_names::called(topology, flow)
                ));
            }
        }
    }
    let Form::Shared { count } = form else { return };
    let width = |flow: &topology::plan::Flow| match &flow.from {
        From::Documents(_) => wiring::DOCUMENT_PARTITIONS,
        From::Topic(topic) => topic.partitions,
    };
    let most = topologies.iter().flat_map(|topology| &topology.flows).map(width).max().unwrap_or(0);
    if i64::from(count) > i64::from(most) {
        show::note(&format!(
            "no input has more than {most} partitions: of {count} processes only {most} have work at a time"
        ));
    }
}
