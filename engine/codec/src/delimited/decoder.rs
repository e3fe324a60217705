//! The decoder: header, rows, bad rows, the tail, the verdict.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use batch::Code;
use encoding_rs::Encoding;

use super::block::{BadRow, Block, Collected, Shape, fields};
use super::cells::{Cell, Misfit, Splitter};
use super::error::{DecodeError, refuse};
use super::evidence::{EncodingEvidence, IN_UTF_8, mostly_zeros, no_unicode, said_to_be};
use super::format::{Format, Layout, Proof, Settings};
use super::header::{Choice, another_separator, choose, place};
use super::scanner::{Found, Scanner};
use super::sum::Sum;
use super::trailer::{ProofOutcome, Tail};
use super::transcode::{Transcoder, given_out, is_wide};

/// Most rows of a block. More make columns fall out of the processor's cache; fewer repeat the work of each block.
const BLOCK_ROWS: usize = 8_192;
/// Bytes of rows after which a block ends, so that wide rows make small blocks.
const BLOCK_BYTES: usize = 16 * 1024 * 1024;
/// Most cells of a block.
const BLOCK_CELLS: usize = 4 * 1024 * 1024;
/// Most bytes of published names in the column `row` of a block.
const BLOCK_NAMES: usize = 256 * 1024 * 1024;

/// The byte-order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What a member was, once all of it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Name of the layout.
    pub layout: Arc<str>,
    /// Rows in all, bad ones included.
    pub rows: u64,
    /// Bad rows.
    pub bad_rows: u64,
    /// What the named groups of the trailers say.
    pub trailers: BTreeMap<String, String>,
    /// Whether the trailers agree with what was read.
    pub proof: ProofOutcome,
    /// Published names of columns that the layout does not name.
    pub new_columns: Vec<String>,
    /// What its rows say of its encoding. Whoever has read all members judges it.
    pub evidence: EncodingEvidence,
}

/// Decodes one member.
pub struct Decoder<R> {
    scanner: Scanner<Transcoder<R>>,
    format: Arc<Format>,
    shape: Shape,
    /// The encoding of the document, which `shape` has as UTF-8 if it is UTF-16.
    written_in: &'static Encoding,
    splitter: Splitter,
    choice: Choice,
    header: Vec<u8>,
    tail: Tail,
    /// Blank lines that turned out to stand between rows and are not yet handed out, and the next one's line.
    blank_rows: (u64, u64),
    /// The row behind those lines.
    held: Option<Found>,
    first_row_number: u64,
    rows: u64,
    bad_rows: u64,
    /// Bad rows that are no data, so that no publisher counts them: repeated headers and blank lines.
    no_data: u64,
    evidence: EncodingEvidence,
    /// Columns that trailers prove: name, place in the document, sum.
    sums: Vec<(Arc<str>, Sum)>,
    sum_places: Vec<usize>,
    block_rows: usize,
    ended: bool,
}

