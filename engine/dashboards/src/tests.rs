//! Each name in each query is declared, with the labels that it is asked by; dashboards are laid out as Grafana wants it;
//! equal topologies give equal files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use telemetry::{Kind, list};
use topology::plan::Topology;
use topology::{MemoryFiles, load};

use crate::rules::recorded;
use crate::{Feeds, Limit, Per, alerts, boards, files};

/// Labels that Prometheus gives to what it scrapes.
const OF_TARGET: [&str; 2] = ["job", "instance"];

/// What PromQL brings along.
const OF_PROMQL: [&str; 20] = [
    "absent",
    "and",
    "bool",
    "by",
    "changes",
    "clamp_max",
    "clamp_min",
    "group_left",
    "histogram_quantile",
    "increase",
    "max",
    "min",
    "offset",
    "on",
    "or",
    "rate",
    "sum",
    "time",
    "unless",
    "without",
];

fn topologies(text: &[(&str, &str)]) -> Vec<Topology> {
    let memory = text.iter().fold(MemoryFiles::default(), |memory, (name, text)| memory.with(name, text));
    let names: Vec<std::path::PathBuf> = text.iter().map(|(name, _)| (*name).into()).collect();
    let loaded = load(&names, &memory);
    assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
    loaded.topologies
}

fn feed(name: &str, alerts: &str) -> String {
    format!(
        "topology: {name}\nabout: A list.\nflows:\n  load:\n    from: {{ files: {{ path: lists, file-names: [\"l_*\"], \
         every: 1h }} }}\n    steps:\n      - decode: {{ delimited: {{ separator: \"|\", layouts: {{ v1: {{ header: [a] \
         }} }}, names: snake_case }} }}\n    to: {{ topic: {name}.rows, key: [a] }}\n{alerts}"
    )
}

fn two() -> Vec<Topology> {
    let (one, other) = (
        feed("one", "alerts: { dead-letters: 5 per day }\n"),
        feed("other", "alerts: { dead-letters: 5 per document }\n"),
    );
    topologies(&[("b.yaml", &other), ("a.yaml", &one)])
}

/// All queries, with where they stand.
fn queries() -> Vec<(String, String)> {
    let topologies = two();
    let feeds = Feeds::of(&topologies);
    let mut all: Vec<(String, String)> = recorded();
    all.extend(alerts(&topologies).into_iter().map(|alert| (alert.name.to_owned(), alert.query)));
    for board in boards::all(&feeds) {
        for panel in board.sections.iter().flat_map(|section| &section.panels) {
            let place = format!("{} / {}", board.title, panel.title);
            all.extend(panel.queries.iter().map(|query| (place.clone(), query.text.clone())));
        }
    }
    all
}

/// A query without what is quoted, and the names in it with what follows each.
fn names(query: &str) -> Vec<(String, String)> {
    let mut bare = String::new();
    for (index, part) in query.split('"').enumerate() {
        bare.push_str(if index % 2 == 0 { part } else { "\"\"" });
    }
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_:$".contains(letter);
    let mut found = Vec::new();
    let mut rest = bare.as_str();
    while let Some(start) = rest.find(is_name) {
        let end = rest[start..].find(|letter| !is_name(letter)).map_or(rest.len(), |end| start + end);
        found.push((rest[start..end].to_owned(), rest[end..].to_owned()));
        rest = &rest[end..];
    }
    // Numbers, times and Grafana's variables are no names.
    found.retain(|(name, _)| name.starts_with(|letter: char| letter.is_ascii_alphabetic()));
    found
}

/// Names of what may be asked for, with the labels that each has.
fn declared() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut declared = BTreeMap::new();
    for metric in list::ALL {
        let labels: BTreeSet<&str> = metric.labels.iter().map(|label| label.name).chain(OF_TARGET).collect();
        match metric.kind {
            Kind::Histogram { .. } => {
                for part in ["_sum", "_count"] {
                    declared.insert(format!("{}{part}", metric.name), labels.clone());
                }
                let of_buckets = labels.into_iter().chain(["le"]).collect();
                declared.insert(format!("{}_bucket", metric.name), of_buckets);
            }
            Kind::Counter | Kind::Gauge => {
                declared.insert(metric.name.to_owned(), labels);
            }
        }
    }
    declared
}

