//! What a file says, as types. `S` is how a secret is known: as [`Origin`](crate::Origin) where the file was read, as
//! [`Secret`](crate::Secret) once it was fetched.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Where the services of one environment live. What is `None` is not there.
#[derive(Clone, Debug)]
pub struct Connections<S> {
    /// The folder of secrets, if the file names one.
    pub secrets: Option<PathBuf>,
    /// The log that several processes share.
    pub kafka: Option<Kafka<S>>,
    /// The schema registry.
    pub registry: Option<Registry<S>>,
    /// Where tables are.
    pub clickhouse: Option<ClickHouse<S>>,
    /// Where documents' bytes are kept.
    pub object_store: Option<ObjectStore<S>>,
    /// A folder that all processes see, where documents' bytes are kept instead.
    pub shared_folder: Option<PathBuf>,
    /// Where sources find documents, by the names that topologies give them.
    pub buckets: BTreeMap<String, ObjectStore<S>>,
}

/// A user and a password.
#[derive(Clone, Debug)]
pub struct Login<S> {
    /// The user.
    pub user: S,
    /// The password.
    pub password: S,
}

/// Certificates that are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Those of the system.
    System,
    /// Those of a file (PEM). For Kafka they are the only ones, for all others they stand beside the system's.
    File(PathBuf),
}

/// Kafka.
#[derive(Clone, Debug)]
pub struct Kafka<S> {
    /// Servers to start from, `host:port`. At least one.
    pub servers: Vec<String>,
    /// Encryption; `None` is none.
    pub tls: Option<Tls<S>>,
    /// As whom to log in.
    pub login: Option<Sasl<S>>,
    /// Put before names; may be empty.
    pub namespace: String,
    /// Topics of others, which do not begin with `namespace`: whole names in Kafka, by the names that topologies give them.
    pub elsewhere: BTreeMap<String, String>,
    /// Copies of each topic that is made; `None` leaves it to the cluster.
    pub replication: Option<i32>,
    /// After so long without a sign of life a process is taken for dead; `None` leaves it to the connector.
    pub session_timeout: Option<Duration>,
    /// After so long the cluster aborts an open transaction; `None` leaves it to the connector.
    pub transaction_timeout: Option<Duration>,
    /// Settings of the client, each one of [`client_settings`](crate::client_settings).
    pub client: BTreeMap<String, String>,
}

/// Encryption of connections to Kafka.
#[derive(Clone, Debug)]
pub struct Tls<S> {
    /// Who is trusted.
    pub authorities: Authorities,
    /// With what the client shows who it is.
    pub certificate: Option<ClientCertificate<S>>,
}

/// A client's certificate and its key, as files (PEM).
#[derive(Clone, Debug)]
pub struct ClientCertificate<S> {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The password of the key's file.
    pub key_password: Option<S>,
}

/// A login to Kafka.
#[derive(Clone, Debug)]
pub struct Sasl<S> {
    /// How the password is proven.
    pub mechanism: Mechanism,
    /// User and password.
    pub login: Login<S>,
}

/// How a password is proven to Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// It is sent.
    Plain,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
}

impl Mechanism {
    /// Its name in Kafka.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// The schema registry.
#[derive(Clone, Debug)]
pub struct Registry<S> {
    /// Its address, without a slash at its end.
    pub url: String,
    /// As whom to log in.
    pub login: Option<Login<S>>,
    /// Who is trusted, where the address is `https`.
    pub authorities: Authorities,
}

/// ClickHouse.
#[derive(Clone, Debug)]
pub struct ClickHouse<S> {
    /// The address of its HTTP interface, without a slash at its end.
    pub url: String,
    /// As whom to log in; `None` is ClickHouse's `default` without a password.
    pub login: Option<Login<S>>,
    /// Who is trusted, where the address is `https`.
    pub authorities: Authorities,
    /// How long an answer may take; `None` leaves it to the client.
    pub timeout: Option<Duration>,
}

/// A bucket.
#[derive(Clone, Debug)]
pub struct ObjectStore<S> {
    /// The bucket.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Put before each key; empty, or ends with `/`.
    pub prefix: String,
    /// The address of a store that is not Amazon's, without a slash at its end.
    pub endpoint: Option<String>,
    /// Where the bucket stands in an address.
    pub addressing: Addressing,
    /// With which rights.
    pub credentials: Credentials<S>,
    /// Who is trusted, where the address is `https`.
    pub authorities: Authorities,
}

/// Where the bucket stands in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// `https://BUCKET.host/KEY`.
    VirtualHosted,
    /// `https://host/BUCKET/KEY`.
    PathStyle,
}

