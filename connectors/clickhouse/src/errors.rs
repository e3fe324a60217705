//! What can go wrong between here and ClickHouse, and what each error means for an insert and for a question.
//!
//! | class | codes of the server | an insert |
//! |---|---|---|
//! | passes by itself | 202, 203, 209, 241, 242, 243, 252, 285 | did not happen; try again |
//! | cut short | 159, 210, 236, 319, 394, 425, 999 | may have happened; ask |
//! | table moved | 10, 16, 33, 60, 81, 131 | a person must act (E5201) |
//! | login | 164, 192, 193, 194, 497, 516 | a person must act (E5202) |
//! | data | 6, 27, 38, 41, 50, 53, 69, 70, 117, 321, 349, 407, 469 | a person must act (E5204) |
//! | any other | | a person must act (E5205) |
//!
//! A lost connection or a time-out leaves an insert unknown; only a connection that was never made is sure.

use std::error::Error;
use std::io;

use arrow::error::ArrowError;
use batch::{Code, bounded};
use connect::LandingError;

use crate::codes::{self, explained};

/// Why ClickHouse could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ClickHouseError {
    /// The address cannot be used. It is not shown, for it may hold a password.
    #[error("the address of ClickHouse is wrong: {0}")]
    Address(&'static str),
    /// The certificates of those who are trusted cannot be used.
    #[error("the certificates of {whose} cannot be used: {why}")]
    Authorities {
        /// The file, or the system.
        whose: String,
        /// What is wrong with them.
        why: String,
    },
    /// The client itself could not start.
    #[error("cannot start the ClickHouse client")]
    Start(#[source] io::Error),
    /// No connection was made, so nothing was sent.
    #[error("no connection to ClickHouse at {address}")]
    Unreachable {
        /// The server's address.
        address: String,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The connection was lost after something may have been sent.
    #[error("the connection to ClickHouse at {address} was lost")]
    Lost {
        /// The server's address.
        address: String,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer did not come in time.
    #[error("ClickHouse at {address} did not answer in time")]
    TimedOut {
        /// The server's address.
        address: String,
    },
    /// The server refused.
    #[error("ClickHouse refused with code {code}: {message}")]
    Server {
        /// The server's own error code.
        code: u32,
        /// The server's message, bounded.
        message: String,
    },
    /// The answer did not come from a ClickHouse, or could not be read.
    #[error("cannot read the answer of {address}: {message}")]
    Answer {
        /// The server's address.
        address: String,
        /// The beginning of the answer.
        message: String,
    },
    /// The rows could not be written as Arrow.
    #[error("cannot write rows as an Arrow stream")]
    Encode(#[source] ArrowError),
    /// The caller's writer failed.
    #[error("cannot write the answer")]
    Output(#[source] io::Error),
}

impl ClickHouseError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Address(_) | Self::Authorities { .. } => codes::WRONG_ADDRESS,
            Self::Unreachable { .. } | Self::Lost { .. } | Self::TimedOut { .. } => codes::UNREACHABLE,
            Self::Server { code, message } => class(*code, message).code(),
            Self::Encode(_) => codes::BROKEN_PIECE,
            Self::Start(_) | Self::Answer { .. } | Self::Output(_) => codes::SERVER_ERROR,
        }
    }

    /// What it means for an insert.
    pub(crate) fn of_insert(self) -> LandingError {
        let what = chain(&self);
        match &self {
            Self::Unreachable { .. } | Self::Start(_) => LandingError::Transient { what },
            Self::Lost { .. } | Self::TimedOut { .. } | Self::Answer { .. } | Self::Output(_) => {
                LandingError::Unknown { what }
            }
            Self::Server { code, message } => match class(*code, message) {
                Class::Passing => LandingError::Transient { what },
                Class::CutShort => LandingError::Unknown { what },
                class => LandingError::Operator { code: class.code(), what, remedy: class.remedy() },
            },
            Self::Address(_) | Self::Authorities { .. } | Self::Encode(_) => operator(self.code(), what),
        }
    }

    /// True if the same question may be answered later: the server is away, or has too much to do.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Server { code, message } => matches!(class(*code, message), Class::Passing | Class::CutShort),
            Self::Address(_) | Self::Authorities { .. } | Self::Encode(_) => false,
            _ => true,
        }
    }

    /// What it means for a question or a statement that can be asked again.
    pub(crate) fn of_question(self) -> LandingError {
        let what = chain(&self);
        match &self {
            Self::Server { code, message } => match class(*code, message) {
                Class::Passing | Class::CutShort => LandingError::Transient { what },
                class => LandingError::Operator { code: class.code(), what, remedy: class.remedy() },
            },
            Self::Address(_) | Self::Authorities { .. } | Self::Encode(_) => operator(self.code(), what),
            _ => LandingError::Transient { what },
        }
    }

    /// True if the table itself may have changed, so that what we know of it is stale.
    pub(crate) fn doubts_the_table(&self) -> bool {
        match self {
            Self::Server { code, message } => class(*code, message) == Class::TableMoved,
            _ => true,
        }
    }

    /// Sorts an error of the client crate.
    pub(crate) fn from_client(error: clickhouse::error::Error, address: &str) -> Self {
        use clickhouse::error::Error as Client;
        let address = address.to_owned();
        match error {
            Client::BadResponse(text) => match server_code(&text) {
                Some(code) => Self::Server { code, message: bounded(text.trim()) },
                None => Self::Answer { address, message: bounded(text.trim()) },
            },
            Client::TimedOut => Self::TimedOut { address },
            Client::Network(source) => {
                let never_connected = source
                    .downcast_ref::<hyper_util::client::legacy::Error>()
                    .is_some_and(hyper_util::client::legacy::Error::is_connect);
                if never_connected { Self::Unreachable { address, source } } else { Self::Lost { address, source } }
            }
            other => Self::Answer { address, message: bounded(&other.to_string()) },
        }
    }
}

