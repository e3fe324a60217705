//! A small feed whose documents a test publishes: lists in a folder, which land in a table by document.

use std::path::{Path, PathBuf};

use clickhouse_connector::{ClickHouse, EmbeddedServer};
use tempfile::TempDir;

use crate::agent::{Agent, Allocation, TOKEN};
use crate::program::{Said, spotlight, until};
use crate::services::start_clickhouse;

/// Rows of one range that lands: small, so that a process is in the middle of something when it dies.
const RANGE: u32 = 2_000;

/// The feed in a folder of its own, and perhaps a ClickHouse beside it.
pub(crate) struct Lists {
    pub(crate) name: String,
    clickhouse: Option<EmbeddedServer>,
    folder: TempDir,
}

impl Lists {
    /// A feed whose ClickHouse is embedded.
    pub(crate) fn embedded(name: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let lists = Self { name: name.to_owned(), clickhouse: None, folder };
        std::fs::create_dir(lists.path("lists")).expect("a folder");
        lists.write_topology(&[]);
        lists
    }

    /// A feed with a ClickHouse of the operator's own, whose password is a secret.
    pub(crate) fn with_clickhouse(name: &str) -> Self {
        let mut lists = Self::embedded(name);
        let clickhouse = start_clickhouse(&lists.path("clickhouse"));
        let settings = clickhouse.client_settings();
        lists.write(
            "connections.yaml",
            &format!(
                "clickhouse:\n  url: \"{}\"\n  login: {{ user: {}, password: {{ secret: clickhouse/password }} }}\n",
                settings.url, settings.user
            ),
        );
        lists.write("secrets/clickhouse/password", settings.password.reveal());
        lists.clickhouse = Some(clickhouse);
        lists
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let place = self.path(name);
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        std::fs::write(place, text).expect("a file");
    }

    /// The topology, with changes.
    pub(crate) fn write_topology(&self, changes: &[(&str, &str)]) {
        let mut text = format!(
            "topology: {name}\n\
             flows:\n  load:\n    from:\n      files: {{ path: \"{lists}\", file-names: [\"list_{{date:%Y%m%d}}*\"], every: 1s }}\n\
             \x20   steps:\n      - decode:\n          delimited:\n            separator: \"|\"\n            quotes: none\n\
             \x20           layouts: {{ v1: {{ header: [Symbol, Quantity] }} }}\n            names: snake_case\n\
             \x20           trailer: [ {{ matches: '(?<n>\\d+)', proves: {{ count: n }} }} ]\n            without-trailer: incomplete\n\
             \x20     - select:\n          list_date: document.date\n          symbol: trim(symbol)\n          quantity: cast(quantity as bigint)\n\
             \x20   to:\n      clickhouse:\n        table: demo.{table}\n        rows: by-document\n        key: [list_date, symbol]\n\
             \x20       partition: month of list_date\n        batch: {{ rows: {RANGE} }}\n",
            name = self.name,
            table = self.table(),
            lists = self.path("lists").display(),
        );
        for (old, new) in changes {
            assert!(text.contains(old), "the topology does not say `{old}`");
            text = text.replace(old, new);
        }
        self.write(&format!("{}.yaml", self.name), &text);
    }

    fn table(&self) -> String {
        self.name.replace('-', "_")
    }

    /// A list of a day of January 2026 appears in the folder, whole.
    pub(crate) fn publish(&self, day: u32, rows: u32) {
        let mut text = String::from("Symbol|Quantity\n");
        (0..rows).for_each(|row| text.push_str(&format!("S{row}|{}\n", row % 97)));
        text.push_str(&format!("{rows}\n"));
        self.write("list.part", &text);
        let name = format!("list_202601{day:02}.txt");
        std::fs::rename(self.path("list.part"), self.path("lists").join(name)).expect("renamed");
    }

    /// Prints the job of the feed, beside its topology.
    pub(crate) fn print_job(&self, more: &[&str]) -> PathBuf {
        let mut command = spotlight(["nomad-job", &format!("{}.yaml", self.name)]);
        command.args(more).current_dir(self.folder.path()).env_remove("SPOTLIGHT_CONNECTIONS");
        if self.clickhouse.is_some() {
            command.args(["--connections", "connections.yaml"]);
        }
        let said = Said::from(command.output().expect("the program starts")).ends(0);
        let file = self.path(&format!("{}.nomad.hcl", self.name));
        std::fs::write(&file, &said.output).expect("a file");
        file
    }

