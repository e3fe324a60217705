//! `state get`: what a dedupe step remembers of a key, with and without a run.

use crate::program::until;
use crate::workplace::Workplace;

const LETTERS: &str = r#"topology: letters
about: Letters, each once.
flows:
  load:
    from: { files: { path: "letters", file-names: ["letters_{number}.txt"], every: 1s } }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id, Size, Word] } }, names: snake_case } }
      - select: { id: id, size: cast(size as integer), word: word }
    to: { topic: demo.letters, key: [id] }
  land:
    from: { topic: demo.letters }
    steps:
      - dedupe: { name: once, key: [id, size], remember: 1d, compare: content }
    outputs: { conflicts: { topic: demo.other } }
    to: { clickhouse: { table: demo.letters, rows: append, key: [id] } }
"#;

#[test]
fn a_key_is_looked_up_where_it_is_remembered() {
    let workplace = Workplace::new();
    workplace.write("letters.yaml", LETTERS);
    workplace.write("letters/letters_1.txt", "Id|Size|Word\na|1|x\nb|2|y\n");
    let mut run = workplace.start(&["run", "letters.yaml"]);
    until("the rows are remembered", || {
        assert!(run.ended().is_none(), "the run ended: {}", workplace.said());
        let listening = workplace.data().join("control").exists();
        let status = listening.then(|| workplace.say(&["status", "--format", "json"]))?;
        (status.status == 0 && status.json()["flows"]["letters/land"]["total"]["landed"] == 2).then_some(())
    });
    for running in [true, false] {
        if !running {
            run.signal("TERM");
            assert_eq!(run.wait().code(), Some(0), "{}", workplace.said());
        }
        let get = ["state", "get", "letters/land.once"];
        let said = workplace.say(&[&get[..], &["a", "1"]].concat()).ends(0).output;
        assert!(said.starts_with("(a, 1) was seen at 20") && said.contains("; its content is "), "{said}");
        assert!(said.contains("\na row of this key is a repeat if it arrives before 20"), "{said}");
        // The same number in other digits is the same key.
        let json = workplace.say(&[&get[..], &["a", "01", "--format", "json"]].concat()).ends(0).json();
        assert!(json["seen"].as_i64().is_some_and(|seen| seen > 1_700_000_000_000), "{json}");
        assert_eq!((&json["store"], &json["remember_ms"]), (&"once".into(), &86_400_000.into()), "{json}");
        let said = workplace.say(&[&get[..], &["a", "2"]].concat()).ends(0).output;
        assert!(said.starts_with("(a, 2) was never seen, or is forgotten"), "{said}");
        let json = workplace.say(&[&get[..], &["a", "2", "--format", "json"]].concat()).ends(0).json();
        assert!(json["seen"].is_null(), "{json}");
        for (words, told) in
            [(&["a"][..], "the key has 2 columns, and 1 was given"), (&["a", "many"], "`many` is no integer")]
        {
            let said = workplace.say(&[&get[..], words].concat()).ends(64).errors;
            assert!(said.contains(told), "{said}");
        }
        let said = workplace.say(&["state", "get", "letters/land.onse", "a", "1"]).ends(64).errors;
        assert!(said.contains("did you mean `letters/land.once`?"), "{said}");
    }
}

/// What rows made a step remember would make all of them repeats when they come once more.
#[test]
fn a_flow_that_starts_over_forgets_what_it_remembered_of_the_rows_that_come_once_more() {
    let workplace = Workplace::new();
    workplace.write("letters.yaml", LETTERS);
    workplace.write("letters/letters_1.txt", "Id|Size|Word\na|1|x\nb|2|y\na|1|x\n");
    let once = ["run", "letters.yaml", "--once"];
    let rows = || workplace.say(&["sql", "--format", "TSV", "select count() from demo.letters"]).ends(0).output;
    workplace.say(&once).ends(0);
    assert_eq!(rows(), "2\n");
    for take_out in ["drop table demo.letters sync", "truncate table demo.letters"] {
        workplace.say(&["sql", take_out]).ends(0);
        workplace.say(&once).ends(3);
        let said = workplace.say(&["release", "letters/land", "--from", "earliest"]).ends(0).errors;
        assert!(said.contains("demo.letters appends: rows of letters/land that stand there land once more"), "{said}");
        workplace.say(&once).ends(0);
        assert_eq!(rows(), "2\n", "after `{take_out}`: each once, without the repeat");
        workplace.say(&["reconcile"]).ends(0);
    }
    // Who goes on at the end has forgotten nothing.
    let said = workplace.say(&["release", "letters/land", "--from", "end"]).ends(0).errors;
    assert!(!said.contains("appends"), "{said}");
    workplace.write("letters/letters_2.txt", "Id|Size|Word\nb|2|y\nc|3|z\n");
    workplace.say(&once).ends(0);
    assert_eq!(rows(), "3\n");
}
