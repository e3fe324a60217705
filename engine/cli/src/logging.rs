//! Events as lines: for a person who watches as text, elsewhere one JSON object a line.
//!
//! Each object begins with `time`, `level` and `message`; then come, where they are known, `topology`, `flow`, `task`
//! (`topology/flow/partition`, or `topology/flow/source`) and `code`; then what the event says besides. Events say names,
//! numbers and reasons: never values of records, and never secrets.
//!
//! What warns of the same again and again is told a few times a minute; the next line that is told says in `repeats` how many
//! were not.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::{LookupSpan, Scope};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

use crate::arguments::{Arguments, Command};
use crate::environment::{self, BesideLines};
use crate::show;
use crate::traces::Traces;

/// Equal warnings that are told within [`WINDOW`].
const TOLD: u64 = 3;
/// Milliseconds for which equal warnings are counted together.
const WINDOW: i64 = 60_000;
/// Kinds of warnings that are remembered. More: nothing but memory. Fewer: some are told more often.
const KINDS: usize = 1_000;
/// Longest text of a field, in bytes.
const LONGEST: usize = 4_096;

/// Events go to standard error. A person who watches a run sees live lines instead, and only warnings. Gives what sends
/// traces, where they are wanted: it is kept until the end.
pub(crate) fn start(arguments: &Arguments) -> Option<Traces> {
    let long = matches!(arguments.command, Command::Run(_) | Command::Demo(_));
    let default = if !long || environment::watched() { "error" } else { "info" };
    let filter = environment::log_filter(default);
    let told = tracing_subscriber::fmt::layer().with_writer(|| BesideLines).log_internal_errors(false);
    let told: Box<dyn Layer<Registry> + Send + Sync> = if environment::logs_json() {
        Box::new(told.fmt_fields(JsonFields::new()).event_format(Lines::default()).with_filter(filter))
    } else {
        Box::new(told.with_target(false).with_ansi(environment::coloured_notes()).with_filter(filter))
    };
    let (traces, failed) = match long.then(Traces::wanted).flatten() {
        Some(Ok(traces)) => (Some(traces), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    tracing_subscriber::registry().with(told).with(traces.as_ref().map(Traces::layer)).init();
    if let Some(error) = failed {
        // A run that nobody can trace is better than none.
        tracing::error!("traces are not sent: {error}");
    }
    traces
}

/// Writes an event as one line of JSON.
#[derive(Debug, Default)]
struct Lines {
    repeats: Repeats,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        let spans = context.event_scope().into_iter().flat_map(Scope::from_root);
        for span in spans {
            let extensions = span.extensions();
            let of_span = extensions.get::<FormattedFields<N>>().map(|fields| fields.fields.as_str());
            if let Some(Ok(Value::Object(of_span))) = of_span.map(serde_json::from_str) {
                fields.0.extend(of_span);
            }
        }
        event.record(&mut fields);
        let (now, level) = (environment::now(), *event.metadata().level());
        let mut left_out = 0;
        if level <= Level::WARN {
            let mut kind = DefaultHasher::new();
            event.metadata().callsite().hash(&mut kind);
            for name in ["flow", "partition", "code", "document", "file"] {
                fields.0.get(name).map(ToString::to_string).hash(&mut kind);
            }
            match self.repeats.due(kind.finish(), now) {
                Some(before) => left_out = before,
                None => return Ok(()),
            }
        }
        writeln!(writer, "{}", Value::Object(line(fields.0, now, level, left_out)))
    }
}

/// The fields of an event in the order of a line.
fn line(mut fields: Map<String, Value>, now: i64, level: Level, left_out: u64) -> Map<String, Value> {
    let mut line = Map::new();
    line.insert("time".to_owned(), show::time(now).into());
    line.insert("level".to_owned(), level.as_str().to_lowercase().into());
    // Events of others may have a name instead.
    let message = fields.remove("message").or_else(|| fields.remove("name"));
    line.insert("message".to_owned(), message.unwrap_or_default());
    let (flow, partition) = (fields.remove("flow"), fields.remove("partition"));
    if let Some(flow) = flow.as_ref().and_then(Value::as_str) {
        let [topology, name] = runtime::names::parts(flow);
        line.insert("topology".to_owned(), topology.into());
        if !name.is_empty() {
            line.insert("flow".to_owned(), name.into());
        }
        match partition.as_ref().and_then(Value::as_i64) {
            Some(-1) => drop(line.insert("task".to_owned(), format!("{flow}/source").into())),
            Some(partition) => drop(line.insert("task".to_owned(), format!("{flow}/{partition}").into())),
            None => {}
        }
    }
    if let Some(code) = fields.remove("code").filter(|code| code.as_str() != Some("")) {
        line.insert("code".to_owned(), code);
    }
    line.extend(fields);
    if left_out > 0 {
        line.insert("repeats".to_owned(), left_out.into());
    }
    line
}

/// The fields of an event.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let end = value.floor_char_boundary(LONGEST);
        let cut = if end < value.len() { "…" } else { "" };
        self.put(field, format!("{}{cut}", &value[..end]).into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

/// How often equal warnings came.
#[derive(Debug, Default)]
struct Repeats(Mutex<HashMap<u64, Told>>);

#[derive(Clone, Copy, Debug)]
struct Told {
    since: i64,
    told: u64,
    left_out: u64,
}

impl Repeats {
    /// How many of a kind were not told since the last one that was; `None` if this one is not to be told either.
    fn due(&self, kind: u64, now: i64) -> Option<u64> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= KINDS && !kinds.contains_key(&kind) {
            // A clock that was set back must not fill it for ever.
            kinds.retain(|_, told| (0..WINDOW).contains(&(now - told.since)));
            if kinds.len() >= KINDS {
                kinds.clear();
            }
        }
        let told = kinds.entry(kind).or_insert(Told { since: now, told: 0, left_out: 0 });
        if !(0..WINDOW).contains(&(now - told.since)) {
            (told.since, told.told) = (now, 0);
        }
        if told.told >= TOLD {
            told.left_out += 1;
            return None;
        }
        told.told += 1;
        Some(std::mem::take(&mut told.left_out))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tracing::Level;

    use super::{KINDS, Repeats, TOLD, WINDOW, line};

    #[test]
    fn a_line_says_first_what_every_line_says() {
        let fields =
            json!({ "reason": "away", "flow": "feed/load", "message": "waiting", "partition": 3, "code": "E5101" });
        let fields = fields.as_object().cloned().expect("fields");
        let told = serde_json::Value::Object(line(fields, 0, Level::WARN, 7)).to_string();
        let wanted = "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warn\",\"message\":\"waiting\",\
                      \"topology\":\"feed\",\"flow\":\"load\",\"task\":\"feed/load/3\",\"code\":\"E5101\",\
                      \"reason\":\"away\",\"repeats\":7}";
        assert_eq!(told, wanted);
        let fields = json!({ "flow": "feed/load", "partition": -1, "code": "" }).as_object().cloned().expect("fields");
        let told = line(fields, 0, Level::INFO, 0);
        assert_eq!(told["task"], "feed/load/source");
        assert!(!told.contains_key("code") && !told.contains_key("repeats"), "{told:?}");
    }

    #[test]
    fn equal_warnings_are_told_a_few_times_a_minute_and_counted() {
        let repeats = Repeats::default();
        let told: Vec<_> = (0..5).map(|second| repeats.due(1, second * 1_000)).collect();
        assert_eq!(told, [Some(0), Some(0), Some(0), None, None]);
        assert_eq!(TOLD, 3);
        assert_eq!(repeats.due(2, 5_000), Some(0), "of another kind");
        assert_eq!(repeats.due(1, WINDOW), Some(2), "the next minute");
        assert_eq!(repeats.due(1, 0), Some(0), "the clock was set back");
        // However many kinds there are, few are remembered.
        let all_told = (10..20_000).all(|kind| repeats.due(kind, 0).is_some());
        assert!(all_told);
        assert!(repeats.0.lock().expect("no thread panicked").len() <= KINDS);
    }
}
