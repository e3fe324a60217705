//! Rules, by promtool: for each alert series by which it fires and series by which it does not.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::promtool::promtool;
use crate::{program, shipped};

/// A flow of the shipped feeds, and where it runs.
const FLOW: &str = "topology=\"sec-ftd\",flow=\"load\",job=\"spotlight\",instance=\"a\"";
const OTHER_PROCESS: &str = "topology=\"sec-ftd\",flow=\"load\",job=\"spotlight\",instance=\"b\"";
const TOPOLOGY: &str = "topology=\"sec-ftd\",job=\"spotlight\",instance=\"a\"";
const PROCESS: &str = "job=\"spotlight\",instance=\"a\"";
/// A flow of a feed with a limit by day.
const DAILY: &str = "topology=\"dtcc-cftc-rates\",flow=\"fetch\",job=\"spotlight\",instance=\"a\"";
/// The labels of an alert of the flow, without those that all alerts have.
const OF_FLOW: &str = "flow=\"load\",topology=\"sec-ftd\"";
const OF_PROCESS: &str = "instance=\"a\",job=\"spotlight\"";

/// One case: what is scraped each minute, and which alerts fire at a minute.
struct Case {
    alert: &'static str,
    severity: &'static str,
    /// What makes it a case of its own.
    name: &'static str,
    /// Metric, labels and values in promtool's notation (`0+60x30`: from 0, each minute 60 more, thirty times).
    series: Vec<(&'static str, String, &'static str)>,
    minute: u32,
    /// Labels of the alerts that fire, in order of their names.
    fires: Vec<&'static str>,
}

