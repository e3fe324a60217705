//! Names on the command line: one that does not exist is told with the nearest that does (64); one that exists and
//! matches nothing is answered in words (0).

use crate::workplace::Workplace;

#[test]
fn a_name_that_does_not_exist_is_told_and_one_that_matches_nothing_is_answered() {
    let workplace = Workplace::new();
    workplace.write_changed("my-list.yaml", &[("  load:\n", "  load:\n    bad-rows-above: 90%\n")]);
    workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|12\nDEF|x\n2\n");
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    let nothing = "nothing matched: ";
    let cases: [(&[&str], i32, &str); 13] = [
        (&["dlq", "replay", "my-list.yaml", "--code", "E4102"], 0, nothing),
        (
            &["dlq", "replay", "--dry", "my-list.yaml", "--code", "E4102"],
            0,
            "no open dead letter of my-list has the code",
        ),
        (&["dlq", "replay", "topologies/sec-ftd.yaml"], 0, nothing),
        (&["dlq", "replay", "my-list.yaml", "--code", "e4l01"], 64, "did you mean `E4101`?"),
        (&["dlq", "replay", "my-list.yaml", "--code", "nonsense"], 64, "there is no code `nonsense`"),
        (&["dlq", "give-up", "my-list/load", "--code", "E4102"], 0, nothing),
        (&["dlq", "give-up", "spotlight"], 0, nothing),
        (&["dlq", "give-up", "my-list/load", "--code", "cast"], 64, "there is no code `cast`"),
        (&["dlq", "give-up", "my-list/lod"], 64, "did you mean `my-list/load`?"),
        (&["dlq", "give-up", "mylist"], 64, "did you mean `my-list`?"),
        (&["release", "my-list"], 0, "nothing to release: no run is going on"),
        (&["release", "my-list/lod"], 64, "did you mean `my-list/load`?"),
        (&["release", "my-list/lod", "--from", "earliest"], 64, "did you mean `my-list/load`?"),
    ];
    for (words, status, wanted) in cases {
        let said = workplace.say(words);
        assert_eq!(said.status, status, "{words:?}: {said:?}");
        assert!(format!("{}{}", said.output, said.errors).contains(wanted), "{words:?}: {said:?}");
    }
    // A code is the same however its letters are written.
    let said = workplace.say(&["dlq", "give-up", "my-list/load", "--code", "e4101"]).ends(0);
    assert!(said.output.contains("1 dead letter given up"), "{said:?}");
}
