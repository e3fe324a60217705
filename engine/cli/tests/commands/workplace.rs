//! A folder in which a test works as a person would.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::program::{Process, Said, clickhouses_of, root, spotlight, until};

/// A folder that looks like a project. It is removed when the test ends.
#[derive(Debug)]
pub(crate) struct Workplace {
    folder: TempDir,
}

impl Workplace {
    /// A folder with the README's feed, one list of two rows, and links to what is shipped.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("commands").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let workplace = Self { folder: folder.expect("a folder") };
        for shipped in ["topologies", "schemas"] {
            symlink(root().join(shipped), workplace.path().join(shipped)).expect("a link");
        }
        workplace.write("my-list.yaml", &readme_topology());
        workplace.write("lists/list_20260105.txt", "Symbol|Quantity\nABC|12\nDEF|7\n2\n");
        workplace
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder that commands use when they are not told another one.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("spotlight-data")
    }

    /// The files of the raw store, but for what is staged.
    pub(crate) fn kept_documents(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.data().join("documents")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let place = entry.expect("an entry").path();
                match place.is_dir() {
                    true if !place.ends_with(".staging") => folders.push(place),
                    true => {}
                    false => found.push(place),
                }
            }
        }
        found
    }

    /// Writes a file, and the folder that it is in.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let place = self.path().join(name);
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        std::fs::write(place, text).expect("a file");
    }

    /// The README's topology with a change, as another file.
    pub(crate) fn write_changed(&self, name: &str, changes: &[(&str, &str)]) {
        let mut text = readme_topology();
        for (old, new) in changes {
            assert!(text.contains(old), "the README's topology does not say `{old}`");
            text = text.replace(old, new);
        }
        self.write(name, &text);
    }

    /// A command, not yet started, in this folder.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = spotlight(words);
        command.current_dir(self.path());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn say(&self, words: &[&str]) -> Said {
        self.command(words).output().expect("the program starts").into()
    }

    /// Starts a command; what it says goes to `output.txt`.
    pub(crate) fn start(&self, words: &[&str]) -> Process {
        self.start_command(self.command(words))
    }

    /// The same with a command of its own making.
    pub(crate) fn start_command(&self, command: Command) -> Process {
        Process::start(command, &self.path().join("output.txt"))
    }

    /// What started commands said.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.path().join("output.txt")).unwrap_or_default()
    }

    /// Starts the README's feed without an end, and waits until its rows are in the table.
    pub(crate) fn endless(&self) -> Process {
        self.endless_with(&[])
    }

    /// The same with more words behind the command.
    pub(crate) fn endless_with(&self, more: &[&str]) -> Process {
        let mut process = self.start(&[&["run", "my-list.yaml"], more].concat());
        until("the rows of the list", || {
            assert!(process.ended().is_none(), "the run ended: {}", self.said());
            // Before the run listens, the question would take the folder itself.
            let listening = self.data().join("control").exists();
            let receipts = listening.then(|| self.say(&["receipts", "--format", "json"]))?;
            (receipts.status == 0 && receipts.output.contains("list_20260105.txt")).then_some(())
        });
        process
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            until("the end of every ClickHouse of the folder", || {
                clickhouses_of(&self.data()).is_empty().then_some(())
            });
        }
    }
}

/// The blocks of README.md that are fenced as `language`.
pub(crate) fn readme_blocks(language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

/// The topology of the section "Add a feed".
pub(crate) fn readme_topology() -> String {
    let topologies = readme_blocks("yaml").into_iter().filter(|block| block.starts_with("topology:"));
    let [topology] = <[String; 1]>::try_from(topologies.collect::<Vec<_>>()).expect("one topology in README.md");
    topology
}
