//! Flows and their sources.

use super::{
    ABOUT, DURATION, Form, Key, Keys, NAME, Named, OUTPUT, SPAN, STEP, TO, TOPIC_NAME, Written, may, must, written,
};

pub(crate) static FLOW: Keys = Keys::new(
    "a flow",
    "One line of work: from a source, through steps, to a table or topic.",
    &[
        must("from", Form::Map(&FROM), "Where it begins: documents of a folder or publisher, or rows of a topic."),
        may("steps", Form::List(&Form::Map(&STEP)), "What happens to documents and rows, in order."),
        must("to", Form::Map(&TO), "Where rows go: one table or one topic."),
        may("outputs", Form::Named(&OUTPUTS), "Topics for rows that leave on the way."),
        may("was", Form::Written(&NAME), "The name that the flow had first, by which what it has done is found."),
        may(
            "bad-rows-above",
            Form::Written(&SHARE),
            "The share of bad rows above which a document is refused; 10 % by default.",
        ),
        may("about", Form::Text, ABOUT),
    ],
);
static OUTPUTS: Named = Named { names: NAME.pattern, of: Form::Map(&OUTPUT) };
pub(crate) static SHARE: Written = written("share", "a share such as `10%`", r"[0-9]+(\.[0-9]+)? *(%| percent)");

pub(crate) static FROM: Keys = Keys::new(
    "`from`",
    "Where a flow begins.",
    &[
        may("files", Form::Map(&FILES), "Documents of a folder."),
        may("http", Form::Map(&HTTP), "Documents of a publisher."),
        may("s3", Form::Map(&S3), "Documents of a bucket."),
        may(
            "topic",
            Form::Written(&TOPIC_NAME),
            "Rows of a topic that another flow fills or `schemas/topics/` declares, or records that others wrote.",
        ),
        may("key", Form::List(&Form::Text), "The topic's key, as where it is filled."),
        may("partitions", Form::Written(&PARTITIONS), "The topic's number of partitions; 4 by default."),
    ],
)
.one(&["files", "http", "s3", "topic"])
.elsewhere(&[(&["bucket", "buckets", "minio", "object-store"], "s3")]);
pub(crate) static PARTITIONS: Written =
    written("number of partitions", "a whole number from 1 to 1000", "[0-9]{1,4}").numbers(1, 1000);

const FILE_NAMES: Key = must(
    "file-names",
    Form::List(&Form::Pattern),
    "What documents are called. Named parts such as `{date:%Y%m%d}` identify a document; `*` does not.",
);

pub(crate) static FILES: Keys = Keys::new(
    "`files`",
    "Documents of a folder.",
    &[
        must(
            "path",
            Form::Text,
            "A folder, without its sub-folders, a glob or one file; a relative path starts at the folder that holds `schemas/`.",
        ),
        FILE_NAMES,
        may("every", Form::Written(&EVERY), "How often to look; 10s by default."),
        may("limits", Form::Map(&FILES_LIMITS), "Bounds of one document."),
    ],
);
pub(crate) static EVERY: Written = written("duration", "a duration from `1s`, such as `15m`", SPAN);

pub(crate) static FILES_LIMITS: Keys =
    Keys::new("`limits`", "Bounds of one document.", &[may("unpacked", Form::Written(&SIZE), UNPACKED)]);
const UNPACKED: &str = "All members of an archive together; 8GiB by default.";
pub(crate) static SIZE: Written =
    written("size", "a size above zero, such as `500MiB`", "0*[1-9][0-9]* *(B|kB|MB|GB|KiB|MiB|GiB|TiB)?")
        .numbers(1, i64::MAX);

pub(crate) static S3: Keys = Keys::new(
    "`s3`",
    "Documents of a bucket of S3 or of its like.",
    &[
        must("bucket", Form::Written(&BUCKET), "The bucket, by its name under `buckets` in the file of connections."),
        may(
            "prefix",
            Form::Written(&PREFIX),
            "The folder in it, such as `ftd/`, without its sub-folders; without `prefix` what lies in no folder.",
        ),
        FILE_NAMES,
        may("every", Form::Written(&EVERY), "How often to look; 5m by default."),
        may("limits", Form::Map(&FILES_LIMITS), "Bounds of one document."),
    ],
)
.elsewhere(&[(&["path", "folder", "key", "keys", "directory"], "prefix"), (&["name", "connection"], "bucket")]);
/// The name of an entry, never an address: where it is stands in the file of connections.
pub(crate) static BUCKET: Written =
    written("name of a bucket", "the name of an entry of `buckets` in the file of connections", NAME.pattern);
pub(crate) static PREFIX: Written =
    written("prefix", "a folder that ends with `/` and does not begin with one, such as `ftd/`", "[^/].*/");

