//! The commands and files of `docs/`, page by page, as they stand there and in their order.

use publishers::ftd::{Half, Options, ftd};
use regex::Regex;

use crate::page::{Reader, blocks};
use crate::program::root;
use crate::workplace::Workplace;

/// Pages with commands that a test below runs.
const RUN: [&str; 5] = ["getting-started.md", "add-a-feed.md", "production.md", "alerts.md", "exactly-once.md"];

/// A folder `documents` with one real archive.
fn with_documents(workplace: &Workplace) {
    let file = ftd(7, (2020, 9), Half::A, 300, Options::default());
    std::fs::create_dir(workplace.path().join("documents")).expect("a folder");
    std::fs::write(workplace.path().join("documents").join(&file.name), &file.bytes).expect("a file");
}

#[test]
fn the_first_five_minutes_go_as_the_page_says() {
    let workplace = Workplace::new();
    with_documents(&workplace);
    let ran = Reader::new(&workplace, &[]).read("docs/getting-started.md");
    assert!(ran >= 8, "{ran}");
}

#[test]
fn a_feed_is_added_as_the_page_says() {
    let workplace = Workplace::new();
    let ran = Reader::new(&workplace, &[]).read("docs/add-a-feed.md");
    assert!(ran >= 10, "{ran}");
    let rows = workplace.say(&["sql", "--format", "TSV", "select symbol, minutes from demo.halts order by 1"]).ends(0);
    assert_eq!(rows.output, "ABC\t5\nXYZ\t30\n");
}

#[test]
fn what_production_needs_goes_as_the_page_says() {
    let workplace = Workplace::new();
    let ran = Reader::new(&workplace, &[]).read("docs/production.md");
    assert!(ran >= 6, "{ran}");
    let files = blocks("docs/production.md");
    assert!(files.iter().any(|(language, text)| language == "yaml" && text.starts_with("# connections.yaml")));
}

#[test]
fn what_an_alert_asks_for_can_be_typed_beside_a_run() {
    let workplace = Workplace::new();
    let mut run = workplace.endless();
    let ran = Reader::new(&workplace, &[]).beside_a_run().read("docs/alerts.md");
    assert!(ran >= 15, "{ran}");
    run.signal("TERM");
    assert_eq!(run.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn whether_each_row_is_there_once_is_asked_as_the_page_says() {
    let workplace = Workplace::new();
    assert!(Reader::new(&workplace, &[]).read("docs/exactly-once.md") >= 3);
}

/// A page with commands that nobody runs would rot.
#[test]
fn no_other_page_has_commands() {
    let mut folders = vec![root().join("docs")];
    let mut pages = 0;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            pages += 1;
            let name = path.strip_prefix(root().join("docs")).expect("below it").to_string_lossy().into_owned();
            let blocks = blocks(&format!("docs/{name}"));
            let commands = blocks.iter().filter(|(language, _)| language == "sh" || language == "yaml").count();
            assert!(commands == 0 || RUN.contains(&name.as_str()), "nobody runs the commands of {name}");
        }
    }
    assert!(pages > 70, "{pages}");
}

/// A file that a page shows is right: each topology passes its own tests.
#[test]
fn every_topology_of_a_page_passes_its_tests() {
    let named = Regex::new(r"^# (\S+\.yaml)\n").expect("an expression");
    let mut tried = 0;
    for page in RUN {
        let workplace = Workplace::new();
        let mut topologies = Vec::new();
        for (_, text) in blocks(&format!("docs/{page}")).into_iter().filter(|(language, _)| language == "yaml") {
            let name = named.captures(&text).unwrap_or_else(|| unreachable!("{page}: a file without a name:\n{text}"));
            workplace.write(&name[1], &text);
            topologies.extend(text.contains("\ntopology: ").then(|| name[1].to_owned()));
        }
        for topology in topologies {
            workplace.say(&["check", &topology]).ends(0);
            let said = workplace.say(&["test", &topology]).ends(0).output;
            assert!(!said.contains("0 tests"), "{page}: {said}");
            tried += 1;
        }
    }
    assert!(tried >= 1);
}
