//! Tasks, the landing protocol, commit, recovery, back-pressure and shutdown. The only room that spawns.
//!
//! A [`run`] has a crew for each flow, which has one thread for its source and one for each task (flow × partition of its
//! input) that this process owns in the flow's group. A task has one thread of control and one commit point: between batches. All that it learns between two commits may be lost with
//! it and is made again from the same input. [`landing`] argues why rows land once.
//!
//! Deliberately absent: any connector, disk engine or operator by name.

mod board;
mod changelogs;
mod codes;
mod completion;
mod dead_letter;
mod digest;
mod discovery;
mod displaced;
mod earlier;
mod end;
mod faults;
mod flow;
mod hold;
mod identity;
pub mod landing;
mod ledger;
mod letters;
mod metadata;
pub mod names;
mod pauses;
mod rebuilds;
mod retry;
mod scratch;
mod slots;
mod snapshots;
mod spans;
mod standing;
mod stop;
mod supervisor;
mod system;
mod task;
mod task_state;

pub use board::{Board, FlowState, Refusal, Twice};
pub use changelogs::ChangelogMark;
pub use codes::{ANOTHER_IDENTITY, ANOTHER_KEY, EXPLANATIONS, POSITION_GONE};
pub use dead_letter::{DeadLetter, DeadLetterRecord, Mark};
pub use discovery::{Absence, absences};
pub use displaced::Displaced;
pub use end::TaskEnd;
pub use faults::{Faults, Killed, NoFaults};
pub use flow::{
    Destination, DocumentInputParts, EarlierFlow, FlowBeside, FlowInput, FlowParts, MakeChain, MakeReader, RANGE_ROWS,
    Rebuilds, SourceParts, TableOutput, TopicOutput,
};
pub use hold::{Held, Hold, Holder, Holds};
pub use identity::{Identify, Misnamed, misnamed_of};
pub use ledger::{LedgerEntry, Receipt, Release, ledger, ledger_of, ledger_of_now, receipts, refused_documents};
pub use letters::{DeadLetters, OpenLetters, dead_letters};
pub use metadata::{OpenRange, Progress};
pub use pauses::{pause, paused_flows};
pub use rebuilds::{Lacking, Rebuild, Stage, Turn, has_read, lacking, landed_before, rebuilds, say_rebuild};
pub use retry::{
    Part, RetryAction, SentBack, Trial, TrialReader, TrialResult, give_up_documents, send_back, send_back_chosen,
    supersede, waiting_rows,
};
pub use scratch::ScratchFolder;
pub use snapshots::{SnapshotSettings, remove_snapshot};
pub use spans::TRACES;
pub use standing::{Standing, Standings};
pub use stop::StopSignal;
pub use supervisor::{OutsideTopic, RunEnd, RunParts, look_for_topics, make_topics, run};
pub use system::{CONTROL, DEAD_LETTERS, RECEIPTS, SystemTopics};
pub use task_state::{OpenSince, StoreState, TaskState};
