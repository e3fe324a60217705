//! The fixed set of documents that the demonstration loads, and what is true of them.
//!
//! Days are fixed and lie in the past, so that no result depends on the day of the run. Whoever loads the world must
//! set the calendars of the feeds to [`Feed::first_day`] and [`Feed::last_day`], and recheck without end: the
//! publishers' own windows have long passed.

use std::fs;
use std::io;
use std::path::Path;

use chrono::{Days, NaiveDate};

use crate::dtcc::{self, Class, Contents, Generation, Jurisdiction};
use crate::ftd::{self, Half};
use crate::short_volume::{self, Columns};
use crate::truth::{Made, Outcome, Truth, day};

/// Address of the page that lists the fails-to-deliver files.
pub(crate) const INDEX_PAGE: &str = "https://www.sec.gov/data-research/sec-markets-data/foiadocsfailsdatahtm";

/// Rows of each file of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Of a fails-to-deliver file.
    pub ftd: u64,
    /// Of a short-volume file.
    pub short_volume: u64,
    /// Fresh messages of a DTCC file. At least 40.
    pub dtcc: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { ftd: 20_000, short_volume: 2_000, dtcc: 1_000 }
    }
}

/// Everything that the publishers publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// One for each topology, in order of name.
    pub feeds: Vec<Feed>,
}

/// The feeds of swaps: name of the topology, and what it is about.
const SWAPS: [(&str, Jurisdiction, Class); 8] = [
    ("dtcc-cftc-commodities", Jurisdiction::Cftc, Class::Commodities),
    ("dtcc-cftc-credits", Jurisdiction::Cftc, Class::Credits),
    ("dtcc-cftc-equities", Jurisdiction::Cftc, Class::Equities),
    ("dtcc-cftc-forex", Jurisdiction::Cftc, Class::Forex),
    ("dtcc-cftc-rates", Jurisdiction::Cftc, Class::Rates),
    ("dtcc-sec-credits", Jurisdiction::Sec, Class::Credits),
    ("dtcc-sec-equities", Jurisdiction::Sec, Class::Equities),
    ("dtcc-sec-rates", Jurisdiction::Sec, Class::Rates),
];

/// What one topology finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Name of the topology.
    pub name: &'static str,
    /// Whose swaps, and of which class; `None` for other feeds.
    pub swaps: Option<(Jurisdiction, Class)>,
    /// First day that a calendar should ask for.
    pub first_day: NaiveDate,
    /// Last day that a calendar should ask for.
    pub last_day: NaiveDate,
    /// What is there, oldest first.
    pub documents: Vec<Document>,
    /// What is asked for and not there.
    pub absent: Vec<AbsentDocument>,
}

/// A document that is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The publisher's address.
    pub url: String,
    /// As first published.
    pub first: Made,
    /// As published again, under the same address.
    pub second: Option<Made>,
}

/// A document that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentDocument {
    /// The publisher's address.
    pub url: String,
    /// Status of the answer. With 200 comes a page for people.
    pub status: u16,
}

impl Document {
    /// The document as it stands before or after the re-publication.
    #[must_use]
    pub fn current(&self, republished: bool) -> &Made {
        self.second.as_ref().filter(|_| republished).unwrap_or(&self.first)
    }
}

impl Feed {
    /// What is true of each document.
    pub fn truths(&self, republished: bool) -> impl Iterator<Item = &Truth> {
        self.documents.iter().map(move |document| &document.current(republished).truth)
    }

    /// Rows that should stand in the table: those of all documents that are accepted.
    #[must_use]
    pub fn rows(&self, republished: bool) -> u64 {
        self.accepted(republished).map(|truth| truth.rows).sum()
    }

    /// Rows that should be dead letters.
    #[must_use]
    pub fn dead(&self, republished: bool) -> u64 {
        self.accepted(republished).map(|truth| truth.dead).sum()
    }

    /// Messages that should be left when each key is let through once.
    #[must_use]
    pub fn unique(&self) -> u64 {
        self.accepted(false).map(|truth| truth.rows - truth.repeats - truth.conflicts).sum()
    }

    /// Documents that should be refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.truths(false).filter(|truth| truth.outcome == Outcome::Incomplete).count() as u64
    }

    fn accepted(&self, republished: bool) -> impl Iterator<Item = &Truth> {
        self.truths(republished).filter(|truth| truth.outcome != Outcome::Incomplete)
    }

    /// Writes the documents into a folder under their names, for a source that reads files.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_files(&self, folder: &Path, republished: bool) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for document in &self.documents {
            let made = document.current(republished);
            // Written beside its place, so that a reader never meets half a file.
            let part = folder.join(format!(".{}.part", made.name));
            fs::write(&part, &made.bytes)?;
            fs::rename(&part, folder.join(&made.name))?;
        }
        Ok(())
    }
}

