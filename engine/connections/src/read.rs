//! Reads a file of connections: structure by the declarations of `language`, values and the rules between them here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use topology::declared::{Fields, Node, Walk};
use topology::{Diagnostic, Severity, declared};

use crate::address;
use crate::client_settings;
use crate::codes::{ADDRESS, CONTRADICTION, IN_THE_CLEAR, finding};
use crate::language;
use crate::mask::Mask;
use crate::places::{
    Addressing, Authorities, ClickHouse, ClientCertificate, Connections, Credentials, Kafka, Login, Mechanism,
    ObjectStore, Registry, Sasl, Tls,
};
use crate::secrets::Origin;

/// What reading gave.
#[derive(Debug)]
pub struct Reading {
    /// What the file says; `None` if a finding is an error.
    pub connections: Option<Connections<Origin>>,
    /// All findings, by place. None of them shows a secret.
    pub findings: Vec<Diagnostic>,
}

/// Reads a file's bytes. `path` is shown in findings, and paths in the file start at its folder.
#[must_use]
pub fn read(path: &str, bytes: &[u8]) -> Reading {
    let reading = declared::Reading::default();
    let tree = reading.read(path, bytes);
    let folder = Path::new(path).parent().unwrap_or_else(|| Path::new(""));
    let connections = tree.as_ref().and_then(|root| Site { walk: reading.walk(), folder }.connections(root));
    let mut findings = reading.findings();
    let mask = Mask::of(&String::from_utf8_lossy(bytes));
    findings.iter_mut().for_each(|finding| mask.apply(finding));
    let wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    Reading { connections: connections.filter(|_| !wrong), findings }
}

/// The walk, and the folder where paths start.
struct Site<'a> {
    walk: Walk<'a>,
    folder: &'a Path,
}

fn time_out(text: &str) -> Option<Duration> {
    let possible = Duration::from_secs(5)..=Duration::from_mins(15);
    declared::duration(text).filter(|time| possible.contains(time))
}

/// A part that has findings is `None`; the file is then wrong as a whole.
impl<'a> Site<'a> {
    fn connections(&self, root: &'a Node) -> Option<Connections<Origin>> {
        let fields = self.walk.fields(root, &language::CONNECTIONS)?;
        Some(Connections {
            secrets: fields.get("secrets").and_then(|node| self.path(node, "`secrets`")),
            kafka: fields.get("kafka").and_then(|node| self.kafka(node)),
            registry: fields.get("registry").and_then(|node| {
                let fields = self.walk.fields(node, &language::REGISTRY)?;
                let (url, login, authorities) = self.service(&fields, "registry/password")?;
                Some(Registry { url, login, authorities })
            }),
            clickhouse: fields.get("clickhouse").and_then(|node| {
                let fields = self.walk.fields(node, &language::CLICKHOUSE)?;
                let timeout = fields.get("timeout");
                let timeout = timeout.and_then(|node| self.walk.read(node, &language::TIME_OUT, time_out));
                let (url, login, authorities) = self.service(&fields, "clickhouse/password")?;
                Some(ClickHouse { url, login, authorities, timeout })
            }),
            object_store: fields.get("object-store").and_then(|node| self.object_store(node, "object-store")),
            shared_folder: fields.get("shared-folder").and_then(|node| {
                if fields.get("object-store").is_some() {
                    let what = "documents' bytes are kept in one place: `object-store` or `shared-folder`";
                    self.walk.push(finding(CONTRADICTION, node, what, "take one of them away"));
                }
                self.path(node, "`shared-folder`")
            }),
            buckets: fields.get("buckets").map_or_else(BTreeMap::new, |node| self.buckets(node)),
        })
    }

