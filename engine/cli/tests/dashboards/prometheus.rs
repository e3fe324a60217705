//! A real Prometheus that scrapes a run, by the written example of its configuration.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use testkit::HeldService;

use crate::program::scrape::send;
use crate::program::until;
use crate::workplace::Workplace;

/// One series of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

pub(crate) struct Prometheus {
    service: HeldService,
}

impl Prometheus {
    /// Starts one with what `spotlight dashboards` wrote to the folder `watching` of a workplace. It scrapes the run
    /// every second, and tells alerts to this Alertmanager. Both are addresses, as `HOST:PORT`.
    pub(crate) fn start(workplace: &Workplace, folder: &Path, run: &str, alertmanager: Option<&str>) -> Self {
        let config = workplace.path().join("watching/prometheus/prometheus.yaml");
        let text = std::fs::read_to_string(&config).expect("the example");
        let changes =
            [("127.0.0.1:9484", run), ("127.0.0.1:9093", alertmanager.unwrap_or("127.0.0.1:1")), ("15s", "1s")];
        let text = changes.iter().fold(text, |text, (old, new)| {
            assert!(text.contains(old), "the example does not say `{old}`");
            text.replace(old, new)
        });
        std::fs::write(&config, text).expect("written");
        Self { service: HeldService::start("prometheus.sh", folder, &["--config", &config.display().to_string()]) }
    }

    /// The answer of the interface.
    #[track_caller]
    fn get(&self, path: &str) -> Value {
        // By the older version of the protocol, as it answers in one piece then.
        let answer = send(self.service.address(), &format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// What a query gives now.
    #[track_caller]
    pub(crate) fn ask(&self, query: &str) -> Vec<Series> {
        let encoded: String = query
            .bytes()
            .map(|byte| match byte.is_ascii_alphanumeric() {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect();
        let answer = self.get(&format!("/api/v1/query?query={encoded}"));
        let series = answer["data"]["result"].as_array().expect("series").iter();
        series
            .map(|one| {
                let labels = one["metric"].as_object().expect("labels").iter();
                let text = |value: &Value| value.as_str().expect("text").to_owned();
                Series {
                    labels: labels.map(|(name, value)| (name.clone(), text(value))).collect(),
                    value: one["value"][1].as_str().expect("a number").parse().expect("a number"),
                }
            })
            .collect()
    }

    /// How often the run was scraped with success.
    pub(crate) fn scrapes(&self) -> f64 {
        let count = self.ask("count_over_time(up{job=\"spotlight\"}[1h]) and up == 1 and scrape_samples_scraped > 0");
        count.first().map_or(0.0, |one| one.value)
    }

    /// Waits for so many further scrapes.
    #[track_caller]
    pub(crate) fn wait_for_scrapes(&self, further: u32) {
        let before = self.scrapes();
        until("further scrapes", || (self.scrapes() >= before + f64::from(further)).then_some(()));
    }

    /// All rules, with what went wrong with each: empty where all is well.
    pub(crate) fn failing_rules(&self) -> Vec<String> {
        let answer = self.get("/api/v1/rules");
        let groups = answer["data"]["groups"].as_array().expect("groups").iter();
        let rules: Vec<Value> =
            groups.flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect();
        assert!(rules.len() > 20, "only {} rules", rules.len());
        rules.iter().filter(|rule| rule["health"] != "ok").map(ToString::to_string).collect()
    }
}
