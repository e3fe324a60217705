//! `pause`, `resume` and `top`.

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
    until("the run obeys", || workplace.said().contains("flow paused").then_some(()));
    let said = workplace.say(&["pause", "my-list"]).ends(0).output;
    assert!(said.contains("my-list/load is paused already"), "{said}");
    let said = workplace.say(&["pause", "my-list/lod"]).ends(64).errors;
    assert!(said.contains("did you mean `my-list/load`?"), "{said}");
    let said = workplace.say(&["top"]).ends(0).output;
    let line = said.lines().find(|line| line.contains("my-list/load")).expect("the flow");
    assert!(line.contains(" paused "), "{said}");
    assert!(workplace.say(&["status"]).ends(0).output.contains("paused: my-list/load reads nothing since "));
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
    until("the rows of the file that came meanwhile", || (rows(&workplace) == "3").then_some(()));
    let said = workplace.say(&["resume", "my-list/load"]).ends(0).output;
    assert!(said.contains("my-list/load is not paused"), "{said}");
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    workplace.say(&["reconcile"]).ends(0);
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
