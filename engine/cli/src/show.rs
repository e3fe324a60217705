//! How answers look: tables, failures, findings. The only place that prints, beside the live lines.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this file is for")]

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::environment;
use crate::exit::{Exit, Failure};

/// Prints a line.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints the heading of a part.
pub(crate) fn heading(text: &str) {
    if environment::coloured() { println!("\n\x1b[1m{text}\x1b[0m") } else { println!("\n{text}") }
}

/// Prints a line for people beside the answer.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Prints a value for scripts.
pub(crate) fn json(value: &serde_json::Value) {
    println!("{}", serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Prints a table. Columns whose name begins with `#` hold numbers and stand to the right.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) {
    println!("{}", rendered(header, rows));
}

fn rendered(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    // A line below the header and none between rows: long tables stay on one page, and narrow ones in 80 columns.
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.style_mut().header_separator.fill = Some('─');
    table.set_header(header.iter().map(|name| name.trim_start_matches('#')));
    for row in rows {
        table.add_row(row);
    }
    for (index, name) in header.iter().enumerate() {
        if let (true, Some(column)) = (name.starts_with('#'), table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
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

/// Prints why the program failed and what helps.
pub(crate) fn failure(error: &anyhow::Error, exit: Exit) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    eprintln!("error: {}", causes.join(": "));
    if let Some(failure) = error.chain().find_map(|cause| cause.downcast_ref::<Failure>())
        && !failure.remedy.is_empty()
    {
        eprintln!("  to go on: {}", failure.remedy);
    }
    if exit == Exit::Bug {
        eprintln!("  this looks like a fault of Spotlight; please report it with the lines above");
    }
}

/// Prints findings in topology files; true if one is an error.
pub(crate) fn findings(findings: &[topology::Diagnostic]) {
    for finding in findings {
        eprintln!("{}\n", finding.text(environment::watched() && environment::variable("NO_COLOR").is_none()));
    }
}

#[cfg(test)]
mod tests {
    use super::{count, duration};

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(219_776), "219,776");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(61_000), "1 min 1 s");
    }
}
