//! Which header layout a document has, and where each of the layout's columns stands in it.
//!
//! Published names are compared by their letters and digits in lower case, because publishers change case, spaces and
//! points without a word. Where a layout or a document has names that differ in nothing else, such as `Change` and
//! `Change %`, those are compared as they are, but for case and blanks around them. Repeated names, such as two `Filler`,
//! are told apart by their order. Of several layouts one whose names are all as published goes first.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

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

/// A name without what publishers change: its letters and digits in lower case.
fn letters(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A name as it was published, but for case and blanks around it.
fn signs(name: &str) -> String {
    name.trim().to_lowercase()
}

/// How the names of one layout and one document are compared.
#[derive(Default)]
struct Comparison {
    /// Letters of names that are told apart by their signs only.
    alike: HashSet<String>,
    /// All are compared by their signs.
    exact: bool,
}

impl Comparison {
    fn of<'a>(layout: &'a [Arc<str>], document: &'a [String]) -> Self {
        let mut alike = HashSet::new();
        let of_layout: Vec<&str> = layout.iter().map(AsRef::as_ref).collect();
        let of_document: Vec<&str> = document.iter().map(String::as_str).collect();
        for names in [of_layout, of_document] {
            let mut known: HashMap<String, String> = HashMap::new();
            for name in names {
                let (letters, signs) = (letters(name), signs(name));
                if *known.entry(letters.clone()).or_insert_with(|| signs.clone()) != signs {
                    alike.insert(letters);
                }
            }
        }
        Self { alike, exact: false }
    }

    fn exact() -> Self {
        Self { exact: true, ..Self::default() }
    }

    fn keys<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<Key> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        names
            .map(|name| {
                let letters = letters(name);
                // A name of signs alone has nothing else to be known by.
                let by_signs = self.exact || letters.is_empty() || self.alike.contains(&letters);
                // Letters never hold a zero byte, so the two kinds stay apart.
                let key = if by_signs { format!("\0{}", signs(name)) } else { letters };
                let times = seen.entry(key.clone()).or_default();
                *times += 1;
                (key, *times - 1)
            })
            .collect()
    }

    fn of_header(&self, names: &[Arc<str>]) -> Vec<Key> {
        self.keys(names.iter().map(AsRef::as_ref))
    }

    fn of_document(&self, names: &[String]) -> Vec<Key> {
        self.keys(names.iter().map(String::as_str))
    }
}

/// Names by their letters alone, to say which layout is near.
fn keys<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Key> {
    Comparison::default().keys(names)
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
    let fits = |layout: &Layout, comparison: &Comparison| {
        let found = comparison.of_document(header);
        if layout.must_have.is_empty() {
            return comparison.of_header(&layout.header) == found;
        }
        let there: HashSet<&Key> = found.iter().collect();
        comparison.of_header(&layout.must_have).iter().all(|key| there.contains(key))
    };
    // Some names suffice for `must-have`: a layout that can be read goes before one that would only be named in a refusal.
    let whole = |layout: &Layout, comparison: &Comparison| {
        let (wanted, found) = (comparison.of_header(&layout.header), comparison.of_document(header));
        let there: HashSet<&Key> = found.iter().collect();
        let all = wanted.iter().all(|key| there.contains(key));
        fits(layout, comparison) && all && (settings.new_columns == NewColumns::Keep || wanted.len() == found.len())
    };
    let first = |wanted: &dyn Fn(&Layout, &Comparison) -> bool| {
        let exact = settings.layouts.iter().position(|layout| wanted(layout, &Comparison::exact()));
        let alike = |layout: &Layout| wanted(layout, &Comparison::of(&layout.header, header));
        exact.or_else(|| settings.layouts.iter().position(alike))
    };
    let Some(index) = first(&whole).or_else(|| first(&fits)) else {
        return Err(refuse("E4208", 1, &unknown(settings, header)));
    };
    let layout = &settings.layouts[index];
    let comparison = Comparison::of(&layout.header, header);
    let found = comparison.of_document(header);
    let places: HashMap<&Key, usize> = found.iter().enumerate().map(|(place, key)| (key, place)).collect();
    let wanted = comparison.of_header(&layout.header);
    let located: Option<Vec<usize>> = wanted.iter().map(|key| places.get(key).copied()).collect();
    let Some(located) = located else {
        return Err(refuse("E4208", 1, &differences(layout, header)));
    };
    let named: HashSet<&Key> = wanted.iter().collect();
    let new = header.iter().zip(&found).filter(|(_, key)| !named.contains(key));
    let again = |(_, (key, times)): &(&String, &Key)| *times > 0 && named.contains(&(key.clone(), 0));
    if let Some((name, _)) = new.clone().find(again) {
        let name = batch::excerpt(name.as_bytes(), 60);
        let which = format!(
            "`{name}` stands once more than layout {} names it: which of them is meant is not known",
            layout.name
        );
        return Err(refuse("E4209", 1, &which));
    }
    let new_columns: Vec<String> = new.map(|(name, _)| name.clone()).collect();
    if settings.new_columns == NewColumns::Refuse && !new_columns.is_empty() {
        let list = listed(&new_columns.iter().map(String::as_str).collect::<Vec<_>>());
        return Err(refuse("E4209", 1, &format!("columns that layout {} does not name: {list}", layout.name)));
    }
    Ok(Choice { layout: index, places: located, new_columns })
}

