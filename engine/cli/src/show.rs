//! How answers look: tables, failures, findings. The only place that prints, beside the live lines.

use std::io::Write;

use crate::environment;
use crate::exit::Exit;

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

/// Draws a screen anew. What does not fit in height is left out, so that the first lines stay.
pub(crate) fn screen(text: &str) {
    let height = crossterm::terminal::size().map_or(usize::MAX, |(_, height)| usize::from(height));
    let shown: Vec<&str> = text.lines().take(height.saturating_sub(1)).collect();
    let text = shown.join("\n");
    // To the upper left; each line clears what was behind it, and the last one what was below.
    let lines = visible(&text).replace('\n', "\x1b[K\n");
    let drawn = std::io::stdout().write_all(format!("\x1b[H{lines}\x1b[K\x1b[J\n").as_bytes());
    if let Err(error) = drawn.and_then(|()| std::io::stdout().flush()) {
        unwritten(&error);
    }
}

/// Prints lines of prose: on a terminal wrapped between words, what is wrapped set off; elsewhere as they are.
pub(crate) fn prose(text: &str) {
    fitted(text, 2);
}

/// Prints paragraphs: as prose, with nothing set off.
pub(crate) fn paragraphs(text: &str) {
    fitted(text, 0);
}

fn fitted(text: &str, further: usize) {
    match crate::table::terminal() {
        Some(width) => line(&wrapped(&visible(text), width, further)),
        None => line(text),
    }
}

/// Text of which no line is longer than this, unless a word is. What is wrapped of a line stands so many places further
/// to the right than the line does.
pub(crate) fn wrapped(text: &str, width: usize, further: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.chars().count() <= width {
            lines.push(line.to_owned());
            continue;
        }
        let indent = line.chars().take_while(|character| *character == ' ').count();
        let mut current = " ".repeat(indent);
        let mut empty = true;
        for word in line[indent..].split(' ') {
            if !empty && current.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::replace(&mut current, " ".repeat(indent + further)));
                empty = true;
            }
            if !empty {
                current.push(' ');
            }
            current.push_str(word);
            empty = false;
        }
        lines.push(current);
    }
    lines.join("\n")
}

/// A number of things: `1 row`, `2,000 rows`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Ends the program because its answer cannot be written, such as to a full disk.
pub(crate) fn unwritten(error: &std::io::Error) -> ! {
    note(&format!("error: the answer cannot be written: {error}"));
    std::process::exit(Exit::Environment as i32);
}

