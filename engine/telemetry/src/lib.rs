//! What is counted and measured: the counts of rows behind their invariant, and the closed list of metrics.
//!
//! [`list`] declares every metric once: name, kind, unit, help and labels. There are two ways to a metric's value:
//!
//! * *Events*, such as the time that an insert took, are told where they happen, to the recorder of the process. Where none
//!   was installed that costs next to nothing.
//! * *States*, such as a lag or the counts of a flow, are known to somebody already. They are written anew for each scrape
//!   from what he knows, so that nothing is counted twice and nothing is told of what is gone.
//!
//! [`Exporter`] puts both into one text of Prometheus. Deliberately absent: who knows the states, and any network.

mod counts;
mod exporter;
pub mod list;
mod metric;
mod stopwatch;

pub use counts::Counts;
pub use exporter::{Exporter, InstallError};
pub use metric::{Kind, Label, Metric, Observed};
pub use stopwatch::Stopwatch;