impl World {
    /// The world of the demonstration.
    #[must_use]
    pub fn demonstration() -> Self {
        Self::new(20_260_105, Sizes::default())
    }

    /// A world of other sizes or another seed.
    #[must_use]
    pub fn new(seed: u64, sizes: Sizes) -> Self {
        let mut feeds: Vec<Feed> = SWAPS.iter().map(|swap| swaps(seed, *swap, sizes.dtcc)).collect();
        feeds.push(finra(seed, sizes.short_volume));
        feeds.push(nyse(seed, sizes.short_volume));
        feeds.push(fails(seed, sizes.ftd));
        feeds.sort_by_key(|feed| feed.name);
        Self { feeds }
    }

    /// The feed of a topology.
    #[must_use]
    pub fn feed(&self, name: &str) -> Option<&Feed> {
        self.feeds.iter().find(|feed| feed.name == name)
    }
}

/// Six half months: one with days that do not exist, one with a wrong trailer, one that is published again; and a link
/// that leads nowhere.
fn fails(seed: u64, rows: u64) -> Feed {
    let url = |name: &str| format!("https://www.sec.gov/files/data/fails-deliver-data/{name}");
    let document = |month: u32, half: Half| {
        let options = ftd::Options {
            wrong_trailer: (month, half) == (11, Half::A),
            dead_rows: if (month, half) == (10, Half::B) { rows.min(3) } else { 0 },
            revision: 1,
        };
        let first = ftd::ftd(seed, (2025, month), half, rows, options);
        let is_republished = (month, half) == (12, Half::A);
        let again = ftd::Options { revision: 2, ..options };
        let second = is_republished.then(|| ftd::ftd(seed, (2025, month), half, rows, again));
        Document { url: url(&first.name), first, second }
    };
    let months = [10, 11, 12];
    Feed {
        name: "sec-ftd",
        swaps: None,
        first_day: day(2025, 10, 1),
        last_day: day(2025, 12, 31),
        documents: months.iter().flat_map(|month| [Half::A, Half::B].map(|half| document(*month, half))).collect(),
        absent: vec![AbsentDocument { url: url("cnsfails202509b.zip"), status: 404 }],
    }
}

/// Eight days, a day that answers 403, and one that answers with a page for people.
fn finra(seed: u64, rows: u64) -> Feed {
    let url =
        |date: NaiveDate| format!("https://cdn.finra.org/equity/regsho/daily/CNMSshvol{}.txt", date.format("%Y%m%d"));
    let days = [5, 6, 7, 8, 12, 14, 15, 16].map(|number| day(2026, 1, number));
    let document = |date: &NaiveDate| Document {
        url: url(*date),
        first: short_volume::finra(seed, "CNMS", *date, rows),
        second: None,
    };
    Feed {
        name: "finra-short-volume",
        swaps: None,
        first_day: day(2026, 1, 5),
        last_day: day(2026, 1, 16),
        documents: days.iter().map(document).collect(),
        absent: vec![
            AbsentDocument { url: url(day(2026, 1, 9)), status: 403 },
            AbsentDocument { url: url(day(2026, 1, 13)), status: 200 },
        ],
    }
}

/// Eight days around the change from five columns to six: one carries the next day's date, one has only a header. Its
/// address is invented; the topology reads files.
fn nyse(seed: u64, rows: u64) -> Feed {
    let change = day(2017, 7, 24);
    let document = |date: NaiveDate| {
        let columns = if date < change { Columns::Five } else { Columns::Six };
        let is_wrong_day = date == day(2017, 7, 20);
        let date_in_rows = if is_wrong_day { date.checked_add_days(Days::new(1)).unwrap_or(date) } else { date };
        let rows = if date == day(2017, 7, 26) { 0 } else { rows };
        let first = short_volume::nyse(seed, "NYSE", date, rows, columns, date_in_rows);
        Document { url: format!("https://www.nyse.com/short-volume/{}", first.name), first, second: None }
    };
    Feed {
        name: "nyse-short-volume",
        swaps: None,
        first_day: day(2017, 7, 19),
        last_day: day(2017, 7, 28),
        documents: [19, 20, 21, 24, 25, 26, 27, 28].map(|number| document(day(2017, 7, number))).into(),
        absent: Vec::new(),
    }
}

