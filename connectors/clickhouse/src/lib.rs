//! ClickHouse: tables, inserts under the landing protocol, and the server embedded as a child process.
