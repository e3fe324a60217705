//! Each exit status of `spotlight --help`, provoked. 0, 73 and 75 are provoked in `running.rs`, 2 in `plans.rs`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;

use crate::program::{Said, say};
use crate::workplace::Workplace;

/// Every status and where it is provoked.
const PROVOKED: [(&str, &str); 12] = [
    ("0", "everywhere"),
    ("1", "tests_that_fail_give_1"),
    ("2", "plans.rs"),
    ("3", "a_refused_document_gives_3"),
    ("4", "a_row_that_is_gone_gives_4"),
    ("64", "a_wrong_command_line_gives_64"),
    ("65", "a_wrong_topology_gives_65"),
    ("69", "a_service_that_does_not_answer_gives_69"),
    ("70", "an_answer_that_only_a_fault_could_give_gives_70"),
    ("73", "running.rs"),
    ("75", "running.rs"),
    ("78", "a_wrong_environment_gives_78"),
];

#[test]
fn help_lists_the_statuses_that_are_provoked_here() {
    let help = say(["--help"]).ends(0).output;
    let list = help.split("Exit statuses: ").nth(1).expect("the list of statuses");
    let listed: BTreeSet<&str> = list
        .split([',', '.'])
        .filter_map(|part| part.split_whitespace().next())
        .filter(|word| word.parse::<u8>().is_ok())
        .collect();
    assert_eq!(listed, PROVOKED.iter().map(|(status, _)| *status).collect(), "{list}");
}

#[test]
fn a_folder_that_is_gone_is_named_as_the_cause() {
    let workplace = Workplace::new();
    let here = |name: &str| workplace.path().join(name).display().to_string();
    let (file, data) = (here("my-list.yaml"), here("data"));
    let commands: [&[&str]; 3] = [&["status"], &["run", &file, "--once"], &["status", "--data", "../nowhere"]];
    for (words, status) in commands.into_iter().map(|words| (words, 64)).chain([(&["check", &*file][..], 0)]) {
        std::fs::create_dir(here("gone")).expect("a folder");
        let command = workplace.command(words);
        let mut within = std::process::Command::new("sh");
        within.args(["-c", "rmdir ../gone && exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
        let said: Said = within.current_dir(here("gone")).output().expect("the shell starts").into();
        let said = said.ends(status);
        assert_eq!(said.errors.contains("the folder that this was started in is gone: "), status == 64, "{words:?}");
    }
    assert!(!workplace.path().join(data).exists());
}

#[test]
fn tests_that_fail_give_1() {
    let workplace = Workplace::new();
    workplace.say(&["test", "my-list.yaml"]).ends(0);
    workplace.write_changed("failing.yaml", &[("quantity: 12 }", "quantity: 13 }")]);
    let said = workplace.say(&["test", "failing.yaml"]).ends(1);
    assert!(said.output.contains("quantity: expected 13, came 12"), "{}", said.output);
    assert!(
        said.output.contains("alone: spotlight test failing.yaml --only 'a row and its trailer'\n"),
        "{}",
        said.output
    );
    for (only, status, wanted) in [
        ("a row and its trailer", 1, "0 tests passed, 1 failed"),
        ("its trailer", 1, "0 tests passed, 1 failed"),
        ("its trailr", 64, "no test has a name that contains `its trailr`"),
    ] {
        let said = workplace.say(&["test", "failing.yaml", "--only", only]).ends(status);
        assert!(format!("{}{}", said.output, said.errors).contains(wanted), "{only}: {said:?}");
    }
}

#[test]
fn a_refused_document_gives_3() {
    let workplace = Workplace::new();
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n2\n");
    let said = workplace.say(&["run", "my-list.yaml", "--documents", "lists", "--once"]).ends(3);
    assert!(said.output.contains("refused: list_20260106.txt (my-list/load): incomplete E4"), "{}", said.output);
    // Still refused: the next run says so too, though it reads nothing.
    workplace.say(&["run", "my-list.yaml", "--documents", "lists", "--once"]).ends(3);
    let status = workplace.say(&["status"]).ends(0).output;
    let words =
        ["rows refused", "documents refused", "documents refused: those whose newest version", "rows refused: all"];
    assert!(words.iter().all(|words| status.contains(words)) && !status.contains("held"), "{status}");
    assert!(workplace.say(&["receipts", "--refused"]).ends(0).output.contains("list_20260106.txt"));
    // Mended, all is well.
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n1\n");
    workplace.say(&["run", "my-list.yaml", "--documents", "lists", "--once"]).ends(0);
    workplace.say(&["reconcile"]).ends(0);
    let status = workplace.say(&["status"]).ends(0).output;
    assert!(status.contains("rows refused: all rows of documents that were ever refused"), "{status}");
}

/// What the table says of refused documents, and the lines below it.
fn refused(said: &Said) -> (String, usize) {
    let header = said.output.lines().find(|line| line.trim_start().starts_with("flow")).expect("a header");
    let at = header.split_whitespace().position(|word| word == "refused").expect("the column");
    let row = said.output.lines().find(|line| line.trim_start().starts_with("my-list/load")).expect("the flow");
    (row.split_whitespace().nth(at).expect("a number").to_owned(), said.output.matches("refused: ").count())
}

#[test]
fn table_lines_and_status_agree_on_what_is_refused() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n2\n");
    assert_eq!(refused(&workplace.say(&once).ends(3)), ("1".to_owned(), 1));
    assert_eq!(refused(&workplace.say(&once).ends(3)), ("1".to_owned(), 1), "still refused, though nothing was read");
    // A new revision reads the refused version once more, and then finds the mended one.
    workplace.write_changed("my-list.yaml", &[("trim(symbol)", "upper(trim(symbol))")]);
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n1\n");
    assert_eq!(refused(&workplace.say(&once).ends(0)), ("0".to_owned(), 0));
    // All versions once more, the refused one too.
    workplace.say(&["release", "my-list/load", "--from", "earliest"]).ends(0);
    assert_eq!(refused(&workplace.say(&once).ends(0)), ("0".to_owned(), 0));
    // Help says what counts.
    let help = say(["run", "--help"]).ends(0).output.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("The column `refused` counts"), "{help}");
}