fn unknown(settings: &Settings, header: &[String]) -> String {
    let common = |layout: &&Layout| {
        let comparison = Comparison::of(&layout.header, header);
        let found = comparison.of_document(header);
        let there: HashSet<&Key> = found.iter().collect();
        comparison.of_header(&layout.header).iter().filter(|key| there.contains(key)).count()
    };
    // The one with the largest share of common names among all names of both, and of equally near layouts the first: by
    // their number alone a long layout would be near to all, by the number that differs a short one.
    let share = |layout: &&Layout| (common(layout), layout.header.len() + header.len() - common(layout));
    let nearest = settings.layouts.iter().min_by(|one, other| {
        let ((common, all), (of_other, all_of_other)) = (share(one), share(other));
        (of_other * all).cmp(&(common * all_of_other))
    });
    match nearest {
        None => "no header layout is declared".to_owned(),
        Some(_) if header.iter().all(|name| name.trim().is_empty()) => {
            "the first line is empty, where a header is expected".to_owned()
        }
        Some(layout) if common(&layout) == 0 => {
            let names: Vec<&str> = header.iter().map(String::as_str).collect();
            format!("{} is no expected header; it reads: {}", place(settings), listed(&names))
        }
        Some(layout) => differences(layout, header),
    }
}

fn differences(layout: &Layout, header: &[String]) -> String {
    let comparison = Comparison::of(&layout.header, header);
    let (wanted, found) = (comparison.of_header(&layout.header), comparison.of_document(header));
    let there: HashSet<&Key> = found.iter().collect();
    let named: HashSet<&Key> = wanted.iter().collect();
    let missing = layout.header.iter().zip(&wanted).filter(|(_, key)| !there.contains(key));
    let missing: Vec<&str> = missing.map(|(name, _)| name.as_ref()).collect();
    let unexpected = header.iter().zip(&found).filter(|(_, key)| !named.contains(key));
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
    if missing.is_empty() && !unexpected.is_empty() && layout.must_have.is_empty() {
        message.push_str("; to read only those of the layout, give it `must-have: [...]` and say `new-columns: keep`");
    }
    if !missing.is_empty() && !layout.must_have.is_empty() && layout.must_have.len() < layout.header.len() {
        message.push_str("; its `must-have` is there, all of `header` must be");
    }
    message
}