/// Four days and one without a file. The first of the CFTC is of the first generation, so that both headers are met;
/// the last two repeat messages of the day before, and the last holds two that conflict.
fn swaps(seed: u64, (name, jurisdiction, class): (&'static str, Jurisdiction, Class), fresh: u64) -> Feed {
    let folder = jurisdiction.name().to_lowercase();
    let url = |name: &str| format!("https://pddata.dtcc.com/ppd/api/report/cumulative/{folder}/{name}");
    let bad = (fresh / 200).max(1);
    let repeats = fresh / 20;
    let document = |number: u32| {
        let date = day(2026, 1, number);
        let is_old = number == 5 && jurisdiction == Jurisdiction::Cftc;
        let generation = if is_old { Generation::First } else { Generation::Fourth };
        let previous = (number > 6).then(|| day(2026, 1, number - 1));
        let conflicts = if number == 8 { 2 } else { 0 };
        let contents = Contents { fresh, bad, repeats, conflicts };
        let first = dtcc::cumulative(seed, generation, (jurisdiction, class), date, previous, contents);
        Document { url: url(&first.name), first, second: None }
    };
    let missing = format!("{}_CUMULATIVE_{}_2026_01_09.zip", jurisdiction.name(), class.name());
    Feed {
        name,
        swaps: Some((jurisdiction, class)),
        first_day: day(2026, 1, 5),
        last_day: day(2026, 1, 9),
        documents: [5, 6, 7, 8].map(document).into(),
        absent: vec![AbsentDocument { url: url(&missing), status: 403 }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Sizes = Sizes { ftd: 200, short_volume: 50, dtcc: 100 };

    const SWAP_FEED: [u64; 6] = [4 * 99 + 2 * 5 + 2, 4, 4 * 99, 0, 4, 1];

    #[test]
    fn the_catalogue_adds_up() {
        let world = World::new(1, SMALL);
        // Rows, dead, unique, refused, documents and absent ones of each feed.
        let cases = [
            ("dtcc-cftc-commodities", SWAP_FEED),
            ("dtcc-cftc-credits", SWAP_FEED),
            ("dtcc-cftc-equities", SWAP_FEED),
            ("dtcc-cftc-forex", SWAP_FEED),
            ("dtcc-cftc-rates", SWAP_FEED),
            ("dtcc-sec-credits", SWAP_FEED),
            ("dtcc-sec-equities", SWAP_FEED),
            ("dtcc-sec-rates", SWAP_FEED),
            ("finra-short-volume", [8 * 50, 0, 8 * 50, 0, 8, 2]),
            ("nyse-short-volume", [7 * 50, 0, 7 * 50, 0, 8, 0]),
            ("sec-ftd", [5 * 200 - 3, 3, 5 * 200 - 3, 1, 6, 1]),
        ];
        assert_eq!(world.feeds.iter().map(|feed| feed.name).collect::<Vec<_>>(), cases.map(|case| case.0));
        for (name, expected) in cases {
            let feed = world.feed(name).unwrap();
            let counts = [feed.documents.len() as u64, feed.absent.len() as u64];
            let found = [feed.rows(false), feed.dead(false), feed.unique(), feed.refused(), counts[0], counts[1]];
            assert_eq!(found, expected, "{name}");
        }
        let fails = world.feed("sec-ftd").unwrap();
        assert_eq!(fails.rows(true), fails.rows(false) - 1);
        let empty = world.feed("nyse-short-volume").unwrap().truths(false);
        assert_eq!(empty.filter(|truth| truth.outcome == Outcome::Empty).count(), 1);
    }

    #[test]
    fn the_demonstration_is_as_large_as_it_says() {
        let world = World::demonstration();
        let rows: u64 = world.feeds.iter().map(|feed| feed.rows(false)).sum();
        assert_eq!(rows, (5 * 20_000 - 3) + 8 * 2_000 + 7 * 2_000 + 8 * (4 * 995 + 2 * 50 + 2));
        let bytes: usize =
            world.feeds.iter().flat_map(|feed| &feed.documents).map(|document| document.first.bytes.len()).sum();
        assert!(bytes < 16 * 1024 * 1024, "{bytes}");
    }

    #[test]
    fn days_are_real_and_files_are_written_under_their_names() {
        let world = World::new(1, SMALL);
        assert!(world.feeds.iter().all(|feed| feed.first_day > NaiveDate::default() && feed.first_day < feed.last_day));
        let folder = tempfile::tempdir().unwrap();
        world.feed("nyse-short-volume").unwrap().write_files(folder.path(), false).unwrap();
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), 8);
        assert_eq!(names[0], "NYSEshvol20170719.txt");
    }
}