    /// Runs the job as an operator does: the secrets, then the job.
    #[track_caller]
    pub(crate) fn run(&self, agent: &Agent, variables: &[(&str, &str)]) -> Allocation {
        match &self.clickhouse {
            Some(clickhouse) => {
                let password = clickhouse.client_settings();
                agent.keep_secrets(&self.name, &[("clickhouse_password", password.password.reveal())]);
            }
            None => agent.keep_secrets(&self.name, &[]),
        }
        let file = self.print_job(&[]);
        let said = agent.run(&file, &[&variables_of_trials()[..], variables].concat());
        assert_eq!(
            said.status,
            0,
            "{said:?}; {}",
            agent.allocations(&self.name).iter().map(|one| agent.said(one)).collect::<String>()
        );
        agent.the_one(&self.name)
    }

    /// A command of the program on the data folder of an allocation, which a run may own.
    pub(crate) fn say(&self, agent: &Agent, allocation: &Allocation, words: &[&str]) -> Said {
        let mut command = spotlight(words);
        command.arg("--data").arg(agent.data(allocation)).env_remove("SPOTLIGHT_CONNECTIONS");
        if self.clickhouse.is_some() {
            command.arg("--connections").arg(self.path("connections.yaml")).arg("--secrets").arg(self.path("secrets"));
        }
        command.output().expect("the program starts").into()
    }

    /// Rows in the table; 0 before it is there, or while nobody answers.
    pub(crate) fn rows(&self, agent: &Agent, allocation: &Allocation) -> u64 {
        let query = format!("SELECT count() FROM demo.{}", self.table());
        if self.clickhouse.is_some() {
            let mut answer = Vec::new();
            let asked = self.client().query_to(&query, "TSV", &[("final", "1")], &mut answer);
            return asked.ok().and_then(|_| String::from_utf8_lossy(&answer).trim().parse().ok()).unwrap_or(0);
        }
        if !agent.data(allocation).join("control").exists() {
            return 0;
        }
        self.say(agent, allocation, &["sql", "--format", "TSV", &query]).output.trim().parse().unwrap_or(0)
    }

    #[track_caller]
    pub(crate) fn wait_for_rows(&self, agent: &Agent, allocation: &Allocation, wanted: u64) {
        let what = format!("{wanted} rows of {}", self.name);
        until(&what, || (self.rows(agent, allocation) >= wanted).then_some(()));
    }

    /// Fails unless the table has so many rows, and holds what the ledger says.
    #[track_caller]
    pub(crate) fn proven(&self, agent: &Agent, allocation: &Allocation, rows: u64) {
        self.wait_for_rows(agent, allocation, rows);
        assert_eq!(self.rows(agent, allocation), rows);
        let reconciled = self.say(agent, allocation, &["reconcile"]).ends(0).output;
        assert!(reconciled.contains(&format!("{}/load", self.name)), "{reconciled}");
        let status = self.say(agent, allocation, &["status", "--format", "json"]).ends(0).json();
        let accounted = status["accounted_for"].as_object().expect("flows");
        assert!(!accounted.is_empty() && accounted.values().all(|balanced| balanced == true), "{status}");
    }

    pub(crate) fn clickhouse(&self) -> &EmbeddedServer {
        self.clickhouse.as_ref().expect("a ClickHouse of its own")
    }

    fn client(&self) -> ClickHouse {
        ClickHouse::new(&self.clickhouse().client_settings()).expect("a client")
    }

    /// Fails if a text holds one of the feed's secrets.
    #[track_caller]
    pub(crate) fn holds_no_secret(&self, text: &str) {
        assert!(!text.contains(TOKEN), "the token of the listener stands in it: {text}");
        if let Some(clickhouse) = &self.clickhouse {
            let settings = clickhouse.client_settings();
            assert!(!text.contains(settings.password.reveal()), "the password of ClickHouse stands in it");
        }
    }
}

/// What the jobs of trials are given: the program of the tests, and times for people who wait.
pub(crate) fn variables_of_trials() -> [(&'static str, &'static str); 4] {
    [
        ("program", env!("CARGO_BIN_EXE_spotlight")),
        ("min_healthy_time", "2s"),
        ("healthy_deadline", "20s"),
        ("disk", "500"),
    ]
}

/// The folder of a file.
pub(crate) fn folder_of(file: &Path) -> &Path {
    file.parent().expect("a folder")
}
