//! A blocking client: queries into a writer, statements, and inserts of Arrow rows.
//!
//! It wraps the `clickhouse` crate with a connector that sends without delay: the crate's own waits about 42 ms before
//! each small insert. A runtime of one worker belongs to the client; calls may come from several threads at once, but
//! not from inside another asynchronous runtime. No call retries.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, RecordBatch};
use arrow::ipc::writer::StreamWriter;
use clickhouse::{Client, Compression, RowOwned, RowRead};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::Runtime;
use url::{ParseError, Url};

use crate::errors::ClickHouseError;
use crate::trust::trusting;

/// A password that no message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes a password.
    #[must_use]
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// The password itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

/// Where a ClickHouse answers, and as whom to log in.
#[derive(Clone, Debug)]
pub struct ClickHouseSettings {
    /// Address of its HTTP interface, such as `http://localhost:8123`. Holds no user and no password.
    pub url: String,
    /// User.
    pub user: String,
    /// Password.
    pub password: Password,
    /// Whether to compress with LZ4. Costs a third of a microsecond a row; worth it on a network, not on loopback.
    pub compress: bool,
    /// Longest wait for an answer, and for the server to take the next bytes of an insert.
    pub timeout: Duration,
    /// A file of certificates (PEM) that are trusted beside the system's. Only asked for where the address is `https`.
    pub authorities: Option<PathBuf>,
}

impl ClickHouseSettings {
    /// Settings with no compression, a wait of one minute and the system's authorities.
    #[must_use]
    pub fn new(url: impl Into<String>, user: impl Into<String>, password: Password) -> Self {
        let timeout = Duration::from_secs(60);
        Self { url: url.into(), user: user.into(), password, compress: false, timeout, authorities: None }
    }
}

/// A client of one ClickHouse. Clones share connections and runtime.
#[derive(Clone)]
pub struct ClickHouse {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    runtime: Runtime,
    address: String,
    settings: ClickHouseSettings,
}

impl fmt::Debug for ClickHouse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClickHouse").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

/// How long an idle connection is kept. Longer than the server's own three seconds, and an insert could be sent into a
/// connection that the server is closing.
const IDLE: Duration = Duration::from_secs(2);

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Bytes of Arrow sent at a time. Larger only holds more memory; smaller makes more chunks to gather on the server.
const CHUNK_BYTES: usize = 8 << 20;

