//! Where contests take place: folders, the programs that were built, the server, and one run of Spotlight.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::figures::Measured;
use crate::process::{self, Cost};
use crate::server::Server;

/// The stage.
pub struct Stage {
    /// The project's folder.
    pub project: PathBuf,
    /// Where the programs are.
    pub programs: PathBuf,
    /// Where files are made and kept.
    pub work: PathBuf,
    /// The server that all write to.
    pub server: Server,
    /// Rounds of each contest.
    pub rounds: usize,
    /// The share of the full size, from 0 to 1.
    pub scale: f64,
    /// Bento's program, if it takes part.
    pub bento: Option<PathBuf>,
}

impl Stage {
    /// A size at this stage's scale, at least 1.
    #[must_use]
    pub fn scaled(&self, full: u64) -> u64 {
        ((full as f64 * self.scale) as u64).max(1)
    }

    /// A folder below the work folder, empty.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.work.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Runs `spotlight run` once over documents, with a data folder as it stands. It must end with 0.
    ///
    /// # Errors
    /// If it ends otherwise; with what it said.
    pub fn spotlight(&self, topologies: &[PathBuf], documents: &Path, data: &Path) -> Result<Measured> {
        self.spotlight_ending(0, topologies, documents, data)
    }

    /// As [`Stage::spotlight`], with another exit status that it must end with.
    ///
    /// # Errors
    /// As there.
    pub fn spotlight_ending(
        &self,
        wanted: i32,
        topologies: &[PathBuf],
        documents: &Path,
        data: &Path,
    ) -> Result<Measured> {
        self.server.settle()?;
        let said = self.work.join("spotlight.txt");
        let mut command = self.command(topologies, documents, data);
        command.arg("--once").stdout(fs::File::create(&said)?).stderr(Stdio::null());
        let before = self.server.cpu();
        let (status, own) = process::run(&mut command)?;
        let server = self.server.cpu() - before;
        let text = fs::read_to_string(&said).unwrap_or_default();
        let tail: Vec<&str> = text.lines().rev().take(8).collect();
        ensure!(status.code() == Some(wanted), "spotlight ended with {status}: {}", tail.join("\n"));
        Ok(Measured { own, server })
    }

    /// `spotlight run` without an end, not started yet.
    #[must_use]
    pub fn command(&self, topologies: &[PathBuf], documents: &Path, data: &Path) -> Command {
        let (user, password) = self.server.login();
        let mut command = Command::new(self.programs.join("spotlight"));
        command.arg("run").args(topologies).arg("--documents").arg(documents).arg("--data").arg(data);
        command.args(["--clickhouse", &self.server.url()]);
        command.env("SPOTLIGHT_CLICKHOUSE_USER", user).env("SPOTLIGHT_CLICKHOUSE_PASSWORD", password);
        command.stdin(Stdio::null());
        command
    }

    /// Runs one statement as a contestant of its own.
    ///
    /// # Errors
    /// If the server refuses it.
    pub fn statement(&self, sql: &str) -> Result<Measured> {
        self.server.settle()?;
        let (before, start) = (self.server.cpu(), Instant::now());
        self.server.execute(sql)?;
        let wall = start.elapsed().as_secs_f64();
        Ok(Measured { own: Cost { wall, ..Cost::default() }, server: self.server.cpu() - before })
    }

    /// Forgets all that runs of Spotlight have made in the server.
    ///
    /// # Errors
    /// If the server refuses it.
    pub fn forget(&self, databases: &[&str]) -> Result<()> {
        for database in databases.iter().chain(&["spotlight"]) {
            self.server.execute(&format!("drop database if exists {database} sync"))?;
        }
        Ok(())
    }

    /// A path as text, for SQL and configurations.
    ///
    /// # Errors
    /// If it is no Unicode or holds a quote.
    pub fn text(path: &Path) -> Result<&str> {
        let text = path.to_str().context("a path that is no Unicode")?;
        ensure!(!text.contains(['\'', '"', '\\']), "a quote in {text}");
        Ok(text)
    }
}
