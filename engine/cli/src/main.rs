//! The `spotlight` program: wiring only. This file reads the command line and turns the outcome into an exit status.

mod abort;
mod access;
mod arguments;
mod commands;
mod control;
mod data;
mod demonstration;
mod environment;
mod examples;
mod exit;
mod live;
mod nowhere;
mod reconcile;
mod replay;
mod rows;
mod show;
mod signals;
mod stores;
mod tap;
mod unread;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::exit::Exit;

/// Batches come and go by the megabyte on several threads. The system's allocator would give each back to the kernel and
/// ask for it again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no error; all else is a wrong command line.
            let status = if error.use_stderr() { Exit::Usage } else { Exit::Fine };
            let _printed = error.print();
            return status.into();
        }
    };
    environment::start_logging(&arguments);
    match commands::run(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let exit = exit::status_of(&failure);
            show::failure(&failure, exit);
            exit.into()
        }
    }
}