#[test]
fn each_name_in_each_query_is_declared() {
    let declared = declared();
    let recorded: BTreeSet<String> = recorded().into_iter().map(|(name, _)| name).collect();
    let labels: BTreeSet<&str> = declared.values().flatten().copied().collect();
    let mut used = BTreeSet::new();
    for (place, query) in queries() {
        let mut asked = 0;
        for (name, _) in names(&query) {
            let known = declared.contains_key(&name) || recorded.contains(&name);
            asked += usize::from(known);
            let other = OF_PROMQL.contains(&name.as_str()) || labels.contains(name.as_str());
            assert!(known || other, "{place}: `{name}` is declared nowhere:\n{query}");
            used.insert(name);
        }
        assert!(asked > 0, "{place} asks for nothing:\n{query}");
    }
    let idle: Vec<&String> = recorded.iter().filter(|name| !used.contains(*name)).collect();
    // No rule needs these; people ask for them by flow.
    let for_people = ["spotlight_records_in:rate5m", "spotlight_dlq_open_records:max", "spotlight_trouble:rank"]
        .map(|name| format!("topology_flow:{name}"));
    assert!(idle.iter().all(|name| for_people.contains(name)), "{idle:?}");
}

#[test]
fn a_name_that_is_not_declared_would_be_found() {
    let found: Vec<String> =
        names("sum by (flow) (rate(wrong_total{a=\"x y\"}[5m])) > 0.5").into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, ["sum", "by", "flow", "rate", "wrong_total", "a"]);
}

/// In braces behind a metric, and in the list of an aggregation directly over it.
#[test]
fn each_label_by_which_a_metric_is_asked_is_one_of_its_own() {
    let declared = declared();
    let mut checked = 0;
    for (place, query) in queries() {
        for (name, rest) in names(&query) {
            let Some(labels) = declared.get(&name) else { continue };
            let inside = rest.strip_prefix('{').and_then(|rest| rest.split('}').next()).unwrap_or_default();
            for matcher in inside.split(',').filter(|matcher| !matcher.trim().is_empty()) {
                let label = matcher.split(['=', '!', '~']).next().unwrap_or_default().trim();
                assert!(labels.contains(label), "{place}: {name} has no label `{label}`");
                checked += 1;
            }
        }
        for aggregation in query.split(" by (").skip(1) {
            let (by, over) = aggregation.split_once(") (").expect("labels, then what they are of");
            let Some((name, _)) = names(over).into_iter().find(|(name, _)| declared.contains_key(name)) else {
                continue;
            };
            // Another aggregation in between has labels of its own.
            if over.split(&name).next().is_some_and(|between| between.contains(" on (")) {
                continue;
            }
            for label in by.split(", ") {
                assert!(declared[&name].contains(label), "{place}: {name} has no label `{label}`");
                checked += 1;
            }
        }
    }
    assert!(checked > 200, "only {checked} labels were found");
}

