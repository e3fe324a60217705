//! The shipped feeds as part of the program, and what the demonstration changes in their plans.
//!
//! The files are those of `topologies/` and `schemas/` as they were when the program was built. Their plans are loaded
//! unchanged, and so are steps, tables and revisions; only where and when documents are looked for is set to the
//! synthetic publishers' fixed days.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use publishers::{Feed, World};
use topology::MemoryFiles;
use topology::plan::{Discover, From, HttpPlan, SourcePlan, Topology};

/// Feeds whose documents lie in a folder.
pub(super) const READS_FILES: [&str; 1] = ["nyse-short-volume"];

/// Requests a second. The publishers are on this machine and mind nothing.
const RATE: f64 = 500.0;
/// The documents are of fixed days: they are asked for again however long ago those were.
const RECHECK_FOR: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Path and text of files, by their path in the repository.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../../", $path)))),*]
    };
}

const FILES: [(&str, &str); 29] = files![
    "schemas/tables/regsho.fails_to_deliver.yaml",
    "schemas/tables/regsho.short_volume.yaml",
    "schemas/tables/swaps.messages.yaml",
    "schemas/topics/swaps.messages.avsc",
    "topologies/dtcc-cftc-commodities.yaml",
    "topologies/dtcc-cftc-credits.yaml",
    "topologies/dtcc-cftc-equities.yaml",
    "topologies/dtcc-cftc-forex.yaml",
    "topologies/dtcc-cftc-rates.yaml",
    "topologies/dtcc-sec-credits.yaml",
    "topologies/dtcc-sec-equities.yaml",
    "topologies/dtcc-sec-rates.yaml",
    "topologies/finra-short-volume.yaml",
    "topologies/fixtures/dtcc-g1.csv",
    "topologies/fixtures/dtcc-g2.csv",
    "topologies/fixtures/dtcc-g3-basket.csv",
    "topologies/fixtures/dtcc-g3.csv",
    "topologies/fixtures/dtcc-g4-bad-row.csv",
    "topologies/fixtures/dtcc-g4-forex.csv",
    "topologies/fixtures/dtcc-g4.csv",
    "topologies/headers/dtcc-g1.txt",
    "topologies/headers/dtcc-g2.txt",
    "topologies/headers/dtcc-g3.txt",
    "topologies/headers/dtcc-g4.txt",
    "topologies/nyse-short-volume.yaml",
    "topologies/sec-ftd.yaml",
    "topologies/swaps.yaml",
    "topologies/templates/dtcc-cumulative.yaml",
    "topologies/templates/finra-short-volume.yaml",
];

/// The topologies of the demonstration. `files` is the folder of documents that are not asked for by HTTP; `now` is in
/// milliseconds since 1970 UTC.
pub(super) fn topologies(world: &World, files: &Path, now: i64) -> Result<Vec<Topology>> {
    let mut topologies = load()?;
    for topology in &mut topologies {
        for flow in &mut topology.flows {
            let From::Documents(documents) = &mut flow.from else { continue };
            let feed = world.feed(&topology.name).with_context(|| format!("nobody publishes {}", topology.name))?;
            match &mut documents.source {
                SourcePlan::Files { path, .. } => *path = files.to_string_lossy().into(),
                SourcePlan::Http(http) => adapt(http, feed, now)?,
                SourcePlan::S3(s3) => anyhow::bail!("nobody plays the bucket {}", s3.bucket),
            }
        }
    }
    Ok(topologies)
}

fn load() -> Result<Vec<Topology>> {
    let files: BTreeMap<PathBuf, Vec<u8>> =
        FILES.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect();
    let loaded = topology::load(&[PathBuf::from("topologies")], &MemoryFiles(files));
    match loaded.findings.iter().find(|finding| finding.severity == topology::Severity::Error) {
        Some(finding) => anyhow::bail!("a shipped topology is wrong: {}", finding.text(false)),
        None => Ok(loaded.topologies),
    }
}

fn adapt(http: &mut HttpPlan, feed: &Feed, now: i64) -> Result<()> {
    if let Discover::Calendar { from, to_days_ago, zone, .. } = &mut http.discover {
        *from = feed.first_day;
        *to_days_ago = http_connector::days_since(feed.last_day, zone, now)?;
    }
    (http.rate, http.recheck_for) = (RATE, Some(RECHECK_FOR));
    // Nobody is there whom a hold could ask what a link to a file that is gone means.
    let absent = http.absent_statuses.contains(&404);
    anyhow::ensure!(absent, "a file that is gone would hold {}", feed.name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feeds_are_those_that_somebody_publishes_and_their_calendars_end_with_them() {
        let world = World::new(1, publishers::Sizes { ftd: 10, short_volume: 10, dtcc: 40 });
        let now = 1_790_000_000_000; // 2026-09-21T13:33:20Z
        let topologies = topologies(&world, Path::new("/files"), now).unwrap();
        let mut read = Vec::new();
        for topology in &topologies {
            let From::Documents(documents) = &topology.flows[0].from else { continue };
            read.push(&*topology.name);
            match &documents.source {
                SourcePlan::Files { path, .. } => assert_eq!(&**path, "/files"),
                SourcePlan::S3(s3) => panic!("{}", s3.bucket),
                SourcePlan::Http(http) => {
                    let Discover::Calendar { from, to_days_ago, .. } = &http.discover else { continue };
                    let feed = world.feed(&topology.name).unwrap();
                    assert_eq!(*from, feed.first_day);
                    let today = chrono::NaiveDate::from_ymd_opt(2026, 9, 21).unwrap();
                    assert_eq!(*to_days_ago, (today - feed.last_day).num_days(), "{}", topology.name);
                }
            }
        }
        let published: Vec<&str> = world.feeds.iter().map(|feed| feed.name).collect();
        assert_eq!(read, published);
        assert_eq!(topologies.len(), published.len() + 1, "and `swaps`, which reads a topic");
    }
}
