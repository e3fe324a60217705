//! Runs the commands of a page as they stand there and in their order, in a folder that looks like a project.
//!
//! A block of `sh` is a list of commands, one a line. A block of `yaml` whose first line is `# NAME.yaml` is that file from
//! then on. Blocks of other languages are no commands.

use std::process::Command;

use crate::program::scrape::get;
use crate::program::{Process, Said, root};
use crate::workplace::Workplace;

/// Words with which a command of a page may begin, beside `spotlight`.
const COMMON: [&str; 6] = ["cat ", "cp ", "mkdir ", "printf ", "rm ", "tar "];

/// The blocks of a page in order: language and text.
pub(crate) fn blocks(page: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join(page)).expect(page);
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push((language.to_owned(), inside.iter().map(|line| format!("{line}\n")).collect()));
        }
    }
    found
}

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

/// Who runs the commands of a page.
pub(crate) struct Reader<'a> {
    workplace: &'a Workplace,
    /// Lines that are run elsewhere, each with the file of the repository in which it stands then.
    elsewhere: &'a [(&'a str, &'a str)],
    /// Lines that another test runs.
    others: fn(&str) -> bool,
    /// True while a run without an end is going on, which is asked.
    running: bool,
    /// Lines that ask a run: the next one that has no end.
    watching: Vec<String>,
    ran: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(workplace: &'a Workplace, elsewhere: &'a [(&'a str, &'a str)]) -> Self {
        Self { workplace, elsewhere, others: |_| false, running: false, watching: Vec::new(), ran: 0 }
    }

    /// Passes over lines that another test runs.
    pub(crate) fn without(self, others: fn(&str) -> bool) -> Self {
        Self { others, ..self }
    }

    /// Commands are asked of a run that the test has started.
    pub(crate) fn beside_a_run(self) -> Self {
        Self { running: true, ..self }
    }

    /// Runs the page; says how many commands it has.
    pub(crate) fn read(mut self, page: &str) -> usize {
        for (language, text) in blocks(page) {
            match language.as_str() {
                "sh" => text.lines().filter(|line| !line.trim().is_empty()).for_each(|line| self.line(line)),
                "yaml" => {
                    let name = text.lines().next().and_then(|line| line.strip_prefix("# "));
                    let name = name.filter(|name| name.ends_with(".yaml") && !name.contains(' '));
                    name.into_iter().for_each(|name| self.workplace.write(name, &text));
                }
                _ => {}
            }
        }
        assert!(self.watching.is_empty(), "no run was left to answer {:?}", self.watching);
        self.ran
    }

    fn line(&mut self, line: &str) {
        self.ran += 1;
        if (self.others)(line) {
            return;
        }
        if !self.running && (line.starts_with("curl ") || line.starts_with("spotlight top ")) {
            self.watching.push(line.to_owned());
            return;
        }
        if let Some((_, by)) = self.elsewhere.iter().find(|(command, _)| *command == line) {
            let text = std::fs::read_to_string(root().join(by)).expect("a file of the repository");
            assert!(text.lines().any(|said| said.trim() == line), "{by} does not run `{line}`");
            return;
        }
        // The program is built already, and `DIR` is the folder `documents`.
        let line = line.replace("cargo run --release -p cli --", "spotlight").replace(" DIR ", " documents ");
        let line = line.replace(" DIR/", " documents/");
        let common = COMMON.iter().any(|word| line.starts_with(word));
        assert!(common || line.starts_with("spotlight "), "no test knows how to run `{line}`");
        let ends = ["--once", "--dry"].iter().any(|word| line.contains(word));
        if line.starts_with("spotlight run ") && !ends {
            self.endless(&line);
            return;
        }
        let said: Said = shell(self.workplace, &line).output().expect("a shell").into();
        assert_eq!(said.status, 0, "`{line}`\noutput:\n{}\nerrors:\n{}", said.output, said.errors);
        assert!(common || !said.output.trim().is_empty(), "`{line}` says nothing");
    }

    /// Runs a command that has no end until the list has landed, asks it, then stops it.
    fn endless(&mut self, line: &str) {
        let workplace = self.workplace;
        let mut process = Process::start(shell(workplace, line), &workplace.path().join("output.txt"));
        crate::program::until("the rows of the list", || {
            assert!(process.ended().is_none(), "`{line}` ended: {}", workplace.said());
            workplace.said().contains("document closed").then_some(())
        });
        let address = super::watching::address(workplace);
        for line in std::mem::take(&mut self.watching) {
            match line.strip_prefix("curl -s localhost:9484") {
                // It listens on a free port here, as the usual one may be taken.
                Some(page) => {
                    let page = page.split_whitespace().next().expect("a page");
                    crate::program::until(&line, || (get(&address, page, "").status == 200).then_some(()));
                }
                None => {
                    let said: Said = shell(workplace, &line).output().expect("a shell").into();
                    assert!(said.ends(0).output.contains(" my-list/load"), "{line}");
                }
            }
        }
        process.signal("TERM");
        assert_eq!(process.wait().code(), Some(0), "{}", workplace.said());
    }
}
