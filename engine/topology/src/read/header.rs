//! Headers: the published names of a layout, from the topology file or a file beside it, and what they are called here.
//!
//! People copy the first line of a document as it is, so a header of one text is looked at for separators before anything
//! else is said of it.

use std::sync::Arc;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::fields::Walk;
use crate::files::Site;
use crate::reader::Node;

/// What stands between names where a whole line was written as one.
const SEPARATORS: [char; 5] = [';', '\t', '|', ',', '\n'];

/// The published names: a list in the file, or the lines of a file. `separator` is the layout's.
pub(super) fn header(walk: &Walk<'_>, node: &Node, separator: u8, site: &Site<'_>) -> Option<Vec<Arc<str>>> {
    let names: Vec<Arc<str>> = if node.is_scalar() {
        let path = walk.text(node, "`header`")?;
        let bytes = site.find(&path).and_then(|found| site.files.read(&found).ok());
        let Some(text) = bytes.filter(|bytes| bytes.len() <= 1 << 20).and_then(|bytes| String::from_utf8(bytes).ok())
        else {
            let what = format!("there is no header list `{}`", batch::excerpt(path.as_bytes(), 200));
            let finding = Diagnostic::new(codes::NO_FILE, node, what);
            walk.push(match Line::of(&path, separator) {
                Some(line) => finding.note(line.said(separator)).remedy(line.remedy(separator)),
                None => finding
                    .note(site.looked_for(&path))
                    .remedy("make it, with one published name a line, in UTF-8; or correct the path"),
            });
            return None;
        };
        text.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(name_of_line).collect()
    } else {
        walk.texts(node, "`header`").iter().map(Node::shared).collect()
    };
    if names.is_empty() || names.len() > 5000 {
        let finding = Diagnostic::new(codes::HEADER, node, "a header has from 1 to 5000 columns");
        walk.push(finding.remedy("list the published names in their order, as in `header: [Day, Name, Amount]`"));
        return None;
    }
    if let [only] = names.as_slice()
        && let Some(line) = Line::of(only, separator).filter(Line::is_header)
    {
        let finding =
            Diagnostic::new(codes::HEADER, node, format!("this header is one name, but {}", line.said(separator)));
        walk.push(finding.remedy(if node.is_scalar() {
            format!("write each name on a line of its own in `{}`{}", node.text(), line.and_separator(separator))
        } else {
            line.remedy(separator)
        }));
        return None;
    }
    Some(names)
}

/// A published name as a file has it: `""` where a column has none, since empty lines are none.
fn name_of_line(line: &str) -> Arc<str> {
    if line == "\"\"" { "".into() } else { line.into() }
}

/// A header's line that was written as one text.
struct Line<'a> {
    separator: char,
    names: Vec<&'a str>,
}

impl<'a> Line<'a> {
    /// Split where it gives the most names; of equal numbers at the layout's own separator.
    fn of(text: &'a str, separator: u8) -> Option<Self> {
        let own = char::from(separator);
        let candidates = SEPARATORS.into_iter().filter(|candidate| *candidate != own).chain([own]);
        let split = |candidate: char| Self { separator: candidate, names: text.trim().split(candidate).collect() };
        let best = candidates.map(split).max_by_key(|line| line.names.len())?;
        (best.names.len() > 1).then_some(best)
    }

    /// Names have no blank in front, as parts of a sentence have behind a comma, and none is empty.
    fn is_header(&self) -> bool {
        let blanks = self.separator != ',';
        self.names.iter().all(|name| !name.trim().is_empty() && (blanks || !name.starts_with(' ')))
    }

    fn said(&self, separator: u8) -> String {
        let cells = self.names.len();
        let own = char::from(separator);
        if self.separator == '\n' {
            return format!("the text holds {cells} lines");
        }
        let at = if self.separator == own { "where the layout splits" } else { "the layout splits at" };
        let own = if self.separator == own { String::new() } else { format!(" `{}`", shown(own)) };
        format!("the line holds {cells} cells when split at `{}`, {at}{own}", shown(self.separator))
    }

    fn remedy(&self, separator: u8) -> String {
        const SHOWN: usize = 20;
        let mut names: Vec<String> = self.names.iter().take(SHOWN).map(|name| in_list(name)).collect();
        if self.names.len() > SHOWN {
            names.push("...".to_owned());
        }
        format!("write `header: [{}]`{}", batch::bounded(&names.join(", ")), self.and_separator(separator))
    }

    fn and_separator(&self, separator: u8) -> String {
        match self.separator {
            '\n' => String::new(),
            same if same == char::from(separator) => String::new(),
            '\t' => ", and `separator: tab` beside `layouts`".to_owned(),
            other => format!(", and `separator: \"{other}\"` beside `layouts`"),
        }
    }
}

/// A separator as it is written in a topology file.
fn shown(separator: char) -> String {
    if separator == '\t' { "tab".to_owned() } else { separator.to_string() }
}

/// A name as an entry of a list in brackets.
fn in_list(name: &str) -> String {
    let name = name.trim().trim_matches('"');
    let plain = |character: char| character.is_alphanumeric() || matches!(character, ' ' | '_' | '.' | '/');
    let good = name.chars().all(plain) && name.starts_with(char::is_alphabetic);
    if good { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// Lower case, with one `_` for each run of other characters than letters and digits.
pub(super) fn snake_case(published: &str) -> String {
    let mut name = String::new();
    for character in published.chars() {
        if character.is_alphanumeric() {
            name.extend(character.to_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let trimmed = name.trim_end_matches('_');
    if trimmed.is_empty() { "_".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    /// The table of examples in the page of the language, held against the code.
    #[test]
    fn the_page_of_the_language_says_what_snake_case_makes_of_names() {
        const PAGE: &str = include_str!("../../../../topologies/LANGUAGE.md");
        let (_, table) = PAGE.split_once("| published | `snake_case` |").expect("the table");
        let mut seen = 0;
        for line in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
            let cells: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
            let (ours, published) = cells.split_last().expect("names");
            for name in published {
                assert_eq!(snake_case(name), *ours, "{name}");
                seen += 1;
            }
        }
        assert!(seen >= 12, "{seen}");
    }
}
