//! Commands that start nothing.

use crate::program::{root, say, spotlight};
use crate::workplace::Workplace;

#[test]
fn three_mistakes_in_one_file_are_three_findings_of_one_run_each_with_its_line() {
    let workplace = Workplace::new();
    workplace.write_changed(
        "wrong.yaml",
        &[
            ("        separator:", "        seperator:"),
            ("          symbol: trim(symbol)", "          symbol: trim(simbol)"),
            ("          quantity: cast(quantity as bigint)", "          quantity: quantity + 1"),
        ]
        .map(|(old, new)| (old.trim_start(), new.trim_start())),
    );
    let text = std::fs::read_to_string(workplace.path().join("wrong.yaml")).expect("a file");
    let line = |mistake: &str| 1 + text.lines().position(|line| line.contains(mistake)).expect("a line") as u64;
    let wanted = [("E2107", line("seperator")), ("simbol", line("simbol")), ("quantity", line("quantity + 1"))];

    let said = workplace.say(&["check", "wrong.yaml", "--format", "json"]).ends(65);
    let findings = said.json();
    let findings = findings.as_array().expect("a list");
    assert_eq!(findings.len(), wanted.len(), "{findings:#?}");
    for (word, line) in wanted {
        let found = findings.iter().any(|finding| finding["line"] == line && finding.to_string().contains(word));
        assert!(found, "no finding about {word} at line {line}: {findings:#?}");
    }
    let said = workplace.say(&["check", "wrong.yaml"]).ends(65);
    for (_, line) in wanted {
        assert!(said.errors.contains(&format!("wrong.yaml:{line}:")), "line {line} is not named: {}", said.errors);
    }
    assert!(!workplace.data().exists(), "check starts nothing");
}

#[test]
fn an_expression_can_be_tried() {
    let cases: [(&[&str], i32, &str); 5] = [
        (&["cast(replace(a, ',', '') as decimal(18, 2))", "--with", "a=1,000.50"], 0, "1000.50"),
        (&["trim(name)", "--with", "name= A "], 0, "A"),
        (&["quantity + 1", "--with", "quantity:bigint=12"], 0, "13"),
        (&["cast(a as integer)", "--with", "a=x"], 65, "E"),
        (&["trimm(a)", "--with", "a=x"], 65, "trim"),
    ];
    for (words, status, wanted) in cases {
        let said = say([&["eval"], words].concat()).ends(status);
        assert!(format!("{}{}", said.output, said.errors).contains(wanted), "{words:?}: {said:?}");
    }
    say(["eval", "1", "--with", "nonsense"]).ends(64);
    let said = say(["eval", "a", "--with", "a=1", "--with", "a:bigint=2"]).ends(64);
    assert!(said.errors.contains("`a` is given twice"), "{}", said.errors);
}

#[test]
fn the_functions_are_listed_for_scripts_too() {
    let all = say(["eval", "--functions", "--format", "json"]).ends(0).json();
    let names: Vec<&str> = all.as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect();
    let text = say(["eval", "--functions"]).ends(0).output;
    assert!(names.len() > 20 && names.iter().all(|name| text.contains(&format!("{name}("))), "{names:?}");
    let one = say(["eval", "--functions", "TRIM", "--format", "json"]).ends(0).json();
    assert_eq!((one[0]["name"].as_str(), one[1].is_null()), (Some("trim"), true), "{one}");
    assert!(one[0]["signatures"][0].is_string() && one[0]["about"].is_string(), "{one}");
    let example = &one[0]["examples"][0];
    assert!(example["expression"].as_str().is_some_and(|text| text.contains("trim(")) && example["gives"].is_string());
    let said = say(["eval", "--functions", "trimm", "--format", "json"]).ends(64).errors;
    assert!(said.contains("did you mean `trim`?"), "{said}");
}

#[test]
fn every_example_of_the_page_of_the_language_is_right() {
    let page = std::fs::read_to_string(root().join("topologies/LANGUAGE.md")).expect("topologies/LANGUAGE.md");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let mut topologies = Vec::new();
    for block in page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        let (kind, name) = block.lines().next().and_then(|line| line.split_once(": ")).expect("`KIND: NAME` first");
        let name = match kind {
            "topology" => format!("{name}.yaml"),
            "table" => format!("schemas/tables/{name}.yaml"),
            "template" => format!("templates/{name}.yaml"),
            other => panic!("an example begins with `{other}`"),
        };
        let place = folder.path().join(&name);
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        std::fs::write(place, block).expect("a file");
        if kind == "topology" {
            topologies.push(name);
        }
    }
    assert!(topologies.len() >= 4, "{topologies:?}");
    let say = |words: &[&str]| {
        crate::program::Said::from(spotlight(words).current_dir(folder.path()).output().expect("the program starts"))
    };
    for name in &topologies {
        say(&["check", name]).ends(0);
    }
    let names: Vec<&str> = std::iter::once("test").chain(topologies.iter().map(String::as_str)).collect();
    say(&names).ends(0);
}

