//! What `spotlight explain` says about the codes of this crate. A catalogue: one entry, one shape.

use batch::{Code, Explanation};

/// The registry cannot be asked now.
pub(crate) const UNAVAILABLE: Code = Code("E5601");
/// An id that the registry does not know.
pub(crate) const UNKNOWN_ID: Code = Code("E5602");
/// A subject, a version, or a schema under a subject that the registry does not know.
pub(crate) const UNKNOWN_SUBJECT: Code = Code("E5603");
/// A schema that its subject does not take.
pub(crate) const INCOMPATIBLE: Code = Code("E5604");
/// A login that is refused.
pub(crate) const LOGIN: Code = Code("E5605");
/// A schema that is none.
pub(crate) const INVALID: Code = Code("E5606");
/// Settings or answers with which nothing can be done.
pub(crate) const UNUSABLE: Code = Code("E5607");

/// The codes that this crate raises.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: UNAVAILABLE,
        title: "the schema registry cannot be asked",
        why: "It does not answer, answers too late, or says that it cannot serve now. Schemas that are known go on being \
              used; records of other schemas wait.",
        remedy: "Start the registry, or wait. The records are read once it answers.",
    },
    Explanation {
        code: UNKNOWN_ID,
        title: "a schema id that the registry does not know",
        why: "A record names its schema by an id that was given by another registry, or by one whose storage is gone. \
              Without the schema its bytes mean nothing.",
        remedy: "Compare the registry's address with that of the writers. Register the schema there again, and replay.",
    },
    Explanation {
        code: UNKNOWN_SUBJECT,
        title: "a subject or schema that the registry does not know",
        why: "Nothing was registered under the subject, or not this version or this schema, and nothing may be \
              registered here.",
        remedy: "Register the schema, allow that it is registered, or mend the name of the subject.",
    },
    Explanation {
        code: INCOMPATIBLE,
        title: "a schema that its subject does not take",
        why: "Readers of the subject's other versions could not read what it writes, or the other way round, as the \
              subject's level of compatibility asks. The registry's reasons stand in the message.",
        remedy: "Give new fields a default, keep the types of old ones, or write under another subject.",
    },
    Explanation {
        code: LOGIN,
        title: "the schema registry refuses the login",
        why: "User or password are wrong or missing, or the user may not do this.",
        remedy: "Mend the login, or have the right given.",
    },
    Explanation {
        code: INVALID,
        title: "a schema that the registry cannot read",
        why: "It was sent to be registered or compared, and is no schema of its kind.",
        remedy: "Mend the schema; the registry's words stand in the message.",
    },
    Explanation {
        code: UNUSABLE,
        title: "the schema registry cannot be used",
        why: "Its address or certificates cannot be right, or what answers there speaks otherwise than a registry.",
        remedy: "Compare the address, with its path, and the certificates with those of the registry.",
    },
];
