//! The services of a command: what a file of connections names, and what is embedded where it names none.
//!
//! The only place that makes clients of services from a file of connections.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clickhouse_connector::{ClickHouseSettings, Password};
use connect::{FolderStore, RawStore};
use connections::{Addressing, Authorities, Connections, Credentials, Kafka, ObjectStore, Registry, Secret, Vault};
use kafka_connector::{KafkaLog, KafkaSettings, OpenError};
use log::embedded::EmbeddedLog;
use log::{Log, LogError};
use s3_connector::{S3Settings, S3Store};
use schema_registry_connector::{Login, RegistrySettings};

use crate::arguments::Data;
use crate::data;
use crate::environment;
use crate::exit::{Exit, failure};
use crate::registry::{Patience, RegistrySchemas};
use crate::show;
use crate::turn::{self, Role, Turn};

/// A log that is open.
pub(crate) struct OpenLog {
    log: Arc<dyn Log>,
    embedded: Option<Arc<EmbeddedLog>>,
    /// Keeps others out of the data folder, where the log is elsewhere.
    _lock: Option<File>,
    /// Lets others wait for a command.
    _turn: Option<Turn>,
}

/// A data folder that this process owns while its log is elsewhere.
#[derive(Debug)]
pub(crate) struct Owned {
    lock: File,
    turn: Option<Turn>,
}

impl OpenLog {
    /// The embedded log, which locks its folder itself.
    pub(crate) fn embedded(log: EmbeddedLog, turn: Option<Turn>) -> Self {
        let log = Arc::new(log);
        Self { log: Arc::clone(&log) as _, embedded: Some(log), _lock: None, _turn: turn }
    }

    /// The log.
    pub(crate) fn log(&self) -> Arc<dyn Log> {
        Arc::clone(&self.log)
    }

    /// Leaves no more behind than must be.
    pub(crate) fn settle(&self) {
        if let Some(Err(error)) = self.embedded.as_ref().map(|log| log.settle()) {
            tracing::warn!(reason = data::chain(&error), "the log's write-ahead file stays as it is");
        }
    }
}

impl std::ops::Deref for OpenLog {
    type Target = dyn Log;

    fn deref(&self) -> &Self::Target {
        self.log.as_ref()
    }
}

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Services {
    connections: Option<Connections<Secret>>,
    file: PathBuf,
    instance: String,
}

