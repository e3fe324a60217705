//! A Nomad of a test's own, and what is asked of it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::HeldService;

use crate::program::scrape::{Answer, get, send};
use crate::program::{Said, now, root, signal, until, variable};

/// The token that those show who ask runs for more than whether they live.
pub(crate) const TOKEN: &str = "a-token-of-the-trials-0123456789";

/// A Nomad with one node.
pub(crate) struct Agent {
    program: PathBuf,
    service: HeldService,
    // Behind the service, which ends before its folder goes.
    folder: TempDir,
}

/// The path of a script of `services/`.
pub(crate) fn script(name: &str) -> PathBuf {
    root().join("services").join(name)
}

/// Where a program is that a script builds; says so where the trial is not asked for, or fails where it is and the program
/// is not there.
pub(crate) fn built(trial: &str, by: &str) -> Option<PathBuf> {
    if variable("SPOTLIGHT_TEST_NOMAD").as_deref() != Some("all") {
        let _unread = writeln!(
            std::io::stderr(),
            "NOT RUN, for it takes minutes and root: {trial} (services/test-nomad runs it)"
        );
        return None;
    }
    let have = Command::new(script(by)).arg("have").stderr(Stdio::inherit()).output().expect("the script starts");
    assert!(have.status.success(), "{by} has not built its program");
    Some(String::from_utf8_lossy(&have.stdout).trim().into())
}

impl Agent {
    /// Starts one for a trial, if trials are asked for. What it holds of secrets is given under the job's name.
    pub(crate) fn start(trial: &str) -> Option<Self> {
        let program = built(trial, "nomad.sh")?;
        // Not below the build's folder: the name of a socket below it would be too long.
        let folder = tempfile::Builder::new().prefix("nomad").tempdir().expect("a folder");
        let service = HeldService::start("nomad.sh", folder.path(), &[]);
        Some(Self { program, service, folder })
    }

