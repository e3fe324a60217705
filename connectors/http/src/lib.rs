//! Documents from publishers over HTTP, found by calendar or by the links of a page.
//!
//! [`HttpSource`] works off one list of addresses a round. It is polite by construction: one rate per host for the
//! whole process ([`Hosts`]), conditional requests, a contact in its name where the publisher wants one, and obedience
//! to Retry-After. It tells *absent* (a status that the topology names, or an HTML page where data should be) from
//! *failed* (time-outs, 5xx, short bodies), and takes bytes exactly as they were published: nothing is decompressed.
//!
//! Errors of one document do not keep the others away: the round goes on and ends with the gravest of them, unless the
//! publisher asks for rest or fails several times in a row.
//!
//! Time comes only from [`connect::Discovery`]; the limits of one request are the network runtime's own.
//!
//! Deliberately absent: cookies, logins, JavaScript, downloads in parts, parallel requests.

mod answer;
mod body;
mod calendar;
mod candidate;
mod client;
mod explanations;
mod hosts;
mod links;
mod settings;
mod source;
mod validators;

pub use calendar::days_since;
pub use explanations::{
    BAD_REDIRECT, BAD_SETTING, CONTACT_MISSING, EXPLANATIONS, NO_LINKS, REFUSED, TOO_LARGE, UNEXPECTED_STATUS,
};
pub use hosts::Hosts;
pub use settings::{Discover, HttpSettings, TimeLimits};
pub use source::HttpSource;