#[test]
fn a_row_that_is_gone_gives_4() {
    let workplace = Workplace::new();
    workplace.say(&["run", "my-list.yaml", "--documents", "lists", "--once"]).ends(0);
    workplace.say(&["reconcile"]).ends(0);
    let delete = "alter table demo.my_list delete where symbol = 'ABC' settings mutations_sync = 2";
    workplace.say(&["sql", delete]).ends(0);
    let said = workplace.say(&["reconcile", "--format", "json"]).ends(4).json();
    let landing = said.as_array().expect("a list").iter().find(|landing| landing["flow"] == "my-list/load");
    assert_eq!(landing.expect("the landing")["gaps"], 1, "{said}");
    assert!(workplace.say(&["reconcile"]).ends(4).output.contains("NOT reconciled"));
}

#[test]
fn a_wrong_command_line_gives_64() {
    let workplace = Workplace::new();
    // And leaves nothing behind.
    workplace.say(&["run", "my-list.yaml", "--once", "--documents", "nowhere"]).ends(64);
    assert!(!workplace.data().exists());
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    let same = [("topology: my-list", "topology: same-list"), ("demo.my_list", "demo.same_list")];
    workplace.write_changed("same.yaml", &same);
    let cases: [(&[&str], &str); 9] = [
        (&[], "Usage"),
        (&["nonsense"], "nonsense"),
        (&["run"], "FILE"),
        (&["run", "lists"], "no topology file"),
        (&["run", "my-list.yaml", "--once", "--documents", "nowhere"], "nowhere"),
        (&["run", "my-list.yaml", "same.yaml", "--once", "--documents", "lists"], "list_20260105.txt"),
        (&["eval", "1", "--with", "a:nonsense=1"], "nonsense"),
        (&["release", "other-list/load", "--from", "earliest"], "no flow"),
        (&["sql", "select nonsense"], "nonsense"),
    ];
    for (words, wanted) in cases {
        let said = workplace.say(words);
        let errors = said.errors.clone();
        assert_eq!(said.status, 64, "{words:?}: {said:?}");
        assert!(errors.contains(wanted), "{words:?}: {errors}");
    }
}

#[test]
fn a_wrong_topology_gives_65() {
    let workplace = Workplace::new();
    workplace.write_changed("wrong.yaml", &[("trim(symbol)", "trim(simbol)")]);
    for words in [
        &["check", "wrong.yaml"][..],
        &["test", "wrong.yaml"],
        &["plan", "wrong.yaml"],
        &["run", "wrong.yaml", "--once", "--documents", "lists"],
        &["check", "missing.yaml"],
    ] {
        let said = workplace.say(words);
        assert_eq!(said.status, 65, "{words:?}: {said:?}");
    }
    assert!(!workplace.data().exists(), "nothing was started");
}

#[test]
fn a_service_that_does_not_answer_gives_69() {
    let workplace = Workplace::new();
    let nobody = ["--clickhouse", "http://127.0.0.1:1"];
    for words in [
        &["sql", "select 1"][..],
        &["plan", "my-list.yaml"],
        // The minute that such a run waits is cut short.
        &["run", "my-list.yaml", "--documents", "lists", "--once", "--service-wait", "1"],
    ] {
        let said = workplace.say(&[words, &nobody].concat());
        assert_eq!(said.status, 69, "{words:?}: {said:?}");
        assert!(said.errors.contains("127.0.0.1:1"), "{words:?}: {}", said.errors);
    }
}

#[test]
fn an_answer_that_only_a_fault_could_give_gives_70() {
    let workplace = Workplace::new();
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    // Somebody listens where a run would, and answers what no run answers.
    let listener = UnixListener::bind(workplace.data().join("control")).expect("a socket");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().expect("a question");
            let mut question = String::new();
            BufReader::new(&stream).read_line(&mut question).expect("a line");
            stream.write_all(b"nonsense\n").expect("an answer");
        });
        let said = workplace.say(&["status"]).ends(70);
        assert!(said.errors.contains("looks like a fault of Spotlight"), "{}", said.errors);
    });
}

