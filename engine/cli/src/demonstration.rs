//! `demo`: synthetic publishers on loopback, the shipped feeds, what came of it, and three queries.
//!
//! Everything that it needs is part of the program: it runs in any folder and asks no network. The publishers know what
//! is true of their files ([`publishers::Truth`]); what the tables hold afterwards is compared with that, and the
//! demonstration fails if it differs. Documents that are refused by design are no failure.
//!
//! The publishers' own state lies in the data folder, so a second demonstration on the same folder meets the same world
//! and finds nothing new. Synthetic rows and real ones must not meet in one folder: `demo` refuses a folder that a run
//! has used, and `run` one of the demonstration.

mod checks;
mod shipped;
mod story;

use std::time::Duration;

use anyhow::{Context, Result};
use publishers::{Publishers, World};
use topology::plan::Topology;

use crate::arguments::Demo;
use crate::buckets::Buckets;
use crate::commands::{Ground, Pass};
use crate::data::DataFolder;
use crate::environment;
use crate::exit::{Exit, failure};
use crate::wiring::DocumentsFrom;
use checks::Checked;

/// What the clients call themselves. The address is one that nobody can have (RFC 2606).
const CONTACT: &str = "demonstration@example.invalid";

/// How long the demonstration waits for ClickHouse.
const WAIT_FOR_CLICKHOUSE: Duration = Duration::from_secs(60);

pub(crate) fn run(arguments: &Demo) -> Result<Exit> {
    let started = environment::now();
    let folder = claim(arguments)?;
    let world = World::demonstration();
    story::opening(&world, &arguments.data.data);
    let ground = Ground::open(&arguments.data, &arguments.clickhouse, Some(WAIT_FOR_CLICKHOUSE), &mut || Ok(()))?;
    let publishers =
        Publishers::start(&folder.publishers(), world).context("the publishers of the demonstration do not start")?;
    let files = folder.publishers().join("files");
    for feed in publishers.world().feeds.iter().filter(|feed| shipped::READS_FILES.contains(&feed.name)) {
        feed.write_files(&files, publishers.is_republished()).context("the publishers' files cannot be written")?;
    }
    let topologies = shipped::topologies(publishers.world(), &files, environment::now())?;
    let stage = Stage { ground, publishers, topologies };

    let was_complete = stage.publishers.is_republished();
    story::first_heading(was_complete);
    let Some(checked) = stage.act()? else { return stopped() };
    story::feeds(&checked);
    if !checked.mistakes.is_empty() {
        return Ok(story::mistakes(&checked));
    }
    if !was_complete {
        stage.publishers.republish().context("the publishers cannot publish again")?;
        story::second_heading(stage.publishers.world());
        let Some(checked) = stage.act()? else { return stopped() };
        story::republished(stage.publishers.world(), &checked);
        if !checked.mistakes.is_empty() {
            return Ok(story::mistakes(&checked));
        }
    }
    story::questions(&stage.ground.client)?;
    story::closing(&arguments.data, environment::now() - started);
    Ok(Exit::Fine)
}

/// What the passes share.
struct Stage {
    ground: Ground,
    publishers: Publishers,
    topologies: Vec<Topology>,
}

impl Stage {
    /// One pass over all feeds, and what came of it. `None` if a signal ended it.
    fn act(&self) -> Result<Option<Checked>> {
        let started = environment::now();
        let documents = DocumentsFrom::Publishers {
            buckets: Buckets::default(),
            contact: Some(CONTACT.to_owned()),
            rewrite: Some(self.publishers.address().to_owned()),
        };
        let pass: Pass = self.ground.pass(&self.topologies, documents, &[], true, None)?;
        if self.ground.stop.stopping() {
            return Ok(None);
        }
        story::passed(&pass.board, environment::now() - started);
        checks::check(&self.ground, &pass, &self.publishers).map(Some)
    }
}

/// Makes the data folder the demonstration's own.
fn claim(arguments: &Demo) -> Result<DataFolder> {
    let folder = DataFolder::open(&arguments.data)?;
    if !folder.is_demonstration() && !folder.known_flows()?.is_empty() {
        return Err(failure(
            Exit::Usage,
            format!("the data folder {} holds rows of other runs", arguments.data.data.display()),
            "name another folder with --data DIR, so that synthetic rows stay apart from real ones",
        ));
    }
    // Before the first row: a demonstration that was ended early must know its folder again.
    std::fs::create_dir_all(folder.publishers()).context("the data folder cannot be written")?;
    Ok(folder)
}

fn stopped() -> Result<Exit> {
    Err(failure(Exit::Fenced, "the demonstration was stopped before its end", "start it again: it goes on from there"))
}
