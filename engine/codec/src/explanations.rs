//! What `spotlight explain` says about this crate's codes: E42xx for documents, E43xx for records.

use batch::{Code, Explanation};

/// All codes that this crate raises, in order.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: Code("E4201"),
        title: "a row is not valid UTF-8",
        why: "The decoder is told that the document is UTF-8 (or it begins as UTF-16 does), and this row has bytes that are not. The row is kept whole as a dead letter; its neighbours are read.",
        remedy: "If most rows with accents fail, the publisher writes another encoding: try `encoding: windows-1252`. Otherwise the row is damaged at the publisher.",
    },
    Explanation {
        code: Code("E4202"),
        title: "a row has too few or too many cells",
        why: "Every row must have as many cells as the header. A separator inside a text makes one too many; a row cut off makes too few.",
        remedy: "If a text column may contain separators that nobody quotes, name it: `spill: description`. If the publisher quotes cells, leave `quotes` on.",
    },
    Explanation {
        code: Code("E4203"),
        title: "a line is longer than the limit",
        why: "Lines are bounded so that one damaged document cannot fill the memory. The line was passed over; its first 64 KiB are in the dead letter.",
        remedy: "If the publisher's rows are really that long, raise `limits: { line: … }`.",
    },
    Explanation {
        code: Code("E4204"),
        title: "a blank line stands between rows",
        why: "Blank lines at the end of a document mean nothing, but one between rows may be a row that was lost.",
        remedy: "Look at the lines around it in the document. If the publisher writes such lines on purpose, give the dead letter up.",
    },
    Explanation {
        code: Code("E4205"),
        title: "the header is repeated among the rows",
        why: "Documents that were glued together repeat their header. The line is not data, and a trailer's count does not count it.",
        remedy: "Give the dead letter up, and check whether the document holds rows twice.",
    },
    Explanation {
        code: Code("E4206"),
        title: "a quote is never closed",
        why: "A cell begins with a quote and does not end before the document or the line limit does, so that nothing behind it can be trusted. The document is refused.",
        remedy: "If the publisher does not quote cells, say `quotes: none`. Otherwise the document was cut off; a new version will be read.",
    },
    Explanation {
        code: Code("E4207"),
        title: "a trailer stands where no trailer can be",
        why: "A line that looks like a trailer is followed by more rows, or there are more trailers than declared. Two documents may have been glued together. The document is refused.",
        remedy: "Look at the line that the message names. If it is a row, make the trailer's pattern more exact.",
    },
    Explanation {
        code: Code("E4208"),
        title: "the first line is no expected header",
        why: "No layout of the topology has the columns that the document begins with: the publisher changed them, or this is another document. Nothing of it is read.",
        remedy: "The message names the nearest layout and what differs. Add a layout for the new generation of the header. If it says that the line holds more cells when split at another character, say `separator:` with that one. If it says that lines end in CR alone, convert the document's line ends to LF.",
    },
    Explanation {
        code: Code("E4209"),
        title: "the document has columns that the layout does not name",
        why: "The publisher added columns, and the topology says `new-columns: refuse`.",
        remedy: "Add the columns to the layout, or say `new-columns: keep`, which keeps them in the raw row.",
    },
    Explanation {
        code: Code("E4210"),
        title: "the trailer does not agree with the rows",
        why: "The trailer says another number of rows, or another sum, than what was read. Rows are missing or changed, so the whole document is refused as incomplete.",
        remedy: "The message says what was claimed and found, and names the first row that could not be added, if there is one. Wait for the publisher's correction; a new version is read by itself. If the sum is of another column, mend the topology's `proves`.",
    },
    Explanation {
        code: Code("E4211"),
        title: "the trailer is missing",
        why: "The document ends without the lines that every whole document ends with. It was probably cut off.",
        remedy: "The message shows the last line. If that is a row like the others, the document was cut off: a new version is read by itself. If it is a trailer in other words, mend the pattern in `trailer`. If the publisher stopped writing trailers, say so in `without-trailer`.",
    },
    Explanation {
        code: Code("E4212"),
        title: "the document is empty",
        why: "It has not even a header, so it cannot be told from a failure of the publisher.",
        remedy: "A new version is read by itself. A list with nothing on it must at least have its header.",
    },
    Explanation {
        code: Code("E4213"),
        title: "text stands behind a closing quote",
        why: "A quoted cell must end at a separator or the end of the row. Here the quote inside the text was not doubled, so that the cell's end cannot be known.",
        remedy: "If the publisher does not quote cells, say `quotes: none`. Otherwise the row is damaged at the publisher.",
    },
    Explanation {
        code: Code("E4220"),
        title: "the archive is cut off or damaged",
        why: "The zip or gzip ends too early, or its checksum does not agree with its content.",
        remedy: "Replace it by an undamaged copy at the same address, or wait for the publisher's: other bytes are a new version, which is read by itself. The same bytes are not read again, also if they are fetched again or the file is deleted and put back: then the publisher's own copy is damaged.",
    },
    Explanation {
        code: Code("E4221"),
        title: "the document is larger than allowed",
        why: "It has more bytes, unpacked, than the limit, too many members, or grows to more than a hundred times its packed size, as only an archive made to do harm does. Nothing of it landed; its bytes are in the raw store.",
        remedy: "If the publisher's documents have grown, raise `limits: { unpacked: … }`. One that packs better than a hundred to one can be read as plain text.",
    },
    Explanation {
        code: Code("E4222"),
        title: "the archive is of an unsupported kind",
        why: "Members are read if they are stored or deflated, have no password, have names of their own, and are no archives themselves.",
        remedy: "Select other members with `unzip: { members: ... }`, or repack it as a plain zip.",
    },
    Explanation {
        code: Code("E4223"),
        title: "the document's bytes could not be read",
        why: "The raw store answered with an error. The document itself may be whole; reading is tried again.",
        remedy: "Look at the raw store's disk or bucket.",
    },
    Explanation {
        code: Code("E4301"),
        title: "a record has no frame",
        why: "Values begin with a zero byte and the id of their schema. This one does not, or there is no value at all: another program writes to the topic.",
        remedy: "Find out who writes to the topic. Spotlight reads Avro in Confluent's frame only.",
    },
    Explanation {
        code: Code("E4302"),
        title: "a record's schema is not known",
        why: "The registry has no schema with the id that the record names. It was deleted, or the record was written with another registry.",
        remedy: "Register the schema again under that id, then replay the dead letters.",
    },
    Explanation {
        code: Code("E4303"),
        title: "a record is cut off",
        why: "The record's bytes end before its schema does. Its schema id may be wrong.",
        remedy: "Find out who wrote the record; its offset is in the dead letter.",
    },
    Explanation {
        code: Code("E4304"),
        title: "bytes follow a record",
        why: "The record's schema ends before its bytes do. Its schema id may be wrong.",
        remedy: "Find out who wrote the record; its offset is in the dead letter.",
    },
    Explanation {
        code: Code("E4305"),
        title: "a union or enum has no such branch",
        why: "The record says which branch of a union, or which symbol of an enum, follows, and the schema has none of that number; or, when writing, a text is none of the schema's symbols, or several types of one union have a value.",
        remedy: "When reading, the record is damaged or its schema id is wrong. When writing, add the symbol to the topic's schema, or set but one of the union's columns.",
    },
    Explanation {
        code: Code("E4306"),
        title: "a length is impossible",
        why: "A text, list or map claims a negative length, or more than the record has bytes left; or a value has not the length that its schema fixes; or, when writing, the columns of one array of records are lists of different lengths.",
        remedy: "When reading, the record is damaged or its schema id is wrong: find out who wrote it. When writing, make the lists of one array equally long.",
    },
    Explanation {
        code: Code("E4307"),
        title: "text in a record is not valid UTF-8",
        why: "Avro's text is UTF-8. A writer put bytes of another encoding into it.",
        remedy: "Mend the writer, or declare the field as `bytes`.",
    },
    Explanation {
        code: Code("E4308"),
        title: "a value does not fit its type",
        why: "A number is out of the range of the column or field, has more digits than it, or is null where null is no value. Nothing is cut off in silence.",
        remedy: "Make the column wider or nullable in the topology and the topic's schema.",
    },
    Explanation {
        code: Code("E4309"),
        title: "a record's schema does not fit the columns",
        why: "The record was written by an earlier schema than the topic has now, and the change was not compatible: a column is of another type now, or is new and neither null nor has a default, or the record is named otherwise. Or only this record does not fit: its value is of a union's branch, or a symbol, that the topic's schema does not have now.",
        remedy: "Take the change of the column back, or give the field in `schemas/topics/` a default, an alias or the missing branch; then replay the dead letters. What was written stays as it is: to change the type for good, write the rows to a topic of another name.",
    },
    Explanation {
        code: Code("E4310"),
        title: "a topic holds records that its schema of now cannot read",
        why: "The topology file was changed while records of the topic wait for a flow: a column has another type, is new and never null, or was nullable and is not now. Those records would be dead letters, so nothing was started.",
        remedy: "Take the change back and run once more, so that the flow reads what waits; then make it again. Or write the rows to a topic of another name, which the flow then reads.",
    },
];
