//! Lines of a run that no person watches.

use crate::program::until;
use crate::workplace::Workplace;

#[test]
fn each_line_is_one_json_object_that_says_whose_it_is() {
    let workplace = Workplace::new();
    workplace.write_changed("my-list.yaml", &[("every: 1h", "every: 1s")]);
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nSECRETVALUE|12\n2\n");
    let mut process = workplace.endless();
    until("the refusal", || workplace.said().contains("document refused").then_some(()));
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    let said = workplace.said();
    let lines: Vec<serde_json::Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let line = |message: &str| lines.iter().find(|line| line["message"] == message).expect("such a line");
    for line in &lines {
        let keys: Vec<&str> = line.as_object().expect("an object").keys().take(3).map(String::as_str).collect();
        assert_eq!(keys, ["time", "level", "message"], "{line}");
    }
    let refused = line("document refused");
    assert_eq!((&refused["topology"], &refused["flow"]), (&"my-list".into(), &"load".into()), "{refused}");
    assert!(refused["task"].as_str().is_some_and(|task| task.starts_with("my-list/load/")), "{refused}");
    assert_eq!((&refused["code"], &refused["level"]), (&"E4210".into(), &"warn".into()), "{refused}");
    assert_eq!(line("document found")["task"], "my-list/load/source");
    assert!(!said.contains("SECRETVALUE"), "{said}");
}

#[test]
fn a_person_can_have_text_and_a_program_json_wherever_they_are() {
    let workplace = Workplace::new();
    let mut command = workplace.command(&["run", "my-list.yaml", "--once"]);
    let said: crate::program::Said = command.env("SPOTLIGHT_LOG_FORMAT", "text").output().expect("started").into();
    let said = said.ends(0).errors;
    assert!(said.contains(" INFO ") && said.contains("document closed"), "{said}");
}