impl<R: Read> Decoder<R> {
    /// Reads the header and chooses the layout. Rows are numbered from `first_row_number`, which goes on where the
    /// document's member before this one ended.
    ///
    /// # Errors
    /// If the first line is no expected header, or the bytes cannot be unpacked or read.
    pub fn new(reader: R, format: &Arc<Format>, first_row_number: u64) -> Result<Self, DecodeError> {
        let settings = &format.settings;
        let text = Transcoder::new(reader, format.encoding).map_err(DecodeError::from_io)?;
        let (encoding, written_in) = (text.encoding(), text.written_in());
        let mut scanner = Scanner::new(text, settings.quotes, settings.separator, settings.line_limit);
        let mut above = Vec::new();
        let found = skip_above(&mut scanner, settings, &mut above).and_then(|()| header_line(&mut scanner, settings));
        let (header, line) = found.map_err(|error| match header_among(&above, settings, written_in) {
            Some(more) => error.and(&more),
            None => error,
        })?;
        let (names, choice) = read_header(settings, written_in, &header).map_err(|error| {
            let error = header_in_utf_8(settings, encoding, &header).unwrap_or(error).at_line(line);
            let elsewhere = header_among(&above, settings, written_in);
            match elsewhere.or_else(|| header_below(&mut scanner, settings, written_in)) {
                Some(more) => error.and(&more),
                None => error,
            }
        })?;
        let mut evidence = EncodingEvidence::default();
        if encoding != encoding_rs::UTF_8 && choice.new_columns.iter().any(|name| !name.is_ascii()) {
            // What the layout names was read as it is declared, whatever that is.
            evidence.observe(&header, line);
        }
        let layout = &settings.layouts[choice.layout];
        let mut taken = Vec::new();
        let mut places = Vec::new();
        for (name, place) in layout.names.iter().zip(&choice.places) {
            // A cell without a name is there to be read past.
            if !name.is_empty() && settings.wanted.as_ref().is_none_or(|wanted| wanted.contains(name)) {
                taken.push(Arc::clone(name));
                places.push(*place);
            }
        }
        let place_of = |name: &Arc<str>| {
            let index = layout.names.iter().position(|known| known == name)?;
            choice.places.get(index).copied()
        };
        let spill = settings.spill.as_ref().and_then(place_of);
        let columns = names.len();
        let splitter =
            Splitter { separator: settings.separator, quotes: settings.quotes, columns, spill, starts: Vec::new() };
        let mut sums = Vec::new();
        let mut sum_places = Vec::new();
        for proof in settings.trailers.iter().flat_map(|trailer| &trailer.proves) {
            if let Proof::Sum { column, .. } = proof
                && let Some(place) = place_of(column)
            {
                sums.push((Arc::clone(column), Sum::default()));
                sum_places.push(place);
            }
        }
        let names_length: usize = names.iter().map(String::len).sum();
        let block_rows = BLOCK_ROWS.min(BLOCK_CELLS / columns).min(BLOCK_NAMES / names_length.max(1)).max(1);
        let schema = Arc::new(Schema::new(fields(&taken, settings.raw_row)));
        let published = distinct(as_declared(names, &layout.header, &choice.places));
        let shape = Shape { schema, encoding, places, columns, published };
        Ok(Self {
            scanner,
            format: Arc::clone(format),
            shape,
            written_in,
            splitter,
            choice,
            header,
            tail: Tail::default(),
            blank_rows: (0, 0),
            held: None,
            first_row_number,
            rows: 0,
            bad_rows: 0,
            no_data: 0,
            evidence,
            sums,
            sum_places,
            block_rows,
            ended: false,
        })
    }

