//! A real ClickHouse as a child process of our own binary, for people who have none.
//!
//! `library.rs` gets the library, `server.rs` starts the child and keeps it alive, `configuration.rs` writes its files,
//! `child.rs` is what runs in the child. The rest of this crate sees an ordinary address.
//!
//! ```text
//!  parent ── spawns ──► child: dlopen(libchdb.so), chdb_query_cmdline("clickhouse", …)
//!    │                     1. start.sql: SYSTEM START LISTEN HTTP     (127.0.0.1, the port that the parent chose)
//!    └── pipe ──► stdin ── 2. /dev/stdin: waits for its end, which comes when the parent closes it or dies
//! ```
//!
//! Under the folder: `server/` (ClickHouse's own), `password`, `users.xml`, `config.xml`, `start.sql`, `output.txt`. The
//! password is made once and readable by its owner only. The child's own session is the user `default`; that user needs
//! no password and may do nothing but start to listen.

mod child;
mod configuration;
mod library;
mod pause;
mod server;

pub use child::{SERVE_USAGE, ServeError, serve};
pub use library::{Fetch, FetchError};
pub use server::{EmbeddedError, EmbeddedServer, EmbeddedSettings, Program};