/// A character that has lines read in another order than they stand.
fn turns(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A word of a command line as it can be typed: in quotes where a shell would take it apart.
pub(crate) fn argument(word: &str) -> String {
    let plain = |sign: char| sign.is_alphanumeric() || "/._-+,=@%:".contains(sign);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A name of somebody else's, within a line of ours: no line end and no colour of it is obeyed.
pub(crate) fn foreign(name: &str) -> String {
    if !name.contains(|character: char| character.is_control() || turns(character)) {
        return name.to_owned();
    }
    let shown = |character: char| match character {
        obeyed if obeyed.is_control() || turns(obeyed) => format!("\\u{:04x}", u32::from(obeyed)),
        plain => plain.to_string(),
    };
    name.chars().map(shown).collect()
}

/// Text without what a terminal would obey: names and rows of publishers may hold anything. Our own colours stay.
fn visible(text: &str) -> String {
    let obeyed =
        |character: char| (character.is_control() && !matches!(character, '\n' | '\t' | '\u{1b}')) || turns(character);
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
                    // As JSON has it, since what is printed may be JSON.
                    let mut units = [0; 2];
                    character
                        .encode_utf16(&mut units)
                        .iter()
                        .for_each(|unit| shown.push_str(&format!("\\u{unit:04x}")));
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

/// Prints a table; signs before the names of columns say what they hold, see [`crate::table`].
#[expect(clippy::needless_pass_by_value, reason = "the rows are made for it")]
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) {
    line(&crate::table::rendered(header, &rows, None));
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

/// A wait that is still to come, in its two largest units and never less than a second: `1 h 59 min`, `59 min 3 s`, `7 s`.
pub(crate) fn wait(milliseconds: i64) -> String {
    let seconds = (milliseconds / 1000).max(1);
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
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
    if let Some(remedy) = crate::exit::remedy_of(error) {
        note(&format!("  to go on: {remedy}"));
    }
    if exit == Exit::Bug {
        note("  this looks like a fault of Spotlight; please report it with the lines above");
    }
}

/// A question for the end of a sentence about a name that does not exist: the nearest that does.
pub(crate) fn meant(wrong: &str, known: &[&str]) -> String {
    topology::nearest(wrong, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

/// Names that a list of those that exist tells; of more the number.
const LISTED: usize = 10;

/// The names that exist, the nearest to a wrong one first; where there are many, how to see the others.
pub(crate) fn nearest_first(wrong: &str, known: &[&str], all: &str) -> String {
    let mut sorted = known.to_vec();
    sorted.sort_by_cached_key(|name| (topology::distance(wrong, name), (*name).to_owned()));
    let shown = sorted[..sorted.len().min(LISTED)].join(", ");
    match sorted.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more, which {all} lists"),
    }
}

/// An instant as people read it: the minute, UTC.
pub(crate) fn minute(milliseconds: i64) -> String {
    let instant = chrono::DateTime::from_timestamp_millis(milliseconds);
    instant.map_or_else(|| milliseconds.to_string(), |instant| instant.format("%Y-%m-%d %H:%M").to_string())
}

/// A dead letter for scripts, with its bytes: as text, and as digits where they are none.
pub(crate) fn letter(letter: &runtime::DeadLetter) -> serde_json::Value {
    let mut value = serde_json::to_value(letter).unwrap_or_default();
    value["bytes"] = serde_json::json!(String::from_utf8_lossy(&letter.bytes));
    if let Some(found) = value_of_field(letter) {
        value["values"] = serde_json::json!({ &*letter.field: found });
    }
    if std::str::from_utf8(&letter.bytes).is_err() {
        let digits = letter.bytes.iter().map(|byte| format!("{byte:02x}"));
        value["bytes_hex"] = serde_json::json!(digits.collect::<String>());
    }
    value
}

/// What stands in the field of a JSON record that could not be decoded, whose path the letter names.
fn value_of_field(letter: &runtime::DeadLetter) -> Option<String> {
    const LONGEST: usize = 120;
    if !letter.values.is_empty() || letter.field.is_empty() || letter.bytes.first() != Some(&b'{') {
        return None;
    }
    let record: serde_json::Value = serde_json::from_slice(&letter.bytes).ok()?;
    let value = letter.field.split('.').try_fold(&record, |within, name| within.get(name))?;
    Some(batch::excerpt(value.to_string().as_bytes(), LONGEST))
}

/// Prints findings in topology files; true if one is an error.
pub(crate) fn findings(findings: &[topology::Diagnostic]) {
    for finding in findings {
        note(&format!("{}\n", finding.text(environment::coloured_notes())));
    }
}

#[cfg(test)]
mod tests {
    use super::{count, counted, duration, foreign, nearest_first, visible, wait, wrapped};

    #[test]
    fn prose_is_wrapped_between_words_and_ids_stay_whole() {
        let id = "sec-ftd/load/0f3c5a9d7e21b4c6/0/1/23";
        let cases = [
            ("short", 10, "short".to_owned()),
            ("one two three", 9, "one two\n  three".to_owned()),
            ("  one two three", 9, "  one two\n    three".to_owned()),
            ("first\n\none two three", 8, "first\n\none two\n  three".to_owned()),
            (&format!("see {id} for more"), 20, format!("see\n  {id}\n  for more")),
        ];
        for (text, width, wanted) in cases {
            assert_eq!(wrapped(text, width, 2), wanted, "{text}");
        }
        assert_eq!(wrapped("one two three", 9, 0), "one two\nthree");
        assert_eq!([0, 1, 2_000].map(|number| counted(number, "row")), ["0 rows", "1 row", "2,000 rows"]);
    }

    #[test]
    fn nothing_of_a_foreign_name_is_obeyed() {
        assert_eq!(foreign("a\n\u{1b}[31m\u{202e}é\u{9b}.csv"), "a\\u000a\\u001b[31m\\u202eé\\u009b.csv");
        assert_eq!(foreign("plain ä.csv"), "plain ä.csv");
        assert_eq!(visible("\u{1b}[1mours\u{1b}[0m\n\u{2066}x"), "\u{1b}[1mours\u{1b}[0m\n\\u2066x");
    }

    #[test]
    fn a_wait_is_told_in_two_units_and_never_as_nothing() {
        let cases =
            [(-5, "1 s"), (7_900, "7 s"), (60_000, "1 min 0 s"), (3_599_999, "59 min 59 s"), (7_140_000, "1 h 59 min")];
        for (milliseconds, told) in cases {
            assert_eq!(wait(milliseconds), told);
        }
    }

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(219_776), "219,776");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(61_000), "1 min 1 s");
    }

    #[test]
    fn of_many_names_the_nearest_are_told_and_how_to_see_the_others() {
        let many: Vec<String> = (0..90).map(|number| format!("feed-{number}.load.ledger")).collect();
        let mut known: Vec<&str> = many.iter().map(String::as_str).collect();
        known.extend(["wire.letters", "wire.letters-late"]);
        let told = nearest_first("wire.leters", &known, "spotlight tap --topics");
        assert!(told.starts_with("wire.letters, wire.letters-late, "), "{told}");
        assert!(told.ends_with("and 82 more, which spotlight tap --topics lists"), "{told}");
        assert_eq!(nearest_first("x", &["b", "a"], "spotlight tap --topics"), "a, b");
    }
}