    /// The layout that the document has.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.format.settings.layouts[self.choice.layout]
    }

    /// The schema of all blocks.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.shape.schema
    }

    /// Published names of the document's columns that the layout does not name.
    #[must_use]
    pub fn new_columns(&self) -> &[String] {
        &self.choice.new_columns
    }

    /// The next rows; `None` when the document ended. A block has at least one row, good or bad.
    ///
    /// # Errors
    /// If the document turns out not to be what it seemed, or the bytes cannot be unpacked or read. Nothing more can
    /// be decoded then.
    #[expect(clippy::should_implement_trait, reason = "an iterator's item would hide that an error ends the decoding")]
    pub fn next(&mut self) -> Result<Option<Block>, DecodeError> {
        let mut block = Collected::new();
        while !self.ended
            && block.rows() < self.block_rows
            && block.bytes.len() < BLOCK_BYTES
            && block.bad_bytes < BLOCK_BYTES
        {
            self.step(&mut block)?;
        }
        if let Some((line, bytes, good)) = block.last().filter(|_| !self.format.trailer_rules.is_empty()) {
            self.tail.last_row(line, bytes, good);
        }
        Ok((block.rows() > 0).then(|| block.into_block(&self.format, &self.shape)))
    }

    /// What the document was.
    ///
    /// # Errors
    /// If the rest of it, which nobody asked for, cannot be decoded.
    pub fn finish(mut self) -> Result<Verdict, DecodeError> {
        while self.next()?.is_some() {}
        let (trailers, proof) = self.tail.prove(&self.format, self.rows - self.no_data, &self.sums);
        Ok(Verdict {
            layout: Arc::clone(&self.layout().name),
            rows: self.rows,
            bad_rows: self.bad_rows,
            trailers,
            proof,
            new_columns: self.choice.new_columns,
            evidence: self.evidence,
        })
    }

    fn step(&mut self, block: &mut Collected) -> Result<(), DecodeError> {
        if self.blank_rows.0 > 0 {
            let line = self.blank_rows.1;
            self.blank_rows = (self.blank_rows.0 - 1, line + 1);
            self.no_data += 1;
            self.bad(block, line, "E4204", "a blank line stands between rows", Vec::new());
            return Ok(());
        }
        let (found, was_held) = match self.held.take() {
            Some(found) => (found, true),
            None => (self.scanner.next()?, false),
        };
        let line = match &found {
            Found::End => {
                self.ended = true;
                return Ok(());
            }
            Found::TooLong { line, .. } => *line,
            Found::Row { at, line } => {
                if !was_held && self.belongs_to_tail(at, *line)? {
                    return Ok(());
                }
                *line
            }
        };
        let row = match &found {
            Found::Row { at, .. } => self.scanner.bytes(at),
            Found::TooLong { beginning, .. } => beginning,
            Found::End => b"",
        };
        self.tail.row_follows(line, row)?;
        if self.tail.blank_lines > 0 {
            self.blank_rows = (self.tail.blank_lines, self.tail.first_blank);
            self.tail.blank_lines = 0;
            self.held = Some(found);
            return Ok(());
        }
        match found {
            Found::TooLong { beginning, line } => {
                let message = format!("the line is longer than {} bytes", self.format.settings.line_limit);
                self.sums.iter_mut().for_each(|(_, sum)| sum.skip(line, || message.clone()));
                self.bad(block, line, "E4203", &message, beginning);
            }
            Found::Row { at, line } => self.row(block, &at, line),
            Found::End => {}
        }
        Ok(())
    }

    fn belongs_to_tail(&mut self, at: &Range<usize>, line: u64) -> Result<bool, DecodeError> {
        let bytes = unmarked(self.scanner.bytes(at));
        if bytes.first().is_none_or(|first| matches!(first, b' ' | b'\r')) && is_blank(bytes, self.splitter.separator) {
            self.tail.push_blank(line);
            return Ok(true);
        }
        if self.format.trailer_rules.is_empty() {
            return Ok(false);
        }
        // Rules are about text. Almost every line is ASCII, and that is text in every encoding that comes here.
        let text = match self.shape.encoding {
            encoding if encoding == encoding_rs::UTF_8 || bytes.is_ascii() => Cow::Borrowed(bytes),
            encoding => Cow::Owned(encoding.decode_without_bom_handling(bytes).0.into_owned().into_bytes()),
        };
        if self.format.any_trailer.is_match(&text) {
            self.tail.push_trailer(&self.format, &text, line)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn row(&mut self, block: &mut Collected, at: &Range<usize>, line: u64) {
        let written = self.scanner.bytes(at);
        let in_utf_8 = self.shape.encoding == encoding_rs::UTF_8;
        let bytes = unmarked(written);
        let base = block.bytes.len();
        let first_cell = block.cells.len();
        let split = self.splitter.split(bytes, base, &mut block.cells);
        let failure = if bytes == self.header {
            self.no_data += 1;
            Some(("E4205", "the header is repeated".to_owned()))
        } else if let Err(misfit) = split {
            let failure = misfit_failure(misfit, self.shape.columns);
            self.sums.iter_mut().for_each(|(_, sum)| sum.skip(line, || failure.1.clone()));
            Some(failure)
        } else {
            block.bytes.extend_from_slice(bytes);
            let cells = &block.cells[first_cell..];
            add_up(&mut self.sums, &self.sum_places, line, cells, &block.bytes, self.splitter.separator);
            if !in_utf_8 {
                self.evidence.observe(bytes, line);
            }
            if in_utf_8 { no_unicode("row", bytes, self.written_in).map(|message| ("E4201", message)) } else { None }
        };
        let Some((code, message)) = failure else {
            block.ends.push(i32::try_from(block.bytes.len()).expect("a block ends long before two gigabytes"));
            block.lines.push(line);
            block.row_numbers.push(self.first_row_number + self.rows);
            self.rows += 1;
            return;
        };
        let raw = written.to_vec();
        block.cells.truncate(first_cell);
        block.bytes.truncate(base);
        self.bad(block, line, code, &message, raw);
    }

    fn bad(&mut self, block: &mut Collected, line: u64, code: &'static str, message: &str, raw: Vec<u8>) {
        let row_number = self.first_row_number + self.rows;
        self.rows += 1;
        self.bad_rows += 1;
        block.bad_bytes += raw.len();
        block.bad.push(BadRow { row_number, line, code: Code(code), message: message.to_owned(), raw });
    }
}

impl<R> std::fmt::Debug for Decoder<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Decoder").field("layout", &self.choice.layout).field("rows", &self.rows).finish()
    }
}

