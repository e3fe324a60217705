//! The `spotlight` program: wiring only. This file reads the command line and turns the outcome into an exit status.

mod abort;
mod access;
mod arguments;
mod before;
mod buckets;
mod commands;
mod control;
mod data;
mod declared;
mod demonstration;
mod displaced;
mod earlier;
mod edited;
mod environment;
mod examples;
mod exit;
mod flow_names;
mod graph;
mod held;
mod keys;
mod letters;
mod live;
mod logging;
mod nomad;
mod nowhere;
mod old_rows;
mod rebuild;
mod reconcile;
mod refused;
mod refused_documents;
mod registry;
mod replay;
mod rows;
mod services;
mod show;
mod signals;
mod stores;
mod table;
mod tap;
mod temporary;
mod traces;
mod turn;
mod unread;
mod version;
mod watch;
mod wiring;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::arguments::Arguments;
use crate::exit::Exit;

/// Batches come and go by the megabyte on several threads. The system's allocator would give each back to the kernel and
/// ask for it again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Milliseconds for which the allocator keeps memory that nobody uses. Its own choice of ten gives the buffers of one
/// batch back to the kernel before the next one asks for them, and clearing them again took a fifth of the time.
const KEEP_MEMORY: i64 = 1000;

/// Tells the allocator, unless `MIMALLOC_PURGE_DELAY` says otherwise.
fn keep_memory() {
    /// Of `mi_option_e` in version 3 of `mimalloc.h`; the binding names stable options only.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: it sets a number, and no other thread runs yet.
    #[expect(unsafe_code, reason = "the allocator has no safe binding for its options")]
    unsafe {
        libmimalloc_sys::mi_option_set_default(PURGE_DELAY, KEEP_MEMORY);
    }
}

/// Takes what the system would give: as many files as the hard limit has, as a database needs them, and an error instead of
/// an end without a word where a file may not grow.
fn take_limits() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let files = getrlimit(Resource::Nofile);
    // Where it may not be raised it stays, and what fails for it says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
    // A signal that is caught lets the write fail.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

fn main() -> ExitCode {
    keep_memory();
    take_limits();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no error; all else is a wrong command line.
            let status = if error.use_stderr() { Exit::Usage } else { Exit::Fine };
            let _printed = error.print();
            return status.into();
        }
    };
    // Spans that were not sent yet are, when this goes.
    let _traces = logging::start(&arguments);
    let is_nowhere = environment::is_nowhere();
    match commands::run(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let failure = if is_nowhere { exit::without_a_folder(failure) } else { failure };
            let exit = exit::status_of(&failure);
            show::failure(&failure, exit);
            exit.into()
        }
    }
}