    /// Buckets of sources. What is wrong with one does not hide another.
    fn buckets(&self, node: &'a Node) -> BTreeMap<String, ObjectStore<Origin>> {
        let entries = self.walk.entries(node, "`buckets`").unwrap_or(&[]);
        let read = |entry: &'a declared::Entry| {
            let name = self.walk.read(&entry.key, &language::BUCKET_NAME, bucket_name);
            let bucket = self.object_store(&entry.value, &format!("buckets/{}", entry.key.text()));
            Some((name?, bucket?))
        };
        entries.iter().filter_map(read).collect()
    }

    /// A path of the file, which starts at the file's own folder.
    fn path(&self, node: &Node, what: &str) -> Option<PathBuf> {
        let text = self.walk.text(node, what)?;
        Some(self.folder.join(&*text))
    }

    fn kafka(&self, node: &'a Node) -> Option<Kafka<Origin>> {
        let walk = &self.walk;
        let fields = walk.fields(node, &language::KAFKA)?;
        let servers = fields.required("servers").map(|node| self.servers(node)).unwrap_or_default();
        let tls = fields.get("tls").and_then(|node| self.tls(node));
        let login = fields.get("login").and_then(|node| {
            let fields = walk.fields(node, &language::SASL)?;
            let mechanism = fields.required("mechanism");
            let mechanism = mechanism.and_then(|node| walk.choice(node, "mechanism", &language::MECHANISMS));
            let login = self.login(fields.required("user"), fields.required("password"), "kafka/password");
            Some(Sasl { mechanism: mechanism?, login: login? })
        });
        let sent =
            login.as_ref().is_some_and(|login| login.mechanism == Mechanism::Plain) && fields.get("tls").is_none();
        let elsewhere = servers.iter().any(|server| address::is_elsewhere(&format!("http://{server}")));
        if let Some(key) = fields.key("login").filter(|_| sent && elsewhere) {
            let remedy = "add `tls: { ca: system }`, or use `mechanism: scram-sha-512`";
            self.warn(key, "with `plain` and without `tls` the password travels in the clear", remedy);
        }
        let namespace = |text: &str| kafka_name(text, 48);
        let replication = |text: &str| text.parse().ok().filter(|copies| (1..=100).contains(copies));
        Some(Kafka {
            servers,
            tls,
            login,
            namespace: fields
                .get("namespace")
                .and_then(|node| walk.read(node, &language::NAMESPACE, namespace))
                .unwrap_or_default(),
            elsewhere: fields.get("elsewhere").map_or_else(BTreeMap::new, |node| self.elsewhere(node)),
            replication: fields
                .get("replication")
                .and_then(|node| walk.read(node, &language::REPLICATION, replication)),
            session_timeout: fields
                .get("session-timeout")
                .and_then(|node| walk.read(node, &language::TIME_OUT, time_out)),
            transaction_timeout: fields
                .get("transaction-timeout")
                .and_then(|node| walk.read(node, &language::TIME_OUT, time_out)),
            client: fields.get("client").map_or_else(BTreeMap::new, |node| client_settings::read(walk, node)),
        })
    }

    /// Topics of others. Two names for one topic would be read as two.
    fn elsewhere(&self, node: &Node) -> BTreeMap<String, String> {
        let whole = |text: &str| kafka_name(text, 249);
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        for entry in self.walk.entries(node, "`elsewhere`").unwrap_or(&[]) {
            let Some(topic) = self.walk.read(&entry.value, &language::TOPIC, whole) else { continue };
            let name = entry.key.text().to_owned();
            if let Some((other, _)) = found.iter().find(|(_, known)| **known == topic) {
                let what =
                    format!("`{}` and `{}` are one topic in Kafka", batch::bounded(other), batch::bounded(&name));
                self.walk.push(finding(CONTRADICTION, &entry.value, what, "let topologies call it by one name"));
            }
            found.insert(name, topic);
        }
        found
    }

    fn servers(&self, node: &Node) -> Vec<String> {
        let Some(items) = self.walk.items(node, "`servers`") else { return Vec::new() };
        if items.is_empty() {
            let remedy = "write at least one, as in `[kafka-1:9092]`";
            self.walk.push(finding(ADDRESS, node, "Kafka has no address", remedy));
        }
        items.iter().filter_map(|item| address::server(&self.walk, item)).collect()
    }

    fn tls(&self, node: &'a Node) -> Option<Tls<Origin>> {
        let walk = &self.walk;
        let fields = walk.fields(node, &language::TLS)?;
        let authorities = fields.required("ca").and_then(|node| match node.text() {
            "system" => Some(Authorities::System),
            _ => self.path(node, "`ca`").map(Authorities::File),
        });
        let path = |key: &'static str| fields.get(key).map(|node| self.path(node, "a file"));
        let key_password = fields
            .get("key-password")
            .map(|node| Origin::secret(walk, node, "the password of the key", "kafka/key-password"));
        // One without the other is missing it.
        let (certificate, key) = match (path("certificate"), path("key")) {
            (None, None) if key_password.is_some() => (None, fields.required("key").map(|_| PathBuf::new())),
            (None, None) => return Some(Tls { authorities: authorities?, certificate: None }),
            (Some(certificate), None) => (certificate, fields.required("key").map(|_| PathBuf::new())),
            (None, Some(key)) => (fields.required("certificate").map(|_| PathBuf::new()), key),
            (Some(certificate), Some(key)) => (certificate, key),
        };
        let certificate =
            ClientCertificate { certificate: certificate?, key: key?, key_password: key_password.flatten() };
        Some(Tls { authorities: authorities?, certificate: Some(certificate) })
    }

    fn login(&self, user: Option<&'a Node>, password: Option<&'a Node>, example: &str) -> Option<Login<Origin>> {
        let name = example.replace("password", "user");
        let user = user.and_then(|node| Origin::text_or_secret(&self.walk, node, "the user", &name));
        let password = password.and_then(|node| Origin::secret(&self.walk, node, "the password", example));
        Some(Login { user: user?, password: password? })
    }

    /// A service of the web: address, login, and who is trusted.
    fn service(&self, fields: &Fields<'a>, example: &str) -> Option<(String, Option<Login<Origin>>, Authorities)> {
        let url = fields.required("url").and_then(|node| address::web(&self.walk, node, "`url`"));
        let login = fields.get("login").and_then(|node| {
            let fields = self.walk.fields(node, &language::LOGIN)?;
            self.login(fields.required("user"), fields.required("password"), example)
        });
        let authorities = self.authorities(fields.get("ca"), fields.key("ca"), url.as_deref());
        if let (Some(key), Some(url)) = (fields.key("login"), &url)
            && url.starts_with("http://")
            && address::is_elsewhere(url)
        {
            self.warn(key, "over `http` the password travels in the clear", "write `https://`");
        }
        Some((url?, login, authorities))
    }

    fn authorities(&self, ca: Option<&Node>, key: Option<&Node>, url: Option<&str>) -> Authorities {
        if let (Some(key), Some(url)) = (key, url)
            && url.starts_with("http://")
        {
            let what = "`ca` says whom to trust, and `http` asks nobody who he is";
            self.walk.push(finding(CONTRADICTION, key, what, "write `https://` in the address, or take `ca` away"));
        }
        ca.and_then(|node| self.path(node, "`ca`")).map_or(Authorities::System, Authorities::File)
    }

    /// `of`: below which name its secrets may lie, as findings propose.
    fn object_store(&self, node: &'a Node, of: &str) -> Option<ObjectStore<Origin>> {
        let walk = &self.walk;
        let fields = walk.fields(node, &language::OBJECT_STORE)?;
        let bucket = fields.required("bucket").and_then(|node| walk.read(node, &language::BUCKET, bucket));
        let region = fields.required("region").and_then(|node| walk.text(node, "`region`"));
        let prefix = fields.get("prefix").and_then(|node| walk.read(node, &language::PREFIX, prefix));
        let endpoint = fields.get("endpoint").and_then(|node| address::web(walk, node, "`endpoint`"));
        let addressing = fields.get("addressing");
        let addressing = addressing.and_then(|node| walk.choice(node, "addressing", &language::ADDRESSING));
        let credentials = fields.required("credentials").and_then(|node| {
            if node.is_scalar() && !node.text().is_empty() {
                return walk.choice(node, "kind of credentials", &language::AMBIENT).map(|()| Credentials::Ambient);
            }
            let fields = walk.fields(node, &language::CREDENTIALS)?;
            let secret = |node, what, last| Origin::secret(walk, node, what, &format!("{of}/{last}"));
            let id = fields.required("access-key-id");
            let example = format!("{of}/key-id");
            let id = id.and_then(|node| Origin::text_or_secret(walk, node, "the name of the key", &example));
            let key = fields.required("secret-access-key");
            let key = key.and_then(|node| secret(node, "the key", "key"));
            let session_token = fields.get("session-token");
            let session_token = session_token.and_then(|node| secret(node, "the token", "token"));
            Some(Credentials::Keys { access_key_id: id?, secret_access_key: key?, session_token })
        });
        let authorities = self.authorities(fields.get("ca"), fields.key("ca"), endpoint.as_deref());
        Some(ObjectStore {
            bucket: bucket?,
            region: region?.to_string(),
            prefix: prefix.unwrap_or_default(),
            endpoint,
            addressing: addressing.unwrap_or(Addressing::VirtualHosted),
            credentials: credentials?,
            authorities,
        })
    }

    /// Says that a file can be used and probably does not do what was meant.
    fn warn(&self, node: &Node, what: &str, remedy: &str) {
        let mut warning = finding(IN_THE_CLEAR, node, what, remedy);
        warning.severity = Severity::Warning;
        self.walk.push(warning);
    }
}

/// A name by which topologies call a bucket.
fn bucket_name(text: &str) -> Option<String> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good =
        text.len() <= 100 && text.bytes().all(legal) && text.starts_with(|first: char| first.is_ascii_lowercase());
    good.then(|| text.to_owned())
}

fn bucket(text: &str) -> Option<String> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let edges = [text.bytes().next(), text.bytes().next_back()];
    let good = (3..=63).contains(&text.len())
        && text.bytes().all(legal)
        && edges.iter().flatten().all(u8::is_ascii_alphanumeric);
    good.then(|| text.to_owned())
}

fn prefix(text: &str) -> Option<String> {
    let legal = |character: char| character.is_ascii_alphanumeric() || "!_.*'()-".contains(character);
    let folders = text.strip_suffix('/')?;
    let good = |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(legal);
    folders.split('/').all(good).then(|| text.to_owned())
}

/// A name by Kafka's rules, of so many bytes at most.
fn kafka_name(text: &str, most: usize) -> Option<String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    ((1..=most).contains(&text.len()) && text.bytes().all(legal)).then(|| text.to_owned())
}