impl ClickHouse {
    /// Makes a client. Does not connect yet.
    ///
    /// # Errors
    /// If the address is wrong, certificates cannot be used, or the client's runtime cannot start.
    pub fn new(settings: &ClickHouseSettings) -> Result<Self, ClickHouseError> {
        let url = settings.url.trim_end_matches('/');
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let rest = rest.ok_or(ClickHouseError::Address("it does not begin with `http://` or `https://`"))?;
        if rest.is_empty() {
            return Err(ClickHouseError::Address("it names no host"));
        }
        if rest.contains('@') {
            return Err(ClickHouseError::Address("it holds a user or a password, which have fields of their own"));
        }
        if let Err(error) = Url::parse(url) {
            return Err(ClickHouseError::Address(match error {
                ParseError::InvalidPort => "its port is no number up to 65535",
                ParseError::EmptyHost => "it names no host",
                _ => "it is no address of the form http://HOST:PORT",
            }));
        }
        let client = connect(settings)?;
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let builder = builder.worker_threads(1).thread_name("clickhouse-client").enable_all();
        let runtime = builder.build().map_err(ClickHouseError::Start)?;
        let shared = Shared { client, runtime, address: url.to_owned(), settings: settings.clone() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The server's address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// Runs a query and writes its answer, in `format`, to `output` as it comes. Says how many bytes it was.
    ///
    /// # Errors
    /// If the server cannot be asked, refuses, fails halfway, or `output` does.
    pub fn query_to(
        &self,
        sql: &str,
        format: &str,
        settings: &[(&str, &str)],
        output: &mut dyn Write,
    ) -> Result<u64, ClickHouseError> {
        let mut query = self.shared.client.query_raw(sql);
        for (name, value) in settings {
            query = query.with_setting(*name, *value);
        }
        self.shared.runtime.block_on(async {
            let mut cursor = query.fetch_bytes(format).map_err(|error| self.failed(error))?;
            let mut written = 0;
            while let Some(bytes) = self.within(cursor.next()).await? {
                output.write_all(&bytes).map_err(ClickHouseError::Output)?;
                written += bytes.len() as u64;
            }
            Ok(written)
        })
    }

    /// Runs a query and gives its answer in `format`, whole.
    ///
    /// # Errors
    /// As [`ClickHouse::query_to`].
    pub fn query_bytes(&self, sql: &str, format: &str, settings: &[(&str, &str)]) -> Result<Vec<u8>, ClickHouseError> {
        let mut bytes = Vec::new();
        self.query_to(sql, format, settings, &mut bytes)?;
        Ok(bytes)
    }

    /// Runs a statement that has no answer.
    ///
    /// # Errors
    /// If the server cannot be asked or refuses.
    pub fn execute(&self, sql: &str, settings: &[(&str, &str)]) -> Result<(), ClickHouseError> {
        let mut query = self.shared.client.query_raw(sql).with_setting("wait_end_of_query", "1");
        for (name, value) in settings {
            query = query.with_setting(*name, *value);
        }
        self.shared.runtime.block_on(self.within(query.execute()))
    }

    /// The rows of a query whose answer is small.
    pub(crate) fn rows<T: RowOwned + RowRead>(&self, sql: &str) -> Result<Vec<T>, ClickHouseError> {
        // The answer is complete before its status is sent, so an error cannot be read as the end of the rows.
        let query = self.shared.client.query_raw(sql).with_setting("wait_end_of_query", "1");
        self.shared.runtime.block_on(self.within(query.fetch_all::<T>()))
    }

    /// The identities of the servers that answer on as many new connections. A balancer hands each to a server of its
    /// choice; connections that are kept would hide that.
    pub(crate) fn servers(&self, connections: usize) -> Result<BTreeSet<String>, ClickHouseError> {
        let mut servers = BTreeSet::new();
        for _ in 0..connections {
            let client = connect(&self.shared.settings)?;
            let query = client.query_raw("SELECT toString(serverUUID())").with_setting("wait_end_of_query", "1");
            servers.extend(self.shared.runtime.block_on(self.within(query.fetch_all::<String>()))?);
        }
        Ok(servers)
    }

    /// Inserts batches of rows with the same columns into `columns` of `table`; both are quoted already. Token and query
    /// id are among `settings`.
    ///
    /// # Errors
    /// If the server cannot be asked or refuses; a lost connection leaves the insert unknown.
    pub fn insert_arrow(
        &self,
        table: &str,
        columns: &str,
        rows: &[RecordBatch],
        settings: &[(&str, &str)],
    ) -> Result<(), ClickHouseError> {
        let Some(schema) = rows.first().map(RecordBatch::schema) else {
            return Ok(());
        };
        let statement = format!("INSERT INTO {table} ({columns}) FORMAT ArrowStream");
        let mut insert = self.shared.client.insert_formatted_with(statement);
        for (name, value) in settings {
            insert = insert.with_setting(*name, *value);
        }
        let mut insert = insert.with_timeouts(Some(self.shared.settings.timeout), Some(self.shared.settings.timeout));
        self.shared.runtime.block_on(async {
            let mut writer = StreamWriter::try_new(Vec::new(), &schema).map_err(ClickHouseError::Encode)?;
            for rows in rows {
                let step = rows_per_chunk(rows);
                for first in (0..rows.num_rows()).step_by(step) {
                    let chunk = rows.slice(first, step.min(rows.num_rows() - first));
                    writer.write(&chunk).map_err(ClickHouseError::Encode)?;
                    let encoded = std::mem::take(writer.get_mut());
                    insert.send(encoded.into()).await.map_err(|error| self.failed(error))?;
                }
            }
            let end = writer.into_inner().map_err(ClickHouseError::Encode)?;
            insert.send(end.into()).await.map_err(|error| self.failed(error))?;
            insert.end().await.map_err(|error| self.failed(error))
        })
    }

    async fn within<T>(&self, asked: impl Future<Output = clickhouse::error::Result<T>>) -> Result<T, ClickHouseError> {
        match tokio::time::timeout(self.shared.settings.timeout, asked).await {
            Ok(answer) => answer.map_err(|error| self.failed(error)),
            Err(_) => Err(ClickHouseError::TimedOut { address: self.shared.address.clone() }),
        }
    }

    fn failed(&self, error: clickhouse::error::Error) -> ClickHouseError {
        ClickHouseError::from_client(error, &self.shared.address)
    }
}

/// A client with connections of its own.
fn connect(settings: &ClickHouseSettings) -> Result<Client, ClickHouseError> {
    let url = settings.url.trim_end_matches('/');
    let compression = if settings.compress { Compression::Lz4 } else { Compression::None };
    Ok(transport(settings)?
        .with_url(url)
        .with_user(&settings.user)
        .with_password(settings.password.reveal())
        .with_compression(compression)
        .with_product_info("spotlight", env!("CARGO_PKG_VERSION")))
}

fn transport(settings: &ClickHouseSettings) -> Result<Client, ClickHouseError> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(Duration::from_secs(60)));
    connector.set_connect_timeout(Some(CONNECT));
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
    if !settings.url.starts_with("https://") {
        return Ok(Client::with_http_client(builder.build(connector)));
    }
    connector.enforce_http(false);
    let tls = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(trusting(settings.authorities.as_ref())?);
    Ok(Client::with_http_client(builder.build(tls.https_only().enable_http1().wrap_connector(connector))))
}

/// Bytes that the rows take themselves, without what else their buffers hold.
pub(crate) fn size_of(rows: &RecordBatch) -> usize {
    let sizes = rows.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    // A column whose size cannot be told counts with its whole buffers.
    sizes.zip(rows.columns()).fold(0_usize, |sum, (size, column)| {
        sum.saturating_add(size.unwrap_or_else(|_| column.get_array_memory_size()))
    })
}

fn rows_per_chunk(rows: &RecordBatch) -> usize {
    let count = rows.num_rows().max(1);
    let chunks = size_of(rows) / CHUNK_BYTES + 1;
    count.div_ceil(chunks).max(1)
}

#[cfg(test)]
mod tests {
    use super::{ClickHouse, ClickHouseSettings, Password};

    #[test]
    fn wrong_addresses_are_refused_and_not_repeated() {
        for url in [
            "localhost:8123",
            "ftp://localhost",
            "http://",
            "http://me:secret@localhost:8123",
            "http://localhost:99999",
            "http://localhost:secret",
            "http://:8123",
            "http://[::1:8123",
            "http://local host:8123",
        ] {
            let settings = ClickHouseSettings::new(url, "me", Password::new("secret"));
            let error = ClickHouse::new(&settings).expect_err(url);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let settings = ClickHouseSettings::new("http://localhost:8123/", "me", Password::new("hunter2"));
        let client = ClickHouse::new(&settings).expect("address");
        assert!(!format!("{settings:?} {client:?}").contains("hunter2"));
        assert_eq!(client.address(), "http://localhost:8123");
    }
}