/// A line without the mark in front of it. Documents that were put together have one wherever one of them began: it is no
/// letter of a value, and nobody would see why two values differ. In encodings of one byte a character the mark would be
/// three letters with which no text begins.
fn unmarked(line: &[u8]) -> &[u8] {
    line.strip_prefix(MARK).unwrap_or(line)
}

/// True if a first line, which has no LF in it, seems to be several that end in CR alone.
fn ends_in_cr(header: &[u8], quotes: bool) -> bool {
    let mut quoted = false;
    let is_text = |byte: &u8| !byte.is_ascii_control() || matches!(byte, b'\r' | b'\t');
    header.iter().all(is_text)
        && header.windows(2).any(|pair| {
            quoted ^= quotes && pair[0] == b'"';
            !quoted && pair[0] == b'\r' && !matches!(pair[1], b'\r' | b'\n')
        })
}

fn old_line_ends() -> DecodeError {
    let message = "its lines end in CR alone, as on old Macs; lines are read that end in LF or CRLF";
    refuse("E4208", 1, message)
}

/// Skips what stands above the header, and keeps the first of those lines with their numbers.
fn skip_above<R: Read>(
    scanner: &mut Scanner<Transcoder<R>>,
    settings: &Settings,
    lines: &mut Vec<(u64, Vec<u8>)>,
) -> Result<(), DecodeError> {
    let above = settings.lines_before_header;
    for number in 0..above {
        match scanner.skip_line()? {
            Found::End => return Err(no_header(above, number)),
            Found::Row { at, line } if lines.len() < LOOKED_AT => {
                lines.push((line, scanner.bytes(&at).to_vec()));
            }
            Found::Row { .. } | Found::TooLong { .. } => {}
        }
    }
    Ok(())
}

/// Says which of the lines that were skipped is a header that would be accepted.
fn header_among(above: &[(u64, Vec<u8>)], settings: &Settings, encoding: &'static Encoding) -> Option<String> {
    above.iter().find_map(|(line, bytes)| {
        let (_, choice) = read_header(settings, encoding, bytes).ok()?;
        let layout = &settings.layouts[choice.layout].name;
        let reads = match line - 1 {
            0 => "without `lines-before-header` it is read".to_owned(),
            above => format!("`lines-before-header: {above}` reads it"),
        };
        Some(format!("line {line}, which is skipped, is the header of layout {layout}: {reads}"))
    })
}

