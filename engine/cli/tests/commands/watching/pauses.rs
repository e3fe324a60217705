//! `pause`, `resume` and `top`.

use super::address;
use crate::program::scrape::{Scrape, get};
use crate::program::until;
use crate::workplace::Workplace;

const ROWS: &str = "select count() from demo.my_list";

fn rows(workplace: &Workplace) -> String {
    workplace.say(&["sql", "--format", "TSV", ROWS]).ends(0).output.trim().to_owned()
}

#[test]
fn a_paused_flow_stays_paused_whoever_runs_it_until_it_is_resumed() {
    let workplace = Workplace::new();
    workplace.write_changed("my-list.yaml", &[("every: 1h", "every: 1s")]);
    let mut process = workplace.endless();
    let said = workplace.say(&["pause", "my-list/load"]).ends(0).output;
    assert!(said.contains("my-list/load is paused\n  to go on: spotlight resume my-list/load"), "{said}");
    // The answer came when it was so.
    let said = workplace.say(&["top"]).ends(0).output;
    let line = said.lines().find(|line| line.contains("my-list/load")).expect("the flow");
    assert!(line.contains(" paused "), "{said}");
    let said = workplace.say(&["pause", "my-list"]).ends(0).output;
    assert!(said.contains("my-list/load is paused already"), "{said}");
    let said = workplace.say(&["pause", "my-list/lod"]).ends(64).errors;
    assert!(said.contains("did you mean `my-list/load`?"), "{said}");
    let said = workplace.say(&["status"]).ends(0).output;
    assert!(said.contains("paused: my-list/load reads nothing since "), "{said}");
    assert!(said.contains("and does not look what its source offers"), "{said}");
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());

    // The next runs hear of it too, and so does who asks without one.
    let said = workplace.say(&["top"]).ends(69).errors;
    assert!(said.contains("no run is going on"), "{said}");
    assert!(workplace.say(&["status"]).ends(0).output.contains("paused: my-list/load reads nothing since "));
    workplace.write("lists/list_20260107.txt", "Symbol|Quantity\nGHI|1\n1\n");
    let said = workplace.say(&["run", "my-list.yaml", "--once"]).ends(3).output;
    assert!(said.contains("paused: my-list/load reads nothing\n  to go on: spotlight resume my-list/load"), "{said}");
    assert_eq!(rows(&workplace), "2");

    let mut process = workplace.start(&["run", "my-list.yaml"]);
    until("the run listens to commands", || workplace.data().join("control").exists().then_some(()));
    let said = workplace.say(&["resume", "my-list"]).ends(0).output;
    assert!(said.contains("my-list/load goes on"), "{said}");
    let said = workplace.say(&["top"]).ends(0).output;
    assert!(!said.contains(" paused "), "{said}");
    until("the rows of the file that came meanwhile", || (rows(&workplace) == "3").then_some(()));
    let said = workplace.say(&["resume", "my-list/load"]).ends(0).output;
    assert!(said.contains("my-list/load is not paused"), "{said}");
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    workplace.say(&["reconcile"]).ends(0);
}

/// A table that is missing is found when the flow goes on, and not before.
#[test]
fn a_flow_that_is_paused_from_the_start_shows_what_is_so_and_is_not_waited_for() {
    let workplace = Workplace::new();
    workplace.write_changed("my-list.yaml", &[("every: 1h", "every: 1s")]);
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    workplace.say(&["pause", "my-list/load"]).ends(0);
    workplace.say(&["sql", "rename table demo.my_list to demo.elsewhere"]).ends(0);
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nGHI|1\n1\n");
    let mut process = workplace.start(&["run", "my-list.yaml", "--listen", "127.0.0.1:0"]);
    let address = address(&workplace);
    let answer = until("all that is not paused is ready", || {
        Some(get(&address, "/ready", "")).filter(|answer| answer.status == 200)
    });
    assert_eq!(answer.body, "ready\npaused, so that it is not known whether they would be: my-list/load\n");
    let status = until("what the earlier run left is told", || {
        let status = get(&address, "/status", "").is(200).json();
        let known = status["lags"]["my-list/load"].is_object();
        (known && status["flows"]["my-list/load"]["total"]["landed"] == 2).then_some(status)
    });
    assert_eq!(status["lags"]["my-list/load"]["records"], 0, "{status}");
    assert_eq!(status["ready"], true, "{status}");
    let scrape = Scrape::of(&address);
    let of_flow = |name: &str| scrape.tells(name, "my-list/load").then(|| scrape.of_flow(name, "my-list/load"));
    for (name, value) in [
        ("spotlight_flow_lag_records", 0.0),
        ("spotlight_flow_lag_seconds", 0.0),
        ("spotlight_flow_paused", 1.0),
        ("spotlight_flow_ready", 0.0),
        ("spotlight_flow_up", 0.0),
        ("spotlight_document_found_total", 0.0),
    ] {
        assert_eq!(of_flow(name), Some(value), "{name} in {}", scrape.text);
    }
    assert!(of_flow("spotlight_document_cursor_age_seconds").is_some(), "{}", scrape.text);
    let said = workplace.say(&["top"]).ends(0).output;
    let line: Vec<&str> =
        said.lines().find(|line| line.contains("my-list/load")).expect("the flow").split_whitespace().collect();
    assert_eq!(line[..3], ["my-list/load", "paused", "0"], "{said}");

    workplace.say(&["resume", "my-list/load"]).ends(0);
    let answer = get(&address, "/ready", "").is(503);
    assert_eq!(answer.body, "not ready: my-list/load\n");
    until("the hold", || {
        let status = get(&address, "/status", "").is(200).json();
        status["holds"].as_array().is_some_and(|holds| holds.iter().any(|hold| hold["code"] == "E5111")).then_some(())
    });
    get(&address, "/ready", "").is(503);
    workplace.say(&["sql", "rename table demo.elsewhere to demo.my_list"]).ends(0);
    workplace.say(&["release", "my-list/load"]).ends(0);
    until("the rows of the file that came meanwhile", || (rows(&workplace) == "3").then_some(()));
    assert_eq!(get(&address, "/ready", "").is(200).body, "ready\n");
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}

