//! The child process of this crate's own tests. In production the binary's hidden sub-command calls the same function.

fn main() -> Result<(), clickhouse_connector::ServeError> {
    clickhouse_connector::serve(std::env::args_os().skip(1).collect())
}