#[test]
fn dashboards_are_laid_out_as_grafana_wants_it() {
    let boards: Vec<Value> = files(&two())
        .iter()
        .filter(|file| file.path.starts_with("grafana/"))
        .map(|file| serde_json::from_str(&file.text).expect("JSON"))
        .collect();
    let uids: BTreeSet<&str> = boards.iter().filter_map(|board| board["uid"].as_str()).collect();
    assert_eq!((uids.len(), boards.len()), (6, 6));
    for board in &boards {
        assert!(board.get("id").is_none() && board["schemaVersion"] == 42, "{}", board["title"]);
        let first = &board["templating"]["list"][0];
        assert_eq!((&first["name"], &first["type"]), (&"datasource".into(), &"datasource".into()));
        let panels = board["panels"].as_array().expect("panels");
        let ids: BTreeSet<u64> = panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
        assert_eq!(ids.len(), panels.len(), "{}: an id twice", board["title"]);
        let titles: BTreeSet<&str> = panels.iter().filter_map(|panel| panel["title"].as_str()).collect();
        assert_eq!(titles.len(), panels.len(), "{}: a title twice", board["title"]);
        for (index, panel) in panels.iter().enumerate() {
            let (title, [x, y, w, h]) = (&panel["title"], place(panel));
            assert!(w > 0 && h > 0 && x + w <= 24, "{title}");
            for other in &panels[..index] {
                let [ox, oy, ow, oh] = place(other);
                let apart = x >= ox + ow || ox >= x + w || y >= oy + oh || oy >= y + h;
                assert!(apart, "{title} lies over {}", other["title"]);
            }
            if panel["type"] == "row" {
                continue;
            }
            let described =
                panel["description"].as_str().is_some_and(|text| text.ends_with(['.', '`']) && text.len() > 10);
            assert!(described, "{title} says nothing of itself");
            let targets = panel["targets"].as_array().expect("queries");
            assert!(!targets.is_empty(), "{title}");
            for asks in targets.iter().chain([panel]) {
                assert_eq!(asks["datasource"]["uid"], "${datasource}", "{title}");
            }
            let letters: BTreeSet<&str> = targets.iter().filter_map(|target| target["refId"].as_str()).collect();
            assert_eq!(letters.len(), targets.len(), "{title}");
        }
    }
}

fn place(panel: &Value) -> [u64; 4] {
    ["x", "y", "w", "h"].map(|name| panel["gridPos"][name].as_u64().expect("a place"))
}

#[test]
fn every_alert_says_what_it_means_what_to_do_and_the_command() {
    for alert in alerts(&two()) {
        let name = alert.name;
        assert!(name.starts_with("Spotlight") && name.bytes().all(|byte| byte.is_ascii_alphabetic()), "{name}");
        assert!(alert.meaning.ends_with('.') && alert.action.ends_with('.'), "{name}");
        assert!(!alert.summary.ends_with('.') && !alert.summary.contains('\n'), "{name}");
        assert!(!alert.commands.is_empty(), "{name}");
        assert!(alert.commands.iter().all(|command| command.starts_with("spotlight ")), "{name}");
        // The labels that its texts speak of are those of its query.
        for text in alert.commands.iter().chain([&alert.summary]) {
            for label in text.split("{{ $labels.").skip(1).filter_map(|rest| rest.split(' ').next()) {
                assert!(alert.query.contains(label), "{name}: no label `{label}`");
            }
        }
    }
}

#[test]
fn equal_topologies_give_equal_files_in_whatever_order_and_a_feed_more_gives_others() {
    let (mut topologies, all) = (two(), files(&two()));
    topologies.reverse();
    assert_eq!(files(&topologies), all);
    let less: Vec<_> = files(&topologies[..1]);
    let differ: Vec<&str> =
        all.iter().zip(&less).filter(|(one, other)| one != other).map(|(one, _)| one.path.as_str()).collect();
    assert!(
        differ.contains(&"prometheus/alerts.yaml") && differ.contains(&"grafana/spotlight-overview.json"),
        "{differ:?}"
    );
    let paths: Vec<&str> = all.iter().map(|file| file.path.as_str()).collect();
    assert!(paths.is_sorted() && paths.len() == 10, "{paths:?}");
}

#[test]
fn limits_of_dead_letters_are_those_of_the_files() {
    assert_eq!(Limit::read("50 per day"), Some(Limit { letters: 50, per: Per::Day }));
    assert_eq!(Limit::read("20 per  document"), Some(Limit { letters: 20, per: Per::Document }));
    assert_eq!([Limit::read("50 per week"), Limit::read("many per day"), Limit::read("")], [None, None, None]);
    let of = |topologies: &[Topology]| {
        alerts(topologies).into_iter().find(|alert| alert.name == "SpotlightDeadLettersAboveLimit").map(|it| it.query)
    };
    let both = two();
    let query = of(&both).expect("a rule");
    assert!(
        query.contains("{topology=~\"one\"}[1d])) > 5\nor ") && query.contains("{topology=~\"other\"}[1h])) > 5 *")
    );
    assert_eq!(of(&[]), None);
}