/// Lines that are looked at for a header that is not where it should be. Larger: more of a document that is refused anyway
/// is read.
const LOOKED_AT: usize = 20;

/// The line of the header and its number.
fn header_line<R: Read>(
    scanner: &mut Scanner<Transcoder<R>>,
    settings: &Settings,
) -> Result<(Vec<u8>, u64), DecodeError> {
    let above = settings.lines_before_header;
    let (header, line) = match scanner.next()? {
        Found::Row { at, line } => (scanner.bytes(&at).to_vec(), line),
        Found::TooLong { beginning, .. } if ends_in_cr(&beginning, settings.quotes) => return Err(old_line_ends()),
        Found::TooLong { line, .. } => {
            let message = format!("{} is longer than {} bytes and no header", place(settings), settings.line_limit);
            return Err(refuse("E4208", line, &message));
        }
        Found::End => return Err(no_header(above, above)),
    };
    if ends_in_cr(&header, settings.quotes) {
        return Err(old_line_ends());
    }
    Ok((header, line))
}

/// What is said of a document that ends after so many lines, before its header.
fn no_header(above: u64, lines: u64) -> DecodeError {
    if lines == 0 {
        return refuse("E4212", 0, "the document is empty");
    }
    let (has, above) = (batch::counted(lines, "line"), batch::counted(above, "line"));
    refuse("E4208", lines, &format!("the document has {has}, and its header is to stand below {above}"))
}

/// What is said of a header that fits no layout as it is declared to be encoded, and is text in UTF-8.
fn header_in_utf_8(settings: &Settings, encoding: &'static Encoding, header: &[u8]) -> Option<DecodeError> {
    if encoding == encoding_rs::UTF_8 || header.is_ascii() || std::str::from_utf8(header).is_err() {
        return None;
    }
    let said = said_to_be(&settings.encoding);
    Some(match read_header(settings, encoding_rs::UTF_8, header) {
        Ok((_, choice)) => {
            let layout = &settings.layouts[choice.layout].name;
            refuse(IN_UTF_8, 1, &format!("{said}: so read, its header is that of layout {layout}"))
        }
        Err(error) => error.and(&format!("{said}, as its header shows")),
    })
}

/// The names of a header and the layout that they fit.
fn read_header(
    settings: &Settings,
    encoding: &'static Encoding,
    header: &[u8],
) -> Result<(Vec<String>, Choice), DecodeError> {
    let names = header_names(settings, encoding, header).map_err(|error| {
        // Cells that are all quoted look like text behind a quote where the separator is another one.
        let whole = [String::from_utf8_lossy(header).into_owned()];
        another_separator(settings, header, &whole).unwrap_or(error)
    })?;
    let choice = choose(settings, &names).map_err(|error| {
        let better =
            no_text(settings, &names, encoding, header).or_else(|| another_separator(settings, header, &names));
        better.unwrap_or(error)
    })?;
    // With a zero in each name they would be right, compared by their letters.
    if mostly_zeros(header, encoding).is_some()
        && let Some(refused) = no_text(settings, &names, encoding, header)
    {
        return Err(refused);
    }
    Ok((names, choice))
}

/// What helps where a line below is the header: publishers write titles above it.
fn header_below<R: Read>(
    scanner: &mut Scanner<Transcoder<R>>,
    settings: &Settings,
    encoding: &'static Encoding,
) -> Option<String> {
    for _ in 0..LOOKED_AT {
        let Ok(Found::Row { at, line }) = scanner.next() else { return None };
        if let Ok((_, choice)) = read_header(settings, encoding, scanner.bytes(&at)) {
            let layout = &settings.layouts[choice.layout].name;
            let above = line - 1;
            return Some(format!(
                "line {line} is the header of layout {layout}: `lines-before-header: {above}` reads it"
            ));
        }
    }
    None
}

