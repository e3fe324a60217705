//! What `spotlight explain` says about the codes of this crate. A catalogue: one entry, one shape.

use batch::{Code, Explanation};

/// A setting of the client that may not be set.
pub(crate) const CLIENT_SETTING: Code = Code("E5501");
/// A name that Kafka would not take.
pub(crate) const NAME: Code = Code("E5502");
/// A number that cannot work.
pub(crate) const NUMBER: Code = Code("E5503");

/// The codes that this crate raises.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: CLIENT_SETTING,
        title: "a setting of the Kafka client may not be set",
        why: "Most settings of the client decide whether records are lost or written twice, or contradict each other. So \
              only those that cannot do harm may be set; the message says why this one is not among them.",
        remedy: "Take the setting out, or use the one that the message names instead.",
    },
    Explanation {
        code: NAME,
        title: "a name for Kafka cannot be used",
        why: "The name of the instance and the namespace become part of names in Kafka, which take letters, digits, `.`, `_` \
              and `-` only, and have a greatest length. Without an address nothing can be reached.",
        remedy: "Give another name, as the message says.",
    },
    Explanation {
        code: NUMBER,
        title: "a number for Kafka cannot work",
        why: "The times and sizes hang together: a transaction must last longer than a try to send a record, the watchdog \
              must be slower than the calls that it watches, and a record must fit into one request.",
        remedy: "Give a number between the bounds that the message names.",
    },
];
