//! `dashboards`: writes what people watch a run with, or says how a folder differs from that.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use ::dashboards::File;
use anyhow::Result;

use super::check::{counted, load_without_warnings};
use crate::arguments::Dashboards;
use crate::exit::{Exit, failure};
use crate::show;

pub(super) fn dashboards(arguments: &Dashboards) -> Result<Exit> {
    let files = ::dashboards::files(&load_without_warnings(&arguments.files)?);
    let out = &arguments.out;
    let unusable = |path: &Path, error: &io::Error| {
        let what = format!("{}: {error}", path.display());
        failure(Exit::Environment, what, "name a folder that can be written with --out DIR")
    };
    let (mut differing, mut others) = (0, BTreeSet::new());
    for file in &files {
        let path = out.join(&file.path);
        let state = State::of(&path, file).map_err(|error| unusable(&path, &error))?;
        if state == State::Different {
            others.extend(
                feeds_of(&fs::read_to_string(&path).unwrap_or_default()).difference(&feeds_of(&file.text)).cloned(),
            );
        }
        if !arguments.check && state != State::Same {
            write(&path, &file.text).map_err(|error| unusable(&path, &error))?;
        }
        differing += usize::from(state != State::Same);
        show::line(&format!("{}: {}", state.word(arguments.check), path.display()));
    }
    if !others.is_empty() {
        let others = others.into_iter().collect::<Vec<_>>().join(", ");
        show::note(&format!(
            "{} {} for topologies that these files do not have: {others}\n  to go on: name all topology files in one command, \
             or another folder with --out DIR, if those are to be watched, too",
            out.display(),
            if arguments.check { "is" } else { "was" },
        ));
    }
    if !arguments.check || differing == 0 {
        return Ok(Exit::Fine);
    }
    show::note(&format!(
        "{} not as they would be written\n  to go on: the same command without --check writes them",
        counted(differing, "file is", "files are")
    ));
    Ok(Exit::TestsFailed)
}

/// The topologies that rules of alerts are for: each has one that tells when nothing of it is scraped.
fn feeds_of(rules: &str) -> BTreeSet<String> {
    let named = format!("absent({}{{topology=\"", telemetry::list::TOPOLOGY_INFO.name);
    // Text that stands on one line has its quotes escaped.
    let rules = rules.replace("\\\"", "\"");
    rules.split(&*named).skip(1).filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()).collect()
}

/// How a file is, compared with what would be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Same,
    Different,
    Missing,
}

impl State {
    fn of(path: &Path, file: &File) -> io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) if bytes == file.text.as_bytes() => Ok(Self::Same),
            Ok(_) => Ok(Self::Different),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::Missing),
            Err(error) => Err(error),
        }
    }

    /// What is told of it.
    fn word(self, checked: bool) -> &'static str {
        match (self, checked) {
            (Self::Same, _) => "unchanged",
            (_, false) => "written",
            (Self::Different, true) => "differs",
            (Self::Missing, true) => "missing",
        }
    }
}

/// Writes a file beside its place and then moves it there: who reads the folder meanwhile sees the old file or the new.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use crate::arguments::Arguments;

    /// People copy them in the night: each command of each alert is one that the program takes.
    #[test]
    fn every_command_of_every_alert_can_be_typed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let loaded = topology::load(&[root.join("topologies")], &topology::DiskFiles);
        let mut commands = 0;
        for alert in ::dashboards::alerts(&loaded.topologies) {
            for command in alert.commands {
                let mut typed = (*command).to_owned();
                for (label, value) in [("topology", "sec-ftd"), ("flow", "load"), ("code", "E4210")] {
                    typed = typed.replace(&format!("{{{{ $labels.{label} }}}}"), value);
                }
                assert!(!typed.contains("{{"), "{}: {typed}", alert.name);
                let parsed = Arguments::try_parse_from(typed.split(' '));
                assert!(parsed.is_ok(), "{}: `{typed}`: {parsed:?}", alert.name);
                commands += 1;
            }
        }
        assert!(commands > 12, "only {commands} commands");
    }
}