    pub(crate) fn address(&self) -> &str {
        self.service.address()
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The program `nomad`, for this agent.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).env("NOMAD_ADDR", self.address()).env("NOMAD_CLI_SHOW_HINTS", "0").stdin(Stdio::null());
        command
    }

    pub(crate) fn say(&self, words: &[&str]) -> Said {
        self.command(words).output().expect("nomad starts").into()
    }

    /// Gives a job its secrets.
    pub(crate) fn keep_secrets(&self, job: &str, items: &[(&str, &str)]) {
        let items = items.iter().map(|(name, value)| format!("{name}={value}"));
        let items: Vec<String> = items.chain([format!("listen_token={TOKEN}")]).collect();
        let path = format!("nomad/jobs/{job}");
        let words: Vec<&str> =
            ["var", "put", "-force", &path].into_iter().chain(items.iter().map(String::as_str)).collect();
        self.say(&words).ends(0);
    }

    /// Judges job files: their form, and what Nomad says of them.
    pub(crate) fn check(&self, files: &[&Path]) {
        let words: Vec<&str> = files.iter().map(|file| file.to_str().expect("text")).collect();
        self.service.run("check", &words);
    }

    /// Kills one of the agents; its tasks go on. `agent`: server or client.
    pub(crate) fn kill(&self, agent: &str) {
        self.service.run("kill", &[agent]);
    }

    pub(crate) fn start_again(&self) {
        self.service.start_again();
    }

    /// What the HTTP interface says.
    #[track_caller]
    pub(crate) fn ask(&self, path: &str) -> Value {
        // As of HTTP/1.0, the answer comes in one piece.
        send(self.address(), &format!("GET /v1/{path} HTTP/1.0\r\nHost: localhost\r\n\r\n")).is(200).json()
    }

    /// The only node.
    pub(crate) fn node(&self) -> String {
        self.ask("nodes")[0]["ID"].as_str().expect("an id").to_owned()
    }

    /// All allocations of a job, the newest last.
    pub(crate) fn allocations(&self, job: &str) -> Vec<Allocation> {
        let mut found = self.ask(&format!("job/{job}/allocations")).as_array().expect("a list").clone();
        found.sort_by_key(|one| one["CreateIndex"].as_u64());
        found.into_iter().map(Allocation).collect()
    }

    /// Those that run and are to run.
    pub(crate) fn running(&self, job: &str) -> Vec<Allocation> {
        let runs = |one: &Allocation| one.0["ClientStatus"] == "running" && one.0["DesiredStatus"] == "run";
        self.allocations(job).into_iter().filter(runs).collect()
    }

    /// The only one that runs.
    #[track_caller]
    pub(crate) fn the_one(&self, job: &str) -> Allocation {
        until("one allocation that runs", || <[Allocation; 1]>::try_from(self.running(job)).ok().map(|[one]| one))
    }

    /// An allocation as it is now.
    pub(crate) fn again(&self, allocation: &Allocation) -> Allocation {
        Allocation(self.ask(&format!("allocation/{}", allocation.id())))
    }

    /// A data folder that stays, where a job is told to use it.
    pub(crate) fn own_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The data folder of an allocation.
    pub(crate) fn data(&self, allocation: &Allocation) -> PathBuf {
        if self.own_folder().exists() {
            return self.own_folder();
        }
        self.folder.path().join("client/alloc").join(allocation.id()).join("alloc/data/spotlight")
    }

    /// What the tasks of an allocation have said.
    pub(crate) fn said(&self, allocation: &Allocation) -> String {
        let logs = self.folder.path().join("client/alloc").join(allocation.id()).join("alloc/logs");
        let files = std::fs::read_dir(logs).into_iter().flatten().flatten();
        // Beside them are the pipes by which they are filled.
        let files = files.filter(|file| file.file_type().is_ok_and(|kind| kind.is_file()));
        files.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default()).collect()
    }

    /// Where an allocation listens, once its service is registered.
    #[track_caller]
    pub(crate) fn listens(&self, job: &str, allocation: &Allocation) -> String {
        until("the service of the allocation", || {
            let all = self.ask(&format!("service/{job}"));
            let one = all.as_array()?.iter().find(|one| one["AllocID"] == allocation.id())?.clone();
            Some(format!("{}:{}", one["Address"].as_str()?, one["Port"]))
        })
    }

    /// Waits until the run of an allocation says that it is ready.
    #[track_caller]
    pub(crate) fn wait_until_ready(&self, job: &str, allocation: &Allocation) -> String {
        let address = self.listens(job, allocation);
        let reaches = || std::net::TcpStream::connect(&address).is_ok();
        let what = || format!("the run to be ready: {}", self.said(allocation));
        until(&what(), || (reaches() && get(&address, "/ready", "").status == 200).then_some(()));
        address
    }

    /// Runs a job, with variables, and waits for what Nomad makes of it.
    pub(crate) fn run(&self, file: &Path, variables: &[(&str, &str)]) -> Said {
        let started = now();
        let mut command = self.command(&["job", "run"]);
        command
            .arg(file)
            .current_dir(file.parent().expect("a folder"))
            .envs(variables.iter().map(|(name, value)| (format!("NOMAD_VAR_{name}"), value)));
        let said = command.output().expect("nomad starts").into();
        crate::told(&format!("`nomad job run` took {}", seconds(started.elapsed())));
        said
    }

    /// The state of the newest deployment of a job.
    pub(crate) fn deployment(&self, job: &str) -> Value {
        self.ask(&format!("job/{job}/deployment"))
    }

    /// Stops a job and waits until nothing of it runs.
    pub(crate) fn stop(&self, job: &str) {
        self.say(&["job", "stop", job]).ends(0);
        until("the end of the job", || {
            let over = |one: &Allocation| !matches!(one.0["ClientStatus"].as_str(), Some("running" | "pending"));
            self.allocations(job).iter().all(over).then_some(())
        });
    }
}

/// What one asks who shows the token.
#[track_caller]
pub(crate) fn shown(address: &str, page: &str) -> Answer {
    get(address, page, &format!("Authorization: Bearer {TOKEN}\r\n"))
}

/// An allocation, as Nomad tells it.
#[derive(Clone, Debug)]
pub(crate) struct Allocation(pub(crate) Value);

impl Allocation {
    pub(crate) fn id(&self) -> &str {
        self.0["ID"].as_str().expect("an id")
    }

    pub(crate) fn restarts(&self) -> u64 {
        self.0["TaskStates"]["run"]["Restarts"].as_u64().unwrap_or(0)
    }

    /// The first event of a kind, and when it was, in nanoseconds since 1970 UTC.
    pub(crate) fn event(&self, kind: &str) -> Option<(&Value, u64)> {
        let events = self.0["TaskStates"]["run"]["Events"].as_array()?;
        let event = events.iter().find(|event| event["Type"] == kind)?;
        Some((event, event["Time"].as_u64()?))
    }

    /// The process of its run.
    #[track_caller]
    pub(crate) fn process(&self) -> u32 {
        until("the process of the run", || self.find_process())
    }

    fn find_process(&self) -> Option<u32> {
        let entries = std::fs::read_dir("/proc").expect("the list of processes").flatten();
        let mut ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        ids.find(|id| {
            let words = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let words: Vec<String> =
                words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into()).collect();
            words.get(1).is_some_and(|word| word == "run") && words.iter().any(|word| word.contains(self.id()))
        })
    }

    /// Kills its run, as a power cut would end it.
    pub(crate) fn kill(&self) {
        assert!(signal(self.process(), "KILL"), "it runs");
    }
}

/// A time for people.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
