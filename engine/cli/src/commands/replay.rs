//! `dlq replay`.

use anyhow::Result;

use crate::arguments::Replay;
use crate::exit::{Exit, failure};

pub(crate) fn replay(_: &Replay) -> Result<Exit> {
    Err(failure(Exit::Usage, "replay is not built yet", ""))
}
