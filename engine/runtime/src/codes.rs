//! The codes that the runtime raises, and what `explain` says of them.

use batch::{Code, Explanation};

/// A topic was deleted and made again.
pub const TOPIC_CHANGED: Code = Code("E5101");
/// A committed position cannot be read.
pub const POSITION_UNREADABLE: Code = Code("E5102");
/// A topic gives too many bad records.
pub const TOO_MANY_BAD_RECORDS: Code = Code("E5103");
/// The raw store does not give a document's bytes.
pub const RAW_STORE: Code = Code("E5104");
/// The table is not as the plan wants it.
pub const TABLE_BEHIND: Code = Code("E5105");
/// A document record cannot be read.
pub const DOCUMENT_RECORD: Code = Code("E5106");
/// A replayed row is not where it was.
pub const ROW_MOVED: Code = Code("E5107");
/// A retry record cannot be read.
pub const RETRY_RECORD: Code = Code("E5108");
/// Rows landed that the topology as it is now does not make.
pub const LANDED_OTHERWISE: Code = Code("E5109");
/// A committed position is gone.
pub const POSITION_GONE: Code = Code("E5110");

/// A table is missing, though rows landed in it.
pub const TABLE_GONE: Code = Code("E5111");
/// A table holds rows of the same flow from a log that is gone.
pub const LANDED_BEFORE: Code = Code("E5112");

/// A table is empty, though rows landed in it.
pub const TABLE_EMPTY: Code = Code("E5113");

/// A temporary file failed.
pub const SCRATCH: Code = Code("E5114");

/// The log does not hold the records at a position.
pub const RECORDS_GONE: Code = Code("E5115");

/// The log holds the records at a position and they are damaged.
pub const RECORDS_DAMAGED: Code = Code("E5116");

/// A topic that others make is not as a flow reads it.
pub const NO_TOPIC: Code = Code("E5117");

/// What a step remembered is not whole.
pub const MEMORY_GONE: Code = Code("E5118");

/// Another topology brought the rows of a document to the same place.
pub const BROUGHT_BESIDE: Code = Code("E5119");

/// A document would have another identity than when its rows landed.
pub const ANOTHER_IDENTITY: Code = Code("E5120");
/// What is stored goes by another key than the topology of now.
pub const ANOTHER_KEY: Code = Code("E5121");
/// Rows of another topic would win over those of this one.
pub const OUTRANKED: Code = Code("E5122");