#[test]
fn a_code_is_explained_without_anything_running() {
    let said = say(["explain", "E4210"]).ends(0);
    assert!(said.output.starts_with("E4210: ") && said.output.contains("What to do: "), "{}", said.output);
    for written in ["e4210", "4210", " E4210 "] {
        assert_eq!(say(["explain", written]).ends(0).output, said.output, "{written}");
    }
    let all = say(["explain"]).ends(0).output;
    assert!(all.lines().count() > 100, "{all}");
    say(["explain", "E0000"]).ends(64);
}

#[test]
fn the_other_commands_that_start_nothing_answer() {
    let help = say(["--help"]).ends(0).output;
    assert!(help.starts_with("Turns regulators' publications") && help.contains("Exit statuses: 0 fine"), "{help}");
    let commands = [
        "demo",
        "run",
        "check",
        "test",
        "plan",
        "eval",
        "sql",
        "status",
        "receipts",
        "dlq ls",
        "dlq show",
        "dlq replay",
        "dlq give-up",
        "release",
        "reconcile",
        "tap",
        "transform",
        "dashboards",
        "explain",
        "completion",
    ];
    for command in commands {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let said = say(&words).ends(0).output;
        assert!(said.contains("Examples:\n  spotlight "), "{command}");
        assert!(!said.contains('\u{1b}'), "no colours off a terminal: {said}");
    }
    assert!(say(["--version"]).ends(0).output.starts_with("spotlight "));
    for shell in ["bash", "zsh", "fish"] {
        let said = say(["completion", shell]).ends(0).output;
        assert!(said.contains("spotlight") && said.contains("transform"), "{shell}: {said}");
        assert!(!said.contains("clickhouse-child"), "{shell} offers what the program keeps for itself");
    }
    assert!(say(["plan", "--offline", "topologies/swaps.yaml"]).ends(0).output.contains("CREATE TABLE"));
    say(["check", "topologies/"]).ends(0);
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let workplace = Workplace::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    for words in [&["explain", "E4201"][..], &["completion", "bash"], &["plan", "--offline", "my-list.yaml"]] {
        let writer = writer.try_clone().expect("a pipe");
        let said: crate::program::Said =
            workplace.command(words).stdout(writer).output().expect("the program starts").into();
        assert_eq!((said.status, said.errors.as_str()), (0, ""), "{words:?}");
    }
}

#[test]
fn the_schema_for_editors_is_json_with_all_words_described() {
    let schema = say(["schema-json"]).ends(0).json();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let definitions = schema["$defs"].as_object().expect("definitions");
    let dedupe = definitions.values().find(|one| one["properties"]["remember"].is_object()).expect("dedupe");
    assert_eq!(dedupe["required"], serde_json::json!(["name", "key", "remember"]));
    assert_eq!(dedupe["additionalProperties"], false);
    assert!(dedupe["properties"]["remember"]["description"].is_string());
}

/// A zip archive whose one member is `a.csv`.
const ARCHIVE: &[u8] = b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00!\x00\x83\x16\xdc\x8c\x01\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00a.csvxPK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00\x00\x00!\x00\x83\x16\xdc\x8c\x01\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00a.csvPK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x003\x00\x00\x00$\x00\x00\x00\x00\x00";

const FAILING: &str = r#"topology: failing
flows:
  load:
    from: { files: { path: in, file-names: ["rows_{date:%Y%m%d}*"] } }
    steps:
      - unzip: { members: "*.txt" }
      - decode: { delimited: { layouts: { one: { header: [id, part, place] } } } }
      - select:
          day: document.date
          id: id
          part: split_part(part, ';', cast(place as bigint))
    to: { clickhouse: { table: demo.failing, rows: by-document, key: [day, id] } }
