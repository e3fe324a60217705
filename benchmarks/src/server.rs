//! The ClickHouse that all contestants write to: one server, warm, with the settings of Spotlight's embedded one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clickhouse_connector::{ClickHouse, EmbeddedServer, EmbeddedSettings, Fetch, Program};

use crate::process;

/// A running server and a client of it.
pub struct Server {
    server: EmbeddedServer,
    client: ClickHouse,
}

impl Server {
    /// Starts a server in a fresh folder. `programs`: where the built programs are; `cache`: where its library is kept.
    ///
    /// # Errors
    /// If the library cannot be had or the server does not start.
    pub fn start(programs: &Path, folder: &Path, cache: PathBuf) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        let library = Fetch::new(cache).library(&mut |_, _| {}).context("the library of ClickHouse")?;
        let child = vec![programs.join("clickhouse-child").into()];
        let server =
            EmbeddedServer::start(EmbeddedSettings::new(folder.to_owned(), Program::Library { child, library }))?;
        let mut settings = server.client_settings();
        settings.timeout = std::time::Duration::from_secs(3600);
        let client = ClickHouse::new(&settings)?;
        Ok(Self { server, client })
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// User and password.
    #[must_use]
    pub fn login(&self) -> (&str, &str) {
        (self.server.user(), self.server.password().reveal())
    }

    /// Runs a statement.
    ///
    /// # Errors
    /// If the server refuses it.
    pub fn execute(&self, sql: &str) -> Result<()> {
        self.client.execute(sql, &[]).with_context(|| sql.chars().take(200).collect::<String>())
    }

    /// The answer of a query as text, without the last line's end.
    ///
    /// # Errors
    /// If the server refuses it.
    pub fn ask(&self, sql: &str) -> Result<String> {
        let bytes = self.client.query_bytes(sql, "TSVRaw", &[]).with_context(|| sql.to_owned())?;
        Ok(String::from_utf8(bytes)?.trim_end().to_owned())
    }

    /// Processor seconds of the server so far.
    #[must_use]
    pub fn cpu(&self) -> f64 {
        self.server.process().and_then(process::cpu).unwrap_or(0.0)
    }

    /// Waits until the server merges nothing any more, so that a contestant does not pay for the one before it.
    ///
    /// # Errors
    /// If it cannot be asked, or merges for minutes.
    pub fn settle(&self) -> Result<()> {
        for _ in 0..600 {
            if self.ask("select count() from system.merges")? == "0" {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        ensure!(false, "the server goes on merging");
        Ok(())
    }
}
