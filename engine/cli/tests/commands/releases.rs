//! `release --from`: what it moves is said, and an offset is never taken for one of every partition.

use crate::workplace::Workplace;

#[test]
fn a_release_says_what_it_moves_and_an_offset_is_of_one_partition() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    for day in 5..9 {
        workplace.write(&format!("lists/list_2026010{day}.txt"), "Symbol|Quantity\nABC|12\n1\n");
    }
    workplace.say(&once).ends(0);
    let topics = workplace.say(&["status", "--format", "json"]).ends(0).json();
    assert_eq!(topics["flows"]["my-list/load"]["total"]["rows_in"], 4, "{topics}");
    let release = |words: &[&str]| workplace.say(&[&["release", "my-list/load"], words].concat());

    let said = release(&["--from", "0"]).ends(64).errors;
    assert!(said.contains("has 4 partitions, and in each the offset 0 is of another record"), "{said}");
    assert!(said.contains("--partition N, or --all-partitions"), "{said}");
    let said = release(&["--from", "0", "--partition", "4"]).ends(64).errors;
    assert!(said.contains("no partition 4 of my-list.load.documents"), "{said}");
    release(&["--partition", "0"]).ends(64);
    let said = workplace.say(&["release", "my-list", "--from", "earliest"]).ends(64).errors;
    assert!(said.contains("`my-list` is a topology") && said.contains("to go on: my-list/load"), "{said}");
    release(&["--from", "end", "--partition", "0", "--all-partitions"]).ends(64);
    let said = workplace.say(&once).ends(0).output;
    assert!(said.contains(" 0 "), "none of them moved anything: {said}");

    // Which partition a document is in, as the table says too.
    let place = "select _partition, max(_offset) from demo.my_list group by 1 order by 1 limit 1";
    let place = workplace.say(&["sql", "--format", "TSV", place]).ends(0).output;
    let (partition, last) = place.trim().split_once('\t').expect("two numbers");
    let said = release(&["--from", last, "--partition", partition]).ends(0).output;
    let stood = last.parse::<i64>().expect("a number") + 1;
    let moved: Vec<&str> = said.lines().nth(2).expect("a row").split_whitespace().collect();
    assert_eq!(moved, [partition, &stood.to_string(), last, &stood.to_string()], "{said}");
    assert!(
        said.contains(&format!("goes on from {last} of partition {partition} of my-list.load.documents")),
        "{said}"
    );
    workplace.say(&once).ends(0);
    let read = workplace.say(&["status", "--format", "json"]).ends(0).json();
    assert_eq!(read["flows"]["my-list/load"]["total"]["rows_in"], 5, "one document was read again: {read}");

    // All of them, where that is what is meant; and those that stand there already are not moved.
    let said = release(&["--from", "earliest"]).ends(0).output;
    let total: usize = said.lines().skip(2).take_while(|line| line.starts_with(' ')).count();
    assert!((1..4).contains(&total), "{said}");
    assert!(said.contains("stood there already"), "{said}");
    workplace.say(&once).ends(0);
    let read = workplace.say(&["status", "--format", "json"]).ends(0).json();
    assert_eq!(read["flows"]["my-list/load"]["total"]["rows_in"], 9, "{read}");
    workplace.say(&["reconcile"]).ends(0);
}

const MESSAGES: &str = r#"topology: messages
about: Messages, each once, in ranges of many records.
flows:
  load:
    from:
      files: { path: "messages", file-names: ["messages_{date:%Y%m%d}.txt"], every: 1h }
    steps:
      - decode: { delimited: { separator: "|", layouts: { v1: { header: [Id, Amount] } }, names: snake_case } }
      - select: { list: "'x'", id: id, amount: cast(amount as bigint) }
    to: { topic: demo.messages, key: [list] }
  each:
    from: { topic: demo.messages }
    to: { clickhouse: { table: demo.messages, rows: append, key: [id] } }
"#;

#[test]
fn a_range_that_is_read_again_from_its_middle_on_is_reconciled() {
    let workplace = Workplace::new();
    let once = ["run", "messages.yaml", "--once"];
    workplace.write("messages.yaml", MESSAGES);
    workplace.write("messages/messages_20260105.txt", "Id|Amount\na|1\nb|2\nc|3\nd|4\n");
    workplace.say(&once).ends(0);
    let partition = workplace.say(&["sql", "--format", "TSV", "select distinct _partition from demo.messages"]).ends(0);
    let partition = partition.output.trim();
    workplace.say(&["sql", "delete from demo.messages where _offset >= 2"]).ends(0);
    workplace.say(&["reconcile"]).ends(4);
    workplace.say(&["release", "messages/each", "--from", "2", "--partition", partition]).ends(0);
    workplace.say(&once).ends(0);
    let said = workplace.say(&["reconcile", "--format", "json"]).ends(0).json();
    let each = said.as_array().expect("a list").iter().find(|one| one["flow"] == "messages/each").expect("the landing");
    assert_eq!((&each["ledger"], &each["table_rows"]), (&4.into(), &4.into()), "{each}");
}

#[test]
fn a_range_that_a_release_leaves_half_landed_is_told_with_what_takes_it_out() {
    let workplace = Workplace::new();
    let once = ["run", "my-list.yaml", "--once"];
    workplace.write("lists/list_20260106.txt", "Symbol|Quantity\nABC|1\n1\n");
    let mut command = workplace.command(&once);
    let killed = command.env("SPOTLIGHT_TEST_ABORT_AT", "close:1").output().expect("the program starts");
    assert!(!killed.status.success());
    let said = workplace.say(&["release", "my-list/load", "--from", "end"]).ends(0).errors;
    assert!(said.contains("a run ended while it landed rows of partition"), "{said}");
    let count = ["sql", "--format", "TSV", "select count() from demo.my_list"];
    assert_ne!(workplace.say(&count).ends(0).output, "0\n");
    let deletes = said.split("spotlight sql \"").skip(1).filter_map(|rest| rest.split('"').next());
    deletes.for_each(|delete| _ = workplace.say(&["sql", &delete.replace('\n', " ")]).ends(0));
    assert_eq!(workplace.say(&count).ends(0).output, "0\n");
    // Again: nothing is open any more, and no partition moves.
    let said = workplace.say(&["release", "my-list/load", "--from", "end"]).ends(0);
    assert!(
        !said.errors.contains("a run ended") && said.output.contains("4 partitions stood there already"),
        "{said:?}"
    );
}
