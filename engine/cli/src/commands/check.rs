//! `check`: finds mistakes in topology files. Starts nothing, unless it is told to ask the services too.

use std::path::PathBuf;

use anyhow::Result;
use topology::plan::Topology;

use crate::arguments::{Check, Format};
use crate::exit::{Exit, Failure, failure};
use crate::services::Services;
use crate::show;

pub(crate) fn check(arguments: &Check) -> Result<Exit> {
    if let Some(file) = &arguments.data.connections {
        if arguments.files.is_empty() {
            return super::connections::check(file, arguments.data.secrets.as_deref(), arguments.format);
        }
        Services::read(&arguments.data)?;
    }
    let loaded = topology::load(&arguments.files, &topology::DiskFiles);
    let wrong = loaded.findings.iter().any(is_error);
    if loaded.findings.is_empty() && loaded.topologies.is_empty() {
        return Err(nothing_found(&arguments.files));
    }
    let live = arguments.live && !wrong;
    if arguments.format == Format::Json {
        let findings: serde_json::Value = loaded.findings.iter().map(topology::Diagnostic::json).collect();
        if !arguments.live {
            show::json(&findings);
        } else {
            let (exit, services) = match live {
                true => super::live_check::check(arguments, &loaded.topologies, &mut |_| ())?,
                false => (Exit::Topology, Vec::new()),
            };
            let services: serde_json::Value = services.iter().map(super::live_check::Service::json).collect();
            show::json(&serde_json::json!({ "findings": findings, "services": services }));
            return Ok(exit);
        }
    } else {
        show::findings(&loaded.findings);
        let names: Vec<&str> = loaded.topologies.iter().map(|topology| &*topology.name).collect();
        if !wrong {
            show::line(&format!("{} fine: {}", counted(names.len(), "topology", "topologies"), names.join(", ")));
        }
    }
    if live {
        let mut tell = |service: &super::live_check::Service| show::line(&service.text());
        return super::live_check::check(arguments, &loaded.topologies, &mut tell).map(|(exit, _)| exit);
    }
    Ok(if wrong { Exit::Topology } else { Exit::Fine })
}

/// All topologies of the files, for a command that runs or shows them; prints the findings and fails if one is an error.
pub(crate) fn load(files: &[PathBuf]) -> Result<Vec<Topology>> {
    loaded(files, true)
}

/// The same from files that are looked at while they are read.
pub(crate) fn load_by(files: &[PathBuf], by: &dyn topology::Files) -> Result<Vec<Topology>> {
    judged(files, topology::load(files, by))
}

/// The same for all other commands, whose answers stand for themselves: warnings are left to `check`.
pub(crate) fn load_without_warnings(files: &[PathBuf]) -> Result<Vec<Topology>> {
    loaded(files, false)
}

fn loaded(files: &[PathBuf], warnings: bool) -> Result<Vec<Topology>> {
    let mut loaded = topology::load(files, &topology::DiskFiles);
    loaded.findings.retain(|finding| warnings || is_error(finding));
    judged(files, loaded)
}

fn judged(files: &[PathBuf], loaded: topology::Loaded) -> Result<Vec<Topology>> {
    show::findings(&loaded.findings);
    let errors = loaded.findings.iter().filter(|finding| is_error(finding)).count();
    if errors > 0 {
        return Err(Failure {
            exit: Exit::Topology,
            what: format!("{} in the topology files", counted(errors, "mistake", "mistakes")),
            remedy: "mend them; spotlight explain CODE tells more of each".to_owned(),
        }
        .into());
    }
    if loaded.topologies.is_empty() {
        return Err(nothing_found(files));
    }
    Ok(loaded.topologies)
}

/// True for what keeps a topology from running.
fn is_error(finding: &topology::Diagnostic) -> bool {
    finding.severity == topology::Severity::Error
}

fn nothing_found(files: &[PathBuf]) -> anyhow::Error {
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    failure(
        Exit::Usage,
        format!("there is no topology file in {}", names.join(", ")),
        "name a .yaml file, or a folder of them",
    )
}

/// A number with its noun.
pub(crate) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