/// What a code of the server means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Passing,
    CutShort,
    TableMoved,
    Login,
    Data,
    BrokenPiece,
    Other,
}

impl Class {
    fn code(self) -> Code {
        match self {
            Self::TableMoved => codes::TABLE_DIFFERS,
            Self::Login => codes::LOGIN_REFUSED,
            Self::Data => codes::DATA_REFUSED,
            Self::BrokenPiece => codes::BROKEN_PIECE,
            Self::Passing | Self::CutShort | Self::Other => codes::SERVER_ERROR,
        }
    }

    fn remedy(self) -> String {
        explained(self.code())
    }
}

fn class(code: u32, message: &str) -> Class {
    match code {
        // One code for two things: parts that pile up, which passes, and a block of several partitions, which does not.
        252 if message.contains("partitions for single INSERT block") => Class::BrokenPiece,
        202 | 203 | 209 | 241 | 242 | 243 | 252 | 285 => Class::Passing,
        159 | 210 | 236 | 319 | 394 | 425 | 999 => Class::CutShort,
        10 | 16 | 33 | 60 | 81 | 131 => Class::TableMoved,
        164 | 192 | 193 | 194 | 497 | 516 => Class::Login,
        6 | 27 | 38 | 41 | 50 | 53 | 69 | 70 | 117 | 321 | 349 | 407 | 469 => Class::Data,
        _ => Class::Other,
    }
}

/// An error that a person must settle, with the remedy of its code.
pub(crate) fn operator(code: Code, what: String) -> LandingError {
    LandingError::Operator { code, what, remedy: explained(code) }
}

/// The number in `Code: 60. DB::Exception: …`, wherever it stands: a proxy or a format may put bytes before it.
fn server_code(text: &str) -> Option<u32> {
    let after = text.split_once("Code: ")?.1;
    let end = after.find(|character: char| !character.is_ascii_digit()).unwrap_or(after.len());
    after.get(..end)?.parse().ok()
}

/// The error and its causes in one bounded line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    bounded(&text)
}

#[cfg(test)]
mod tests {
    use batch::Code;
    use connect::LandingError;

    use super::{Class, ClickHouseError, class, server_code};

    #[test]
    fn codes_fall_into_classes() {
        let cases = [
            (241, "memory", Class::Passing),
            (252, "Too many parts (300)", Class::Passing),
            (252, "Too many partitions for single INSERT block (more than 1)", Class::BrokenPiece),
            (319, "unknown status of insert", Class::CutShort),
            (60, "no table", Class::TableMoved),
            (516, "password", Class::Login),
            (349, "null", Class::Data),
            (4242, "new", Class::Other),
        ];
        for (code, message, expected) in cases {
            assert_eq!(class(code, message), expected, "{code} {message}");
        }
    }

    #[test]
    fn the_code_is_found_in_the_text() {
        assert_eq!(server_code("Code: 60. DB::Exception: no table"), Some(60));
        assert_eq!(server_code("x\r\nCode: 516"), Some(516));
        assert_eq!(server_code("502 Bad Gateway"), None);
        assert_eq!(server_code("Code: 99999999999. huge"), None);
    }

    #[test]
    fn what_is_not_known_is_never_said_to_have_failed() {
        let lost = || ClickHouseError::TimedOut { address: "http://localhost:1".into() };
        assert!(matches!(lost().of_insert(), LandingError::Unknown { .. }));
        assert!(matches!(lost().of_question(), LandingError::Transient { .. }));
        let new = ClickHouseError::Server { code: 4242, message: "new".into() };
        assert!(matches!(new.of_insert(), LandingError::Operator { code: Code("E5205"), .. }));
    }
}
