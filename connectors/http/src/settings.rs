//! What a topology file and the process say of one publisher's web server.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use pattern::Pattern;

/// Everything that an [`crate::HttpSource`] must be told.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpSettings {
    /// How addresses are found.
    pub discover: Discover,
    /// Requests a second to one host. Sources that share a host get the smallest of their rates together.
    pub rate: f64,
    /// Largest body in bytes.
    pub body_limit: u64,
    /// Statuses that mean that the document is not there.
    pub absent_statuses: Vec<u16>,
    /// How long after the document's date to go on asking; `None` for ever.
    pub give_up_after: Option<Duration>,
    /// How long after its date (or first sight, where the name has no date) a document is asked for again to see
    /// whether it changed. `None` never.
    pub recheck_for: Option<Duration>,
    /// Whether the publisher wants a contact address in the client's name.
    pub contact_required: bool,
    /// The contact address.
    pub contact: Option<String>,
    /// Version of Spotlight, for the client's name.
    pub version: &'static str,
    /// Asks `{rewrite}/HOST/PATH` instead of `https://HOST/PATH`, for publishers played on loopback. What is recorded
    /// stays the publisher's address. Proxies of the environment are not used then.
    pub rewrite: Option<String>,
    /// Limits of one request.
    pub time_limits: TimeLimits,
}

/// How addresses are found.
#[derive(Clone, Debug, PartialEq)]
pub enum Discover {
    /// One address a day.
    Calendar {
        /// Address with placeholders for days and months.
        url: Pattern,
        /// First day, included.
        from: NaiveDate,
        /// Last day: this many days before today in `zone` (`yesterday` is 1).
        to_days_ago: i64,
        /// Step in days.
        step_days: u32,
        /// Only Monday to Friday.
        weekdays_only: bool,
        /// Zone that says what day it is, by its IANA name.
        zone: Arc<str>,
    },
    /// The links of a page whose address matches.
    Links {
        /// Address of the page.
        page: Arc<str>,
        /// What a link's whole address, or else its last part, must look like.
        matching: Pattern,
    },
}

/// Limits of one request. They are what keeps a silent server from holding a source for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimits {
    /// To reach the host.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// For the whole answer. Shorter cuts large documents on slow lines; longer lets a server drip.
    pub total: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(2 * 60 * 60),
        }
    }
}