#[test]
fn an_answer_that_cannot_be_written_is_no_service_that_is_away() {
    let workplace = Workplace::new();
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let words = ["sql", "--format", "TSV", "select number from numbers(100000)"];
    let said: Said = workplace.command(&words).stdout(writer).output().expect("the program starts").into();
    assert_eq!((said.status, said.errors.as_str()), (0, ""));
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a full device");
    let said: Said = workplace.command(&words).stdout(full).output().expect("the program starts").into();
    assert_eq!(said.status, 78, "{said:?}");
    assert!(said.errors.contains("make room"), "{said:?}");
}

#[test]
fn a_wrong_environment_gives_78() {
    let workplace = Workplace::new();
    let said = workplace.say(&["status", "--data", "my-list.yaml/data"]).ends(78);
    assert!(said.errors.contains("--data DIR"), "{}", said.errors);
    // An address that is none is told before anything is tried.
    for words in [&["sql", "select 1"][..], &["run", "my-list.yaml", "--once"], &["plan", "my-list.yaml"]] {
        for (address, why) in [("http://127.0.0.1:99999", "its port is no number"), ("nonsense", "does not begin with")]
        {
            let said = workplace.say(&[words, &["--clickhouse", address]].concat());
            assert_eq!(said.status, 78, "{words:?} {address}: {said:?}");
            assert!(said.errors.contains(why) && said.errors.contains("http://HOST:PORT"), "{}", said.errors);
        }
        let said = workplace.say(&[words, &["--clickhouse", "http://me:hunter2@127.0.0.1:1"]].concat()).ends(78);
        assert!(said.errors.contains("…@127.0.0.1:1") && !said.errors.contains("hunter2"), "{}", said.errors);
    }
    let mut command = workplace.command(&["run", "my-list.yaml", "--documents", "lists", "--once"]);
    let said: Said = command.env("SPOTLIGHT_TEST_ABORT_AT", "nonsense:1").output().expect("the program starts").into();
    said.ends(78);
}

/// Others write to Kafka only, and this log is in a folder.
#[test]
fn a_topic_of_others_on_the_log_of_a_folder_gives_78() {
    let workplace = Workplace::new();
    let text = "topology: venue
flows:
  trades:
    from: { topic: venue.trades }
    steps: [ { decode: { json: { fields: { id: bigint } } } } ]
    to: { clickhouse: { table: demo.venue_trades, rows: append, key: [id] } }
";
    workplace.write("venue.yaml", text);
    workplace.say(&["check", "venue.yaml"]).ends(0);
    for words in [&["run", "venue.yaml", "--once"][..], &["run", "venue.yaml", "--dry"]] {
        let said = workplace.say(words);
        let told = said.errors.contains("[E5117]") && said.errors.contains("--connections FILE");
        assert!(said.status == 78 && told, "{words:?}: {said:?}");
    }
}

/// Of several flows one alone, or those of one topology: its lines and its dead letters.
#[test]
fn status_of_one_flow_is_of_that_alone() {
    let workplace = Workplace::new();
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|12\n2\n");
    for (name, amount) in [("one", "x"), ("other", "y")] {
        let file = format!(
            r#"topology: {name}
flows:
  load:
    bad-rows-above: 100%
    from: {{ files: {{ path: {name}, file-names: ["x{{date:%Y%m%d}}.txt"] }} }}
    steps:
      - decode: {{ delimited: {{ layouts: {{ one: {{ header: [A, B] }} }}, names: snake_case }} }}
      - select: {{ id: "coalesce(a, '')", b: cast(b as bigint) }}
    to: {{ clickhouse: {{ table: demo.{name}, rows: by-document, key: [id] }} }}
"#
        );
        workplace.write(&format!("{name}.yaml"), &file);
        workplace.write(&format!("{name}/x20260105.txt"), &format!("A,B\na,1\nb,{amount}\n"));
        workplace.say(&["run", &format!("{name}.yaml"), "--once"]);
    }
    assert_eq!(workplace.say(&["status", "--format", "json"]).ends(0).json()["open_dead_letters"], 2);
    for wanted in ["one", "one/load"] {
        let said = workplace.say(&["status", wanted]).ends(0).output;
        assert!(said.contains("one/load") && !said.contains("other/load"), "{said}");
        let status = workplace.say(&["status", wanted, "--format", "json"]).ends(0).json();
        assert_eq!(status["open_dead_letters"], 1, "{status}");
        assert_eq!(status["flows"].as_object().map(serde_json::Map::len), Some(1), "{status}");
        assert!(!status.to_string().contains("other/load"), "{status}");
    }
    let said = workplace.say(&["status", "on"]).ends(64).errors;
    assert!(said.contains("no flow or topology `on` here") && said.contains("one/load, other/load"), "{said}");
}
