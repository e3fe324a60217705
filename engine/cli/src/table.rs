//! Tables, and what becomes of them on a narrow terminal.
//!
//! The sign before a column's name says what it holds: `#` numbers, which stand to the right; `=` names and ids, which
//! people copy; `?` the same, less important. Numbers, names and ids are never broken. On a terminal without room for
//! all, columns of numbers that are 0 everywhere go first, then what is less important and all longer texts move to a
//! line below their row; where that is not enough numbers too, from the right, and at last names and ids but for the
//! first. Elsewhere, as in a pipe, each row is one line and nothing is cut.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};

/// Texts no wider than this are never wrapped.
const SHORT: usize = 10;

/// The least that a column of longer texts needs.
const TEXT: usize = 16;

/// Signs before the name of a column.
const SIGNS: [char; 3] = ['#', '=', '?'];

/// Where a column goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Column,
    /// To a line below its row.
    Below,
    /// Nowhere: it is 0 everywhere.
    Out,
}

/// Width of the terminal that answers go to; `None` if they go elsewhere.
pub(crate) fn terminal() -> Option<usize> {
    Table::new().width().map(usize::from).filter(|width| *width > 0)
}

/// The table as text; `width` is that of the terminal, where the table's own look at it is not to count.
pub(crate) fn rendered(header: &[&str], rows: &[Vec<String>], width: Option<u16>) -> String {
    let mut table = Table::new();
    width.map(|width| table.set_width(width));
    let width = table.width().map(usize::from);
    let places = placed(header, rows, width);
    let at = |place: Place| -> Vec<usize> { (0..header.len()).filter(|index| places[*index] == place).collect() };
    let (columns, below, out) = (at(Place::Column), at(Place::Below), at(Place::Out));
    // A line below the header and none between rows: long tables stay on one page, and narrow ones in 80 columns.
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.style_mut().header_separator.fill = Some('─');
    table.set_header(columns.iter().map(|index| name(header[*index])));
    for row in rows {
        table.add_row(columns.iter().map(|index| row.get(*index).map_or("", String::as_str)));
    }
    for (at, index) in columns.iter().enumerate() {
        let Some(column) = table.column_mut(at) else { continue };
        if header[*index].starts_with('#') {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if width.is_none() {
            continue;
        }
        column.set_padding((0, 1));
        if let Some(whole) = whole(header[*index], *index, rows) {
            let width = u16::try_from(whole + 1).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        }
    }
    let mut text = table.to_string();
    if let (false, Some(width)) = (below.is_empty(), width) {
        text = with_lines_below(&text, rows, |row| lines_below(header, row, &below, width));
    }
    let out: Vec<&str> = out.into_iter().map(|index| name(header[index])).collect();
    if out.is_empty() {
        return text;
    }
    let told = format!("(0 everywhere: {})", out.join(", "));
    format!("{text}\n{}", crate::show::wrapped(&told, width.unwrap_or(usize::MAX), 2))
}

fn name(header: &str) -> &str {
    header.trim_start_matches(SIGNS)
}

/// Where each column goes. A number is worth more than a text that stands in full below.
fn placed(header: &[&str], rows: &[Vec<String>], width: Option<usize>) -> Vec<Place> {
    let mut places = vec![Place::Column; header.len()];
    let Some(width) = width.filter(|_| !rows.is_empty()) else { return places };
    let need = |index: usize| 1 + whole(header[index], index, rows).unwrap_or(TEXT);
    let needed = |places: &[Place]| -> usize {
        (0..header.len()).filter(|index| places[*index] == Place::Column).map(need).sum()
    };
    let zero = |index: usize| {
        header[index].starts_with('#') && rows.iter().all(|row| row.get(index).is_some_and(|it| it == "0"))
    };
    for index in (0..header.len()).rev().filter(|index| zero(*index)) {
        if needed(&places) > width {
            places[index] = Place::Out;
        }
    }
    if needed(&places) <= width {
        return places;
    }
    // Rows with lines below them are one line each, so all longer texts stand there.
    for index in (0..header.len()).filter(|index| whole(header[*index], *index, rows).is_none()) {
        places[index] = Place::Below;
    }
    for index in (0..header.len()).rev().filter(|index| header[*index].starts_with('?')) {
        if needed(&places) > width {
            places[index] = Place::Below;
        }
    }
    for sign in ['#', '='] {
        for index in (1..header.len()).rev().filter(|index| header[*index].starts_with(sign)) {
            if needed(&places) > width && places[index] == Place::Column {
                places[index] = Place::Below;
            }
        }
    }
    places
}

/// Width of a column that must not be wrapped: that of its longest content or word of its name.
fn whole(header: &str, index: usize, rows: &[Vec<String>]) -> Option<usize> {
    let words = name(header).split(' ').map(|word| word.chars().count());
    let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
    let longest = words.chain(cells).max().unwrap_or(0);
    (header.starts_with(SIGNS) || longest <= SHORT).then_some(longest)
}

/// The table with what belongs below each of its rows, which are one line each.
fn with_lines_below(table: &str, rows: &[Vec<String>], below: impl Fn(&[String]) -> Vec<String>) -> String {
    let mut lines = Vec::new();
    let mut rows = rows.iter();
    let mut in_header = true;
    for line in table.lines() {
        lines.push(line.to_owned());
        if in_header {
            in_header = !line.contains('─');
        } else if let Some(row) = rows.next() {
            lines.extend(below(row));
        }
    }
    lines.join("\n")
}

/// What of a row stands below it: names and values, wrapped between words, so that an id stays whole.
fn lines_below(header: &[&str], row: &[String], below: &[usize], width: usize) -> Vec<String> {
    const INDENT: &str = "  ";
    let values = below.iter().filter_map(|index| Some((header[*index], row.get(*index)?)));
    let told: Vec<String> = values
        .filter(|(_, value)| !value.is_empty())
        .map(|(header, value)| format!("{}: {value}", name(header)))
        .collect();
    let mut lines: Vec<String> = Vec::new();
    for (index, part) in told.iter().enumerate() {
        for (place, word) in part.split_whitespace().enumerate() {
            let gap = if place == 0 && index > 0 { 2 } else { 1 };
            match lines.last_mut() {
                Some(line) if line.chars().count() + gap + word.chars().count() <= width => {
                    line.extend(std::iter::repeat_n(' ', gap));
                    line.push_str(word);
                }
                _ => lines.push(format!("{INDENT}{word}")),
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::rendered;

    fn widest(text: &str) -> usize {
        text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
    }

    fn one(row: &[&str]) -> Vec<Vec<String>> {
        vec![row.iter().map(|cell| (*cell).to_owned()).collect()]
    }

    #[test]
    fn a_narrow_terminal_leaves_numbers_and_names_whole_and_moves_texts_below() {
        let header = ["=flow", "#rows in", "#landed", "outcome", "#other outputs", "why"];
        let why = "rows: the trailer says 7, the document has 1, and so nothing of it was taken";
        let rows = one(&["finra-short-volume-fnqc/load", "1,425,112", "1,425,112", "incomplete", "0", why]);
        let text = rendered(&header, &rows, Some(80));
        assert!(widest(&text) <= 80, "{text}");
        assert_eq!(text.matches("1,425,112").count(), 2, "{text}");
        assert!(text.contains("incomplete") && text.contains("finra-short-volume-fnqc/load"), "{text}");
        let text = rendered(&header, &rows, Some(70));
        assert!(widest(&text) <= 70 && text.contains("finra-short-volume-fnqc/load"), "{text}");
        assert!(text.contains("\n  why: rows: the trailer says 7"), "{text}");
        let text = rendered(&header, &rows, None);
        assert!(text.contains(why) && text.lines().count() == 3 && !text.contains("=flow"), "{text}");
    }

    #[test]
    fn an_id_is_whole_at_any_width_and_the_less_important_goes_first() {
        let id = "sec-ftd/load/0f3c5a9d7e21b4c6/0/1/23";
        let header = ["=flow", "?step", "=document", "#open", "=its id"];
        let rows = one(&["sec-ftd/load", "a-long-name-of-a-step", "cnsfails202009a.zip", "7", id]);
        for width in [20, 40, 60, 80, 100, 200] {
            let text = rendered(&header, &rows, Some(width));
            for part in [id, "sec-ftd/load", "cnsfails202009a.zip", "a-long-name-of-a-step"] {
                assert!(text.lines().any(|line| line.contains(part)), "{width}: {part}: {text}");
            }
        }
        assert!(rendered(&header, &rows, Some(80)).contains("  step: a-long-name-of-a-step"));
        assert!(!rendered(&header, &rows, Some(200)).contains("step: "));
    }

    #[test]
    fn where_names_and_numbers_have_no_room_the_last_ones_stand_below() {
        let header = ["=when (UTC)", "=document", "#version", "#landed", "#dropped", "#dead", "#withdrawn", "why"];
        let name = "CUMULATIVE_CFTC_COMMODITIES_2026_01_02_and_more.zip";
        let rows = one(&["2026-01-05 10:00", name, "2", "1,425,112", "17", "4", "3", ""]);
        let text = rendered(&header, &rows, Some(80));
        assert!(widest(&text) <= 80, "{text}");
        for part in ["2026-01-05 10:00", name, "1,425,112", "withdrawn: 3"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = rendered(&header, &rows, Some(40));
        assert!(text.lines().any(|line| line.trim() == format!("document: {name}") || line.trim() == name), "{text}");
        assert!(text.lines().filter(|line| !line.contains(name)).all(|line| line.chars().count() <= 40), "{text}");
    }

    #[test]
    fn a_column_of_nothing_makes_room_where_there_is_none() {
        let header =
            ["=flow", "#rows in", "#landed", "#other outputs", "#dropped", "#dead", "#rows refused", "adds up"];
        let header = [&header[..], &["#documents refused", "#waiting"]].concat();
        let row =
            ["finra-short-volume-fnqc/load", "1,425,112,000", "1,425,112,000", "0", "0", "0", "0", "yes", "0", "7"];
        let rows = [one(&row), one(&row)].concat();
        let text = rendered(&header, &rows, Some(80));
        assert!(widest(&text) <= 80, "{text}");
        assert!(text.contains("(0 everywhere: ") && text.contains("documents refused)"), "{text}");
        assert!(text.matches("1,425,112,000").count() == 4 && text.contains("waiting"), "{text}");
        let wide = rendered(&header, &rows, Some(300));
        assert!(!wide.contains("everywhere"), "{wide}");
    }
}
