//! When somebody should look: each alert with what it means, what to do and the commands that help.

use telemetry::list as metrics;

use super::recording::names;
use super::{Alert, Severity};
use crate::query::{EVERYTHING as ALL, OF_FLOW, OF_PROCESS};
use crate::{Feeds, Limit, Per};

/// A lag that is shorter, in seconds, is nobody's business.
const SHORT: u32 = 600;
/// Share of a retention at which somebody should look. Less leaves more time, and tells of more that mends itself.
const NEARLY: &str = "0.8";

pub(super) fn all(feeds: &Feeds) -> Vec<Alert> {
    let mut alerts = vec![held(), not_scraped(feeds), late(), source_silent(), refused(), lag()];
    alerts.extend(letters(feeds));
    alerts.extend([bad_rows(), open_range(), input_expires(), letters_expire(), flow_restarts(), process_restarts()]);
    alerts.push(log_away());
    alerts
}

fn held() -> Alert {
    Alert {
        name: "SpotlightFlowHeld",
        query: format!("{} > 0", ALL.sum(&metrics::FLOW_HELD, "topology, flow, code")),
        lasting: "",
        severity: Severity::Critical,
        summary: "{{ $labels.topology }}/{{ $labels.flow }} is on hold: {{ $labels.code }}",
        meaning: "The flow met what a person must mend, and waits. It lands nothing until then, and loses nothing while \
                  its input is kept.",
        action: "Read what waits and what helps, and mend that. The flow then goes on by itself, within minutes; a \
                 release lets it try at once.",
        commands: &[
            "spotlight status",
            "spotlight explain {{ $labels.code }}",
            "spotlight release {{ $labels.topology }}/{{ $labels.flow }}",
        ],
    }
}

fn not_scraped(feeds: &Feeds) -> Alert {
    Alert {
        name: "SpotlightFeedNotScraped",
        query: feeds.not_scraped(),
        lasting: "5m",
        severity: Severity::Critical,
        summary: "nothing is known of the feed {{ $labels.topology }}",
        meaning: "No process that Prometheus scrapes runs this topology: it does not run, its port or token is another \
                  one, or it was renamed. All other alerts of the feed are blind.",
        action: "See whether it runs, and start it. If it runs, mend the scrape. If it was taken away on purpose, write \
                 the rules anew.",
        commands: &["spotlight status", "spotlight dashboards topologies/ --out dashboards"],
    }
}

fn late() -> Alert {
    let within = ALL.max(&metrics::FRESH_WITHIN, "topology");
    // Where no document was ever accepted, the time for which somebody has looked for one counts.
    let query = format!(
        "(\n  {newest}\n  or on ({OF_FLOW}) ({every} * 0 + on (topology) group_left () {runs})\n)\n\
         > on (topology) group_left () {within}",
        newest = names::NEWEST_DOCUMENT,
        every = names::INTERVAL,
        runs = names::RUNS_FOR,
    );
    Alert {
        name: "SpotlightFeedLate",
        query,
        lasting: "10m",
        severity: Severity::Warning,
        summary: "{{ $labels.topology }}/{{ $labels.flow }} has had no document for {{ $value | humanizeDuration }}",
        meaning: "The newest accepted document is older than the topology allows (`alerts: fresh-within`), or none was \
                  accepted since the processes started. The publisher is late, has moved its files, or their form has \
                  changed.",
        action: "See what became of the last documents, and ask the publisher's page. If it publishes less often than it \
                 did, change `fresh-within`.",
        commands: &["spotlight receipts", "spotlight check topologies/ --live"],
    }
}

fn source_silent() -> Alert {
    Alert {
        name: "SpotlightSourceSilent",
        query: format!(
            "{} > 3 * {} + 300\nunless on ({OF_FLOW}) {} > 0",
            names::LOOKED,
            names::INTERVAL,
            names::STOPPED
        ),
        lasting: "5m",
        severity: Severity::Warning,
        summary: "{{ $labels.topology }}/{{ $labels.flow }} has not looked for documents for {{ $value | humanizeDuration }}",
        meaning: "The source looks for documents less often than the topology says (`every`): three looks were missed. \
                  The publisher does not answer, or a look takes very long.",
        action: "See what the source says of its publisher, and whether the publisher answers from this machine.",
        commands: &["spotlight status", "spotlight check topologies/ --live"],
    }
}

