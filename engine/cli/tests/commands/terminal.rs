//! Answers on a terminal of 80 columns: prose is wrapped, tables make room, ids stay whole.

use crate::program::Said;
use crate::workplace::Workplace;

/// Runs a command on a terminal of so many columns (`script` of util-linux makes one).
fn on_terminal(workplace: &Workplace, columns: u16, words: &str) -> Said {
    let inside = format!("stty cols {columns} rows 40; exec {} {words}", env!("CARGO_BIN_EXE_spotlight"));
    let mut command = std::process::Command::new("script");
    command.args(["--quiet", "--return", "--command", &inside, "/dev/null"]).current_dir(workplace.path());
    command.stdin(std::process::Stdio::null()).env_remove("SPOTLIGHT_LOG").env("NO_COLOR", "1").env("TERM", "dumb");
    command.output().expect("`script` of util-linux is there").into()
}

/// The lines that a person sees, without what draws and clears live lines.
fn lines(said: &Said) -> Vec<String> {
    let text = said.output.replace("\r\n", "\n");
    let seen = text.lines().map(|line| line.rsplit(['\r', '\u{1b}']).next().unwrap_or(line).to_owned());
    seen.collect()
}

#[test]
fn nothing_is_wider_than_the_terminal_but_what_cannot_be_broken() {
    let workplace = Workplace::new();
    workplace.write_changed(
        "my-list.yaml",
        &[
            ("  load:\n", "  load:\n    bad-rows-above: 90%\n"),
            ("list_{date:%Y%m%d}*", "a-list-with-a-long-name-as-publishers-have-it_{date:%Y%m%d}*"),
            ("list_20260105.txt", "a-list-with-a-long-name-as-publishers-have-it_20260105.txt"),
        ],
    );
    let place = |day: u32| format!("lists/a-list-with-a-long-name-as-publishers-have-it_2026010{day}.txt");
    workplace.write(&place(5), "Symbol|Quantity\nABC|12\nDEF|7\nDEF|7\n3\n");
    workplace.say(&["run", "my-list.yaml", "--once"]).ends(0);
    workplace.write(&place(5), "Symbol|Quantity\nABC|13\nDEF|x\n2\n");
    workplace.write(&place(6), "Symbol|Quantity\nABC|13\n2\n");
    workplace.write(&place(7), "<!DOCTYPE html><html><body>Not found</body></html>\n");
    for (words, status) in [
        ("run my-list.yaml --once", 3),
        ("status", 0),
        ("receipts --all", 0),
        ("dlq ls", 0),
        ("dlq ls --all", 0),
        ("dlq replay --dry my-list.yaml", 0),
        ("explain", 0),
        ("explain E5113", 0),
        ("tap --topics", 0),
        ("reconcile", 0),
    ] {
        let said = on_terminal(&workplace, 80, words).ends(status);
        let lines = lines(&said);
        assert!(lines.len() > 1, "{words}: {said:?}");
        for line in &lines {
            assert!(line.chars().count() <= 80, "{words}: {} columns: {line}\n{lines:#?}", line.chars().count());
        }
        assert!(lines.iter().any(|line| !line.trim().is_empty()), "{words}");
    }
    // In a pipe every line stays whole.
    let said = workplace.say(&["status"]).ends(0).output;
    assert!(said.lines().any(|line| line.starts_with("old rows: ") && line.chars().count() > 80), "{said}");
}
