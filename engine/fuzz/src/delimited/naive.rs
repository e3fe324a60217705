//! A naive reader of delimited text: one byte after the other, everything in memory, no thought of speed.

use codec::delimited::Settings;

/// A document as text: its bytes, and how a piece of them is shown.
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    /// Windows-1252 and not UTF-8.
    narrow: bool,
}

impl Text {
    /// A mark wins over the encoding that is declared. UTF-16 becomes UTF-8 with the byte 0xFF for what is no text.
    pub(super) fn of(document: &[u8], declared: &str) -> Self {
        let (encoding, rest) = match document {
            [0xef, 0xbb, 0xbf, rest @ ..] => ("utf-8", rest),
            [0xff, 0xfe, rest @ ..] => ("utf-16le", rest),
            [0xfe, 0xff, rest @ ..] => ("utf-16be", rest),
            rest => (declared, rest),
        };
        let bytes = match encoding {
            "utf-16le" => from_utf16(rest, u16::from_le_bytes),
            "utf-16be" => from_utf16(rest, u16::from_be_bytes),
            _ => rest.to_vec(),
        };
        Self { bytes, narrow: encoding == "windows-1252" }
    }

    pub(super) fn shown(&self, piece: &[u8]) -> String {
        if self.narrow {
            return piece.iter().map(|byte| windows_1252(*byte)).collect();
        }
        String::from_utf8_lossy(piece).into_owned()
    }
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let pairs = bytes.chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    let units: Vec<u16> = pairs.map(|pair| unit([pair[0], pair[1]])).collect();
    let mut made = Vec::new();
    let mut decoded = char::decode_utf16(units.iter().copied()).peekable();
    while let Some(character) = decoded.next() {
        match character {
            Ok(character) => made.extend(character.to_string().bytes()),
            // Half of a pair before half of a unit is one piece that is no text.
            Err(half) if decoded.peek().is_none() && odd && half.unpaired_surrogate() < 0xdc00 => {}
            Err(_) => made.push(0xff),
        }
    }
    if odd {
        made.push(0xff);
    }
    made
}

/// By the table of the encoding standard, <https://encoding.spec.whatwg.org/index-windows-1252.txt>.
fn windows_1252(byte: u8) -> char {
    const UPPER: [u32; 32] = [
        0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d,
        0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d,
        0x17e, 0x178,
    ];
    let code = if (0x80..0xa0).contains(&byte) { UPPER[usize::from(byte) - 0x80] } else { u32::from(byte) };
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// A row as it stands, perhaps over several lines.
pub(super) struct Line {
    /// The first line, from 1.
    pub(super) number: u64,
    /// Without the line end; of one that is too long all.
    pub(super) written: Vec<u8>,
    /// The same without a mark of UTF-8 in front of it.
    pub(super) bytes: Vec<u8>,
    pub(super) too_long: bool,
}

impl Line {
    pub(super) fn is_blank(&self, separator: u8) -> bool {
        !self.too_long && self.bytes.iter().all(|byte| (*byte == b' ' || *byte == b'\r') && *byte != separator)
    }
}

/// Cuts the text into rows. A quote opens where a cell begins, and within quotes a line end is text; of what is longer
/// than the limit, its end included, quotes do not count behind the limit.
pub(super) fn lines(settings: &Settings, text: &Text) -> Vec<Line> {
    let mut found = Vec::new();
    let (mut start, mut number) = (0, 1);
    for _ in 0..settings.lines_before_header {
        let end = text.bytes[start..].iter().position(|byte| *byte == b'\n');
        start = end.map_or(text.bytes.len(), |end| start + end + 1);
        number += 1;
    }
    while start < text.bytes.len() {
        let rest = &text.bytes[start..];
        let mut quoted = false;
        let mut at = 0;
        while at < rest.len() {
            let counts = settings.quotes && at < settings.line_limit;
            match rest[at] {
                b'"' if quoted && counts => {
                    if rest.get(at + 1) == Some(&b'"') {
                        at += 1;
                    } else {
                        quoted = false;
                    }
                }
                b'"' if counts && (at == 0 || rest[at - 1] == settings.separator) => quoted = true,
                b'\n' if !quoted => break,
                _ => {}
            }
            at += 1;
        }
        let at = at.min(rest.len());
        let too_long = at > settings.line_limit;
        let whole = &rest[..at];
        let bytes = if too_long {
            whole
        } else {
            &whole[..whole.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1)]
        };
        let within = if settings.quotes { whole.iter().filter(|byte| **byte == b'\n').count() } else { 0 };
        let unmarked = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        found.push(Line { number, written: bytes.to_vec(), bytes: unmarked.to_vec(), too_long });
        number += 1 + within as u64;
        start += at + 1;
    }
    found
}

