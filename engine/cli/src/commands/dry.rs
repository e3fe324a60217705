//! `run --dry`: reads and transforms as a run with `--once` does, and writes nowhere.
//!
//! It is a real run on a temporary folder that is gone at its end, with landings that keep nothing. So documents are
//! proven, topics and stores work, and dead letters come about as they would; no table, no position and no receipt is
//! touched, and no ClickHouse is asked. What it cannot know: what the data folder and its tables hold already. It reads
//! every document as if it were new. It can be watched as a run can, where it is told where.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use batch::RowsMeaning;
use connect::FolderStore;
use http_connector::Hosts;
use log::embedded::EmbeddedLog;
use operators::WorkingMemory;
use runtime::{Board, DeadLetter, Holds, RunParts, ScratchFolder, StopSignal, SystemTopics};
use topology::plan::{To, Topology};

use super::run::{Intake, outcome, without_data};
use crate::access::Access;
use crate::arguments::{Data, Run};
use crate::data::DataFolder;
use crate::exit::Exit;
use crate::flow_names::{self, FlowNames};
use crate::live::{self, Dry, LiveLines, Report};
use crate::old_rows::{OldRows, standing};
use crate::signals::Signals;
use crate::temporary::Folder;
use crate::watch::{Listen, RunOf, Running, Watched};
use crate::wiring::{self, DocumentsFrom, Tables, Wiring};
use crate::{before, displaced, environment, unread};

pub(super) fn dry(
    arguments: &Run,
    topologies: &[Topology],
    documents: DocumentsFrom,
    (intake, listen): (&Intake, Option<Listen>),
) -> Result<Exit> {
    let started = environment::now();
    let folder = Folder::make()?;
    let watched = listen.map(Watched::start).transpose()?;
    let log = Arc::new(EmbeddedLog::open(&folder.path().join("log"), environment::clock())?);
    let raw = Arc::new(FolderStore::open(&folder.path().join("documents"))?);
    let schemas = operators::KeptSchemas::open("", Box::new(|_| Ok(()))).context("an empty list of schemas")?;
    let schemas: Arc<dyn operators::Schemas> = Arc::new(schemas);
    let mut wiring = Wiring {
        tables: Tables::Nowhere,
        schemas: Arc::clone(&schemas),
        documents,
        hosts: Arc::new(Hosts::new()),
        taps: Arc::default(),
    };
    let sources = wiring.sources(topologies)?;
    let mut flows = wiring.flows(topologies)?;
    before::tell(&mut flows, &BTreeMap::new(), topologies);
    wiring::look_for_topics(&flows, log.as_ref(), false)?;
    runtime::make_topics(&flows, log.as_ref())?;
    let (board, holds, stop) = (Arc::new(Board::default()), Arc::new(Holds::default()), StopSignal::new());
    intake.not_claimed.iter().for_each(|path| board.note_not_claimed(path));
    let signals = Signals::catch(&stop)?;
    signals.tell_of(&board);
    signals.remove_at_once(folder.path());
    let memory = WorkingMemory::new(Arc::new(ScratchFolder::new(&folder.path().join("scratch"))));
    if let Some(watched) = &watched {
        let running = Running::of(RunOf {
            topologies,
            flows: &flows,
            sources: &sources,
            board: Arc::clone(&board),
            holds: Arc::clone(&holds),
            memory: memory.clone(),
            log: Arc::clone(&log) as _,
        })?;
        let revisions = flows.iter().map(|parts| (parts.topology.to_string(), parts.revision.to_string())).collect();
        let running = Arc::new(running);
        let data = folder.path().to_owned();
        let access = Access {
            log: Arc::clone(&log) as _,
            board: Some(Arc::clone(&board)),
            holds: Arc::clone(&holds),
            client: None,
            server: None,
            folder: DataFolder::open(&Data { data, connections: None, secrets: None, instance: None })?,
            raw: Arc::clone(&raw) as _,
            schemas,
            system: SystemTopics::default(),
            revisions,
            taps: Arc::default(),
            run: Some(Arc::clone(&running)),
            listens: watched.address(),
            turn: None,
        };
        watched.of_run(Some((running, Arc::new(access))));
    }
    let lines = LiveLines::start(Arc::clone(&board));
    let ended = runtime::run(RunParts {
        flows,
        sources,
        log: Arc::clone(&log) as _,
        raw,
        system: SystemTopics::default(),
        once: true,
        slots: super::run::slots(),
        memory,
        stop: stop.clone(),
        board: Arc::clone(&board),
        holds: Arc::clone(&holds),
        snapshots: None,
        faults: crate::abort::faults()?,
        clock: environment::clock(),
    })?;
    drop(lines);
    // Before the folder is gone, of which it tells.
    drop(watched);
    let exit = outcome(&ended.failed, &board, true, &stop, &|| Ok("not every document was looked at".to_owned()))?;
    let dry = Dry { letters: letters(topologies, log.as_ref())?, replaced: BTreeMap::new() };
    let (dry, old_rows) = versions(dry, topologies, &board, log.as_ref())?;
    let no_data = intake.no_data(&board);
    let flows = board.flows();
    let displaced = [displaced::lines(&displaced::owners(topologies), &flows), displaced::twice(&flows)].concat();
    live::table(&Report {
        flows: &board.flows(),
        not_claimed: &board.not_claimed(),
        holds: &holds.list(),
        took: environment::now() - started,
        nothing_fits: intake.nothing_fits.as_deref(),
        no_data,
        unread: &unread::with_rows(unread::unread(topologies), &board.flows(), &unread::folders(topologies)),
        old_rows: &old_rows,
        displaced: &displaced,
        dry: Some(&dry),
        format: arguments.format,
    });
    Ok(without_data(exit, no_data))
}

/// What becomes of several versions of one document, where a document owns its rows: the newest stands.
fn versions(mut dry: Dry, topologies: &[Topology], board: &Board, log: &dyn log::Log) -> Result<(Dry, Vec<OldRows>)> {
    let (flows, mut old_rows) = (board.flows(), Vec::new());
    for (topology, flow) in topologies.iter().flat_map(|one| one.flows.iter().map(move |flow| (one, flow))) {
        let To::Table(table) = &flow.to else { continue };
        let name = flow_names::called(topology, flow);
        if table.table.rows == RowsMeaning::ByDocument {
            let standing = standing(log, &flow_names::recorded_as(topology, flow))?;
            let landed = flows.get(&name).map_or(0, |state| state.run.landed);
            old_rows.extend(standing.old_rows(&name, |_| true));
            dry.replaced.insert(name, landed.saturating_sub(standing.landed()));
        }
    }
    dry.replaced.retain(|_, rows| *rows > 0);
    Ok((dry, old_rows))
}

/// The dead letters that came about, in the order of their topologies.
fn letters(topologies: &[Topology], log: &dyn log::Log) -> Result<Vec<DeadLetter>> {
    let mut letters = Vec::new();
    for topology in topologies {
        let all = runtime::dead_letters(log, &topology.name)?.into_values();
        letters.extend(all.filter(|(_, mark)| mark.is_none()).map(|(letter, _)| letter));
    }
    let names = FlowNames::of_topologies(topologies);
    letters.iter_mut().for_each(|letter| letter.flow = names.shown_of(&letter.topology, &letter.flow));
    letters.sort_by(|one, other| {
        let place = |letter: &DeadLetter| (letter.partition, letter.offset, letter.row);
        (&one.topology, &one.flow, place(one)).cmp(&(&other.topology, &other.flow, place(other)))
    });
    Ok(letters)
}
