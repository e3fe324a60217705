//! Records that are one line each, without a header, to columns of text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use batch::Code;
use encoding_rs::{Encoding, UTF_8};

use super::block::TextColumn;
use super::cells::{Cell, Misfit, Splitter};
use super::evidence::not_utf_8;
use super::format::SettingsError;
use crate::record::{BadRecord, Decoded};

/// How lines are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineSettings {
    /// Names of the columns, in the order of the cells.
    pub columns: Vec<Arc<str>>,
    /// One ASCII byte between cells.
    pub separator: u8,
    /// Whether `"` quotes cells (doubled inside, line ends allowed inside).
    pub quotes: bool,
    /// Label of the WHATWG encoding standard: UTF-8 or any encoding of one byte a character.
    pub encoding: Arc<str>,
    /// A text column to which surplus cells belong.
    pub spill: Option<Arc<str>>,
    /// An empty cell is null (true) or empty text (false).
    pub empty_is_null: bool,
}

/// Decodes records that are one line each. Line ends behind the line count for nothing.
#[derive(Debug)]
pub struct LineDecoder {
    settings: LineSettings,
    encoding: &'static Encoding,
    spill: Option<usize>,
    schema: SchemaRef,
}

impl LineDecoder {
    /// A decoder of such lines.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub fn new(settings: LineSettings) -> Result<Self, SettingsError> {
        let encoding = Encoding::for_label(settings.encoding.as_bytes());
        let encoding = encoding.filter(|encoding| *encoding == UTF_8 || encoding.is_single_byte());
        let encoding = encoding.ok_or_else(|| SettingsError::Encoding { label: Arc::clone(&settings.encoding) })?;
        if !settings.separator.is_ascii() || b"\"\r\n".contains(&settings.separator) {
            return Err(SettingsError::Separator);
        }
        let spill = match &settings.spill {
            Some(name) => {
                let place = settings.columns.iter().position(|column| column == name);
                Some(place.ok_or_else(|| SettingsError::Column { column: Arc::clone(name) })?)
            }
            None => None,
        };
        let fields: Vec<Field> = settings.columns.iter().map(|name| super::block::text_field(name)).collect();
        Ok(Self { settings, encoding, spill, schema: Arc::new(Schema::new(fields)) })
    }

    /// Decodes a block of records. A null record is a bad one.
    #[must_use]
    pub fn decode(&self, records: &BinaryArray) -> Decoded {
        let LineSettings { columns, separator, quotes, empty_is_null, .. } = &self.settings;
        let column = |_| TextColumn::new(*empty_is_null, *separator, self.encoding, records.len());
        let mut texts: Vec<TextColumn> = columns.iter().map(column).collect();
        let (separator, quotes, spill, columns) = (*separator, *quotes, self.spill, columns.len());
        let mut splitter = Splitter { separator, quotes, columns, spill, starts: Vec::new() };
        let (mut good, mut bad, mut cells) = (Vec::with_capacity(records.len()), Vec::new(), Vec::new());
        for index in 0..records.len() {
            let value = if records.is_valid(index) { records.value(index) } else { b"" };
            let line = without_line_ends(value);
            cells.clear();
            match self.split(line, &mut splitter, &mut cells) {
                Ok(()) => {
                    texts.iter_mut().zip(&cells).for_each(|(text, cell)| text.push(*cell, line));
                    good.push(index as u32);
                }
                Err((code, message)) => bad.push(BadRecord { index, code: Code(code), field: None, message }),
            }
        }
        let arrays = texts.into_iter().map(|text| Arc::new(text.finish()) as ArrayRef).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(good.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .expect("each good record added one cell to each column");
        Decoded { rows, records: good, bad }
    }

    fn split(&self, line: &[u8], splitter: &mut Splitter, cells: &mut Vec<Cell>) -> Result<(), (&'static str, String)> {
        if self.encoding == UTF_8
            && let Some(message) = not_utf_8("record", line)
        {
            return Err(("E4201", message));
        }
        // Cells have their places in 28 bits.
        if line.len() > super::format::LINE_CEILING {
            return Err(("E4203", "the record is longer than 256 MiB".to_owned()));
        }
        if !is_one_line(line, splitter.quotes, splitter.separator) {
            return Err(("E4316", "the record has several lines".to_owned()));
        }
        splitter.split(line, 0, cells).map_err(|misfit| match misfit {
            Misfit::TooFew(found) => ("E4202", format!("{found} cells, not {}", splitter.columns)),
            Misfit::TooMany => ("E4202", format!("more than {} cells", splitter.columns)),
            Misfit::Misquoted => ("E4213", "text stands behind a closing quote, or a quote is never closed".to_owned()),
        })
    }
}