impl Services {
    /// Reads the file of connections that the command line names, if it names one, and fetches its secrets.
    pub(crate) fn read(at: &Data) -> Result<Self> {
        let instance = at.instance.clone().unwrap_or_else(environment::host_name);
        let Some(file) = &at.connections else {
            return Ok(Self { connections: None, file: PathBuf::new(), instance });
        };
        let shown = file.display().to_string();
        let bytes = std::fs::read(file).map_err(|error| {
            failure(Exit::Environment, format!("{shown} cannot be read: {error}"), "name a file of connections")
        })?;
        let reading = connections::read(&shown, &bytes);
        let mut findings = reading.findings;
        let resolved = reading.connections.and_then(|connections| {
            let folder = at.secrets.clone().or_else(|| connections.secrets.clone());
            let stored = folder.map(|folder| move |name: &Path| environment::below(&folder, name));
            let file = stored.as_ref().map(|stored| stored as &connections::ReadSecret<'_>);
            let resolved = connections.resolve(&Vault { file, variable: &environment::variable });
            resolved.map_err(|missing| findings.extend(missing)).ok()
        });
        let Some(connections) = resolved else {
            show::findings(&findings);
            return Err(failure(
                Exit::Environment,
                format!("{shown} cannot be used"),
                format!("mend it; spotlight check --connections {shown} looks at it alone"),
            ));
        };
        Ok(Self { connections: Some(connections), file: file.clone(), instance })
    }

    fn kafka(&self) -> Option<&Kafka<Secret>> {
        self.connections.as_ref()?.kafka.as_ref()
    }

    /// True if the log is one that several processes share.
    pub(crate) fn shares_the_log(&self) -> bool {
        self.kafka().is_some()
    }

    fn wrong(&self, what: impl std::fmt::Display, remedy: impl Into<String>) -> anyhow::Error {
        failure(Exit::Environment, format!("{}: {what}", self.file.display()), remedy)
    }

    /// Opens the log on Kafka, and with it owns the data folder; `None` if the log is embedded. A command has a name of
    /// its own there: it fences no run. `owned` is called between the two: Kafka may be waited for.
    pub(crate) fn log(
        &self,
        folder: &Path,
        role: Role,
        patience: &Patience,
        owned: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<OpenLog>> {
        if !self.shares_the_log() {
            return Ok(None);
        }
        let Owned { lock, turn } = own(folder, role, patience)?;
        owned()?;
        let suffix = match role {
            Role::Run => "",
            Role::Command => ".command",
        };
        let log = self.shared_log(suffix, patience)?;
        Ok(log.map(|log| OpenLog { log, embedded: None, _lock: Some(lock), _turn: turn }))
    }

    /// Owns the data folder alone, for a command, where the log is elsewhere and may be away; `None` if the log is
    /// embedded.
    pub(crate) fn own(&self, folder: &Path) -> Result<Option<Owned>> {
        self.shares_the_log().then(|| own(folder, Role::Command, &Patience::none())).transpose()
    }

    /// The log without a data folder, for who only looks at topics.
    pub(crate) fn shared_log(&self, role: &str, patience: &Patience) -> Result<Option<Arc<dyn Log>>> {
        let Some(kafka) = self.kafka() else { return Ok(None) };
        let settings = self.kafka_settings(kafka, role)?;
        let stuck: kafka_connector::Stuck = Arc::new(|call: &'static str| {
            show::note(&format!("a call to Kafka does not return ({call}): this process ends, start it again"));
            std::process::exit(Exit::Fenced as i32);
        });
        let away = |error: &OpenError| match error {
            OpenError::Log(LogError::Away(cause)) => Some(cause.to_string()),
            _ => None,
        };
        let opened = patience.wait(|| KafkaLog::open(settings.clone(), Arc::clone(&stuck)), away);
        let log = opened.map_err(|error| match &error {
            OpenError::Settings(wrong) => self.wrong(format!("{wrong} ({})", wrong.code), "mend it"),
            OpenError::Log(LogError::Fenced) => failure(
                Exit::Fenced,
                format!("another process has just started as `{}`", settings.instance),
                "give each process a name of its own with --instance NAME",
            ),
            error => failure(
                Exit::Unreachable,
                format!("Kafka at {} cannot be used: {}", settings.servers, data::chain(error)),
                "start it, or mend its address, TLS or login in the file of connections",
            ),
        })?;
        Ok(Some(Arc::new(log)))
    }

    fn kafka_settings(&self, kafka: &Kafka<Secret>, role: &str) -> Result<KafkaSettings> {
        let mut settings = KafkaSettings::new(&kafka.servers.join(","), &format!("{}{role}", self.instance));
        settings.namespace.clone_from(&kafka.namespace);
        settings.elsewhere.clone_from(&kafka.elsewhere);
        settings.replication = kafka.replication;
        settings.session_timeout = kafka.session_timeout.unwrap_or(settings.session_timeout);
        settings.transaction_timeout = kafka.transaction_timeout.unwrap_or(settings.transaction_timeout);
        // A call may take twice the time of a transaction.
        settings.stuck_after = settings.stuck_after.max(settings.transaction_timeout * 3);
        settings.client.clone_from(&kafka.client);
        let client = &mut settings.client;
        let protocol = match (&kafka.tls, &kafka.login) {
            (None, None) => "PLAINTEXT",
            (None, Some(_)) => "SASL_PLAINTEXT",
            (Some(_), None) => "SSL",
            (Some(_), Some(_)) => "SASL_SSL",
        };
        client.insert("security.protocol".to_owned(), protocol.to_owned());
        if let Some(tls) = &kafka.tls {
            let path = |path: &Path| path.display().to_string();
            if let Authorities::File(file) = &tls.authorities {
                client.insert("ssl.ca.location".to_owned(), path(file));
            }
            if let Some(own) = &tls.certificate {
                client.insert("ssl.certificate.location".to_owned(), path(&own.certificate));
                client.insert("ssl.key.location".to_owned(), path(&own.key));
                if let Some(password) = &own.key_password {
                    client.insert("ssl.key.password".to_owned(), password.reveal().to_owned());
                }
            }
        }
        if let Some(sasl) = &kafka.login {
            client.insert("sasl.mechanism".to_owned(), sasl.mechanism.name().to_owned());
            client.insert("sasl.username".to_owned(), sasl.login.user.reveal().to_owned());
            client.insert("sasl.password".to_owned(), sasl.login.password.reveal().to_owned());
        }
        settings.check().map_err(|wrong| self.wrong(format!("{wrong} ({})", wrong.code), "mend it"))?;
        Ok(settings)
    }

    /// The registry's schemas; `None` if the log is embedded, and schemas lie in the data folder.
    pub(crate) fn schemas(&self, patience: Patience) -> Result<Option<RegistrySchemas>> {
        let Some(kafka) = self.kafka() else { return Ok(None) };
        let Some(registry) = self.connections.as_ref().and_then(|connections| connections.registry.as_ref()) else {
            let what = "it names Kafka and no schema registry: nobody else could read the topics";
            return Err(self.wrong(what, "add `registry: { url: … }`"));
        };
        let client = schema_registry_connector::Registry::new(&self.registry_settings(registry)?);
        let client = client.map_err(|error| self.wrong(format!("{error} ({})", error.code()), "mend it"))?;
        let names = self.kafka_settings(kafka, "")?;
        let subject = move |topic: &str| format!("{}-value", names.topic_outside(topic));
        Ok(Some(RegistrySchemas::new(client, Box::new(subject), patience)))
    }

    fn registry_settings(&self, registry: &Registry<Secret>) -> Result<RegistrySettings> {
        let mut settings = RegistrySettings::new(&registry.url);
        settings.login = registry
            .login
            .as_ref()
            .map(|login| Login { user: login.user.reveal().to_owned(), password: login.password.reveal().to_owned() });
        if let Authorities::File(file) = &registry.authorities {
            let read = std::fs::read(file);
            let read =
                read.map_err(|error| self.wrong(format!("{} cannot be read: {error}", file.display()), "mend it"));
            settings.authorities = Some(read?);
        }
        settings.timeout = Duration::from_secs(10);
        Ok(settings)
    }

    /// How to reach the ClickHouse that the file names.
    pub(crate) fn clickhouse(&self) -> Result<Option<ClickHouseSettings>> {
        let Some(at) = self.connections.as_ref().and_then(|connections| connections.clickhouse.as_ref()) else {
            return Ok(None);
        };
        let login = at.login.as_ref();
        let text = |part: Option<&Secret>, default: &str| part.map_or(default, Secret::reveal).to_owned();
        let user = text(login.map(|login| &login.user), "default");
        let password = Password::new(text(login.map(|login| &login.password), ""));
        let mut settings = ClickHouseSettings::new(at.url.clone(), user, password);
        settings.timeout = at.timeout.unwrap_or(settings.timeout);
        if let Authorities::File(file) = &at.authorities {
            settings.authorities = Some(file.clone());
        }
        Ok(Some(settings))
    }

    /// How the buckets are reached in which sources find documents, by the names that topologies give them.
    pub(crate) fn buckets(&self) -> BTreeMap<String, S3Settings> {
        self.connections.as_ref().map(buckets).unwrap_or_default()
    }

    /// Where documents are kept: in the bucket or the folder that the file names; `None` for the data folder.
    /// `staging` is a folder of this process, for what is fetched and may be known already.
    pub(crate) fn documents(&self, staging: &Path) -> Result<Option<Arc<dyn RawStore>>> {
        let Some(connections) = &self.connections else { return Ok(None) };
        if let Some(bucket) = &connections.object_store {
            let wrong = |error: &dyn std::error::Error| {
                let what = format!("the bucket {} cannot be used: {}", bucket.bucket, data::chain(error));
                self.wrong(what, "mend `object-store`, or make the bucket")
            };
            let store = S3Store::open(&bucket_settings(bucket), staging).map_err(|error| wrong(&error))?;
            // What is wrong with it is told before anything is fetched.
            store.check().map_err(|error| wrong(&error))?;
            return Ok(Some(Arc::new(store)));
        }
        if let Some(folder) = &connections.shared_folder {
            return Ok(Some(Arc::new(FolderStore::open(folder)?)));
        }
        if self.shares_the_log() {
            let what = "it names Kafka, and nowhere to keep documents that every process can reach";
            return Err(self.wrong(what, "add `object-store`, or `shared-folder: DIR`, a folder that all of them see"));
        }
        Ok(None)
    }
}

/// How the buckets of sources are reached, by the names that topologies give them.
pub(crate) fn buckets(connections: &Connections<Secret>) -> BTreeMap<String, S3Settings> {
    connections.buckets.iter().map(|(name, bucket)| (name.clone(), bucket_settings(bucket))).collect()
}

fn bucket_settings(bucket: &ObjectStore<Secret>) -> S3Settings {
    use s3_connector::Secret as Hidden;
    let hidden = |secret: &Secret| Hidden::new(secret.reveal());
    let mut settings = S3Settings::new(&bucket.bucket, &bucket.region);
    settings.prefix.clone_from(&bucket.prefix);
    settings.endpoint.clone_from(&bucket.endpoint);
    settings.addressing = match bucket.addressing {
        Addressing::VirtualHosted => s3_connector::Addressing::VirtualHosted,
        Addressing::PathStyle => s3_connector::Addressing::PathStyle,
    };
    settings.credentials = match &bucket.credentials {
        Credentials::Ambient => s3_connector::Credentials::Ambient,
        Credentials::Keys { access_key_id, secret_access_key, session_token } => s3_connector::Credentials::Keys {
            access_key_id: hidden(access_key_id),
            secret_access_key: hidden(secret_access_key),
            session_token: session_token.as_ref().map(hidden),
        },
    };
    if let Authorities::File(file) = &bucket.authorities {
        settings.authorities = Some(file.clone());
    }
    settings
}

/// Owns a data folder whose log is elsewhere. A command is waited for, a run is not.
fn own(folder: &Path, role: Role, patience: &Patience) -> Result<Owned> {
    let turn = Turn::take(folder, &patience.stop)?;
    let lock = lock(folder)?;
    if role == Role::Run {
        turn::sign_owner(folder);
    }
    Ok(Owned { lock, turn: turn.kept_by(role) })
}

/// Keeps other processes out of a data folder whose log is elsewhere, until the answer is dropped.
fn lock(folder: &Path) -> Result<File> {
    let place = folder.join("lock");
    let cannot = |error: &std::io::Error| {
        failure(Exit::Environment, format!("{} cannot be made: {error}", place.display()), "name another --data DIR")
    };
    let file = File::create(&place).map_err(|error| cannot(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(turn::in_use(folder)),
        Err(std::fs::TryLockError::Error(error)) => Err(cannot(&error)),
    }
}