fn header_names(settings: &Settings, encoding: &'static Encoding, header: &[u8]) -> Result<Vec<String>, DecodeError> {
    let columns = usize::MAX;
    let mut splitter =
        Splitter { separator: settings.separator, quotes: settings.quotes, columns, spill: None, starts: Vec::new() };
    let mut cells = Vec::new();
    if splitter.split_any(header, &mut cells).is_err() {
        return Err(refuse("E4208", 1, "text stands behind a closing quote in the header"));
    }
    // Bytes that are no text of a UTF-8 document show as replacement characters.
    let encoding = given_out(encoding);
    let name =
        |cell: &Cell| encoding.decode_without_bom_handling(&cell.text(header, settings.separator)).0.into_owned();
    Ok(cells.iter().map(name).collect())
}

/// What is said of a first line that is no text, instead of its differences from a header: mostly another encoding, or
/// no document of text at all.
fn no_text(settings: &Settings, names: &[String], encoding: &'static Encoding, header: &[u8]) -> Option<DecodeError> {
    const SHOWN: usize = 80;
    let strange =
        |character: char| character == char::REPLACEMENT_CHARACTER || (character.is_control() && character != '\t');
    names.iter().any(|name| name.contains(strange)).then(|| {
        // What is no text of UTF-16 is a byte here that the document does not have.
        let shown = if is_wide(encoding) { String::from_utf8_lossy(header) } else { Cow::Borrowed("") };
        let beginning = batch::excerpt(if is_wide(encoding) { shown.as_bytes() } else { header }, SHOWN);
        let which = place(settings);
        // As the topology names it, unless a mark says that it is another one.
        let declared =
            encoding != encoding_rs::UTF_8 && Encoding::for_label(settings.encoding.as_bytes()) == Some(encoding);
        let name = if declared { &*settings.encoding } else { encoding.name() };
        let refused = refuse("E4208", 1, &format!("{which} is no text in {name}; it begins `{beginning}`"));
        match mostly_zeros(header, encoding) {
            Some(more) => refused.and(more),
            None => refused,
        }
    })
}

/// The names of a document's header, spelt as the layout spells those that it has: a publisher who changes case or
/// blanks changes no key of `row`.
fn as_declared(mut names: Vec<String>, header: &[Arc<str>], places: &[usize]) -> Vec<String> {
    for (declared, place) in header.iter().zip(places) {
        if let Some(name) = names.get_mut(*place) {
            name.replace_range(.., declared);
        }
    }
    names
}

/// Gives the second `Filler` the name `Filler (2)`, so that a map of names to cells holds each; a number that another
/// column is called by already is passed over.
fn distinct(names: Vec<String>) -> Vec<String> {
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut numbered = |name: String| {
        let times = seen.entry(name.clone()).or_default();
        *times += 1;
        if *times == 1 {
            return name;
        }
        loop {
            let candidate = format!("{name} ({times})");
            if taken.insert(candidate.clone()) {
                return candidate;
            }
            *times += 1;
        }
    };
    names.into_iter().map(&mut numbered).collect()
}

fn is_blank(bytes: &[u8], separator: u8) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' ' | b'\r') && *byte != separator)
}

fn misfit_failure(misfit: Misfit, columns: usize) -> (&'static str, String) {
    match misfit {
        Misfit::TooFew(found) => {
            ("E4202", format!("the row has {}, the header has {columns}", batch::counted(found as u64, "cell")))
        }
        Misfit::TooMany => ("E4202", format!("the row has more cells than the header, which has {columns}")),
        Misfit::Misquoted => ("E4213", "text stands behind a closing quote".to_owned()),
    }
}

fn add_up(sums: &mut [(Arc<str>, Sum)], places: &[usize], line: u64, cells: &[Cell], block: &[u8], separator: u8) {
    for ((_, sum), place) in sums.iter_mut().zip(places) {
        let cell = cells[*place];
        if cell.is_plain() {
            sum.add(cell.plain(block), line);
        } else {
            sum.add(&cell.text(block, separator), line);
        }
    }
}
