//! What was typed behind `dlq`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Show;
use crate::examples;

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// Dead letters that are open, or wait to be replayed, grouped by flow, state, code, step and field.
    #[command(after_help = examples::DLQ_LS)]
    Ls {
        /// Each of them with its id, without groups.
        #[arg(long)]
        all: bool,
        /// Only those of TOPOLOGY/FLOW, or of a topology.
        #[arg(long, value_name = "FLOW")]
        flow: Option<String>,
        /// Only dead letters with this code.
        #[arg(long)]
        code: Option<String>,
        #[command(flatten)]
        show: Show,
    },
    /// One dead letter, whole.
    #[command(after_help = examples::DLQ_SHOW)]
    Show {
        /// Its id, as `ls --all` prints it, or any beginning or end of it that no other has.
        id: String,
        #[command(flatten)]
        show: Show,
    },
    /// Send dead letters back to the flow that failed.
    #[command(after_help = examples::DLQ_REPLAY)]
    Replay(Replay),
    /// Close dead letters that are not wanted any more, or a refused document that nobody will mend.
    #[command(after_help = examples::DLQ_GIVE_UP)]
    GiveUp(GiveUp),
}

#[derive(Debug, Args)]
pub(crate) struct GiveUp {
    /// TOPOLOGY/FLOW, or a topology (all its flows).
    #[arg(value_name = "FLOW")]
    pub(crate) flow: Option<String>,
    /// Only dead letters with this code.
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Only these, by their ids or any unique beginnings or ends of them.
    #[arg(long = "id", value_name = "ID", num_args = 1.., conflicts_with = "flow")]
    pub(crate) ids: Vec<String>,
    /// Not dead letters but this refused document, by the name of its file or its key; repeat for more.
    #[arg(long = "document", value_name = "NAME", requires = "flow", conflicts_with_all = ["code", "ids"])]
    pub(crate) documents: Vec<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Topology files as they are now.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Only dead letters with this code.
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Only this one, by its id or any unique beginning or end of it; repeat for more.
    #[arg(long = "id", value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Say how many would pass now, and change nothing.
    #[arg(long)]
    pub(crate) dry: bool,
    #[command(flatten)]
    pub(crate) show: Show,
}
