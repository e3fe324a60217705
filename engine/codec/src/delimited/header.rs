//! Which header layout a document has, and where each of the layout's columns stands in it.
//!
//! Published names are compared by their letters and digits in lower case, because publishers change case, spaces and
//! points without a word. Repeated names, such as two `Filler`, are told apart by their order.

use std::collections::{HashMap, HashSet};

use super::cells::{Cell, Splitter};
use super::error::{DecodeError, refuse};
use super::format::{Layout, NewColumns, Settings};

/// Most names that a message lists.
const LISTED: usize = 10;
/// Characters that publishers put between cells.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A chosen layout.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Index of the layout.
    pub(super) layout: usize,
    /// For each column of the layout, where it stands in the document.
    pub(super) places: Vec<usize>,
    /// Names of the document's columns that the layout does not name.
    pub(super) new_columns: Vec<String>,
}

/// A name as it is compared, and how often it occurred before.
type Key = (String, usize);

fn keys<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Key> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    names
        .map(|name| {
            let letters: String =
                name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect();
            let times = seen.entry(letters.clone()).or_default();
            *times += 1;
            (letters, *times - 1)
        })
        .collect()
}

/// What is said of a first line that holds a header, but with another separator than the layout's: of such a one the
/// differences from a layout would be all of its columns.
pub(super) fn another_separator(settings: &Settings, line: &[u8], header: &[String]) -> Option<DecodeError> {
    let in_common = |found: &[Key]| {
        let there: HashSet<&Key> = found.iter().collect();
        let common = |layout: &Layout| {
            keys(layout.header.iter().map(AsRef::as_ref)).iter().filter(|key| there.contains(key)).count()
        };
        settings.layouts.iter().map(common).max().unwrap_or(0)
    };
    let as_declared = in_common(&keys(header.iter().map(String::as_str)));
    let split = |separator: &u8| {
        let mut splitter = Splitter {
            separator: *separator,
            quotes: settings.quotes,
            columns: usize::MAX,
            spill: None,
            starts: Vec::new(),
        };
        let mut cells: Vec<Cell> = Vec::new();
        splitter.split_any(line, &mut cells).ok()?;
        let names: Vec<String> =
            cells.iter().map(|cell| String::from_utf8_lossy(&cell.text(line, *separator)).into_owned()).collect();
        let common = in_common(&keys(names.iter().map(String::as_str)));
        // A sentence has blanks behind its commas, a header has not.
        let like_header = names.len() > 1 && names.iter().all(|name| !name.is_empty() && !name.starts_with(' '));
        (common > 0 || like_header).then_some((common, names.len(), *separator))
    };
    let others = SEPARATORS.iter().filter(|separator| **separator != settings.separator);
    let (common, cells, separator) = others.filter_map(split).max_by_key(|(common, cells, _)| (*common, *cells))?;
    // Without a name that is known, only a line that is one cell as declared is told to be a header of several.
    let tells = common > as_declared || (as_declared == 0 && header.len() == 1);
    tells.then(|| {
        let (cells, beginning) = (batch::counted(cells as u64, "cell"), batch::excerpt(line, 60));
        let (other, own) = (shown(separator), shown(settings.separator));
        let message = format!(
            "the line holds {cells} when split at {other}, the layout splits at {own}; it begins `{beginning}`"
        );
        refuse("E4208", 1, &message)
    })
}

/// Which line of a document its header is, in words.
pub(super) fn place(settings: &Settings) -> String {
    match settings.lines_before_header {
        0 => "the first line".to_owned(),
        above => format!("line {}", above + 1),
    }
}

/// A separator as it is written in a topology file.
fn shown(separator: u8) -> String {
    match separator {
        b'\t' => "`tab`".to_owned(),
        other => format!("`{}`", char::from(other)),
    }
}

