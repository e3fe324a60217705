//! One text of Prometheus, made of the events of the process and of the states that somebody tells for it.

use metrics::{SetRecorderError, set_global_recorder, with_local_recorder};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::list;
use crate::metric::Kind;

/// Why the events of a process cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A declaration of the list is none that Prometheus takes: a bug.
    #[error("the list of metrics cannot be declared")]
    Declaration(#[from] BuildError),
    /// The process has a recorder already.
    #[error("the process has a recorder of metrics already")]
    Twice,
}

/// The events of this process.
pub struct Exporter {
    events: PrometheusHandle,
}

impl Exporter {
    /// Records the events of this process from now on.
    ///
    /// # Errors
    /// If it does so already.
    pub fn install() -> Result<Self, InstallError> {
        let recorder = recorder()?;
        list::ALL.iter().for_each(|metric| metric.describe(&recorder));
        let events = recorder.handle();
        set_global_recorder(recorder).map_err(|_: SetRecorderError<_>| InstallError::Twice)?;
        Ok(Self { events })
    }

    /// All metrics as Prometheus reads them (text format 0.0.4). `states` tells the states, on this thread.
    #[must_use]
    pub fn scrape(&self, states: impl FnOnce()) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        list::ALL.iter().for_each(|metric| metric.describe(&recorder));
        with_local_recorder(&recorder, states);
        // Each metric is either an event or a state, so that no name comes twice.
        let mut text = self.events.render();
        text.push_str(&recorder.handle().render());
        text
    }

    /// Takes what histograms were told into their buckets. To be called every few seconds: what is not taken waits in
    /// memory until somebody scrapes, and nobody may.
    pub fn settle(&self) {
        self.events.run_upkeep();
    }
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in list::ALL {
        if let Kind::Histogram { bounds } = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)?;
        }
    }
    Ok(builder.build_recorder())
}