fn refused() -> Alert {
    Alert {
        name: "SpotlightDocumentRefused",
        query: format!("{} > 0", ALL.max(&metrics::DOCUMENT_REFUSED, OF_FLOW)),
        lasting: "5m",
        severity: Severity::Warning,
        summary: "{{ $value }} documents of {{ $labels.topology }}/{{ $labels.flow }} are refused",
        meaning: "The newest version of a document was not accepted: its trailer does not prove it, its header is \
                  unknown, or too many of its rows are bad. None of its rows have landed; its bytes are kept.",
        action: "Read the reason. If the publisher mends the file, it is taken by itself; if its form has changed, change \
                 the topology, and it is tried again. If nobody will mend it, `dlq give-up FLOW --document NAME` closes it.",
        commands: &["spotlight receipts --refused"],
    }
}

fn lag() -> Alert {
    let (records, seconds, stopped) = (names::LAG_RECORDS, names::LAG_SECONDS, names::STOPPED);
    Alert {
        name: "SpotlightLagNotDraining",
        query: format!(
            "({records} > 0 and on ({OF_FLOW}) {seconds} > {SHORT})\n>= on ({OF_FLOW}) {records} offset 15m\n\
             unless on ({OF_FLOW}) {stopped} > 0"
        ),
        lasting: "15m",
        severity: Severity::Warning,
        summary: "{{ $labels.topology }}/{{ $labels.flow }} is {{ $value }} records behind and does not catch up",
        meaning: "The oldest record that is not done has waited for more than ten minutes, and there are no fewer of \
                  them than a quarter of an hour ago. More comes in than is worked, or a table or the log does not \
                  answer.",
        action: "See what the tasks wait for. A ClickHouse that is away is waited for; where the work is too much, share \
                 it among more processes.",
        commands: &["spotlight top", "spotlight status"],
    }
}

/// Feeds with more dead letters than their files allow; none where no file says how many.
fn letters(feeds: &Feeds) -> Option<Alert> {
    let above = feeds.limits.iter().map(|(limit, topologies)| above(*limit, topologies));
    let query = above.collect::<Vec<_>>().join("\nor ");
    (!query.is_empty()).then_some(Alert {
        name: "SpotlightDeadLettersAboveLimit",
        query,
        lasting: "",
        severity: Severity::Warning,
        summary: "{{ $value | humanize }} rows of {{ $labels.topology }} became dead letters",
        meaning: "More rows could not be processed than the topology allows (`alerts: dead-letters`), in a day, or on \
                  average for each document of the last hour. They are kept whole with the reason; the other rows have \
                  landed.",
        action: "See which code and step they have in common. Mend the topology and send them back with `spotlight dlq \
                 replay`, or give up what is not wanted.",
        commands: &["spotlight dlq ls --flow {{ $labels.topology }}"],
    })
}

/// Dead letters of these topologies, where they are more than the limit that all of them have.
fn above(limit: Limit, topologies: &[String]) -> String {
    let Limit { letters, per } = limit;
    let of = format!("{{topology=~\"{}\"}}", topologies.join("|"));
    let gained = |name: &str, window: &str| format!("sum by (topology) (increase({name}{of}[{window}]))");
    match per {
        Per::Day => format!("{} > {letters}", gained(names::DEAD, "1d")),
        // Of several documents in an hour their average counts.
        Per::Document => {
            format!("{} > {letters} * clamp_min({}, 1)", gained(names::DEAD, "1h"), gained(names::ENDED, "1h"))
        }
    }
}

fn bad_rows() -> Alert {
    let rows = |name: &str| format!("sum by ({OF_FLOW}) (increase({name}[1h]))");
    Alert {
        name: "SpotlightBadRowsNearLimit",
        query: format!(
            "{} / {}\n> on ({OF_FLOW}) 0.5 * {}",
            rows(names::DEAD),
            rows(metrics::RECORDS_IN.name),
            ALL.min(&metrics::DEAD_LETTER_LIMIT, OF_FLOW)
        ),
        lasting: "",
        severity: Severity::Warning,
        summary: "{{ $value | humanizePercentage }} of the rows of {{ $labels.topology }}/{{ $labels.flow }} are bad",
        meaning: "In the last hour so many rows became dead letters that half of the share is reached above which a \
                  document is refused, or a flow of a topic holds (`bad-rows-above`).",
        action: "See which code and step they have in common, and mend the topology before the flow stops.",
        commands: &["spotlight dlq ls --flow {{ $labels.topology }}/{{ $labels.flow }}"],
    }
}

