//! The codes that this crate raises, and what `spotlight explain` says of each.

use batch::{Code, Explanation};

pub(crate) const TABLE_DIFFERS: Code = Code("E5201");
pub(crate) const LOGIN_REFUSED: Code = Code("E5202");
pub(crate) const NO_MEMORY_OF_TOKENS: Code = Code("E5203");
pub(crate) const DATA_REFUSED: Code = Code("E5204");
pub(crate) const SERVER_ERROR: Code = Code("E5205");
pub(crate) const UNREACHABLE: Code = Code("E5206");
pub(crate) const NO_LIBRARY: Code = Code("E5207");
pub(crate) const BROKEN_PIECE: Code = Code("E5208");
pub(crate) const ASYNC_INSERT_FORCED: Code = Code("E5209");
pub(crate) const NO_START: Code = Code("E5210");
pub(crate) const WRONG_ADDRESS: Code = Code("E5211");
pub(crate) const SEVERAL_SERVERS: Code = Code("E5212");

/// What `spotlight explain` says of this crate's codes.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: TABLE_DIFFERS,
        title: "the table differs from the plan",
        why: "A column, its type, the engine, the sorting key or the partition key of the table is not what the \
              topology and the table's file say, or the table went away. Rows that do not fit would be lost or changed \
              in silence, so the flow is on hold. Its input stays where it is.",
        remedy: "Run the statement that the message names, or change the table's file. A sorting key and an engine \
                 cannot be altered: `spotlight rebuild TOPOLOGY/FLOW` makes the table anew from what is stored and \
                 exchanges the two. Where that is refused (a log on Kafka, a table of several flows), make a new table, \
                 copy the rows into it and exchange the two by hand, as in `EXCHANGE TABLES db.old AND db.new`.",
    },
    Explanation {
        code: LOGIN_REFUSED,
        title: "ClickHouse refused the login, or the user lacks a right",
        why: "The user, the password or the rights of the connection are wrong. Nothing was written.",
        remedy: "Correct SPOTLIGHT_CLICKHOUSE_USER and SPOTLIGHT_CLICKHOUSE_PASSWORD, or run the GRANT that the message asks for. \
                 A landing needs SELECT, INSERT, CREATE, ALTER and KILL QUERY on its database, and SELECT on `system`.",
    },
    Explanation {
        code: NO_MEMORY_OF_TOKENS,
        title: "the table does not remember which inserts it has seen",
        why: "The deduplication window of the table is 0. ClickHouse then takes a token and ignores it without a \
              warning, and an insert that is sent again after a lost connection lands twice.",
        remedy: "ALTER TABLE db.table MODIFY SETTING non_replicated_deduplication_window = 10000. For a replicated \
                 table the setting is replicated_deduplication_window. Where repeats do no harm, the landing can say \
                 `delivery: at-least-once`.",
    },
    Explanation {
        code: DATA_REFUSED,
        title: "ClickHouse refused rows that had passed the check",
        why: "Every value was checked against the table's columns before the insert, and the server still refused the \
              data: a constraint, a view below the table, or a fault in the check. No row is dropped; the flow is on hold.",
        remedy: "Read the server's message. Drop or correct the constraint or the view, then `spotlight release TOPOLOGY/FLOW`. \
                 If there is neither, it is a bug: report it with the message.",
    },
    Explanation {
        code: SERVER_ERROR,
        title: "ClickHouse answered with an error that is not known to be harmless",
        why: "The error is none of those that pass by themselves. Trying again without end would only hide it, so the \
              flow is on hold. Nothing is skipped.",
        remedy: "Look the code up in the server's documentation, mend the cause, then `spotlight release TOPOLOGY/FLOW`.",
    },
    Explanation {
        code: UNREACHABLE,
        title: "ClickHouse cannot be reached",
        why: "No connection could be made, it was lost, or the answer took too long. Landings wait and go on by \
              themselves; the lag shows it.",
        remedy: "Check that the server runs and that the address is right: `curl ADDRESS/ping` answers `Ok.`.",
    },
    Explanation {
        code: NO_LIBRARY,
        title: "the embedded ClickHouse could not be fetched",
        why: "The library is fetched once with `npm pack` into the cache folder and checked by its sha256. npm is \
              missing, its registry does not have the package, the bytes differ, or the folder cannot be written. There \
              is a library for Linux on x86-64 with glibc only.",
        remedy: "Use a ClickHouse that runs: `--clickhouse http://HOST:8123`. Or put a `clickhouse` binary on PATH. \
                 Or install npm and try again.",
    },
    Explanation {
        code: BROKEN_PIECE,
        title: "a piece of rows breaks the landing's contract",
        why: "The engine handed over rows of another shape than the table's, more rows than one block may hold, or rows \
              of several partitions. Landing them could split the insert, so it was refused before anything was sent.",
        remedy: "This is a bug in Spotlight. Report it with the message; the rows stay in the log.",
    },
    Explanation {
        code: ASYNC_INSERT_FORCED,
        title: "the table turns inserts into asynchronous ones",
        why: "A table whose own setting async_insert is 1 overrules the insert that says 0. The server then gathers \
              rows of several inserts into blocks of its own, and a token no longer stands for its rows.",
        remedy: "ALTER TABLE db.table MODIFY SETTING async_insert = 0. Where repeats do no harm, the landing can say \
                 `delivery: at-least-once`.",
    },
    Explanation {
        code: NO_START,
        title: "the embedded ClickHouse did not start",
        why: "The child process ended, or did not answer in time. Most often another process uses the same data \
              folder, or the disk is full.",
        remedy: "Read what the server said in the message, its cause first. Stop the other process, or use another \
                 folder with `--data`, or an outside server with `--clickhouse http://HOST:8123`.",
    },
    Explanation {
        code: WRONG_ADDRESS,
        title: "the address of ClickHouse is wrong, or the certificates to trust there cannot be used",
        why: "The address is no URL with `http` or `https`, or it holds a user or a password. Or the file of `ca` cannot be \
              read, or holds no certificate (PEM) that can be used.",
        remedy: "Write it as `http://HOST:8123`; user and password have fields of their own. Name a file of certificates in \
                 PEM, the system's are trusted beside it.",
    },
    Explanation {
        code: SEVERAL_SERVERS,
        title: "several servers answer at one address",
        why: "New connections to the address reach different servers. Each remembers the tokens and runs the queries of \
              its own inserts only, so an insert that is sent again may land on another server a second time, and a \
              question may be answered by a server that does not hold the rows.",
        remedy: "Give the address of one server. Where repeats do no harm, the landing can say \
                 `delivery: at-least-once`.",
    },
];

/// The remedy of a code.
pub(crate) fn explained(code: Code) -> String {
    let found = EXPLANATIONS.iter().find(|explanation| explanation.code == code);
    found.map_or_else(String::new, |explanation| explanation.remedy.to_owned())
}

#[cfg(test)]
mod tests {
    use super::EXPLANATIONS;

    #[test]
    fn codes_are_in_order_and_explained() {
        for pair in EXPLANATIONS.windows(2) {
            assert!(pair[0].code < pair[1].code, "{} before {}", pair[0].code, pair[1].code);
        }
        for explanation in EXPLANATIONS {
            assert!(explanation.code.0.starts_with("E52"));
            assert!(!explanation.why.is_empty() && !explanation.remedy.is_empty());
        }
    }
}
