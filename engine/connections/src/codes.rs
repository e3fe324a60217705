//! What `spotlight explain` says about the codes of this crate, `E60xx`. A catalogue: one entry, one shape.
//!
//! What is no YAML, and keys that are unknown or missing, have the codes of topology files, whose reader finds them.

use batch::{Code, Explanation};
use topology::Diagnostic;
use topology::declared::Node;

/// A password as text.
pub(crate) const PLAIN: Code = Code("E6001");
/// A user and a password in an address.
pub(crate) const LOGIN_IN_ADDRESS: Code = Code("E6002");
/// An address that cannot be one.
pub(crate) const ADDRESS: Code = Code("E6003");
/// A setting of the Kafka client that may not be set.
pub(crate) const CLIENT_SETTING: Code = Code("E6004");
/// The name of a secret that leads out of the folder.
pub(crate) const SECRET_NAME: Code = Code("E6005");
/// A secret that is not there.
pub(crate) const NO_SECRET: Code = Code("E6006");
/// A password that anybody on the way can read.
pub(crate) const IN_THE_CLEAR: Code = Code("E6007");
/// Two fields that contradict each other.
pub(crate) const CONTRADICTION: Code = Code("E6008");

/// The codes that this crate raises.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: PLAIN,
        title: "a secret as plain text",
        why: "Files of connections are kept with the code, shown in reviews and copied. Whoever reads one would have the \
              secret.",
        remedy: "Write `{ secret: NAME }` for a file below the folder of secrets, or `{ env: NAME }` for a variable of the \
                 environment. Change the secret: it has stood in a file.",
    },
    Explanation {
        code: LOGIN_IN_ADDRESS,
        title: "an address with a user or a password in it",
        why: "Addresses are shown in messages, lists and logs, and the password with them.",
        remedy: "Leave out what stands before the `@`, and write `login: { user: ..., password: { secret: ... } }`.",
    },
    Explanation {
        code: ADDRESS,
        title: "an address that is none",
        why: "Nothing can be reached at it, and it would be noticed only when a run starts.",
        remedy: "Servers of Kafka are written `host:port`, one an entry; all others `https://host:port` or `http://host:port`.",
    },
    Explanation {
        code: CLIENT_SETTING,
        title: "a setting of the Kafka client that may not be set",
        why: "Most settings of the client decide whether records are lost or written twice, or contradict each other. So \
              only those that cannot do harm may be set; the finding says why this one is not among them.",
        remedy: "Take the setting out, or use the field that the finding names instead.",
    },
    Explanation {
        code: SECRET_NAME,
        title: "the name of a secret that is none",
        why: "A secret is a file below the folder of secrets. A name that leads out of it could show any file of the machine.",
        remedy: "Name the file by its path below the folder, as in `kafka/password`.",
    },
    Explanation {
        code: NO_SECRET,
        title: "a secret that is not there",
        why: "Without it the service would refuse the login, or let in somebody else.",
        remedy: "Put the secret where the file says it is, or say where it is: the folder with `secrets:` or `--secrets DIR`.",
    },
    Explanation {
        code: IN_THE_CLEAR,
        title: "a password that travels in the clear",
        why: "Everybody between here and the server can read it.",
        remedy: "Write `https://`, or for Kafka add `tls:`. Where the network itself is safe, this may stay.",
    },
    Explanation {
        code: CONTRADICTION,
        title: "two fields that contradict each other",
        why: "One of them would silently do nothing.",
        remedy: "Keep the one that is meant.",
    },
];

/// A finding with the reason that is explained for its code.
pub(crate) fn finding(code: Code, node: &Node, what: impl Into<String>, remedy: impl Into<String>) -> Diagnostic {
    let why = EXPLANATIONS.iter().find(|explanation| explanation.code == code).map(|explanation| explanation.why);
    let finding = Diagnostic::new(code, node, what).remedy(remedy);
    match why {
        Some(why) => finding.because(why),
        None => finding,
    }
}
