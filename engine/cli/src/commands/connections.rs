//! `check --connections`: finds mistakes in a file of connections, and with a folder of secrets what is missing there.
//!
//! The only place where secrets are fetched: from files below the folder, and from the environment.

use std::io;
use std::path::Path;

use anyhow::Result;
use connections::{Vault, describe, read};
use topology::{Diagnostic, Severity};

use crate::arguments::Format;
use crate::environment;
use crate::exit::{Exit, failure};
use crate::show;

pub(super) fn check(file: &Path, secrets: Option<&Path>, format: Format) -> Result<Exit> {
    let shown = file.display();
    let bytes = std::fs::read(file).map_err(|error| {
        failure(Exit::Environment, format!("{shown} cannot be read: {error}"), "name a file of connections")
    })?;
    let reading = read(&shown.to_string(), &bytes);
    let mut findings = reading.findings;
    if let (Some(connections), Some(folder)) = (&reading.connections, secrets) {
        let stored = |name: &Path| below(folder, name);
        let vault = Vault { file: Some(&stored), variable: &environment::variable };
        findings.extend(connections.resolve(&vault).err().unwrap_or_default());
    }
    let wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    if format == Format::Json {
        show::json(&findings.iter().map(Diagnostic::json).collect());
    } else {
        show::findings(&findings);
        if let Some(connections) = reading.connections.filter(|_| !wrong) {
            let found = describe(&connections);
            let found = if found.is_empty() { "no service: everything is embedded" } else { &found };
            show::line(&format!("{shown} is fine:\n{found}"));
        }
    }
    Ok(if wrong { Exit::Environment } else { Exit::Fine })
}

/// The bytes of a file below a folder. A link may lead to another place in the folder, and not out of it.
fn below(folder: &Path, name: &Path) -> io::Result<Vec<u8>> {
    let (folder, file) = (folder.canonicalize()?, folder.join(name).canonicalize()?);
    if !file.starts_with(&folder) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is a link that leads out of the folder"));
    }
    std::fs::read(file)
}

#[cfg(test)]
mod tests {
    use kafka_connector::KafkaSettings;

    use super::below;

    /// What a file of connections may set, the log on Kafka takes.
    #[test]
    fn settings_of_the_client_that_may_be_set_are_those_of_the_connector() {
        let names = connections::client_settings();
        assert!(names.len() > 8, "{names:?}");
        for name in names {
            let mut settings = KafkaSettings::new("localhost:9092", "one");
            settings.client.insert(name.to_owned(), "1".to_owned());
            assert_eq!(settings.check(), Ok(()), "{name}");
        }
    }

    #[test]
    fn secrets_lie_below_their_folder() {
        let base = tempfile::tempdir().expect("a folder");
        let folder = base.path().join("secrets");
        std::fs::create_dir_all(folder.join("..data/kafka")).expect("a folder");
        std::fs::write(folder.join("..data/kafka/password"), "a").expect("a file");
        std::fs::write(base.path().join("outside"), "b").expect("a file");
        let link = |from: &str, to: &str| std::os::unix::fs::symlink(from, folder.join(to)).expect("a link");
        link("..data/kafka", "kafka");
        link("../outside", "outside");
        assert_eq!(below(&folder, "kafka/password".as_ref()).expect("there"), b"a");
        let refused = below(&folder, "outside".as_ref()).expect_err("outside");
        assert!(refused.to_string().contains("leads out of the folder"), "{refused}");
        assert!(below(&folder, "absent".as_ref()).is_err());
    }
}