/// With which rights the object store is asked.
#[derive(Clone, Debug)]
pub enum Credentials<S> {
    /// Those that the machine was given.
    Ambient,
    /// These keys.
    Keys {
        /// The name of the key.
        access_key_id: S,
        /// The key.
        secret_access_key: S,
        /// The token of keys that end.
        session_token: Option<S>,
    },
}

impl<S> Connections<S> {
    /// The same with every secret known in another way.
    pub(crate) fn map<T>(&self, change: &mut dyn FnMut(&S) -> T) -> Connections<T> {
        Connections {
            secrets: self.secrets.clone(),
            kafka: self.kafka.as_ref().map(|kafka| kafka.map(change)),
            registry: self.registry.as_ref().map(|registry| Registry {
                url: registry.url.clone(),
                login: registry.login.as_ref().map(|login| login.map(change)),
                authorities: registry.authorities.clone(),
            }),
            clickhouse: self.clickhouse.as_ref().map(|clickhouse| ClickHouse {
                url: clickhouse.url.clone(),
                login: clickhouse.login.as_ref().map(|login| login.map(change)),
                authorities: clickhouse.authorities.clone(),
                timeout: clickhouse.timeout,
            }),
            object_store: self.object_store.as_ref().map(|store| store.map(change)),
            shared_folder: self.shared_folder.clone(),
            buckets: self.buckets.iter().map(|(name, bucket)| (name.clone(), bucket.map(change))).collect(),
        }
    }
}

impl<S> Login<S> {
    fn map<T>(&self, change: &mut dyn FnMut(&S) -> T) -> Login<T> {
        Login { user: change(&self.user), password: change(&self.password) }
    }
}

impl<S> Kafka<S> {
    fn map<T>(&self, change: &mut dyn FnMut(&S) -> T) -> Kafka<T> {
        let tls = self.tls.as_ref().map(|tls| Tls {
            authorities: tls.authorities.clone(),
            certificate: tls.certificate.as_ref().map(|files| ClientCertificate {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
                key_password: files.key_password.as_ref().map(&mut *change),
            }),
        });
        let login = self.login.as_ref().map(|sasl| Sasl { mechanism: sasl.mechanism, login: sasl.login.map(change) });
        Kafka {
            servers: self.servers.clone(),
            tls,
            login,
            namespace: self.namespace.clone(),
            elsewhere: self.elsewhere.clone(),
            replication: self.replication,
            session_timeout: self.session_timeout,
            transaction_timeout: self.transaction_timeout,
            client: self.client.clone(),
        }
    }
}

impl<S> ObjectStore<S> {
    fn map<T>(&self, change: &mut dyn FnMut(&S) -> T) -> ObjectStore<T> {
        let credentials = match &self.credentials {
            Credentials::Ambient => Credentials::Ambient,
            Credentials::Keys { access_key_id, secret_access_key, session_token } => Credentials::Keys {
                access_key_id: change(access_key_id),
                secret_access_key: change(secret_access_key),
                session_token: session_token.as_ref().map(&mut *change),
            },
        };
        ObjectStore {
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            prefix: self.prefix.clone(),
            endpoint: self.endpoint.clone(),
            addressing: self.addressing,
            credentials,
            authorities: self.authorities.clone(),
        }
    }
}
