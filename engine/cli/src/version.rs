//! What `--version` says: the version, the commit that it was built from, and the client library of Kafka with what was
//! built into it. `-V` says the version alone.

use std::sync::LazyLock;

/// The commit, as `build.rs` found it; `unknown` where the sources came without their history.
const COMMIT: &str = env!("SPOTLIGHT_COMMIT");

/// The long form, a line each.
pub(crate) fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        let features = kafka_connector::client_features().replace(',', ", ");
        format!(
            "{}\ncommit {COMMIT}\nlibrdkafka {} ({features})",
            env!("CARGO_PKG_VERSION"),
            kafka_connector::client_version()
        )
    });
    &LONG
}
