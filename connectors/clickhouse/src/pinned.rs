//! The settings that every insert carries, whatever the user's profile says, so that one insert is one block with one
//! token and no value is changed in silence.
//!
//! ClickHouse gathers incoming rows until either minimum is reached. Both minimums stand far above the largest piece,
//! so a block ends where the insert ends. An Arrow batch takes more room in the server than here (8-byte offsets, one
//! byte for each null), hence the wide margin in bytes.

/// Most rows of a piece. A larger one could be cut into two blocks by a server with other limits.
pub(crate) const MOST_ROWS: usize = 1_000_000;

/// Most bytes of a piece in memory, for the same reason.
pub(crate) const MOST_BYTES: usize = 200_000_000;

/// Settings that all servers know that we support.
pub(crate) const INSERT: &[(&str, &str)] = &[
    // The server would gather rows of several inserts into blocks of its own. On by default since 26.2.
    ("async_insert", "0"),
    ("insert_deduplicate", "1"),
    ("deduplicate_blocks_in_dependent_materialized_views", "1"),
    ("min_insert_block_size_rows", "4000000"),
    ("min_insert_block_size_bytes", "8589934592"),
    ("max_insert_block_size", "4000000"),
    // Either kind of parallelism numbers blocks in an order that a second try does not repeat.
    ("input_format_parallel_parsing", "0"),
    ("max_insert_threads", "1"),
    // A null for a plain column would become 0 or an empty text.
    ("input_format_null_as_default", "0"),
    ("input_format_skip_unknown_fields", "0"),
    ("input_format_arrow_allow_missing_columns", "0"),
    ("date_time_overflow_behavior", "throw"),
    // A piece belongs to one partition, else it could land in part.
    ("max_partitions_per_insert_block", "1"),
    ("throw_on_max_partitions_per_insert_block", "1"),
    // The answer's status is final: an error cannot follow a 200.
    ("wait_end_of_query", "1"),
];

/// Settings that only some servers know; sent where `system.settings` lists them, for an unknown one is refused.
pub(crate) const INSERT_WHERE_KNOWN: &[(&str, &str)] = &[
    // The one switch over all kinds of deduplication (26.5).
    ("deduplicate_insert", "enable"),
    // With strict limits a block ends at either maximum.
    ("use_strict_insert_block_limits", "0"),
];