/// Topics before a flow that is paused, and before one that is held when it begins.
#[test]
fn what_waits_for_a_flow_that_has_not_begun_is_counted_from_its_position() {
    let workplace = Workplace::new();
    workplace.write(
        "letters.yaml",
        "topology: letters
flows:
  read:
    from: { files: { path: letters, file-names: [\"letters_{date:%Y%m%d}.txt\"], every: 1s } }
    steps: [ { decode: { delimited: { separator: \"|\", layouts: { v1: { header: [Id] } }, names: snake_case } } } ]
    to: { topic: letters.all, key: [id] }
  copy:
    from: { topic: letters.all }
    to: { topic: letters.copy, key: [id] }
  land:
    from: { topic: letters.all }
    to: { clickhouse: { table: demo.letters, rows: append, key: [id], batch: { rows: 10, age: 100ms } } }
",
    );
    workplace.write("letters/letters_20260105.txt", "Id\na\nb\nc\nd\n");
    workplace.say(&["run", "letters.yaml", "--once"]).ends(0);
    workplace.say(&["pause", "letters/copy"]).ends(0);
    workplace.say(&["sql", "rename table demo.letters to demo.elsewhere"]).ends(0);
    let mut process = workplace.start(&["run", "letters.yaml", "--listen", "127.0.0.1:0"]);
    let address = address(&workplace);
    let lags = |scrape: &Scrape| {
        let lag = |flow: &str| {
            let name = "spotlight_flow_lag_records";
            scrape.tells(name, flow).then(|| scrape.of_flow(name, flow))
        };
        [lag("letters/copy"), lag("letters/land")]
    };
    let nothing = until("the hold", || {
        let scrape = Scrape::of(&address);
        let known = lags(&scrape).iter().all(Option::is_some);
        (known && scrape.of_flow("spotlight_flow_held", "letters/land") > 0.0).then_some(scrape)
    });
    assert_eq!(lags(&nothing), [Some(0.0), Some(0.0)], "{}", nothing.text);
    workplace.write("letters/letters_20260106.txt", "Id\ne\nf\ng\n");
    let scrape =
        until("three more", || Some(Scrape::of(&address)).filter(|scrape| lags(scrape) == [Some(3.0), Some(3.0)]));
    assert_eq!(scrape.of_flow("spotlight_flow_paused", "letters/copy"), 1.0, "{}", scrape.text);
    workplace.say(&["sql", "rename table demo.elsewhere to demo.letters"]).ends(0);
    workplace.say(&["resume", "letters/copy"]).ends(0);
    workplace.say(&["release", "letters/land"]).ends(0);
    until("nothing waits any more", || (lags(&Scrape::of(&address)) == [Some(0.0), Some(0.0)]).then_some(()));
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}

#[test]
fn top_shows_the_flow_that_is_in_trouble_first() {
    let workplace = Workplace::new();
    workplace.write_changed("my-list.yaml", &[("every: 1h", "every: 1s")]);
    let mut process = workplace.endless();
    until("the flow is fine", || {
        let said = workplace.say(&["top"]).ends(0).output;
        said.lines().any(|line| line.starts_with(" my-list/load") && line.contains(" fine ")).then_some(())
    });
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n2\n");
    let said = until("the refusal", || {
        let said = workplace.say(&["top", "--once"]).ends(0).output;
        said.contains(" refused ")
            .then_some(said)
            .filter(|said| said.lines().nth(2).is_some_and(|line| line.contains("my-list/load")))
    });
    assert!(said.lines().next().is_some_and(|header| header.contains("behind")), "{said}");
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}
