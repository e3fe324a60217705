//! `demo`: synthetic publishers on loopback, all feeds, what happened, three queries.

use anyhow::Result;

use crate::arguments::Demo;
use crate::exit::{Exit, failure};

pub(crate) fn run(_: &Demo) -> Result<Exit> {
    Err(failure(Exit::Usage, "the demonstration is not built yet", ""))
}
