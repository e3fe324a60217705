//! Examples of the two files that an environment writes itself: how Prometheus finds the runs, and where alerts go. They
//! work as they stand beside a run on the same machine.

/// How runs are scraped, and which rules are read. Paths are relative to the file.
pub(crate) fn prometheus() -> String {
    PROMETHEUS.to_owned()
}

/// Where alerts go: one webhook, whose address is a secret and stands in a file of its own.
pub(crate) fn alertmanager() -> String {
    ALERTMANAGER.to_owned()
}

// The names of the labels of a service of Nomad are those of Prometheus' documentation of `nomad_sd_configs`.
const PROMETHEUS: &str = "\
# An example: Prometheus beside a run of Spotlight on this machine. Written by `spotlight dashboards`.
global:
  scrape_interval: 15s
  evaluation_interval: 15s

rule_files:
  - recording.yaml
  - alerts.yaml

alerting:
  alertmanagers:
    - static_configs:
        - targets: [\"127.0.0.1:9093\"]

scrape_configs:
  - job_name: spotlight
    static_configs:
      - targets: [\"127.0.0.1:9484\"]
    # A run that others can reach asks for its token (`--listen-token FILE`):
    # authorization: { type: Bearer, credentials_file: token.txt }

  # On Nomad the runs are found by their service, wherever they are placed:
  # - job_name: spotlight
  #   nomad_sd_configs:
  #     - server: http://127.0.0.1:4646
  #   relabel_configs:
  #     - { source_labels: [__meta_nomad_service], regex: \"spotlight.*\", action: keep }
  #     - { source_labels: [__meta_nomad_service_job_id], target_label: nomad_job }
  #     - { source_labels: [__meta_nomad_service_alloc_id], target_label: nomad_allocation }
";

const ALERTMANAGER: &str = "\
# An example: all alerts go to one webhook. Written by `spotlight dashboards`.
# The file at url_file holds the address of the webhook and nothing else: such an address is a secret in itself.
route:
  receiver: people
  group_by: [alertname, topology]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 12h
  routes:
    - matchers: [\"severity = critical\"]
      receiver: people
      group_wait: 5s
      repeat_interval: 1h

inhibit_rules:
  # What follows from a hold is not told beside it.
  - source_matchers: [\"alertname = SpotlightFlowHeld\"]
    target_matchers: [\"alertname =~ \\\"SpotlightFeedLate|SpotlightLagNotDraining|SpotlightSourceSilent\\\"\"]
    equal: [topology, flow]
  # Of a feed that nothing is known of, what was known last is no news.
  - source_matchers: [\"alertname = SpotlightFeedNotScraped\"]
    target_matchers: [\"alertname =~ \\\"Spotlight.+\\\"\", \"alertname != SpotlightFeedNotScraped\"]
    equal: [topology]

receivers:
  - name: people
    webhook_configs:
      - url_file: /etc/alertmanager/webhook-url
        send_resolved: true
";
