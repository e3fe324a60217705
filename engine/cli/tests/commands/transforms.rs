//! `transform`: a document on standard input, rows on standard output.

use std::io::Write;
use std::process::Stdio;

use publishers::ftd::{Half, Options, ftd};

use crate::program::Said;
use crate::workplace::Workplace;

/// Gives a command its input and runs it to its end.
fn given(workplace: &Workplace, words: &[&str], input: &[u8]) -> Said {
    let mut command = workplace.command(&[&["transform"], words].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("the program starts");
    let mut to = process.stdin.take().expect("a pipe");
    // Not all commands read it.
    let _given = to.write_all(input);
    drop(to);
    process.wait_with_output().expect("the program ends").into()
}

const GOOD: &str = "Symbol|Quantity\nABC|12\nDEF|7\n2\n";
const NAMED: [&str; 3] = ["my-list.yaml", "--name", "list_20260105.txt"];

#[test]
fn rows_come_out_whole_or_not_at_all() {
    let workplace = Workplace::new();
    let rows = "{\"list_date\":\"2026-01-05\",\"symbol\":\"ABC\",\"quantity\":12}\n\
                {\"list_date\":\"2026-01-05\",\"symbol\":\"DEF\",\"quantity\":7}\n";
    let csv = "list_date,symbol,quantity\n2026-01-05,ABC,12\n2026-01-05,DEF,7\n";
    let fourteen: String = (0..14).map(|number| format!("S{number}|{number}\n")).collect();
    let one_dead = format!("Symbol|Quantity\n{fourteen}BAD|many\n15\n");
    // More words, the document, exit status, what is on standard output and what standard error says.
    let cases: [(&[&str], &str, i32, &str, &str); 10] = [
        (&[], GOOD, 0, rows, ""),
        (&["--flow", "load", "--format", "json"], GOOD, 0, rows, ""),
        (&["--flow", "my-list/load", "--format", "csv"], GOOD, 0, csv, ""),
        (&[], "Symbol|Quantity\nABC|12\n2\n", 3, "", "refused: list_20260105.txt: incomplete E4"),
        (
            &[],
            "Symbol|Quantity\nABC|1\nABC|2\n2\n",
            3,
            "",
            "the first are lines 2 and 3: E4404: one key (list_date, symbol) and different rows; all for E4404 at landing",
        ),
        (&[], "nothing of the kind\n", 3, "", "refused: list_20260105.txt: failed E4208"),
        (&["--format", "csv"], "<html>", 3, "", "refused: list_20260105.txt: absent"),
        (&["--format", "csv"], "Symbol|Quantity\n0\n", 0, "list_date,symbol,quantity\n", "list_20260105.txt: empty"),
        (&["--flow", "lod"], GOOD, 64, "", "did you mean"),
        (&["--name", "other.txt"], GOOD, 64, "", "a name must fit `list_{date:%Y%m%d}*`"),
    ];
    for (words, document, status, output, told) in cases {
        let named = if words.contains(&"--name") { &NAMED[..1] } else { &NAMED[..] };
        let said = given(&workplace, &[named, words].concat(), document.as_bytes()).ends(status);
        assert_eq!(said.output, output, "{words:?} {document}");
        assert!(said.errors.contains(told) && (!told.is_empty() || said.errors.is_empty()), "{words:?}: {said:?}");
    }
    let said = given(&workplace, &NAMED, one_dead.as_bytes()).ends(0);
    assert_eq!(said.output.lines().count(), 14, "{said:?}");
    assert!(said.errors.starts_with("dead: list_20260105.txt line 16: E41"), "{said:?}");
    assert!(said.errors.ends_with(": BAD|many\n") && said.errors.lines().count() == 1, "{said:?}");
    let said = given(&workplace, &["my-list.yaml"], GOOD.as_bytes()).ends(64).errors;
    assert!(said.contains("give it with --name; it must fit `list_"), "{said}");
    assert!(!workplace.data().exists(), "no data folder is made");
}

#[test]
fn a_shipped_feed_reads_its_archive_and_arrow_says_the_same() {
    let workplace = Workplace::new();
    let file = ftd(7, (2020, 9), Half::A, 300, Options::default());
    let words = ["topologies/sec-ftd.yaml", "--name", &file.name];
    let json = given(&workplace, &words, &file.bytes).ends(0).output;
    assert_eq!(json.lines().count() as u64, file.truth.rows, "{json}");
    let mut command = workplace.command(&[&["transform"], &words[..], &["--format", "arrow"]].concat());
    workplace.write("document", "");
    std::fs::write(workplace.path().join("document"), &file.bytes).expect("a file");
    let input = std::fs::File::open(workplace.path().join("document")).expect("a file");
    let output = command.stdin(input).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let reader = arrow::ipc::reader::StreamReader::try_new(&*output.stdout, None).expect("a stream");
    let first = json.lines().next().expect("a row");
    let row: serde_json::Value = serde_json::from_str(first).expect("JSON");
    let names: Vec<String> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, row.as_object().expect("an object").keys().cloned().collect::<Vec<_>>());
    let count: usize = reader.map(|batch| batch.expect("a batch").num_rows()).sum();
    assert_eq!(count, json.lines().count());
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let workplace = Workplace::new();
    let rows: String = (0..50_000).map(|number| format!("S{number}|{number}\n")).collect();
    let document = format!("Symbol|Quantity\n{rows}50000\n");
    for format in ["json", "csv", "arrow"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = workplace.command(&[&["transform", "--format", format], &NAMED[..]].concat());
        command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the program starts");
        drop(command);
        process.stdin.take().expect("a pipe").write_all(document.as_bytes()).expect("it is read");
        let said: Said = process.wait_with_output().expect("the program ends").into();
        assert_eq!((said.status, said.errors.as_str()), (0, ""), "{format}");
    }
}