/// What `explain` says of these codes.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: TABLE_GONE,
        title: "a table is missing, though rows landed in it",
        why: "The flow stands behind rows that it landed, and the table that held them is gone. A new, empty one would look complete and is not.",
        remedy: "Bring the table back with its rows (`spotlight reconcile` shows what should be there). Or say, without a run, that it may be made anew: `spotlight release TOPOLOGY/FLOW --from earliest` lands all again, `--from end` goes on with what comes after.",
    },
    Explanation {
        code: TABLE_EMPTY,
        title: "a table is empty, though rows landed in it",
        why: "The ledger of the flow says that rows landed, and the table holds none of them, not even deleted ones: it was truncated, or dropped and made anew, or its rows expired. Or the table that a rebuild had kept was put back in its place: then it holds rows of the generation before alone. Going on would leave a table that looks complete and is not.",
        remedy: "Bring the rows back (`spotlight reconcile` shows what should be there). Or say, without a run, where to go on: `spotlight release TOPOLOGY/FLOW --from earliest` lands all again, `--from end` goes on with what comes after; `reconcile` then names what is gone as a gap. Of a table that a rebuild had kept: exchange the two tables again, or `spotlight rebuild TOPOLOGY/FLOW`.",
    },
    Explanation {
        code: RECORDS_GONE,
        title: "the log does not hold the records at the flow's position",
        why: "The input topic was cut, by its retention or by a person, or its end lies before the position: records that the flow has not read are gone, or the topic lost what the flow has read. Going on by itself would skip them in silence.",
        remedy: "Bring the records back, or say where to go on, without a run: `spotlight release TOPOLOGY/FLOW --from earliest` goes on with what is still there. Then let the topic keep its records for longer.",
    },
    Explanation {
        code: RECORDS_DAMAGED,
        title: "the log holds damaged records at the flow's position",
        why: "The checksum of a batch of records is wrong, or it cannot be unpacked: a disk or a copy of the log lost bytes. What they were cannot be known, and going on by itself would skip them in silence.",
        remedy: "Bring a whole copy back: another replica of the partition, or the log's back-up. The flow goes on by itself. Or say, without a run, where to go on behind them: `spotlight release TOPOLOGY/FLOW --from OFFSET --partition N`.",
    },
    Explanation {
        code: MEMORY_GONE,
        title: "what a step remembered is not whole",
        why: "A `dedupe` keeps what it has seen in a changelog topic. The flow's position says which topic that was and what of it is needed, and it is not there: the topic was deleted, or its first or last records are gone, by a retention that somebody set, by hand, or because a replica that lagged behind became its leader. Going on by itself would let repeats pass in silence.",
        remedy: "Bring the records back. Or say, without a run, that rows may pass which repeat those that are not remembered any more: `spotlight release TOPOLOGY/FLOW --from OFFSET --partition N`, with the offset at which it stands, which the message names.",
    },
    Explanation {
        code: SCRATCH,
        title: "a temporary file in the data folder failed",
        why: "The keys of a large document are compared with the help of a temporary file, because they do not fit into memory. It could not be written or read, mostly because the disk is full. Nothing of the document has landed yet.",
        remedy: "Make room on the disk of the data folder: 40 bytes for each row of the largest documents, and as many documents at once as there are cores. The flow goes on by itself.",
    },
    Explanation {
        code: LANDED_BEFORE,
        title: "the table holds rows that the flow landed from another log, or under another name",
        why: "The flow has no position, yet the table holds its rows: the log was lost, another data folder filled this table, or the flow or its topology was renamed in its file. Starting over by itself would land them again.",
        remedy: "Say of a renamed flow what it `was`; give a renamed topology its name back. Use the data folder that filled the table, or bring its `log` folder back. To start over, remove the rows that the message names, or, of a table in which rows do not replace each other, say that repeats do no harm: `spotlight release TOPOLOGY/FLOW --from earliest`.",
    },
    Explanation {
        code: BROUGHT_BESIDE,
        title: "another flow has brought the same document to the same table or topic",
        why: "A document of the same name and the same bytes has its rows there already, by another flow: of another topology, of which this one is a copy, or which is the same under another name; or of the same topology, where the document has moved to this one. Its rows would stand beside those without a word. Of a table in which rows of one key replace each other nobody asks.",
        remedy: "Run only one of the two topologies, or let one land elsewhere; a flow that only has another name now says `was: FIRST-NAME`. To begin anew under the new name, take the first one's rows out, as the message says. If both are to stand there, say so once, without a run: `spotlight release TOPOLOGY/FLOW --from OFFSET --partition N`, with the numbers of the message; the flow is not asked again.",
    },
    Explanation {
        code: ANOTHER_IDENTITY,
        title: "a document would have another identity than when its rows landed",
        why: "What the named parts of `file-names` say of a name is the identity of a document, by which a newer version takes the place of an older one. The parts have changed, or the form of one: the next version of this file would be another document, whose rows would stand beside those of before, or take those of another document away. So the source looks at nothing.",
        remedy: "Name the parts as they were; a column may be called otherwise: `day: document.date`. If the new identity is meant, land in a table of another name by a flow of another name: all is read again for it, and the old table can go. A rebuild does not help: it goes by the identity that was kept.",
    },
    Explanation {
        code: ANOTHER_KEY,
        title: "what is stored goes by another key",
        why: "A topic has all rows of a key in one partition. By another key later rows of one id would lie in another partition than the earlier ones: a `dedupe` would not know repeats, and a table `by-key` would take an older row for the newer one. In the same way a `dedupe` of another key knows nothing of what it has seen. So nothing was started.",
        remedy: "Take the key back, in the same order. If the new one is meant: another name for the topic, whose rows are then made anew by the commands that the message names; for a `dedupe` another `name`, and `spotlight rebuild TOPOLOGY/FLOW` before the next run, which makes all rows of its table anew.",
    },
    Explanation {
        code: TOPIC_CHANGED,
        title: "a topic was deleted and made again",
        why: "The committed position belongs to an earlier topic of this name. Going on would skip or repeat rows, so the flow waits.",
        remedy: "Say where to begin: `spotlight release TOPOLOGY/FLOW --from earliest` reads the new topic from its start, `--from end` skips what it holds.",
    },
    Explanation {
        code: POSITION_UNREADABLE,
        title: "a committed position cannot be read",
        why: "The text beside the position was written by another program or a newer version.",
        remedy: "Run the version that wrote it, or say where to begin: `spotlight release TOPOLOGY/FLOW --from OFFSET --partition N`.",
    },
    Explanation {
        code: TOO_MANY_BAD_RECORDS,
        title: "a topic gives too many bad records",
        why: "Of the last 10,000 records more failed than the flow allows. That is a change of schema, so the flow waits rather than fill the dead letters.",
        remedy: "Look at `spotlight dlq ls`, mend the topology or the producer, then `spotlight release TOPOLOGY/FLOW`.",
    },
    Explanation {
        code: RAW_STORE,
        title: "the raw store does not give a document's bytes",
        why: "The document's record is in the log, but its bytes cannot be opened or read, or are not those that were fetched: their size or their SHA-256 is another.",
        remedy: "Restore the file that the message names into the raw store, from a backup or from its publisher (`spotlight receipts` says where it came from and its SHA-256). The flow goes on by itself.",
    },
    Explanation {
        code: TABLE_BEHIND,
        title: "the table lacks columns that the plan has",
        why: "An insert would drop the values of a missing column in silence, so the flow waits.",
        remedy: "`spotlight plan FILE --apply` adds the columns; `spotlight plan FILE` shows the statements.",
    },
    Explanation {
        code: DOCUMENT_RECORD,
        title: "a document record cannot be read",
        why: "The `documents` topic of the flow holds a record that is not one of ours.",
        remedy: "Only Spotlight may write to that topic. Skip the record with `spotlight release TOPOLOGY/FLOW --from OFFSET --partition N`.",
    },
    Explanation {
        code: ROW_MOVED,
        title: "a replayed row is not where it was",
        why: "A dead letter names its row by number. The topology as it is now finds other bytes at that number, or no row, because it splits the document in another way.",
        remedy: "Let the whole document be read again: a change of its content does that. If the row is not wanted any more, `spotlight dlq give-up TOPOLOGY/FLOW`.",
    },
    Explanation {
        code: RETRY_RECORD,
        title: "a retry record cannot be read",
        why: "The retry topic of the flow holds a record that is not one of ours, or that refers to a topic that is gone.",
        remedy: "Only Spotlight may write to that topic. Run the version that wrote the record.",
    },
    Explanation {
        code: LANDED_OTHERWISE,
        title: "rows landed that the topology as it is now does not make",
        why: "The run ended while a range was being landed, and the topology was changed before it was closed. The new revision refuses the document, finds it shorter, or does not make rows of the range that are in the table. Going on would leave rows there that no ledger knows, so the flow waits. Nothing was changed.",
        remedy: "Run the revision that landed them, which the message names, until the document or range is closed; then the new one. Or mend the topology so that it accepts the document and makes these rows again.",
    },
    Explanation {
        code: POSITION_GONE,
        title: "a committed position is gone",
        why: "The ledger of the flow says that it closed ranges, but the log no longer knows where it stands: the input is another topic, or the position was deleted or expired. Starting over by itself would repeat rows.",
        remedy: "`spotlight reconcile` shows what has landed. Then say where to go on: `spotlight release TOPOLOGY/FLOW --from OFFSET --partition N`, or `earliest`, or `end`.",
    },
    Explanation {
        code: OUTRANKED,
        title: "rows of another topic or log would win over those of this one",
        why: "In a table where the newest row of a key wins, the newest is the one with the highest place in its topic. Places of two topics cannot be compared: a new topic, or one that was deleted and made again, begins at 0, and the rows of the one before would hide its rows. It is the same with versions of documents that a source finds: behind a data folder that was lost they are counted from 1 again. So the flow lands nothing while they are there.",
        remedy: "Take them out as the message says; the flow goes on by itself, and what the topic of now does not hold is in the table no more. On the log of a data folder `spotlight rebuild TOPOLOGY/FLOW` does the same beside the table and exchanges the two, so that readers see no gap. To keep all rows, land in a table of another name.",
    },
    Explanation {
        code: NO_TOPIC,
        title: "a topic that others write is not there, or has other partitions",
        why: "A flow decodes records that others write. Their topic is never made here, because an empty one with the wrong settings would be found by those who are to fill it. So nothing was started. On the log of a data folder there are no others: such a topic can be on Kafka only.",
        remedy: "Check the topic's name, and the servers in the file of connections (`--connections FILE`); with a `namespace` there, the topic's name in Kafka begins with it. If the number of partitions differs, say the right one: `from: { topic: NAME, partitions: 6 }`.",
    },
];