tests:
  - name: an argument that the function does not take
    flow: load
    given: { document: { name: rows_20260105.txt, text: "id,part,place\n1,a;b,0\n2,a,1\n3,a,1\n4,a,1\n5,a,1\n6,a,1\n7,a,1\n8,a,1\n9,a,1\n10,a,1\n" } }
    expect: { dead-letters: [ { code: E4105, field: part, line: 2 } ] }
  - name: one key with two contents
    flow: load
    given: { document: { name: rows_20260105.txt, text: "id,part,place\n1,a,1\n1,b,1\n2,a,1\n3,a,1\n4,a,1\n5,a,1\n6,a,1\n7,a,1\n8,a,1\n9,a,1\n10,a,1\n11,a,1\n12,a,1\n13,a,1\n14,a,1\n15,a,1\n16,a,1\n17,a,1\n18,a,1\n19,a,1\n" } }
    expect: { dead-letters: [ { code: E4404, line: 2 }, { code: E4404, line: 3 } ] }
  - name: too many bad rows
    flow: load
    given: { document: { name: rows_20260105.txt, text: "id,part,place\n1,a,0\n2,a,1\n" } }
    expect: { rows: [], receipt: { outcome: failed, code: E4411 } }
  - name: an archive of other members
    flow: load
    given: { document: { name: rows_20260105.zip, file: other.zip } }
    expect: { rows: [], receipt: { outcome: failed, code: E4412 } }
"#;

#[test]
fn codes_of_bad_rows_and_documents_stand_in_dead_letters_and_receipts() {
    let workplace = Workplace::new();
    workplace.write("failing.yaml", FAILING);
    std::fs::write(workplace.path().join("other.zip"), ARCHIVE).expect("a file");
    let said = workplace.say(&["test", "failing.yaml"]).ends(0);
    assert_eq!(said.output.matches("ok      failing").count(), 4, "{}", said.output);
    // The key may be null: who asks about the file is told, and who asks about something else is not.
    assert_eq!(said.errors, "");
    for words in [&["check", "failing.yaml"][..], &["plan", "--offline", "failing.yaml"]] {
        let said = workplace.say(words).ends(0);
        assert_eq!(said.errors.matches("warning[E2510]").count(), 1, "{words:?}: {}", said.errors);
    }
}

#[test]
fn lines_above_the_header_are_passed_over_where_the_topology_says_how_many() {
    let workplace = Workplace::new();
    let titled = ("text: \"Symbol", "text: \"Daily list\\n\\nSymbol");
    workplace.write_changed("titled.yaml", &[titled]);
    let said = workplace.say(&["test", "titled.yaml"]).ends(1).output;
    assert!(said.contains("`lines-before-header: 2` reads it"), "{said}");
    let two = ("            names: snake_case", "            lines-before-header: 2\n            names: snake_case");
    workplace.write_changed("titled.yaml", &[titled, two]);
    workplace.say(&["test", "titled.yaml"]).ends(0);
    workplace.write_changed("titled.yaml", &[titled, (two.0, &two.1.replace(": 2", ": 2000"))]);
    let said = workplace.say(&["check", "titled.yaml"]).ends(65).errors;
    assert!(said.contains("a whole number from 0 to 1000"), "{said}");
    // What other tools call it leads there.
    workplace.write_changed("titled.yaml", &[titled, (two.0, &two.1.replace("lines-before-header", "skip-rows"))]);
    let said = workplace.say(&["check", "titled.yaml"]).ends(65).errors;
    assert!(said.contains("`lines-before-header`"), "{said}");
}

/// Opening a pipe that nobody writes into waits for ever, and of a device nobody knows when it ends.
#[test]
fn a_pipe_or_a_device_is_no_file() {
    let workplace = Workplace::new();
    let pipes = ["pipe", "pipe.yaml"].map(|name| workplace.path().join(name));
    let made = std::process::Command::new("mkfifo").args(&pipes).status().expect("mkfifo");
    assert!(made.success());
    for file in ["pipe", "pipe.yaml", "/dev/zero"] {
        let transform = ["transform", file, "--name", "list_20260105.txt"];
        for words in [&["check", file][..], &["plan", file], &["run", file, "--once"], &transform] {
            let said = workplace.say(words).ends(65).errors;
            let what = format!("`{file}` cannot be read: it is a pipe or a device, and no file");
            assert!(said.contains("E2001") && said.contains(&what), "{words:?}: {said}");
        }
    }
    // As the place of a source.
    workplace.write_changed("piped.yaml", &[("path: \"lists\"", "path: \"pipe\"")]);
    let said = workplace.say(&["run", "piped.yaml", "--once"]).ends(3);
    assert!(format!("{}{}", said.output, said.errors).contains("pipe` is a pipe or a device, and no file"), "{said:?}");
}
