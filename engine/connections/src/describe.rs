//! Connections for people, without their secrets.

use crate::places::{Addressing, Authorities, Connections, Credentials, Kafka, Login, ObjectStore};
use crate::secrets::Origin;

/// One line for each thing that the file says. A secret is `***` and where it is.
#[must_use]
pub fn describe(connections: &Connections<Origin>) -> String {
    let mut lines = Vec::new();
    if let Some(folder) = &connections.secrets {
        lines.push(format!("secrets in {}", folder.display()));
    }
    if let Some(found) = &connections.kafka {
        kafka(found, &mut lines);
    }
    if let Some(found) = &connections.registry {
        lines.push(format!("registry at {}", found.url));
        login(found.login.as_ref(), &mut lines);
        authorities(&found.authorities, &mut lines);
    }
    if let Some(found) = &connections.clickhouse {
        lines.push(format!("clickhouse at {}", found.url));
        login(found.login.as_ref(), &mut lines);
        authorities(&found.authorities, &mut lines);
        lines.extend(found.timeout.map(|time| format!("  time-out {time:?}")));
    }
    if let Some(found) = &connections.object_store {
        object_store("object-store", found, &mut lines);
    }
    lines.extend(connections.shared_folder.as_ref().map(|folder| format!("documents in {}", folder.display())));
    for (name, found) in &connections.buckets {
        object_store(&format!("bucket {name} is"), found, &mut lines);
    }
    lines.join("\n")
}

fn kafka(kafka: &Kafka<Origin>, lines: &mut Vec<String>) {
    lines.push(format!("kafka at {}", kafka.servers.join(", ")));
    match &kafka.tls {
        None => lines.push("  not encrypted".to_owned()),
        Some(tls) => {
            lines.push("  encrypted".to_owned());
            authorities(&tls.authorities, lines);
            if let Some(files) = &tls.certificate {
                lines.push(format!("  certificate {}, key {}", files.certificate.display(), files.key.display()));
                lines.extend(files.key_password.as_ref().map(|password| format!("  password of the key {password}")));
            }
        }
    }
    if let Some(sasl) = &kafka.login {
        lines.push(format!("  login by {}", sasl.mechanism.name()));
        login(Some(&sasl.login), lines);
    }
    if !kafka.namespace.is_empty() {
        lines.push(format!("  namespace {}", kafka.namespace));
    }
    lines.extend(kafka.elsewhere.iter().map(|(name, whole)| format!("  topic {name} is {whole} of others")));
    lines.extend(kafka.replication.map(|copies| format!("  {copies} copies of each topic")));
    for (time, what) in [(kafka.session_timeout, "session"), (kafka.transaction_timeout, "transaction")] {
        lines.extend(time.map(|time| format!("  {what} time-out {time:?}")));
    }
    lines.extend(kafka.client.iter().map(|(name, value)| format!("  {name} = {value}")));
}

fn object_store(what: &str, store: &ObjectStore<Origin>, lines: &mut Vec<String>) {
    let endpoint = store.endpoint.as_ref().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
    lines.push(format!("{what} {} in {}{endpoint}", store.bucket, store.region));
    if !store.prefix.is_empty() {
        lines.push(format!("  prefix {}", store.prefix));
    }
    if store.addressing == Addressing::PathStyle {
        lines.push("  path-style".to_owned());
    }
    match &store.credentials {
        Credentials::Ambient => lines.push("  credentials of the machine".to_owned()),
        Credentials::Keys { access_key_id, secret_access_key, session_token } => {
            lines.push(format!("  key {access_key_id}, secret {secret_access_key}"));
            lines.extend(session_token.as_ref().map(|token| format!("  token {token}")));
        }
    }
    authorities(&store.authorities, lines);
}

fn login(login: Option<&Login<Origin>>, lines: &mut Vec<String>) {
    lines.push(match login {
        None => "  no login".to_owned(),
        Some(login) => format!("  user {}, password {}", login.user, login.password),
    });
}

fn authorities(authorities: &Authorities, lines: &mut Vec<String>) {
    if let Authorities::File(path) = authorities {
        lines.push(format!("  trusts {}", path.display()));
    }
}
