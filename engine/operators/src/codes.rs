//! The codes that steps raise, and what `spotlight explain` says about them.
//!
//! A null or a number that a column cannot hold has the expressions' code, because to the reader it is one mistake,
//! whether the last `select` or the table finds it.

use batch::{Code, Explanation};

pub(crate) use expression::{NULL_VALUE, TOO_LARGE};

/// A date or time is outside what the column can hold.
pub(crate) const OUT_OF_RANGE: Code = Code("E4401");
/// A row has no key.
pub(crate) const NULL_KEY: Code = Code("E4402");
/// A row is too old for dedupe.
pub(crate) const LATE: Code = Code("E4403");
/// Two rows of one key in a document differ.
pub const KEY_TWICE: Code = Code("E4404");
/// A record has no value.
pub(crate) const TOMBSTONE: Code = Code("E4405");
/// A record's key is not of its type.
pub(crate) const KEY_MISFIT: Code = Code("E4406");
/// Too many bad rows in a document.
pub const TOO_MANY_BAD_ROWS: Code = Code("E4411");
/// No member of the archive is one of those that the topology reads.
pub(crate) const NO_MEMBER: Code = Code("E4412");
/// An HTML page where data should be.
pub(crate) const HTML_PAGE: Code = Code("E4413");

/// A version without rows would take back those of the version before, and nothing says that this is meant.
pub const EMPTIED: Code = Code("E4414");

/// The codes of this crate.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: OUT_OF_RANGE,
        title: "a date or time is outside what the column can hold",
        why: "Tables hold dates from 1900-01-01 to 2299-12-31, and timestamps of nine digits to April 2262. Publishers \
              write 9999-12-31 for `open ended`, which is no date.",
        remedy: "Say what such a value means, as in `nullif(end_date, date '9999-12-31')`, and replay the dead letter.",
    },
    Explanation {
        code: NULL_KEY,
        title: "a row has no key",
        why: "A column of the key of a stateful step is null, so the row belongs to no key: two rows without one are \
              neither equal nor different.",
        remedy: "Leave such rows out with `where: column is not null`, or make a key, as in `coalesce(column, 'none')`.",
    },
    Explanation {
        code: LATE,
        title: "a row arrived too long ago for dedupe",
        why: "The row's arrival is further back than the time that keys are remembered, as happens when an old dead \
              letter is replayed. Its repeats may be forgotten, so it cannot be told from a repeat.",
        remedy: "Name an output for such rows (`late`), or remember keys for longer.",
    },
    Explanation {
        code: KEY_TWICE,
        title: "two rows of one key in a document differ",
        why: "A document owns its rows, and each key stands once in it. Several rows have the same key and other \
              values, and no rule says which of them holds, so all of them are dead letters. Rows that are equal in \
              all columns are dropped instead, but for the first, under the reason `same key twice`. A row that failed \
              for another reason may come back to find that a row of its key has landed: then it is a dead letter \
              again, and the landed one stays.",
        remedy: "Add the column that tells the rows apart to the table's key and replay the dead letters, or ask the \
                 publisher. Of a row that is wrong give the dead letter up; where the one that landed is the wrong one, \
                 drop it by a `where` and rebuild the flow.",
    },
    Explanation {
        code: TOMBSTONE,
        title: "a record without a value",
        why: "Kafka calls it a tombstone: in a compacted topic it says that its key is deleted. What that means for rows is \
              a choice, and the topology does not make it.",
        remedy: "Say it in `decode`: `tombstones: drop` leaves them out and counts them, `tombstones: keep` makes rows of \
                 them, with null in all columns, which `record.tombstone` and `record.key` tell apart. Then replay the \
                 dead letters.",
    },
    Explanation {
        code: KEY_MISFIT,
        title: "a record's key is not of its type",
        why: "`decode` says what keys are. As `text` they are UTF-8; as `integer` and `bigint` the 4 and 8 bytes, the \
              highest first, that Kafka's serializers for Integer and Long write. With fields they are JSON objects or Avro, as values are. This \
              record's key is something else.",
        remedy: "Correct `key` in `decode` and replay the dead letter. `binary` takes every key as it is.",
    },
    Explanation {
        code: TOO_MANY_BAD_ROWS,
        title: "too many bad rows in a document",
        why: "More rows failed than the flow allows (10 % unless it says otherwise). A document of bad rows is a change \
              of format, not bad data, so none of it lands and none of it becomes dead letters.",
        remedy: "Look at the reasons in the receipt, mend the topology and run again: a new revision reads refused \
                 documents again. If the rows really are that bad, set `bad-rows-above` of the flow.",
    },
    Explanation {
        code: NO_MEMBER,
        title: "no member of the archive is one that the topology reads",
        why: "The archive was opened, and the names (or first lines) of its members match none of the patterns of \
              `unzip`. The publisher renamed them, or this is another archive.",
        remedy: "The message names the members. Widen the pattern under `unzip: { members: ... }`; the document is read \
                 again by the new revision.",
    },
    Explanation {
        code: HTML_PAGE,
        title: "an HTML page instead of data",
        why: "Publishers answer with a page (`not found`, `maintenance`, a login) and status 200 where a document should \
              be. That is no data, so the receipt says `absent`.",
        remedy: "Nothing, if the document is not published yet: it is fetched again. If it stays so, open the address \
                 in a browser and correct the source's `url` or `page`.",
    },
    Explanation {
        code: EMPTIED,
        title: "a version without rows would take back those of the version before",
        why: "A document owns its rows, so a version without any would take all of them out of the table. This one has a \
              header and nothing behind it: an upload that was cut looks the same. No trailer says that there are no rows, \
              and the topology does not say that such a document may be empty. So it is refused, and the rows of the \
              version before stay. A first version without rows takes nothing back, and is accepted.",
        remedy: "If it was cut, nothing: the whole document is a new version. If it is meant, say so in `delimited`, \
                 beside `layouts`: `outcome: [ { when: rows = 0, is: empty } ]`, and run again: a new revision reads refused documents \
                 again. Where such documents are rare, take the rule out afterwards: what was accepted stays so.",
    },
];

#[cfg(test)]
mod tests {
    use super::EXPLANATIONS;

    #[test]
    fn each_code_is_explained_once() {
        let mut codes: Vec<&str> = EXPLANATIONS.iter().map(|entry| entry.code.0).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), EXPLANATIONS.len());
    }
}