pub(crate) static HTTP: Keys = Keys::new(
    "`http`",
    "Documents of a publisher.",
    &[
        must("discover", Form::Map(&DISCOVER), "How documents are found."),
        FILE_NAMES,
        may("old-file-names", Form::List(&Form::Pattern), "What documents were called before."),
        may("every", Form::Written(&EVERY), "How often to look; 15m by default."),
        may("limits", Form::Map(&HTTP_LIMITS), "Bounds of requests and documents."),
        may("absent", Form::Map(&ABSENT), "What says that a document is not there."),
        may("recheck", Form::Map(&RECHECK), "Ask again for documents that are there."),
        may("contact", Form::Choice(&CONTACT), "Whether the publisher wants to know who asks (`--contact`)."),
    ],
)
.elsewhere(&[(&["url", "urls", "address", "page", "links", "calendar"], "discover")]);
pub(crate) static CONTACT: [(&str, bool); 2] = [("required", true), ("optional", false)];

pub(crate) static HTTP_LIMITS: Keys = Keys::new(
    "`limits`",
    "Bounds of requests and documents.",
    &[
        may("rate", Form::Written(&RATE), "Requests; 1/s by default."),
        may("body", Form::Written(&SIZE), "One document; 500MiB by default."),
        may("unpacked", Form::Written(&SIZE), UNPACKED),
    ],
);
pub(crate) static RATE: Written = written(
    "rate",
    "a rate such as `5/s` or `1 per 4s`",
    "0*[1-9][0-9]* *(/ *(ms|s|m|h|d)| per +[0-9]+ *(ms|s|m|h|d))",
);

pub(crate) static ABSENT: Keys = Keys::new(
    "`absent`",
    "What says that a document is not there.",
    &[
        may(
            "status",
            Form::Either(&[Form::Written(&STATUS), Form::List(&Form::Written(&STATUS))]),
            "HTTP statuses; 404 by default.",
        ),
        may("give-up-after", Form::Written(&GIVE_UP_AFTER), "How long to ask for a document that is not there."),
    ],
);
pub(crate) static STATUS: Written =
    written("status", "an HTTP status such as 404", "[1-5][0-9][0-9]").numbers(100, 599);
pub(crate) static GIVE_UP_AFTER: Written =
    written("duration", "`4d` or `10 business-days`", "[0-9]+ *(ms|s|m|h|d| business-days)");

pub(crate) static RECHECK: Keys = Keys::new(
    "`recheck`",
    "Ask again whether a document was published anew.",
    &[
        must("for", Form::Written(&RECHECK_FOR), "How long after the first time."),
        may("when", Form::Choice(&RECHECK_WHEN), "What counts as new."),
    ],
);
pub(crate) static RECHECK_FOR: Written = written("duration", "a duration above zero, such as `3d`", SPAN);
pub(crate) static RECHECK_WHEN: [(&str, ()); 1] = [("content-changed", ())];

pub(crate) static DISCOVER: Keys = Keys::new(
    "`discover`",
    "How documents are found: one address a day, or the links of a page.",
    &[
        may("calendar", Form::Map(&CALENDAR), "One address a day, made from `url`."),
        may("url", Form::Pattern, "The address, with `{date:...}` and the template's parameters."),
        may("links", Form::Map(&LINKS), "The links of a page."),
    ],
)
.one(&["calendar", "links"])
.together(&[("calendar", "url")]);

pub(crate) static LINKS: Keys = Keys::new(
    "`links`",
    "The links of a page.",
    &[
        must("page", Form::Pattern, "The page's address."),
        must(
            "matching",
            Form::Pattern,
            "Which links are documents: the whole address or its last part. Its named parts are those of `document.NAME`.",
        ),
    ],
);

pub(crate) static CALENDAR: Keys = Keys::new(
    "`calendar`",
    "The days of which there are documents.",
    &[
        may("days", Form::Choice(&DAYS), "All days or working days; `all` by default."),
        must("from", Form::Written(&DAY), "The first day."),
        may("to", Form::Written(&LAST_DAY), "The last day; `yesterday` by default."),
        may("step", Form::Written(&DAY_STEP), "From one day to the next; 1d by default."),
        may("zone", Form::Written(&ZONE), "Where a day begins; UTC by default."),
    ],
);
pub(crate) static DAYS: [(&str, bool); 2] = [("all", false), ("weekdays", true)];
pub(crate) static DAY: Written = written("date", "a date such as 2012-12-31", "[0-9]{4}-[0-9]{2}-[0-9]{2}");
pub(crate) static LAST_DAY: Written =
    written("last day", "`today`, `yesterday` or `3 days ago`", "today|yesterday|[0-9]+ days ago");
pub(crate) static DAY_STEP: Written = written("step", "whole days such as `1d`", DURATION);
pub(crate) static ZONE: Written = written("zone", "a zone such as `America/New_York`", "[A-Za-z0-9_+/-]+");
