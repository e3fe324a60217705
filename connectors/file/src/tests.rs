//! Rounds over real folders with a discovery that writes down what it is told.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use connect::{Absent, Found, Known, Newest, Stop};

use super::*;
use crate::claims::{ClaimedFile, ClaimedFiles};

/// Remembers what was offered. `grow` names a file to which somebody writes while it is read.
#[derive(Default)]
pub(crate) struct Notebook {
    now: i64,
    pub(crate) lines: Vec<String>,
    known: BTreeMap<String, Known>,
    newest: BTreeMap<Fields, Newest>,
    grow: Option<PathBuf>,
    stopping: bool,
}

impl Discovery for Notebook {
    fn now(&self) -> i64 {
        self.now
    }
    fn known(&self, url: &str) -> Option<Known> {
        self.known.get(url).cloned()
    }
    fn newest(&self, _name: &str, fields: &Fields) -> Option<Newest> {
        self.newest.get(fields).cloned()
    }
    fn given_up(&self, _url: &str) -> bool {
        false
    }
    fn found(&mut self, document: Found<'_>) -> Result<bool, SourceError> {
        if let Some(path) = self.grow.as_ref().filter(|path| path.to_string_lossy() == document.url) {
            fs::File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
        }
        let mut text = String::new();
        if let Err(error) = document.content.read_to_string(&mut text) {
            return Err(SourceError::Transient { what: error.to_string(), retry_after: None });
        }
        let gone = document.instead_of.map(|gone| format!(" instead of {gone}")).unwrap_or_default();
        self.lines.push(format!("{} {:?} {text}{gone}", document.name, document.fields));
        self.newest.insert(document.fields, Newest { url: document.url.clone(), sha256: text.clone() });
        let known = Known { sha256: text, validators: document.validators, fetched_at: self.now };
        self.known.insert(document.url, known);
        Ok(true)
    }
    fn unchanged(&mut self, url: &str) -> Result<(), SourceError> {
        let name = Path::new(url).file_name().unwrap().to_str().unwrap();
        self.lines.push(format!("unchanged {name}"));
        Ok(())
    }
    fn absent(&mut self, absent: Absent) -> Result<(), SourceError> {
        self.lines.push(format!("absent {}", absent.name));
        Ok(())
    }
    fn looked(&mut self, _place: &str, fitting: usize, misfit: Option<&str>) {
        if fitting == 0 {
            self.lines.push(misfit.map_or("nothing fits".to_owned(), |misfit| format!("nothing fits: {misfit}")));
        }
    }

    fn not_claimed(&mut self, url: &str) {
        let name = Path::new(url).file_name().unwrap().to_str().unwrap();
        self.lines.push(format!("not claimed {name}"));
    }
    fn wait(&self, _time: Duration) -> Result<(), Stop> {
        Ok(())
    }
    fn stopping(&self) -> bool {
        self.stopping
    }
}

/// Long after any file of a test was written.
const FAR_FUTURE: i64 = 32_503_680_000_000;

fn source(path: &Path, patterns: &[&str]) -> FileSource {
    FileSource::new(FileSettings {
        path: path.to_str().unwrap().into(),
        file_names: patterns.iter().map(|text| Pattern::parse(text).unwrap()).collect(),
        of_others: Vec::new(),
    })
}

#[test]
fn files_of_other_sources_of_the_folder_are_not_named_as_those_of_nobody() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a20260105.csv", "b20260105.csv", "readme.md"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    let of_others = vec![Pattern::parse("b{date:%Y%m%d}*").unwrap()];
    let settings = FileSettings { of_others, ..source(folder.path(), &["a{date:%Y%m%d}*"]).settings };
    let mut notebook = Notebook { now: FAR_FUTURE, ..Notebook::default() };
    FileSource::new(settings).round(&mut notebook).unwrap();
    let named: Vec<&String> = notebook.lines.iter().filter(|line| line.starts_with("not claimed")).collect();
    assert_eq!(named, ["not claimed readme.md"]);
}