/// A case with series of the same labels.
fn case(
    (alert, severity): (&'static str, &'static str),
    name: &'static str,
    series: &[(&'static str, &str, &'static str)],
    minute: u32,
    fires: &[&'static str],
) -> Case {
    let series = series.iter().map(|(metric, labels, values)| (*metric, (*labels).to_owned(), *values)).collect();
    Case { alert, severity, name, series, minute, fires: fires.to_vec() }
}

fn cases() -> Vec<Case> {
    [flows(), sources(), letters(), ranges(), processes(), absences()].into_iter().flatten().collect()
}

fn flows() -> Vec<Case> {
    let held = ("SpotlightFlowHeld", "critical");
    let code = format!("{FLOW},code=\"E5201\"");
    let elsewhere = format!("{OTHER_PROCESS},code=\"E5201\"");
    let lag = ("SpotlightLagNotDraining", "warning");
    let records = "spotlight_flow_lag_records";
    let seconds = ("spotlight_flow_lag_seconds", FLOW, "0+60x60");
    vec![
        case(
            held,
            "one task",
            &[("spotlight_flow_held", &code, "1+0x10")],
            1,
            &["code=\"E5201\",flow=\"load\",topology=\"sec-ftd\""],
        ),
        case(
            held,
            "two processes, one alert",
            &[("spotlight_flow_held", &code, "1+0x10"), ("spotlight_flow_held", &elsewhere, "2+0x10")],
            5,
            &["code=\"E5201\",flow=\"load\",topology=\"sec-ftd\""],
        ),
        case(held, "none", &[("spotlight_flow_up", FLOW, "1+0x10")], 5, &[]),
        case(lag, "it grows", &[(records, FLOW, "10+1x60"), seconds], 45, &[OF_FLOW]),
        case(lag, "one record that is stuck", &[(records, FLOW, "1+0x60"), seconds], 45, &[OF_FLOW]),
        case(lag, "not for long yet", &[(records, FLOW, "10+1x60"), seconds], 20, &[]),
        case(lag, "it drains", &[(records, FLOW, "100-1x60"), seconds], 45, &[]),
        case(
            lag,
            "many young records",
            &[(records, FLOW, "10+1x60"), ("spotlight_flow_lag_seconds", FLOW, "30+0x60")],
            45,
            &[],
        ),
        case(lag, "on hold", &[(records, FLOW, "10+1x60"), seconds, ("spotlight_flow_held", &code, "1+0x60")], 45, &[]),
        case(lag, "paused", &[(records, FLOW, "10+1x60"), seconds, ("spotlight_flow_paused", FLOW, "1+0x60")], 45, &[]),
    ]
}

fn sources() -> Vec<Case> {
    let late = ("SpotlightFeedLate", "warning");
    let within = ("spotlight_fresh_within_seconds", TOPOLOGY, "86400+0x60");
    let newest = "spotlight_document_newest_age_seconds";
    let silent = ("SpotlightSourceSilent", "warning");
    let every = ("spotlight_document_interval_seconds", FLOW, "300+0x60");
    let looked = ("spotlight_document_cursor_age_seconds", FLOW, "0+60x60");
    let refused = ("SpotlightDocumentRefused", "warning");
    let revision = format!("{TOPOLOGY},revision=\"1\"");
    let runs = ("spotlight_topology_info", revision.as_str(), "1+0x60");
    let started = ("process_start_time_seconds", PROCESS, "0+0x60");
    let soon = ("spotlight_fresh_within_seconds", TOPOLOGY, "600+0x60");
    vec![
        case(late, "older than the file says", &[within, (newest, FLOW, "90000+60x60")], 15, &[OF_FLOW]),
        case(late, "young", &[within, (newest, FLOW, "100+60x60")], 15, &[]),
        case(
            late,
            "another process has a newer one",
            &[within, (newest, FLOW, "90000+60x60"), (newest, OTHER_PROCESS, "100+60x60")],
            15,
            &[],
        ),
        case(late, "never any", &[soon, every, runs, started], 30, &[OF_FLOW]),
        case(late, "never any, and just started", &[within, every, runs, started], 30, &[]),
        case(late, "the file says nothing", &[(newest, FLOW, "90000+60x60")], 15, &[]),
        case(silent, "three looks missed", &[every, looked], 30, &[OF_FLOW]),
        case(silent, "it looks", &[every, ("spotlight_document_cursor_age_seconds", FLOW, "100+0x60")], 30, &[]),
        case(
            silent,
            "another process looks",
            &[every, looked, ("spotlight_document_cursor_age_seconds", OTHER_PROCESS, "9+0x60")],
            30,
            &[],
        ),
        case(silent, "paused", &[every, looked, ("spotlight_flow_paused", FLOW, "1+0x60")], 30, &[]),
        case(refused, "one", &[("spotlight_document_refused", FLOW, "1+0x20")], 10, &[OF_FLOW]),
        case(refused, "none", &[("spotlight_document_refused", FLOW, "0+0x20")], 10, &[]),
    ]
}

fn letters() -> Vec<Case> {
    let above = ("SpotlightDeadLettersAboveLimit", "warning");
    let up = ("spotlight_flow_up", FLOW, "1+0x60");
    let (dead, outcomes) = ("spotlight_records_dead_lettered_total", "spotlight_document_outcomes_total");
    let code = format!("{FLOW},code=\"E4101\"");
    let rows = format!("{FLOW},outcome=\"rows\"");
    let daily = format!("{DAILY},code=\"E4101\"");
    let of_day = ("spotlight_flow_up", DAILY, "1+0x60");
    let near = ("SpotlightBadRowsNearLimit", "warning");
    let come = ("spotlight_records_in_total", FLOW, "0+100x60");
    let limit = ("spotlight_dead_letter_limit_ratio", FLOW, "0.1+0x60");
    let expire = ("SpotlightDeadLettersExpire", "critical");
    let oldest = ("spotlight_dlq_oldest_open_age_seconds", FLOW, "0+60x60");
    let kept = "spotlight_dlq_retention_seconds";
    vec![
        // The series of a code begins with the first row that has it.
        case(
            above,
            "thirty of one document, all at once",
            &[up, (dead, &code, "_x5 30+0x50"), (outcomes, &rows, "_x5 1+0x50")],
            10,
            &["topology=\"sec-ftd\""],
        ),
        case(
            above,
            "thirty of two documents",
            &[up, (dead, &code, "_x5 30+0x50"), (outcomes, &rows, "_x5 2+0x50")],
            10,
            &[],
        ),
        case(above, "sixty in a day", &[of_day, (dead, &daily, "_x5 60+0x50")], 10, &["topology=\"dtcc-cftc-rates\""]),
        case(above, "forty in a day", &[of_day, (dead, &daily, "_x5 40+0x50")], 10, &[]),
        case(
            above,
            "forty-nine, of two processes one after the other",
            &[of_day, (dead, &daily, "_x2 40+0x8 0+0x20 9+0x20")],
            40,
            &[],
        ),
        case(near, "six in a hundred of ten", &[up, come, (dead, &code, "0+6x60"), limit], 30, &[OF_FLOW]),
        case(near, "four in a hundred of ten", &[up, come, (dead, &code, "0+4x60"), limit], 30, &[]),
        case(expire, "nearly as old as they are kept", &[oldest, (kept, FLOW, "1800+0x60")], 35, &[OF_FLOW]),
        case(expire, "young", &[oldest, (kept, FLOW, "36000+0x60")], 35, &[]),
        case(expire, "kept for ever", &[oldest], 35, &[]),
    ]
}

fn ranges() -> Vec<Case> {
    let open = ("SpotlightOpenRangeOld", "critical");
    let age = ("spotlight_landing_open_range_age_seconds", FLOW, "0+60x60");
    let known = "spotlight_landing_dedup_window_seconds";
    let expires = ("SpotlightInputExpires", "critical");
    let lag = ("spotlight_flow_lag_seconds", FLOW, "0+60x60");
    let kept = "spotlight_topic_retention_seconds";
    vec![
        case(open, "half of what the table knows", &[age, (known, FLOW, "1800+0x60")], 20, &[OF_FLOW]),
        case(open, "young", &[age, (known, FLOW, "86400+0x60")], 20, &[]),
        case(
            open,
            "none",
            &[("spotlight_landing_open_range_age_seconds", FLOW, "0+0x60"), (known, FLOW, "1800+0x60")],
            20,
            &[],
        ),
        case(expires, "nearly as old as the topic keeps", &[lag, (kept, FLOW, "1800+0x60")], 35, &[OF_FLOW]),
        case(expires, "time enough", &[lag, (kept, FLOW, "36000+0x60")], 35, &[]),
        case(expires, "kept for ever", &[lag], 35, &[]),
    ]
}

fn processes() -> Vec<Case> {
    let tasks = ("SpotlightFlowRestartLoop", "warning");
    let restarts = "spotlight_flow_restarts_total";
    let process = ("SpotlightProcessRestartLoop", "critical");
    let started = "process_start_time_seconds";
    let ours = format!("{PROCESS},version=\"0.1.0\",librdkafka=\"2.12.1\"");
    let build = ("spotlight_build_info", ours.as_str(), "1+0x60");
    let away = ("SpotlightLogAway", "critical");
    let seen = "spotlight_log_seen_age_seconds";
    vec![
        case(tasks, "each minute", &[(restarts, FLOW, "0+1x60")], 35, &[OF_FLOW]),
        case(tasks, "twice", &[(restarts, FLOW, "0+0x10 1+0x10 2+0x40")], 35, &[]),
        case(process, "each minute", &[build, (started, PROCESS, "0+60x8 480+0x50")], 12, &[OF_PROCESS]),
        case(process, "once", &[build, (started, PROCESS, "0+0x5 300+0x50")], 12, &[]),
        case(process, "somebody else's process", &[(started, PROCESS, "0+60x8 480+0x50")], 12, &[]),
        case(away, "ten minutes and more", &[(seen, PROCESS, "0+60x30")], 15, &[OF_PROCESS]),
        case(away, "it answers", &[(seen, PROCESS, "1+0x30")], 15, &[]),
    ]
}

fn absences() -> Vec<Case> {
    let absent = ("SpotlightFeedNotScraped", "critical");
    let scraped = |without: &str| -> Vec<(&'static str, String, &'static str)> {
        let names = shipped_topologies().into_iter().filter(|name| name != without);
        let labels = names.map(|name| format!("topology=\"{name}\",revision=\"1\",{PROCESS}"));
        labels.map(|labels| ("spotlight_topology_info", labels, "1+0x20")).collect()
    };
    let (alert, severity) = absent;
    let made = |name, series, minute, fires: &[&'static str]| Case {
        alert,
        severity,
        name,
        series,
        minute,
        fires: fires.to_vec(),
    };
    vec![
        made("one feed is missing", scraped("sec-ftd"), 10, &["topology=\"sec-ftd\""]),
        made("one feed is missing for a moment", scraped("sec-ftd"), 3, &[]),
        made("all are there", scraped(""), 10, &[]),
    ]
}

/// Names of the shipped topologies, as their files say.
fn shipped_topologies() -> Vec<String> {
    let files = std::fs::read_dir(program::root().join("topologies")).expect("a folder").flatten();
    let text = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    let mut names: Vec<String> =
        text.filter_map(|text| Some(text.lines().next()?.strip_prefix("topology: ")?.to_owned())).collect();
    names.sort();
    assert!(names.len() > 10, "{names:?}");
    names
}

/// The file of tests for these cases, beside the rules that are checked in.
fn write(cases: &[Case]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    for name in ["recording.yaml", "alerts.yaml"] {
        std::fs::copy(shipped().join("prometheus").join(name), folder.path().join(name)).expect("copied");
    }
    let tests: Vec<Value> = cases
        .iter()
        .map(|case| {
            let Case { alert, severity, .. } = case;
            let series = case
                .series
                .iter()
                .map(|(metric, labels, values)| json!({ "series": format!("{metric}{{{labels}}}"), "values": values }));
            let fires = case.fires.iter().map(|labels| {
                let all =
                    format!("ALERTS{{alertname=\"{alert}\",alertstate=\"firing\",severity=\"{severity}\",{labels}}}");
                json!({ "labels": all, "value": 1 })
            });
            json!({
                "name": format!("{alert}: {}", case.name),
                "interval": "1m",
                "input_series": series.collect::<Vec<_>>(),
                "promql_expr_test": [{
                    "expr": format!("ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}"),
                    "eval_time": format!("{}m", case.minute),
                    "exp_samples": fires.collect::<Vec<_>>(),
                }],
            })
        })
        .collect();
    let text = json!({
        "rule_files": ["recording.yaml", "alerts.yaml"],
        "evaluation_interval": "1m",
        "group_eval_order": ["spotlight-recording", "spotlight-alerts"],
        "tests": tests,
    });
    let place = folder.path().join("tests.json");
    std::fs::write(&place, text.to_string()).expect("written");
    (folder, place)
}

#[test]
fn rules_are_right_by_promtool() {
    let folder = shipped().join("prometheus");
    for name in ["recording.yaml", "alerts.yaml"] {
        let said = promtool(&folder, &["check", "rules", name]).ends(0);
        assert!(said.output.contains("SUCCESS"), "{said:?}");
    }
    promtool(&folder, &["check", "config", "prometheus.yaml"]).ends(0);
}

#[test]
fn each_alert_fires_when_it_should_and_only_then() {
    let cases = cases();
    let text = std::fs::read_to_string(shipped().join("prometheus/alerts.yaml")).expect("the alerts");
    let alerts: BTreeSet<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let of = |fires: bool| -> BTreeSet<&str> {
        cases.iter().filter(|case| case.fires.is_empty() != fires).map(|case| case.alert).collect()
    };
    assert_eq!(of(true), alerts, "cases in which they fire");
    assert_eq!(of(false), alerts, "cases in which they do not");
    let (folder, file) = write(&cases);
    promtool(folder.path(), &["test", "rules", &file.display().to_string()]).ends(0);
}

/// So that the test above is known to fail where a rule is wrong: each expectation turned round is refused.
#[test]
fn an_expectation_that_is_wrong_is_found() {
    let mut cases = cases();
    let names: Vec<String> = cases.iter().map(|case| format!("{}: {}", case.alert, case.name)).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "each case has a name of its own");
    for case in &mut cases {
        case.fires = if case.fires.is_empty() { vec![OF_FLOW] } else { Vec::new() };
    }
    let (folder, file) = write(&cases);
    let said = promtool(folder.path(), &["test", "rules", &file.display().to_string()]).ends(1);
    let told = said.errors.matches("expr: \"ALERTS").count();
    assert_eq!(told, cases.len(), "{}{}", said.output, said.errors);
}
