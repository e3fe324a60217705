//! The commands of README.md, as they stand there and in their order.

use std::process::Command;

use publishers::ftd::{Half, Options, ftd};

use crate::program::scrape::get;
use crate::program::{Process, Said, root};
use crate::workplace::{Workplace, readme_blocks};

/// Who runs the commands that are not the program's.
const ELSEWHERE: [(&str, &str); 1] = [("./test", ".ci/run")];

/// A line of a shell with the built program on its path.
fn shell(workplace: &Workplace, line: &str) -> Command {
    let program = workplace.command(&[]);
    let folder = std::path::Path::new(program.get_program()).parent().expect("a folder").to_owned();
    let mut command = Command::new("sh");
    // `exec`, so that the process that is told to end is the program.
    command.args(["-c", &format!("PATH=\"{}:$PATH\"; exec {line}", folder.display())]).current_dir(workplace.path());
    command.stdin(std::process::Stdio::null()).env_remove("SPOTLIGHT_LOG").env("SPOTLIGHT_LISTEN", "127.0.0.1:0");
    command
}

#[test]
fn every_command_of_the_readme_works() {
    let workplace = Workplace::new();
    let file = ftd(7, (2020, 9), Half::A, 300, Options::default());
    assert_eq!(file.name, "cnsfails202009a.zip", "the README names this file");
    std::fs::create_dir(workplace.path().join("documents")).expect("a folder");
    std::fs::write(workplace.path().join("documents").join(&file.name), &file.bytes).expect("a file");
    let (mut run, mut watching) = (0, Vec::new());
    for line in readme_blocks("sh").iter().flat_map(|block| block.lines()).filter(|line| !line.trim().is_empty()) {
        run += 1;
        if line.starts_with("services/") || line.contains("--connections") {
            // `the_demonstration_moves_onto_kafka_by_the_readme` of the test `shared` runs these.
            continue;
        }
        if line.starts_with("curl ") || line.starts_with("spotlight top ") {
            // They ask a run: the next one that has no end.
            watching.push(line.to_owned());
            continue;
        }
        if let Some((_, by)) = ELSEWHERE.iter().find(|(command, _)| *command == line) {
            let text = std::fs::read_to_string(root().join(by)).expect("a file of the repository");
            assert!(text.lines().any(|said| said == line), "{by} does not run `{line}`");
            continue;
        }
        // The program is built already, and `DIR` is the folder `documents`.
        let line = line.replace("cargo run --release -p cli --", "spotlight").replace(" DIR ", " documents ");
        let line = line.replace(" DIR/", " documents/");
        assert!(line.starts_with("spotlight "), "no test knows how to run `{line}`");
        if line.starts_with("spotlight run ") && !line.contains("--once") && !line.contains("--dry") {
            endless(&workplace, &line, &std::mem::take(&mut watching));
            continue;
        }
        let said: Said = shell(&workplace, &line).output().expect("a shell").into();
        println!("{line}\n{}", said.output);
        let said = said.ends(0);
        assert!(!said.output.trim().is_empty(), "`{line}` says nothing");
    }
    assert!(watching.is_empty(), "no run was left to answer {watching:?}");
    assert!(run >= 10, "only {run} commands were found in README.md");
    let rows = workplace.say(&["sql", "--format", "TSV", "select count() from regsho.fails_to_deliver"]).ends(0);
    assert_eq!(rows.output.trim(), file.truth.rows.to_string());
    let rows = workplace.say(&["sql", "--format", "TSV", "select columns('^[^_]') from demo.my_list order by 2"]);
    assert!(rows.ends(0).output.starts_with("2026-01-05\tABC\t12"));
}

/// Runs a command that has no end until the list has landed, asks it, then stops it.
fn endless(workplace: &Workplace, line: &str, watching: &[String]) {
    let mut process = Process::start(shell(workplace, line), &workplace.path().join("output.txt"));
    crate::program::until("the rows of the list", || {
        assert!(process.ended().is_none(), "`{line}` ended: {}", workplace.said());
        workplace.said().contains("document closed").then_some(())
    });
    let address = super::watching::address(workplace);
    for line in watching {
        match line.strip_prefix("curl -s localhost:9484") {
            // It listens on a free port here, as the usual one may be taken.
            Some(page) => {
                let page = page.split_whitespace().next().expect("a page");
                crate::program::until(line, || (get(&address, page, "").status == 200).then_some(()));
            }
            None => {
                let said: Said = shell(workplace, line).output().expect("a shell").into();
                assert!(said.ends(0).output.contains(" my-list/load"), "{line}");
            }
        }
    }
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
}
