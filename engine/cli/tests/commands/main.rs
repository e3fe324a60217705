//! Every command as people type it: those of README.md and of `docs/`, each exit status, and questions with and without a run.
//!
//! Each test has a folder of its own that looks like a project: `lists/` with a file of the README's feed, the topology of
//! the README's section "Add a feed" as `my-list.yaml`, and links to the shipped topologies and schemas.

mod answers;
mod buckets;
mod changes;
mod connections;
mod copies;
mod dry;
mod full;
mod jobs;
mod keys;
mod letters;
mod losses;
mod names;
mod offline;
mod page;
mod pages;
mod plans;
#[path = "../program/mod.rs"]
mod program;
mod readme;
mod rebuilds;
mod reconciles;
mod refusals;
mod releases;
mod renames;
mod replays;
mod rereads;
mod running;
mod schemas;
mod services;
mod starts;
mod statuses;
mod stores;
mod swaps;
mod taps;
mod terminal;
mod traces;
mod transforms;
mod turns;
mod twins;
mod watching;
mod workplace;
