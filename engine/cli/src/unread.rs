//! Topics that a run fills and that no flow of it reads: their rows wait, and reach no table, until one does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime::FlowState;
use serde::Serialize;
use topology::plan::{From, To, Topology};

/// A topic with rows that nobody in a run reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Unread {
    /// The topic.
    pub(crate) topic: String,
    /// `topology/flow` that fills it.
    pub(crate) flow: String,
    /// Topology files beside those of the run that read it.
    pub(crate) read_by: Vec<String>,
}

impl Unread {
    /// A line for people.
    pub(crate) fn line(&self) -> String {
        let Self { topic, flow, read_by } = self;
        let what = format!("topic {topic} has rows of {flow}, and no flow of this run reads it");
        match read_by.as_slice() {
            [] => what,
            files => format!("{what}: run {} too", files.join(" or ")),
        }
    }
}

/// The topics that flows of these topologies fill as their destination and none of them reads.
pub(crate) fn unread(topologies: &[Topology]) -> Vec<Unread> {
    let read: BTreeSet<&Arc<str>> = topics_read(topologies).collect();
    let mut unread = Vec::new();
    for topology in topologies {
        for flow in &topology.flows {
            let To::Topic(write) = &flow.to else { continue };
            if !read.contains(&write.topic) {
                let flow = format!("{}/{}", topology.name, flow.name);
                unread.push(Unread { topic: write.topic.to_string(), flow, read_by: Vec::new() });
            }
        }
    }
    unread
}

/// Those that have rows, each with the files that read it: of the folders in which the run's own files stand.
pub(crate) fn with_rows(
    mut unread: Vec<Unread>,
    flows: &BTreeMap<String, FlowState>,
    folders: &BTreeSet<PathBuf>,
) -> Vec<Unread> {
    unread.retain(|one| flows.get(&one.flow).is_some_and(|state| state.total.landed > 0));
    if unread.is_empty() {
        return unread;
    }
    // A neighbour with a mistake is no concern of this run; it is only not named.
    let folders: Vec<PathBuf> = folders.iter().cloned().collect();
    let neighbours = topology::load(&folders, &topology::DiskFiles).topologies;
    for one in &mut unread {
        let reads =
            |topology: &&Topology| topics_read(std::slice::from_ref(*topology)).any(|topic| **topic == *one.topic);
        one.read_by = neighbours.iter().filter(reads).map(|topology| topology.file.to_string()).collect();
    }
    unread
}

/// The folders of the files of these topologies.
pub(crate) fn folders(topologies: &[Topology]) -> BTreeSet<PathBuf> {
    let folder = |topology: &Topology| match Path::new(&*topology.file).parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    topologies.iter().map(folder).collect()
}

fn topics_read(topologies: &[Topology]) -> impl Iterator<Item = &Arc<str>> {
    topologies.iter().flat_map(|topology| &topology.flows).filter_map(|flow| match &flow.from {
        From::Topic(read) => Some(&read.topic),
        From::Documents(_) => None,
    })
}