/// Chooses the layout for a document whose first line holds these names.
pub(super) fn choose(settings: &Settings, header: &[String]) -> Result<Choice, DecodeError> {
    let found = keys(header.iter().map(String::as_str));
    let there: HashSet<&Key> = found.iter().collect();
    let taken = settings.layouts.iter().position(|layout| {
        if layout.must_have.is_empty() {
            keys(layout.header.iter().map(AsRef::as_ref)) == found
        } else {
            keys(layout.must_have.iter().map(AsRef::as_ref)).iter().all(|key| there.contains(key))
        }
    });
    let Some(index) = taken else {
        return Err(refuse("E4208", 1, &unknown(settings, header, &found)));
    };
    let layout = &settings.layouts[index];
    let places: HashMap<&Key, usize> = found.iter().enumerate().map(|(place, key)| (key, place)).collect();
    let wanted = keys(layout.header.iter().map(AsRef::as_ref));
    let located: Option<Vec<usize>> = wanted.iter().map(|key| places.get(key).copied()).collect();
    let Some(located) = located else {
        return Err(refuse("E4208", 1, &differences(layout, header, &found)));
    };
    let named: HashSet<&Key> = wanted.iter().collect();
    let new = header.iter().zip(&found).filter(|(_, key)| !named.contains(key));
    let new_columns: Vec<String> = new.map(|(name, _)| name.clone()).collect();
    if settings.new_columns == NewColumns::Refuse && !new_columns.is_empty() {
        let list = listed(&new_columns.iter().map(String::as_str).collect::<Vec<_>>());
        return Err(refuse("E4209", 1, &format!("columns that layout {} does not name: {list}", layout.name)));
    }
    Ok(Choice { layout: index, places: located, new_columns })
}

fn unknown(settings: &Settings, header: &[String], found: &[Key]) -> String {
    let there: HashSet<&Key> = found.iter().collect();
    let common = |layout: &&Layout| {
        keys(layout.header.iter().map(AsRef::as_ref)).iter().filter(|key| there.contains(key)).count()
    };
    // Of equally near layouts the first; `max_by_key` would take the last.
    let nearest = settings.layouts.iter().rev().max_by_key(common);
    match nearest {
        None => "no header layout is declared".to_owned(),
        Some(_) if header.iter().all(|name| name.trim().is_empty()) => {
            "the first line is empty, where a header is expected".to_owned()
        }
        Some(layout) if common(&layout) == 0 => {
            let names: Vec<&str> = header.iter().map(String::as_str).collect();
            format!("{} is no expected header; it reads: {}", place(settings), listed(&names))
        }
        Some(layout) => differences(layout, header, found),
    }
}

fn differences(layout: &Layout, header: &[String], found: &[Key]) -> String {
    let wanted = keys(layout.header.iter().map(AsRef::as_ref));
    let there: HashSet<&Key> = found.iter().collect();
    let named: HashSet<&Key> = wanted.iter().collect();
    let missing = layout.header.iter().zip(&wanted).filter(|(_, key)| !there.contains(key));
    let missing: Vec<&str> = missing.map(|(name, _)| name.as_ref()).collect();
    let unexpected = header.iter().zip(found).filter(|(_, key)| !named.contains(key));
    let unexpected: Vec<&str> = unexpected.map(|(name, _)| name.as_str()).collect();
    if let ([], [""]) = (missing.as_slice(), unexpected.as_slice())
        && header.last().is_some_and(String::is_empty)
    {
        let wants = batch::counted(layout.header.len() as u64, "column");
        let remedy = "the line ends in a separator, which makes an unnamed last column: add \"\" to `header`";
        return format!("layout {} wants {wants}; {remedy}", layout.name);
    }
    let mut message = format!("layout {} wants {}", layout.name, batch::counted(layout.header.len() as u64, "column"));
    if missing.is_empty() && unexpected.is_empty() {
        message.push_str("; all are there, but in another order");
    }
    if !missing.is_empty() {
        message.push_str(&format!("; missing: {}", listed(&missing)));
    }
    if !unexpected.is_empty() {
        message.push_str(&format!("; unexpected: {}", listed(&unexpected)));
    }
    message
}

fn listed(names: &[&str]) -> String {
    // One long name must not push all others out of a bounded message.
    let short: Vec<String> = names.iter().take(LISTED).map(|name| batch::excerpt(name.as_bytes(), 60)).collect();
    let rest = names.len().saturating_sub(LISTED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", short.join(", "))
}
