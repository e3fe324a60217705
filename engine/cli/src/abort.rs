//! A way for the crash test to end the process at a chosen step of the landing protocol, the same one each time.
//!
//! `SPOTLIGHT_TEST_ABORT_AT=insert:3` aborts the process when any flow is about to take its third arrow *insert*; the
//! arrows are those of `runtime/src/landing/mod.rs`, and `any` counts all of them; `rebuild-made:1` and the like abort at
//! the steps of a rebuild ([`STEPS`]). Without the variable nothing is
//! counted. An abort is as harmless as any death of the process: the next run goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use runtime::landing::Arrow;
use runtime::{Faults, Killed, NoFaults};

use crate::environment;
use crate::exit::{Exit, failure};

/// The steps of a rebuild: a person's wish is written; the table beside is made; it is written that the tables are to be
/// exchanged; they are; it is written that they are.
const STEPS: [&str; 5] = ["rebuild-wished", "rebuild-made", "rebuild-exchanging", "rebuild-exchanged", "rebuild-done"];

/// A step of a rebuild was taken.
pub(crate) fn taken(step: &str) {
    let wanted = environment::abort_at();
    if wanted.as_deref().and_then(|wanted| wanted.strip_suffix(":1")) == Some(step) {
        std::process::abort();
    }
}

/// Aborts at the so-and-so-many-th arrow of a kind.
#[derive(Debug)]
struct AbortAt {
    /// `None` for all kinds.
    arrow: Option<Arrow>,
    left: AtomicU64,
}

impl Faults for AbortAt {
    fn pass(&self, arrow: Arrow) -> Result<(), Killed> {
        if self.arrow.is_none_or(|wanted| wanted == arrow) && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::process::abort();
        }
        Ok(())
    }
}

/// What the environment asks for: nothing, outside the crash test.
pub(crate) fn faults() -> Result<Arc<dyn Faults>> {
    let Some(text) = environment::abort_at() else {
        return Ok(Arc::new(NoFaults));
    };
    let wrong = || {
        let what = format!("SPOTLIGHT_TEST_ABORT_AT is `{text}`, which is not ARROW:NUMBER");
        failure(Exit::Environment, what, "unset it; it is for the crash test")
    };
    let (word, number) = text.split_once(':').ok_or_else(wrong)?;
    let number = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
    if STEPS.contains(&word) {
        return Ok(Arc::new(NoFaults));
    }
    let named =
        Arrow::ALL.into_iter().find(|arrow| arrow.to_string().split_once(' ').is_some_and(|(_, it)| it == word));
    if named.is_none() && word != "any" {
        return Err(wrong());
    }
    Ok(Arc::new(AbortAt { arrow: named, left: AtomicU64::new(number) }))
}
