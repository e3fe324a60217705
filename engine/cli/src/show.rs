//! How answers look: tables, failures, findings. The only place that prints, beside the live lines.

use std::io::Write;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};

use crate::environment;
use crate::exit::{Exit, Failure};

/// Prints a line. One that nobody reads any more, as behind `| head`, is no failure.
pub(crate) fn line(text: &str) {
    let _read = read_line(text);
}

/// Prints a line; false if nobody reads any more.
pub(crate) fn read_line(text: &str) -> bool {
    match writeln!(std::io::stdout(), "{}", visible(text)) {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => false,
        Err(error) => unwritten(&error),
    }
}

/// Ends the program because its answer cannot be written, such as to a full disk.
pub(crate) fn unwritten(error: &std::io::Error) -> ! {
    note(&format!("error: the answer cannot be written: {error}"));
    std::process::exit(Exit::Environment as i32);
}

/// Text without what a terminal would obey: names and rows of publishers may hold anything. Our own colours stay.
fn visible(text: &str) -> String {
    let obeyed = |character: char| character.is_control() && !matches!(character, '\n' | '\t' | '\u{1b}');
    if !text.contains(obeyed) && !text.contains('\u{1b}') {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let colour = rest
            .strip_prefix("\u{1b}[")
            .and_then(|after| after.find('m').filter(|end| *end <= 8).map(|end| (after, end)));
        match colour {
            Some((after, end)) if after[..end].bytes().all(|byte| byte.is_ascii_digit() || byte == b';') => {
                shown.push_str(&rest[..end + 3]);
                rest = &rest[end + 3..];
            }
            _ => {
                if character == '\u{1b}' || obeyed(character) {
                    shown.extend(character.escape_unicode());
                } else {
                    shown.push(character);
                }
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    shown
}

/// Prints the heading of a part.
pub(crate) fn heading(text: &str) {
    if environment::coloured() { line(&format!("\n\x1b[1m{text}\x1b[0m")) } else { line(&format!("\n{text}")) }
}

/// Prints a line for people beside the answer.
pub(crate) fn note(text: &str) {
    // A full disk under a log file, or nobody who reads: no reason to end a run.
    let _ = crate::live::beside(|| writeln!(std::io::stderr(), "{}", visible(text)));
}

/// Prints a value for scripts.
pub(crate) fn json(value: &serde_json::Value) {
    line(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Prints a table. Columns whose name begins with `#` hold numbers and stand to the right. On a terminal that is narrower
/// the longer texts are wrapped, and numbers that are 0 in all rows are left out where there is no room for them; elsewhere
/// each row is one line.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) {
    line(&rendered(header, rows, None));
}

/// Columns no wider than this are never wrapped.
const SHORT: usize = 10;

/// The least that a column of longer texts needs.
const TEXT: usize = 16;

fn rendered(header: &[&str], rows: Vec<Vec<String>>, width: Option<u16>) -> String {
    let mut table = Table::new();
    width.map(|width| table.set_width(width));
    let narrow = table.width().is_some();
    let (left_out, mut rows) = (left_out(header, &rows, table.width()), rows);
    let keep = |index: usize| !left_out.contains(&index);
    rows.iter_mut().for_each(|row| {
        let mut index = 0..;
        row.retain(|_| index.next().is_some_and(keep));
    });
    let all = header;
    let header: Vec<&str> = all.iter().enumerate().filter(|(index, _)| keep(*index)).map(|(_, name)| *name).collect();
    let whole: Vec<Option<usize>> = header.iter().enumerate().map(|(index, name)| whole(name, index, &rows)).collect();
    // A line below the header and none between rows: long tables stay on one page, and narrow ones in 80 columns.
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.style_mut().header_separator.fill = Some('─');
    table.set_header(header.iter().map(|name| name.trim_start_matches('#')));
    for row in rows {
        table.add_row(row);
    }
    for (index, name) in header.iter().enumerate() {
        let Some(column) = table.column_mut(index) else { continue };
        if name.starts_with('#') {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if !narrow {
            continue;
        }
        column.set_padding((0, 1));
        if let Some(whole) = whole[index] {
            let width = u16::try_from(whole + 1).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        }
    }
    let names: Vec<&str> = left_out.iter().map(|index| all[*index].trim_start_matches('#')).collect();
    match names.as_slice() {
        [] => table.to_string(),
        names => format!("{table}\n(0 everywhere: {})", names.join(", ")),
    }
}

/// The columns of numbers that are 0 in all rows and for which there is no room, the last ones first.
fn left_out(header: &[&str], rows: &[Vec<String>], width: Option<u16>) -> Vec<usize> {
    let need = |index: usize| 1 + whole(header[index], index, rows).unwrap_or(TEXT);
    let mut needed: usize = (0..header.len()).map(need).sum();
    let mut left_out = Vec::new();
    for index in (0..header.len()).rev() {
        let nothing =
            header[index].starts_with('#') && rows.iter().all(|row| row.get(index).is_some_and(|it| it == "0"));
        if width.is_some_and(|width| needed > usize::from(width)) && nothing && !rows.is_empty() {
            needed -= need(index);
            left_out.insert(0, index);
        }
    }
    left_out
}

/// Width of a column that must not be wrapped: a number's is that of its longest content or word of its name.
fn whole(name: &str, index: usize, rows: &[Vec<String>]) -> Option<usize> {
    let words = name.trim_start_matches('#').split(' ').map(|word| word.chars().count());
    let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
    let longest = words.chain(cells).max().unwrap_or(0);
    (name.starts_with('#') || longest <= SHORT).then_some(longest)
}

/// A number with thin groups of three, as people read it.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in milliseconds as people read it.
pub(crate) fn duration(milliseconds: i64) -> String {
    match milliseconds {
        ..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds / 1000 % 60),
    }
}

/// An instant in milliseconds since 1970 UTC, by RFC 3339. A number that is none stays a number.
pub(crate) fn time(milliseconds: i64) -> String {
    let instant = chrono::DateTime::from_timestamp_millis(milliseconds);
    instant.map_or_else(
        || milliseconds.to_string(),
        |instant| instant.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
    )
}

/// Prints why the program failed and what helps.
pub(crate) fn failure(error: &anyhow::Error, exit: Exit) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    note(&format!("error: {}", causes.join(": ")));
    if let Some(failure) = error.chain().find_map(|cause| cause.downcast_ref::<Failure>())
        && !failure.remedy.is_empty()
    {
        note(&format!("  to go on: {}", failure.remedy));
    }
    if exit == Exit::Bug {
        note("  this looks like a fault of Spotlight; please report it with the lines above");
    }
}

/// A question for the end of a sentence about a name that does not exist: the nearest that does.
pub(crate) fn meant(wrong: &str, known: &[&str]) -> String {
    topology::nearest(wrong, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

/// A dead letter for scripts, with its bytes: as text, and as digits where they are none.
pub(crate) fn letter(letter: &runtime::DeadLetter) -> serde_json::Value {
    let mut value = serde_json::to_value(letter).unwrap_or_default();
    value["bytes"] = serde_json::json!(String::from_utf8_lossy(&letter.bytes));
    if std::str::from_utf8(&letter.bytes).is_err() {
        let digits = letter.bytes.iter().map(|byte| format!("{byte:02x}"));
        value["bytes_hex"] = serde_json::json!(digits.collect::<String>());
    }
    value
}

/// Prints findings in topology files; true if one is an error.
pub(crate) fn findings(findings: &[topology::Diagnostic]) {
    for finding in findings {
        note(&format!("{}\n", finding.text(environment::coloured_notes())));
    }
}

#[cfg(test)]
mod tests {
    use super::{count, duration, rendered};

    #[test]
    fn a_narrow_terminal_wraps_texts_and_leaves_numbers_whole() {
        let header = ["flow", "#rows in", "#landed", "outcome", "#other outputs", "why"];
        let why = "rows: the trailer says 7, the document has 1, and so nothing of it was taken";
        let row = ["finra-short-volume-fnqc/load", "1,425,112", "1,425,112", "incomplete", "0", why];
        let rows = vec![row.map(str::to_owned).to_vec()];
        let text = rendered(&header, rows.clone(), Some(80));
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= 80, "{widest}: {text}");
        assert_eq!(text.matches("1,425,112").count(), 2, "{text}");
        assert!(text.contains("incomplete") && text.contains("outputs"), "{text}");
        let text = rendered(&header, rows, None);
        assert!(text.contains(why) && text.lines().count() == 3, "{text}");
    }

    #[test]
    fn a_column_of_nothing_makes_room_where_there_is_none() {
        let header = ["flow", "#rows in", "#landed", "#other outputs", "#dropped", "#dead", "#rows refused", "adds up"];
        let header = [&header[..], &["#documents refused", "#waiting"]].concat();
        let row =
            ["finra-short-volume-fnqc/load", "1,425,112,000", "1,425,112,000", "0", "0", "0", "0", "yes", "0", "7"];
        let rows = vec![row.map(str::to_owned).to_vec(); 2];
        let text = rendered(&header, rows.clone(), Some(80));
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= 80, "{widest}: {text}");
        assert!(text.contains("(0 everywhere: ") && text.contains("documents refused)"), "{text}");
        assert!(text.matches("1,425,112,000").count() == 4 && text.contains("waiting"), "{text}");
        let wide = rendered(&header, rows, Some(300));
        assert!(!wide.contains("everywhere"), "{wide}");
    }

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(219_776), "219,776");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(61_000), "1 min 1 s");
    }
}