#[test]
fn where_files_are_and_none_fits_the_nearest_is_told_with_what_is_wrong_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let of_others = vec![Pattern::parse("b{date:%Y%m%d}*").unwrap()];
    let settings = source(folder.path(), &["a{date:%Y%m%d}*", "old_{market}_{date:%Y%m%d}.csv"]).settings;
    let mut files = FileSource::new(FileSettings { of_others, ..settings });
    let mut told = |names: &[&str]| {
        for name in names {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let mut notebook = Notebook { now: FAR_FUTURE, ..Notebook::default() };
        files.round(&mut notebook).unwrap();
        notebook.lines.retain(|line| !line.starts_with("not claimed"));
        notebook.lines
    };
    let reads = "nothing fits: it reads `a{date:%Y%m%d}*` or `old_{market}_{date:%Y%m%d}.csv`; ";
    // An empty folder, files of others, half of a download: nobody is to do anything.
    assert_eq!(told(&["b20260105.csv", ".keep", "a20260105.csv.part"]), ["nothing fits"]);
    let found = told(&["readme.md"]);
    let day = "a day such as `20260131`,";
    assert_eq!(found, [format!("{reads}the only file there is `readme.md`: it has `readme.md` where `a` should be")]);
    let found = told(&["a2026-01-05.csv", "zzz.csv"]);
    let nearest = "of the 3 files there `a2026-01-05.csv` comes nearest: it has `2026-01-05.csv` where";
    assert_eq!(found, [format!("{reads}{nearest} `{{date:%Y%m%d}}`, {day} should be")]);
    let found = told(&["old_n_20260230.csv"]);
    let nearest = "of the 4 files there `old_n_20260230.csv` comes nearest: `20260230` is no real day";
    assert_eq!(found, [format!("{reads}{nearest}")]);
    assert_eq!(told(&["a20260105.csv"]), [r#"a20260105.csv {"date": "2026-01-05"} x"#]);
}

#[test]
fn files_are_found_in_order_of_name_with_their_fields() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in
        [("r20260106.csv", "two"), ("r20260105.csv", "one"), ("readme.md", "no"), (".r20260107.csv", "")]
    {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut notebook = Notebook { now: FAR_FUTURE, ..Notebook::default() };
    let mut files = source(folder.path(), &["r{date:%Y%m%d}.csv"]);
    files.round(&mut notebook).unwrap();
    let first = [
        "not claimed readme.md",
        r#"r20260105.csv {"date": "2026-01-05"} one"#,
        r#"r20260106.csv {"date": "2026-01-06"} two"#,
    ];
    assert_eq!(notebook.lines, first);

    // The second round reads only what has changed.
    notebook.lines.clear();
    fs::write(folder.path().join("r20260106.csv"), "other").unwrap();
    files.round(&mut notebook).unwrap();
    let second = ["not claimed readme.md", "unchanged r20260105.csv", r#"r20260106.csv {"date": "2026-01-06"} other"#];
    assert_eq!(notebook.lines, second);
}

#[test]
fn a_file_changed_in_the_tick_of_its_fetch_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "x").unwrap();
    let mut notebook = Notebook { now: 0, ..Notebook::default() };
    let mut files = source(folder.path(), &[]);
    files.round(&mut notebook).unwrap();
    files.round(&mut notebook).unwrap();
    assert_eq!(notebook.lines, [r#"a.csv {"name": "a.csv"} x"#, r#"a.csv {"name": "a.csv"} x"#]);
}

#[test]
fn a_file_that_is_being_written_waits_for_the_next_round() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "x").unwrap();
    fs::write(folder.path().join("b.csv"), "y").unwrap();
    let mut notebook = Notebook { grow: Some(folder.path().join("a.csv")), ..Notebook::default() };
    let mut files = source(folder.path(), &["{letter}.csv"]);
    let error = files.round(&mut notebook).unwrap_err();
    assert!(matches!(error, SourceError::Transient { .. }), "{error}");
    assert_eq!(notebook.lines, [r#"b.csv {"letter": "b"} y"#]);

    notebook.grow = None;
    notebook.lines.clear();
    files.round(&mut notebook).unwrap();
    assert_eq!(notebook.lines[0], r#"a.csv {"letter": "a"} xmore"#);
}

#[test]
fn claimed_files_offer_what_they_were_given() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "x").unwrap();
    fs::write(folder.path().join("b.csv"), "y").unwrap();
    let file = ClaimedFile {
        path: folder.path().join("b.csv"),
        name: "b.csv".to_owned(),
        fields: Fields::from([("half".to_owned(), "b".to_owned())]),
    };
    let mut claimed = ClaimedFiles::new(folder.path(), vec![file]);
    let mut notebook = Notebook::default();
    claimed.round(&mut notebook).unwrap();
    assert_eq!(notebook.lines, [r#"b.csv {"half": "b"} y"#]);

    notebook.stopping = true;
    assert!(matches!(claimed.round(&mut notebook), Err(SourceError::Stopping)));
}

#[test]
fn what_is_unfinished_is_named_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.csv", "a.csv.part", "a.csv~", ".a.csv", ".other", "b.csv.tmp"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["*{letter:[a]}.csv*"],
            &[
                "not claimed .a.csv (skipped: a hidden file)",
                "not claimed a.csv.part (skipped: `.part` ends names of unfinished downloads or copies)",
                "not claimed b.csv.tmp",
                "not claimed a.csv~ (skipped: `~` ends names of unfinished downloads or copies)",
                r#"a.csv {"letter": "a"} x"#,
            ],
        ),
        (
            &[".{letter}.csv", "{letter}.csv.tmp"],
            &[
                "not claimed a.csv",
                "not claimed a.csv.part",
                "not claimed a.csv~",
                r#"b.csv.tmp {"letter": "b"} x"#,
                r#".a.csv {"letter": "a"} x"#,
            ],
        ),
        (
            &[],
            &[
                "not claimed a.csv.part (skipped: `.part` ends names of unfinished downloads or copies)",
                "not claimed b.csv.tmp (skipped: `.tmp` ends names of unfinished downloads or copies)",
                "not claimed a.csv~ (skipped: `~` ends names of unfinished downloads or copies)",
                r#"a.csv {"name": "a.csv"} x"#,
            ],
        ),
    ];
    for (patterns, expected) in cases {
        let mut notebook = Notebook::default();
        source(folder.path(), patterns).round(&mut notebook).unwrap();
        let (mut lines, mut expected) = (notebook.lines, expected.to_vec());
        lines.sort();
        expected.sort_unstable();
        assert_eq!(lines, expected, "{patterns:?}");
    }
    // Who writes the ending into the path means it.
    let mut notebook = Notebook::default();
    source(&folder.path().join("*.part"), &[]).round(&mut notebook).unwrap();
    assert_eq!(notebook.lines, [r#"a.csv.part {"name": "a.csv.part"} x"#]);
}

#[test]
fn where_the_newest_file_is_gone_the_last_that_is_there_takes_its_place_once() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let remove = |name: &str| fs::remove_file(folder.path().join(name)).unwrap();
    write("list.txt", "one");
    write("list (1).txt", "half");
    write("list-v2.txt", "two");
    let mut notebook = Notebook { now: FAR_FUTURE, ..Notebook::default() };
    let mut files = source(folder.path(), &["{kind:[l]}ist*.txt"]);
    let mut round = |notebook: &mut Notebook| {
        notebook.lines.clear();
        files.round(notebook).unwrap();
        notebook.lines.iter().filter(|line| !line.starts_with("unchanged")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(round(&mut notebook).len(), 3);
    assert!(round(&mut notebook).is_empty(), "all are there");
    remove("list (1).txt");
    assert!(round(&mut notebook).is_empty(), "it was not the newest");
    // Its content is still there under another name.
    fs::rename(folder.path().join("list-v2.txt"), folder.path().join("list-3.txt")).unwrap();
    notebook.known.insert(
        folder.path().join("list-3.txt").to_str().unwrap().to_owned(),
        Known { sha256: "two".to_owned(), validators: None, fetched_at: 0 },
    );
    assert_eq!(round(&mut notebook), [r#"list-3.txt {"kind": "l"} two"#]);
    notebook.newest.get_mut(&Fields::from([("kind".to_owned(), "l".to_owned())])).unwrap().url =
        folder.path().join("list-v2.txt").to_str().unwrap().to_owned();
    assert!(round(&mut notebook).is_empty(), "the content is there");
    remove("list-3.txt");
    let gone = folder.path().join("list-v2.txt");
    assert_eq!(round(&mut notebook), [format!(r#"list.txt {{"kind": "l"}} one instead of {}"#, gone.display())]);
    assert!(round(&mut notebook).is_empty(), "once is enough");
    // What came from elsewhere is not missing here, and neither is what a disk holds that is not mounted.
    for elsewhere in ["https://publisher.example/list-v3.txt", "/nowhere/list-v3.txt", "/list-v3.txt"] {
        let newest = Newest { url: elsewhere.to_owned(), sha256: "three".to_owned() };
        notebook.newest.insert(Fields::from([("kind".to_owned(), "l".to_owned())]), newest);
        assert!(round(&mut notebook).is_empty(), "{elsewhere}");
    }
}