fn open_range() -> Alert {
    Alert {
        name: "SpotlightOpenRangeOld",
        query: format!(
            "{}\n> on ({OF_FLOW}) 0.5 * {}",
            ALL.max(&metrics::LANDING_OPEN_RANGE_AGE, OF_FLOW),
            ALL.min(&metrics::LANDING_DEDUP_WINDOW, OF_FLOW)
        ),
        lasting: "1m",
        severity: Severity::Critical,
        summary: "a range of {{ $labels.topology }}/{{ $labels.flow }} is open for {{ $value | humanizeDuration }}",
        meaning: "A range was opened and never closed, for half of the time that the table remembers an insert. Once it \
                  has forgotten it, an insert whose outcome is not known cannot be told from a new one.",
        action: "See why it does not close: a hold, a table or a log that does not answer, or a flow that nobody runs. \
                 Mend that soon, then compare.",
        commands: &["spotlight status", "spotlight reconcile"],
    }
}

fn input_expires() -> Alert {
    Alert {
        name: "SpotlightInputExpires",
        query: format!(
            "{}\n> on ({OF_FLOW}) {NEARLY} * {}",
            names::LAG_SECONDS,
            ALL.min(&metrics::TOPIC_RETENTION, OF_FLOW)
        ),
        lasting: "5m",
        severity: Severity::Critical,
        summary: "records that {{ $labels.topology }}/{{ $labels.flow }} has not read are about to expire",
        meaning: "The oldest record that is not done is nearly as old as the topic keeps records. What expires unread \
                  is lost, and the flow holds.",
        action: "Raise the retention of the topic on Kafka first. Then let the flow catch up: see why it is behind.",
        commands: &["spotlight top", "spotlight status"],
    }
}

fn letters_expire() -> Alert {
    Alert {
        name: "SpotlightDeadLettersExpire",
        query: format!(
            "{}\n> on ({OF_FLOW}) {NEARLY} * {}",
            ALL.max(&metrics::DLQ_OLDEST_AGE, OF_FLOW),
            ALL.min(&metrics::DLQ_RETENTION, OF_FLOW)
        ),
        lasting: "5m",
        severity: Severity::Critical,
        summary: "open dead letters of {{ $labels.topology }}/{{ $labels.flow }} are about to expire",
        meaning: "The oldest open dead letter is nearly as old as its topic keeps records. What expires can never be \
                  replayed.",
        action: "Replay the dead letters or give them up, or raise the retention of their topic on Kafka.",
        commands: &[
            "spotlight dlq ls --flow {{ $labels.topology }}/{{ $labels.flow }}",
            "spotlight dlq replay --dry topologies/",
        ],
    }
}

fn flow_restarts() -> Alert {
    Alert {
        name: "SpotlightFlowRestartLoop",
        query: format!("sum by ({OF_FLOW}) (increase({}[30m])) > 5", metrics::FLOW_RESTARTS.name),
        lasting: "",
        severity: Severity::Warning,
        summary: "tasks of {{ $labels.topology }}/{{ $labels.flow }} were started again {{ $value | humanize }} times",
        meaning: "Tasks end and are started again, more than five times in half an hour: the log is away again and \
                  again, or commits have an outcome that is not known. Nothing is lost; work is done twice.",
        action: "See whether Kafka answers in time, whether two processes have one name (`--instance`), and what the \
                 log of the run says.",
        commands: &["spotlight status"],
    }
}

fn process_restarts() -> Alert {
    Alert {
        name: "SpotlightProcessRestartLoop",
        query: format!(
            "changes({}[30m]) > 3\nand on ({OF_PROCESS}) {}",
            metrics::PROCESS_START.name,
            metrics::BUILD_INFO.name
        ),
        lasting: "",
        severity: Severity::Critical,
        summary: "the process at {{ $labels.instance }} was started {{ $value }} times in half an hour",
        meaning: "The process ends soon after its start, and is started again: it runs out of memory, is taken for \
                  dead, or finds what it cannot work with.",
        action: "Read with which status it ended and what it said last: 73 is a data folder in use, 75 another process \
                 of its name, 78 a wrong environment.",
        commands: &["spotlight check topologies/ --live", "spotlight status"],
    }
}

fn log_away() -> Alert {
    Alert {
        name: "SpotlightLogAway",
        query: format!("{} > 300", ALL.max(&metrics::LOG_SEEN_AGE, OF_PROCESS)),
        lasting: "5m",
        severity: Severity::Critical,
        summary: "the log has not answered {{ $labels.instance }} for minutes",
        meaning: "The process cannot ask the log where topics end. Lags and open dead letters are as they were before, \
                  so alerts about them are blind; flows wait for the log.",
        action: "See whether the brokers answer from that machine, and whether the login is still right.",
        commands: &["spotlight status", "spotlight check topologies/ --live"],
    }
}
