//! What the process's environment says. The only place that reads it.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing_subscriber::EnvFilter;

/// Milliseconds since 1970 UTC, by the system's clock.
#[expect(clippy::disallowed_methods, reason = "the rim: this is the clock that everybody else is given")]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The system's clock as a value.
pub(crate) fn clock() -> Arc<dyn Fn() -> i64 + Send + Sync> {
    Arc::new(now)
}

/// A variable of the environment.
#[expect(clippy::disallowed_methods, reason = "the rim: only this file reads the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// True if the folder that the process was started in is gone.
pub(crate) fn is_nowhere() -> bool {
    std::env::current_dir().is_err()
}

/// The program and its command, without the words behind it: those may be long, or hold a password.
pub(crate) fn command() -> String {
    let command = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    format!("spotlight {command}")
}

/// What makes the process abort at a chosen arrow of the landing protocol; for the crash test only.
pub(crate) fn abort_at() -> Option<String> {
    variable("SPOTLIGHT_TEST_ABORT_AT")
}

/// Folder in which the ClickHouse library is kept between runs and projects.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    let base = variable("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")));
    base.map(|base| base.join("spotlight"))
}

/// A program on the search path.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = variable("PATH")?;
    path.split(':').map(|folder| PathBuf::from(folder).join(program)).find(|place| place.is_file())
}

/// True if a person watches standard error.
pub(crate) fn watched() -> bool {
    std::io::stderr().is_terminal()
}

/// True if a person would have to type the input.
pub(crate) fn typed() -> bool {
    std::io::stdin().is_terminal()
}

/// True if output may be coloured.
pub(crate) fn coloured() -> bool {
    std::io::stdout().is_terminal() && wants_colours()
}

/// True if what is told on standard error may be coloured.
pub(crate) fn coloured_notes() -> bool {
    watched() && wants_colours()
}

/// False if a person says no (`NO_COLOR`, whatever its value) or has a terminal that knows none.
fn wants_colours() -> bool {
    variable("NO_COLOR").is_none() && variable("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Which events are told: what `SPOTLIGHT_LOG` says, such as `debug`, or this.
pub(crate) fn log_filter(default: &str) -> EnvFilter {
    let filter = variable("SPOTLIGHT_LOG").unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(default));
    // What is for traces is not for the log, however much that is to tell.
    match format!("{}=off", runtime::TRACES).parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}

/// True if traces are to be sent, by the variables that OpenTelemetry gives this meaning:
/// <https://opentelemetry.io/docs/specs/otel/protocol/exporter/> and
/// <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.
pub(crate) fn wants_traces() -> bool {
    let set = |name: &str| variable(name).is_some_and(|text| !text.is_empty());
    let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let sent = variable("OTEL_TRACES_EXPORTER").is_none_or(|text| text != "none");
    !disabled && sent && (set("OTEL_EXPORTER_OTLP_ENDPOINT") || set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
}

/// True if the environment says under which name traces are sent.
pub(crate) fn names_the_service() -> bool {
    let of_resource = variable("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|text| text.contains("service.name="));
    of_resource || variable("OTEL_SERVICE_NAME").is_some_and(|text| !text.is_empty())
}

/// True if events are told as JSON: where no person watches, unless `SPOTLIGHT_LOG_FORMAT` (`json` or `text`) says otherwise.
pub(crate) fn logs_json() -> bool {
    match variable("SPOTLIGHT_LOG_FORMAT").as_deref() {
        Some("json") => true,
        Some("text") => false,
        _ => !watched(),
    }
}

/// Standard error beside the live lines of a run.
pub(crate) struct BesideLines;

impl std::io::Write for BesideLines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        crate::live::beside(|| std::io::stderr().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// The bytes of a file below a folder. A link may lead to another place in the folder, and not out of it.
pub(crate) fn below(folder: &Path, name: &Path) -> std::io::Result<Vec<u8>> {
    let (folder, file) = (folder.canonicalize()?, folder.join(name).canonicalize()?);
    if !file.starts_with(&folder) {
        return Err(std::io::Error::new(
            std::io::ErrorKind::PermissionDenied,
            "it is a link that leads out of the folder",
        ));
    }
    std::fs::read(file)
}

/// The name of the machine, as far as it can be the name of an instance.
pub(crate) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let name: String = name.trim().chars().filter(|letter| legal(*letter)).take(100).collect();
    if name.is_empty() { "spotlight".to_owned() } else { name }
}

/// True if the system refused: a right is missing, or the disk only reads.
pub(crate) fn denied(error: &log::LogError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
            return matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem);
        }
        cause = inner.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::below;

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
