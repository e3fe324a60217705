//! The codes that asking a publisher can end in, and what they mean.

use batch::{Code, Explanation};

/// The publisher wants to know whom to reach, and nobody was named.
pub const CONTACT_MISSING: Code = Code("E5401");
/// The publisher refuses the request.
pub const REFUSED: Code = Code("E5402");
/// A setting of the source cannot work.
pub const BAD_SETTING: Code = Code("E5403");
/// A body is larger than the topology allows.
pub const TOO_LARGE: Code = Code("E5404");
/// A redirect leads in a circle, too far, or to an insecure address.
pub const BAD_REDIRECT: Code = Code("E5405");
/// No link of a page looks like a document.
pub const NO_LINKS: Code = Code("E5406");
/// The publisher answers with a status that means nothing here.
pub const UNEXPECTED_STATUS: Code = Code("E5407");

/// What `spotlight explain` says about each code of this crate.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: CONTACT_MISSING,
        title: "the publisher wants a contact address and none is given",
        why: "The topology says `contact: required`, because this publisher refuses clients that do not name somebody \
              to reach. Nothing was asked.",
        remedy: "Say whom it may write to when the run starts: `spotlight run FILE --contact you@example.org`. The address goes into the client's name and nowhere else.",
    },
    Explanation {
        code: REFUSED,
        title: "the publisher refuses the request",
        why: "It answered with 401, 403 or another status from 400 to 499 that the topology does not count as \
              `absent`. Asking again will not help. The other documents of the round were still taken.",
        remedy: "Open the address in a browser. If the publisher answers so for what it does not have, add the status \
                 to `absent: { status: [...] }`. If it refuses unnamed clients, give a contact.",
    },
    Explanation {
        code: BAD_SETTING,
        title: "a setting of an HTTP source cannot work",
        why: "The address has a placeholder that the calendar cannot fill, the zone is unknown, the rate is not a \
              positive number, or an address is none.",
        remedy: "Correct the setting that the message names.",
    },
    Explanation {
        code: TOO_LARGE,
        title: "a document is larger than the limit of its source",
        why: "Its size, announced or counted while reading, exceeds `limits: { body: ... }`. Nothing of it was kept. \
              The limit protects the disk from a publisher's mistake.",
        remedy: "If the document is right, raise `limits: { body: ... }`.",
    },
    Explanation {
        code: BAD_REDIRECT,
        title: "a redirect cannot be followed",
        why: "It leads in a circle, over more than five stations, or from https to http, where anybody on the way could \
              change the data.",
        remedy: "Open the address in a browser, and write the address where the document now lives.",
    },
    Explanation {
        code: NO_LINKS,
        title: "no link of the page looks like a document",
        why: "The page was fetched, but none of its links matches `matching:`. Publishers redesign their pages; going \
              on would look like a publisher that publishes nothing.",
        remedy: "Open the page, look at the links of its documents, and correct `page:` or `matching:`.",
    },
    Explanation {
        code: UNEXPECTED_STATUS,
        title: "the publisher answers with a status that means nothing here",
        why: "It is neither a success with a body, nor one that counts as absent, nor an error that is known to pass.",
        remedy: "Open the address in a browser. If the status means that there is no document, add it to \
                 `absent: { status: [...] }`.",
    },
];
