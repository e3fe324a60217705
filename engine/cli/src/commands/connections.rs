//! `check --connections`: finds mistakes in a file of connections, and with a folder of secrets what is missing there.
//!
//! The only place where secrets are fetched: from files below the folder, and from the environment.

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
        let stored = |name: &Path| environment::below(folder, name);
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

#[cfg(test)]
mod tests {
    use kafka_connector::KafkaSettings;

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
}