fn listed(names: &[&str]) -> String {
    // One long name must not push all others out of a bounded message.
    let short = |name: &&str| if name.is_empty() { "\"\"".to_owned() } else { batch::excerpt(name.as_bytes(), 60) };
    let short: Vec<String> = names.iter().take(LISTED).map(short).collect();
    let rest = names.len().saturating_sub(LISTED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", short.join(", "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::AsArray;

    use super::super::tests::{layout, settings};
    use super::super::{Decoder, Format, NewColumns, Settings};
    use super::choose;

    /// The columns of a document's first row by the names of the layout, or the refusal.
    fn first_row(header: &str, must_have: &str, document: &str) -> Result<Vec<String>, String> {
        let mut layout = layout("quotes", header, must_have);
        layout.names = (0..layout.header.len()).map(|number| format!("c{number}").into()).collect();
        let settings = Settings { layouts: vec![layout], ..settings() };
        let format = Arc::new(Format::new(settings).expect("settings"));
        let mut decoder = Decoder::new(document.as_bytes(), &format, 0).map_err(|error| error.to_string())?;
        let block = decoder.next().expect("readable").expect("a row");
        Ok(block.rows.columns().iter().map(|column| column.as_string::<i32>().value(0).to_owned()).collect())
    }

    #[test]
    fn the_nearest_layout_has_the_largest_share_of_common_names() {
        let names: Vec<String> = (0..40).map(|number| format!("n{number}")).collect();
        let layouts = vec![layout("short", "n0,b,c", ""), layout("long", &names.join(","), "")];
        let settings = Settings { layouts, ..settings() };
        let header: Vec<String> = names[..12].to_vec();
        let refused = choose(&settings, &header).expect_err("no layout").to_string();
        assert!(refused.contains("layout long wants 40 columns"), "{refused}");
    }

    #[test]
    fn a_wide_document_is_told_with_what_reads_some_of_its_columns() {
        let header: Vec<String> = ["Id", "Price", "Venue", "Note"].map(str::to_owned).to_vec();
        let whole = Settings { layouts: vec![layout("one", "Price,Id", "")], ..settings() };
        let refused = choose(&whole, &header).expect_err("more columns").to_string();
        let remedy = "; to read only those of the layout, give it `must-have: [...]` and say `new-columns: keep`";
        assert!(refused.ends_with(&format!("unexpected: Venue, Note{remedy}")), "{refused}");
        // What it says is so.
        let layouts = vec![layout("one", "Price,Id", "Price,Id")];
        let some = Settings { layouts, new_columns: NewColumns::Keep, ..settings() };
        let chosen = choose(&some, &header).expect("some columns");
        assert_eq!((chosen.places, chosen.new_columns.len()), (vec![1, 0], 2));
        // Where one of the layout lacks, that would not help.
        let refused = choose(&some, &header[..1]).expect_err("one lacks").to_string();
        assert!(!refused.contains("must-have"), "{refused}");
        // The names of `must-have` do not suffice: all of the header must be there.
        let layouts = vec![layout("one", "Id,Price,Size", "Id")];
        let some = Settings { layouts, new_columns: NewColumns::Keep, ..settings() };
        let refused = choose(&some, &header).expect_err("one lacks").to_string();
        assert!(refused.contains("missing: Size; unexpected: Venue, Note; its `must-have` is there"), "{refused}");
    }

    #[test]
    fn a_layout_that_can_be_read_goes_before_one_that_lacks_columns() {
        let layouts = || vec![layout("new", "Id,Price,Size", "Id"), layout("old", "Id,Price", "Id,Price")];
        let header = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for keeps in [NewColumns::Keep, NewColumns::Refuse] {
            let settings = Settings { layouts: layouts(), new_columns: keeps, ..settings() };
            for (names, wanted) in [(&["Id", "Price"][..], 1), (&["Id", "Size", "Price"], 0), (&["ID", "PRICE"], 1)] {
                assert_eq!(choose(&settings, &header(names)).expect("a layout").layout, wanted, "{names:?}");
            }
            let refused = choose(&settings, &header(&["Id", "Note"])).expect_err("neither").to_string();
            let told = "layout new wants 3 columns; missing: Price, Size; unexpected: Note; its `must-have` is there";
            assert!(refused.contains(told), "{refused}");
        }
        // What the first one would take as new is a column of the second.
        let layouts = vec![layout("old", "Id,Price", "Id,Price"), layout("new", "Id,Price,Size", "Id")];
        let settings = Settings { layouts, new_columns: NewColumns::Refuse, ..settings() };
        assert_eq!(choose(&settings, &header(&["Id", "Price", "Size"])).expect("a layout").layout, 1);
    }

    #[test]
    fn a_name_that_stands_once_more_is_refused_whatever_is_kept() {
        let layouts = vec![layout("one", "Sym,Qty,Price", "Sym,Qty")];
        let settings = Settings { layouts, new_columns: NewColumns::Keep, ..settings() };
        let header = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for names in [["Qty", "Sym", "Price", "Qty"], ["Sym", "QTY", "Price", "Qty"]] {
            let refused = choose(&settings, &header(&names)).expect_err("twice").to_string();
            assert!(refused.contains("`Qty` stands once more than layout one names it"), "{refused}");
        }
        assert_eq!(
            choose(&settings, &header(&["New", "Qty", "Sym", "Price", "New"])).expect("kept").new_columns.len(),
            2
        );
    }

    #[test]
    fn names_that_differ_in_signs_alone_are_told_apart_by_them() {
        let found = |must_have: &str, document: &str| first_row("Symbol,Change,Change %", must_have, document);
        assert_eq!(found("", "Symbol|change|CHANGE %\nA|1|2\n").expect("the layout"), ["A", "1", "2"]);
        let swapped = "Symbol|Change %|Change\nA|2|1\n";
        let refused = found("", swapped).expect_err("another order");
        assert!(refused.contains("all are there, but in another order"), "{refused}");
        assert_eq!(found("Symbol", swapped).expect("the layout"), ["A", "1", "2"]);
        let refused = found("Symbol", "Symbol|Change $|Change\nA|2|1\n").expect_err("another sign");
        assert!(refused.contains("missing: Change %; unexpected: Change $"), "{refused}");
        // Those of nothing but signs, and one that is alike in the document only.
        assert_eq!(first_row("id,+,-", "id", "id|-|+\nA|2|1\n").expect("the layout"), ["A", "1", "2"]);
        assert_eq!(first_row("id,Share", "id", "id|Share %|Share\nA|2|1\n").expect("the layout"), ["A", "1"]);
        assert_eq!(first_row("Loan Id,Q", "", "LOAN_ID|q\nA|1\n").expect("one name is meant"), ["A", "1"]);
    }

    #[test]
    fn of_two_layouts_the_one_with_the_published_names_is_taken() {
        let settings = Settings {
            layouts: vec![layout("percent", "id,Share %", ""), layout("absolute", "id,Share #", "")],
            ..settings()
        };
        let format = Arc::new(Format::new(settings).expect("settings"));
        for (document, wanted) in [("id|Share #\n", "absolute"), ("id|Share %\n", "percent"), ("id|share\n", "percent")]
        {
            let decoder = Decoder::new(document.as_bytes(), &format, 0).expect("a known header");
            assert_eq!(decoder.layout().name.as_ref(), wanted, "{document}");
        }
    }

    #[test]
    fn a_header_with_zero_bytes_is_refused() {
        let document: Vec<u8> = "A|B|C\n1|2|3\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let format = Arc::new(Format::new(settings()).expect("settings"));
        let refused = Decoder::new(&document[..], &format, 0).map(drop).expect_err("no text").to_string();
        assert!(refused.contains("is no text in UTF-8") && refused.contains("utf-16le"), "{refused}");
    }

    #[test]
    fn a_repeated_header_behind_a_mark_is_one() {
        let format = Arc::new(Format::new(settings()).expect("settings"));
        let header = settings().layouts[0].header.join("|");
        let document = format!("\u{feff}{header}\n1|2|3\n\u{feff}{header}\n4|5|6\n");
        let mut decoder = Decoder::new(document.as_bytes(), &format, 0).expect("a known header");
        let block = decoder.next().expect("readable").expect("rows");
        assert_eq!((block.rows.num_rows(), block.bad.len(), block.bad[0].code.0), (2, 1, "E4205"));
    }
}