/// What is to become of a line between the first row and the last.
pub(super) enum Fate {
    Good(Vec<Vec<u8>>),
    Bad(&'static str),
}

pub(super) fn fate(line: &Line, header: &[u8], width: usize, settings: &Settings, text: &Text) -> Fate {
    if line.too_long {
        return Fate::Bad("E4203");
    }
    if line.is_blank(settings.separator) {
        return Fate::Bad("E4204");
    }
    let row = &*line.bytes;
    if row == header {
        return Fate::Bad("E4205");
    }
    let spill = settings.spill.is_some().then(|| place_of_b(header, settings, text)).flatten();
    let mut cells = match cells(row, settings) {
        Ok(cells) => cells,
        // Without a column for surplus cells nobody looks at what stands behind the last one.
        Err(before) if before >= width && spill.is_none() => return Fate::Bad("E4202"),
        Err(_) => return Fate::Bad("E4213"),
    };
    if let Some(spill) = spill.filter(|_| cells.len() > width) {
        let surplus = cells.len() - width;
        let joined = cells[spill..=spill + surplus].join(&settings.separator);
        cells.splice(spill..=spill + surplus, [joined]);
    }
    if cells.len() != width {
        return Fate::Bad("E4202");
    }
    if !text.narrow && std::str::from_utf8(row).is_err() {
        return Fate::Bad("E4201");
    }
    Fate::Good(cells)
}

fn place_of_b(header: &[u8], settings: &Settings, text: &Text) -> Option<usize> {
    let names: Vec<String> = cells(header, settings).ok()?.iter().map(|name| text.shown(name)).collect();
    place_of("b", &names)
}

/// Letters and digits of a name, in lower case.
pub(super) fn letters(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Where the column stands that is declared under a name of small letters. Published names are compared by letters and
/// digits in lower case; of equal ones the first is meant. Those that differ in signs alone are meant as they are, but for
/// case and blanks around them.
pub(super) fn place_of(name: &str, published: &[String]) -> Option<usize> {
    let signs = |published: &str| published.trim().to_lowercase();
    let mut forms = published.iter().filter(|known| letters(known) == name).map(|known| signs(known));
    let first = forms.next()?;
    let alike = forms.all(|form| form == first);
    published.iter().position(|known| if alike { letters(known) == name } else { signs(known) == name })
}

/// The cells of a row; if text stands behind a closing quote, the number of cells before that one.
pub(super) fn cells(row: &[u8], settings: &Settings) -> Result<Vec<Vec<u8>>, usize> {
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        let mut cell = Vec::new();
        if settings.quotes && row.get(at) == Some(&b'"') {
            at += 1;
            loop {
                match (row.get(at), row.get(at + 1)) {
                    (Some(b'"'), Some(b'"')) => {
                        cell.push(b'"');
                        at += 2;
                    }
                    (Some(b'"'), _) => break,
                    (Some(byte), _) => {
                        cell.push(*byte);
                        at += 1;
                    }
                    (None, _) => return Err(cells.len()),
                }
            }
            at += 1;
            if row.get(at).is_some_and(|byte| *byte != settings.separator) {
                return Err(cells.len());
            }
        } else {
            while row.get(at).is_some_and(|byte| *byte != settings.separator) {
                cell.push(row[at]);
                at += 1;
            }
        }
        cells.push(cell);
        if at >= row.len() {
            return Ok(cells);
        }
        at += 1;
    }
}

/// The patterns of trailers that the target uses, without regular expressions. What is no text matches none.
pub(super) fn is_trailer(pattern: &str, line: &[u8], text: &Text) -> bool {
    if !text.narrow && std::str::from_utf8(line).is_err() {
        return false;
    }
    let line = text.shown(line);
    match pattern {
        "end.*" => line.strip_prefix("end").is_some_and(|rest| !rest.contains('\n')),
        _ if pattern.starts_with("rows") => {
            line.strip_prefix("rows ").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        }
        _ => line.strip_prefix("sum ").is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace)),
    }
}