/// A record up to the line ends with which it closes; any `\r` before one, or alone, belongs to it.
fn without_line_ends(value: &[u8]) -> &[u8] {
    let last = value.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    &value[..last.map_or(0, |last| last + 1)]
}

/// True if no line ends outside quotes. What is quoted wrongly is for the splitter to say.
fn is_one_line(text: &[u8], quotes: bool, separator: u8) -> bool {
    if memchr::memchr(b'\n', text).is_none() {
        return true;
    }
    let mut at = 0;
    loop {
        if quotes && text.get(at) == Some(&b'"') {
            at += 1;
            loop {
                let Some(quote) = memchr::memchr(b'"', &text[at..]) else { return true };
                at += quote + 1;
                if text.get(at) != Some(&b'"') {
                    break;
                }
                at += 1;
            }
        }
        match memchr::memchr2(separator, b'\n', &text[at..]).map(|offset| at + offset) {
            None => return true,
            Some(end) if text[end] == b'\n' => return false,
            Some(end) => at = end + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, AsArray, BinaryArray};
    use proptest::prelude::{any, prop, proptest};

    use super::super::{Decoder, Format, Layout, NewColumns, RawRow, Settings};
    use super::{LineDecoder, LineSettings};
    use crate::record::Decoded;

    fn settings(columns: &[&str]) -> LineSettings {
        LineSettings {
            columns: columns.iter().map(|name| Arc::from(*name)).collect(),
            separator: b',',
            quotes: true,
            encoding: "utf-8".into(),
            spill: None,
            empty_is_null: true,
        }
    }

    fn decode(settings: LineSettings, values: &[&[u8]]) -> Decoded {
        LineDecoder::new(settings).expect("settings").decode(&BinaryArray::from_iter_values(values))
    }

    /// Rows as lists of cells; null is `-`.
    fn rows(decoded: &Decoded) -> Vec<Vec<String>> {
        let cell = |column: &Arc<dyn Array>, row: usize| {
            let texts = column.as_string::<i32>();
            if texts.is_null(row) { "-".to_owned() } else { texts.value(row).to_owned() }
        };
        let row = |row: usize| decoded.rows.columns().iter().map(|column| cell(column, row)).collect();
        (0..decoded.rows.num_rows()).map(row).collect()
    }

    #[test]
    fn each_record_is_one_line_or_a_bad_record() {
        let values: [(&[u8], &str); 15] = [
            (b"1,a", "1|a"),
            (b"2,b\n", "2|b"),
            (b"3,c\r\n\r\n\n", "3|c"),
            (b"4,", "4|-"),
            (b"4,d\r\r\n", "4|d"),
            (b"\"5\",\"a \"\"b\"\",\nc\"", "5|a \"b\",\nc"),
            (b"6,a\n7,b", "E4316"),
            (b"\n8,a", "E4316"),
            (b"9", "E4202"),
            (b"10,a,b", "E4202"),
            (b"11,\"a\"b", "E4213"),
            (b"12,\"a\n13,b", "E4213"),
            (b"14,\xff", "E4201"),
            (b"", "E4202"),
            (b"15,z", "15|z"),
        ];
        let bytes: Vec<&[u8]> = values.iter().map(|(value, _)| *value).collect();
        let decoded = decode(settings(&["id", "name"]), &bytes);
        let mut found = vec![String::new(); values.len()];
        for (record, row) in decoded.records.iter().zip(rows(&decoded)) {
            found[*record as usize] = row.join("|");
        }
        decoded.bad.iter().for_each(|bad| found[bad.index] = bad.code.to_string());
        assert_eq!(found, values.map(|(_, expected)| expected));
    }

    #[test]
    fn settings_are_kept() {
        let other = LineSettings {
            separator: b'|',
            quotes: false,
            encoding: "windows-1252".into(),
            spill: Some("text".into()),
            empty_is_null: false,
            ..settings(&["id", "text", "end"])
        };
        let decoded = decode(other.clone(), &[b"1|Gr\xf6\"\xdfe|a||b|", b"2||x", b"3|a\nb|c"]);
        assert_eq!(rows(&decoded), [["1", "Grö\"ße|a||b", ""], ["2", "", "x"]]);
        assert_eq!((decoded.bad[0].index, decoded.bad[0].code.0), (2, "E4316"));
        for wrong in [
            LineSettings { encoding: "utf-16".into(), ..other.clone() },
            LineSettings { separator: b'"', ..other.clone() },
            LineSettings { spill: Some("none".into()), ..other },
        ] {
            LineDecoder::new(wrong).expect_err("refused");
        }
    }

    fn of_document(line: &[u8]) -> Option<Vec<Vec<String>>> {
        let names: Vec<Arc<str>> = vec!["a".into(), "b".into()];
        let layout = Layout { name: "one".into(), header: names.clone(), must_have: Vec::new(), names };
        let format = Format::new(Settings {
            separator: b',',
            quotes: true,
            encoding: "utf-8".into(),
            layouts: vec![layout],
            spill: None,
            trailers: Vec::new(),
            trailer_required: false,
            new_columns: NewColumns::Refuse,
            empty_is_null: true,
            lines_before_header: 0,
            line_limit: 1000,
            wanted: None,
            raw_row: RawRow::None,
            raw: false,
        });
        let text = [b"a,b\n", line].concat();
        let mut decoder = Decoder::new(&text[..], &Arc::new(format.expect("settings")), 0).ok()?;
        let (mut found, mut bad) = (Vec::new(), false);
        while let Some(block) = decoder.next().ok()? {
            bad |= !block.bad.is_empty();
            found.extend(rows(&Decoded { rows: block.rows, records: Vec::new(), bad: Vec::new() }));
        }
        (!bad && found.len() == 1).then_some(found)
    }

    proptest! {
        /// What a document with this one line would give is what the record gives.
        #[test]
        fn a_record_is_what_its_line_is_in_a_document(
            signs in prop::collection::vec(prop::sample::select(b"a,\"\n\r \xc3\xa9".to_vec()), 1..24),
            bytes in prop::collection::vec(any::<u8>(), 0..6),
        ) {
            let line = [signs, bytes].concat();
            let decoded = decode(settings(&["a", "b"]), &[b"before,1", &line, b"after,2"]);
            assert_eq!(decoded.records.len() + decoded.bad.len(), 3);
            let found = rows(&decoded);
            assert_eq!((&found[0][0][..], &found[found.len() - 1][1][..]), ("before", "2"));
            // Lines of blanks are passed over in a document only, and a record has one line.
            let end = line.trim_ascii_end().len();
            if !line.starts_with(b"\n") && !line[end..].iter().all(|byte| b"\r\n".contains(byte)) && line[end..].contains(&b'\n') {
                return Ok(());
            }
            // A repeated header and a lone mark mean something in a document only.
            if line.starts_with(b"a,b") || line.starts_with(b"\"a\"") || line.starts_with(b"a,\"b\"") {
                return Ok(());
            }
            if let Some(wanted) = of_document(&line) {
                assert_eq!(decoded.records.len(), 3, "{:?}", decoded.bad);
                assert_eq!(found[1], wanted[0]);
            }
        }
    }
}
