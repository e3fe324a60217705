//! A job of Nomad for topologies, as text in HCL.
//!
//! There is one text, `job.template`; the files in `nomad/` are what it gives for shipped feeds, and a test compares them.
//! A line `#? NAME` begins a section that a job has or has not, `#?` ends it; `@NAME@` stands for a value. All else is as
//! the job has it.
//!
//! Nothing here asks Nomad, reads a file or knows where anything runs, and no other crate knows that there is a Nomad.

use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
mod tests;

/// The brackets that Nomad's templates of files have here, so that nothing in a feed is taken for one.
pub(crate) const BRACKETS: [&str; 2] = ["[[~", "~]]"];

/// Longest line of a command.
const LONGEST: usize = 110;

const TEMPLATE: &str = include_str!("job.template");

/// How a job runs its topologies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One process, whose log is in its data folder.
    Embedded,
    /// Processes that share the partitions of topics of Kafka.
    Shared {
        /// How many.
        count: u32,
    },
}

/// A job.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// Its name: lower-case letters, digits and `-`.
    pub(crate) name: String,
    pub(crate) form: Form,
    /// Its flows and where their rows go, a line each.
    pub(crate) flows: Vec<String>,
    /// The words of the command that prints it.
    pub(crate) command: Vec<String>,
    /// The folder of the files, from where `nomad` runs.
    pub(crate) feeds: String,
    /// The files of topologies, by path from there.
    pub(crate) topologies: Vec<String>,
    /// All files, those of topologies first.
    pub(crate) files: Vec<String>,
    /// True if the files need a folder `schemas` beside them and none of them lies in it.
    pub(crate) rooted: bool,
    /// True if a publisher wants to know whom to write to.
    pub(crate) contact: bool,
    /// The file of connections, from where `nomad` runs.
    pub(crate) connections: Option<String>,
    /// Its secrets that are files, by path below their folder.
    pub(crate) stored: BTreeSet<String>,
    /// Its secrets that are variables of the environment.
    pub(crate) variables: BTreeSet<String>,
}

/// What a process is given, by its form. How it was measured stands in `nomad/README.md`.
struct Resources {
    cpu: u32,
    memory: u32,
    disk: u32,
}

impl Job {
    /// The secrets of which two would have one name in Nomad.
    pub(crate) fn alike(&self) -> Option<(&str, &str)> {
        let mut seen: BTreeMap<String, &str> = [("listen_token".to_owned(), "the token of the listener")].into();
        let all = self.stored.iter().chain(&self.variables);
        all.into_iter().find_map(|name| seen.insert(key(name), name).map(|other| (other, name.as_str())))
    }

    /// The names of its secrets in the variable of Nomad.
    fn keys(&self) -> Vec<String> {
        let own = ["listen_token".to_owned()];
        own.into_iter().chain(self.stored.iter().chain(&self.variables).map(|name| key(name))).collect()
    }

    /// The job as text.
    pub(crate) fn text(&self) -> String {
        let sections = self.sections();
        let mut text = String::new();
        let mut shown = true;
        for line in TEMPLATE.lines() {
            match line.strip_prefix("#?").map(str::trim) {
                Some("") => shown = true,
                Some(section) => shown = sections.contains(section),
                None if shown => {
                    text.push_str(&self.filled(line));
                    text.push('\n');
                }
                None => {}
            }
        }
        text
    }

    fn sections(&self) -> BTreeSet<&'static str> {
        let shared = matches!(self.form, Form::Shared { .. });
        let all = [
            ("embedded", !shared),
            ("shared", shared),
            ("contact", self.contact),
            ("connections", self.connections.is_some()),
            ("stored", !self.stored.is_empty()),
            ("variables", !self.variables.is_empty()),
            ("rooted", self.rooted),
        ];
        all.into_iter().filter(|(_, so)| *so).map(|(name, _)| name).collect()
    }

    fn resources(&self) -> Resources {
        match self.form {
            Form::Embedded => Resources { cpu: 500, memory: 1280, disk: 4096 },
            Form::Shared { .. } => Resources { cpu: 500, memory: 768, disk: 1024 },
        }
    }

    fn filled(&self, line: &str) -> String {
        let resources = self.resources();
        let count = match self.form {
            Form::Embedded => 1,
            Form::Shared { count } => count,
        };
        let lines = |of: Vec<String>| of.join("\n");
        let values: [(&str, &dyn Fn() -> String); 17] = [
            ("title", &|| self.title()),
            ("flows", &|| lines(self.flows.iter().map(|flow| format!("#   {flow}")).collect())),
            ("command", &|| broken(&self.command).join("\n")),
            ("keys", &|| self.keys().join(", ")),
            ("name", &|| self.name.clone()),
            ("feeds", &|| quoted(&self.feeds)),
            ("files", &|| lines(self.files.iter().map(|file| format!("    {},", quoted(file))).collect())),
            ("topologies", &|| lines(self.topologies.iter().map(|file| format!("    {},", quoted(file))).collect())),
            ("connections", &|| quoted(self.connections.as_deref().unwrap_or_default())),
            ("stored", &|| pairs(&self.stored)),
            ("environment", &|| pairs(&self.variables)),
            ("count", &|| count.to_string()),
            ("cpu", &|| resources.cpu.to_string()),
            ("memory", &|| resources.memory.to_string()),
            ("disk", &|| resources.disk.to_string()),
            ("left", &|| BRACKETS[0].to_owned()),
            ("right", &|| BRACKETS[1].to_owned()),
        ];
        // What is put in is not looked at again: it may hold what looks like a place.
        let (mut filled, mut rest) = (String::new(), line);
        while let Some((before, after)) = rest.split_once('@') {
            filled.push_str(before);
            let found =
                values.iter().find_map(|(name, value)| Some((after.strip_prefix(*name)?.strip_prefix('@')?, value)));
            rest = match found {
                Some((behind, value)) => {
                    filled.push_str(&value());
                    behind
                }
                None => {
                    filled.push('@');
                    after
                }
            };
        }
        filled + rest
    }

    fn title(&self) -> String {
        let what = match &self.topologies[..] {
            [_] => format!("The feed {}", self.name),
            several => format!("{}, {} feeds", self.name, several.len()),
        };
        match self.form {
            Form::Embedded => format!("{what}: one process with its log in its data folder."),
            Form::Shared { .. } => format!("{what}: processes that share the partitions of topics of Kafka."),
        }
    }
}

/// A command as lines of a comment.
fn broken(words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < LONGEST => line.push_str(&format!(" {word}")),
            Some(line) => {
                line.push_str(" \\");
                lines.push(format!("#     {word}"));
            }
            None => lines.push(format!("#   {word}")),
        }
    }
    lines
}

/// A secret's name in a variable of Nomad, whose templates take letters, digits and `_`.
fn key(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

/// Secrets and their names there, aligned as `nomad fmt` does.
fn pairs(names: &BTreeSet<String>) -> String {
    let quotes: Vec<(String, String)> = names.iter().map(|name| (quoted(name), quoted(&key(name)))).collect();
    let width = quotes.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = quotes.iter().map(|(name, key)| format!("    {name:width$} = {key}")).collect();
    lines.join("\n")
}

/// A text as HCL writes it.
fn quoted(text: &str) -> String {
    let mut written = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => written.extend(['\\', letter]),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            // `${` and `%{` begin expressions; doubled they do not.
            '$' | '%' => written.push(letter),
            '{' if written.ends_with(['$', '%']) => {
                let sign = if written.ends_with('$') { '$' } else { '%' };
                written.extend([sign, '{']);
            }
            letter => written.push(letter),
        }
    }
    written + "\""
}
