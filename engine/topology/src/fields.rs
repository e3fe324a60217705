//! Walks the tree by hand: closed maps of keys, lists, and scalars whose meaning their field decides.
//!
//! A plain `param.NAME` in a field stands for the value that the user of a template gave; findings about that value
//! point at the user's line.

use std::sync::Arc;

use batch::ColumnType;
use pattern::Pattern;

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::language::{self, Form, Keys, Rule, TYPE_NAMES, Written};
use crate::parameters::Parameters;
use crate::reader::{Entry, Kind, Node, Style, quoted_sign};
use crate::scalars;

/// Keys of a flow that people write one level too deep.
const BESIDE: [&str; 3] = ["outputs", "steps", "bad-rows-above"];

/// Formats that people look for in `decode`.
const NOT_READ: [&str; 10] =
    ["xml", "html", "pdf", "excel", "xls", "xlsx", "parquet", "orc", "fixed-width", "fixed_width"];

/// What every part of the reading needs.
#[derive(Clone, Copy, Debug)]
pub struct Walk<'a> {
    pub(crate) findings: &'a Findings,
    pub(crate) parameters: &'a Parameters,
}

/// A map with a closed list of keys.
pub struct Fields<'a> {
    walk: Walk<'a>,
    node: &'a Node,
    entries: &'a [Entry],
    keys: &'static Keys,
    what: &'a str,
    /// An unknown key was reported, which was probably meant to be one that is missing.
    unknown: bool,
}

impl<'a> Walk<'a> {
    /// Adds a finding.
    pub fn push(&self, finding: Diagnostic) {
        self.findings.push(finding);
    }

    /// The keys of a map. Each other key is a finding.
    pub fn fields(&self, node: &'a Node, keys: &'static Keys) -> Option<Fields<'a>> {
        self.fields_called(node, keys.what, keys)
    }

    /// The keys of a map which findings call `what`.
    pub(crate) fn fields_called(&self, node: &'a Node, what: &'a str, keys: &'static Keys) -> Option<Fields<'a>> {
        let known: Vec<&str> = keys.names().collect();
        if !matches!(node.kind, Kind::Mapping(_)) {
            self.no_fields(node, what, &known);
            return None;
        }
        let entries = self.entries(node, what)?;
        if let Some(at) = entries
            .windows(2)
            .position(|pair| keys.has(pair[0].key.text()) && pair[0].value.is_null() && !keys.has(pair[1].key.text()))
        {
            self.beside(&entries[at], &entries[at + 1]);
            return None;
        }
        if let Some(finding) = list_without_brackets(entries, keys) {
            self.push(finding);
            return None;
        }
        let mut unknown = false;
        for entry in entries {
            if !known.contains(&entry.key.text()) {
                let text = batch::bounded(entry.key.text());
                let finding =
                    Diagnostic::new(codes::UNKNOWN_FIELD, &entry.key, format!("unknown field `{text}` in {what}"));
                let mut finding = finding.names(entry.key.text(), "fields", known.iter().copied());
                finding.at = node.path.to_string();
                if let (None, Some(ours)) = (&finding.nearest, keys.ours(entry.key.text())) {
                    finding = finding.meant(ours);
                }
                if let Some((key, value)) = without_colon(entry, keys) {
                    finding = finding.remedy(format!("write `{key}: {value}`, with a colon and a blank behind it"));
                }
                if finding.nearest.is_none()
                    && !std::ptr::eq(keys, &language::FLOW)
                    && BESIDE.contains(&entry.key.text())
                {
                    finding = finding.remedy(format!("`{text}` belongs to the flow: indent it as `from` is"));
                }
                let above = std::ptr::eq(keys, &language::LAYOUT) || std::ptr::eq(keys, &language::DECODE);
                if above && language::DELIMITED.has(entry.key.text()) {
                    finding = finding.remedy(format!("`{text}` belongs to `delimited`: put it beside `layouts`"));
                }
                if std::ptr::eq(keys, &language::DECODE) && NOT_READ.contains(&entry.key.text()) {
                    finding = finding.remedy(format!(
                        "{text} is not read yet: make delimited text with a header of it first, and say `delimited` here"
                    ));
                }
                if finding.nearest.as_deref() == Some("discover") && keys.ours(entry.key.text()).is_some() {
                    finding = finding.remedy(
                        "an address stands within `discover`: `{ calendar: { from: ... }, url: \"...\" }` for one a day, or \
                         `{ links: { page: \"...\", matching: \"...\" } }`",
                    );
                }
                self.push(finding);
                unknown = true;
            }
        }
        Some(Fields { walk: *self, node, entries, keys, what, unknown })
    }

    /// A key without a value, and behind it, at its own level, what probably belongs below it.
    fn beside(&self, key: &Entry, next: &Entry) {
        let (above, below) = (key.key.text(), batch::bounded(next.key.text()));
        let what = format!("`{above}` holds nothing, and `{below}` stands beside it");
        let finding =
            Diagnostic::new(codes::KIND, &key.key, what).related(&next.key.span, "indented as the line above");
        self.push(finding.remedy(format!("indent `{below}` and what follows deeper than `{above}`, by two spaces")));
    }

    /// Something else stands where keys of a closed list belong.
    fn no_fields(&self, node: &Node, what: &str, known: &[&str]) {
        let what = format!("{what} is a map of keys, and this is {}", node.kind_name());
        let remedy = match (&node.kind, known) {
            // The key of a map of keys where the name of one belongs.
            (Kind::Sequence(_), _) if known.contains(&last_of(node).as_str()) => {
                let key = last_of(node);
                format!("`{key}` stands where a name of your own belongs: write `NAME: {{ {key}: [...] }}`")
            }
            (Kind::Sequence(_), _) => "write `name: value`, without `- ` and `[ ]`".to_owned(),
            (Kind::Scalar { text, .. }, _) if known.contains(&"topic") && !node.is_null() && text.len() < 60 => {
                source_of(text)
            }
            (_, [only]) => format!("write `{{ {only}: ... }}`, or `{only}: ...` below it, indented"),
            (_, _) if node.is_null() => "write its keys below it, indented, or take the field away".to_owned(),
            (_, _) => "write its keys, as in `{ key: value }`, or below it, indented".to_owned(),
        };
        let finding = Diagnostic::new(codes::KIND, node, what);
        let finding = finding.note(format!("fields here: {}", known.join(", ")));
        self.push(finding.remedy(remedy));
    }

    /// The entries of a map whose keys are the user's names.
    pub fn entries<'b>(&self, node: &'b Node, what: &str) -> Option<&'b [Entry]> {
        if let Kind::Mapping(entries) = &node.kind {
            return Some(entries);
        }
        self.wrong_kind(node, what, "a map of keys");
        None
    }

    /// The entries of a list.
    pub fn items<'b>(&self, node: &'b Node, what: &str) -> Option<&'b [Node]> {
        if let Kind::Sequence(items) = &node.kind {
            return Some(items);
        }
        self.wrong_kind(node, what, "a list");
        None
    }

    pub(crate) fn wrong_kind(&self, node: &Node, what: &str, wanted: &str) {
        let finding =
            Diagnostic::new(codes::KIND, node, format!("{what} is {wanted}, and this is {}", node.kind_name()));
        let remedy = match (wanted, &node.kind) {
            (_, Kind::Scalar { .. }) if node.is_null() => "write the value, or take the field away",
            // Rows and dead letters of a test are listed; who counts them means none, or so many.
            ("a list", Kind::Scalar { text, .. })
                if matches!(what, "`rows`" | "`dead-letters`") && text.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                "write each as an entry that begins with `- `, and `[]` if there is to be none"
            }
            ("a list", Kind::Scalar { text, .. }) if what == "`keep`" && **text == *"*" => {
                "an `extend` in place of the `select` keeps all columns, and adds those that it names"
            }
            ("a list", Kind::Scalar { text, .. }) if text.len() < 60 && !text.contains(['[', ']', '{', '}', ':']) => {
                self.push(finding.remedy(format!("write `[{text}]`")));
                return;
            }
            ("a list", Kind::Mapping(_)) => "begin each entry with `- `",
            ("a list", _) => "write `[...]`, or entries that begin with `- `",
            ("a map of keys", Kind::Scalar { text, .. }) if what == "step `select`" && **text == *"*" => {
                "leave the step out: without a `select` all columns stay as they are"
            }
            ("a map of keys", Kind::Sequence(_)) if what == "step `select`" => {
                "write `{ keep: [...] }` for columns that stay as they are, and `name: expression` for others"
            }
            ("a map of keys", Kind::Sequence(_)) if what == "`layouts`" => {
                "give each layout a name: `layouts: { v1: { header: [...] } }`"
            }
            ("a map of keys", Kind::Scalar { .. }) if what == "`takes`" => {
                "give what it takes a name: `takes: { x: text }`"
            }
            ("a text", Kind::Mapping(_)) if what == "a topic" => {
                "write the name alone; `key` and `partitions` stand beside `topic`: `{ topic: NAME, key: [id] }`"
            }
            ("a map of keys", Kind::Sequence(_)) => "write `name: value`, without `- ` and `[ ]`",
            ("a text", Kind::Sequence(items)) if lone(items).is_some() => {
                self.push(finding.remedy(format!("write `{}`, without `[ ]`", lone(items).unwrap_or_default())));
                return;
            }
            ("a text", Kind::Mapping(entries)) if what == "an expression" && condition(entries).is_some() => {
                let condition = condition(entries).unwrap_or_default();
                self.push(finding.remedy(format!("write it as SQL: `{condition}`")));
                return;
            }
            ("a text", Kind::Sequence(_) | Kind::Mapping(_)) => {
                "put the text in quotes if it begins with `[` or `{` or holds `: `"
            }
            _ => "check the indentation of the lines below",
        };
        self.push(finding.remedy(remedy));
    }

    /// The value that a node stands for: the parameter's, if it names one.
    pub(crate) fn value<'b>(&self, node: &'b Node) -> &'b Node
    where
        'a: 'b,
    {
        let Kind::Scalar { text, style: Style::Plain } = &node.kind else { return node };
        let Some(name) = text.strip_prefix("param.") else { return node };
        match self.parameters.get(name) {
            Some(parameter) => &parameter.node,
            None => {
                self.parameters.unknown(self.findings, node, name);
                node
            }
        }
    }

    /// A scalar that is not nothing.
    pub fn text(&self, node: &Node, what: &str) -> Option<Arc<str>> {
        let node = self.value(node);
        if node.is_scalar() && !node.is_null() {
            let parameter =
                matches!(&node.kind, Kind::Scalar { text, style: Style::Plain } if text.starts_with("param."));
            // A parameter without a value was reported where it is given.
            return (!parameter).then(|| node.shared());
        }
        self.wrong_kind(node, what, "a text");
        None
    }

    /// A text that `read` understands, or a finding that says what is wanted.
    pub fn read<T>(&self, node: &Node, form: &Written, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (what, wanted) = (form.what, form.wanted);
        let node = self.value(node);
        if let Some((sign, span, taken)) = node.taken_sign()
            && read(sign.encode_utf8(&mut [0; 4])).is_some()
        {
            let mut finding = Diagnostic::at_span(codes::VALUE, &span, format!("`{sign}` {taken}"));
            finding.at = node.path.to_string();
            self.push(finding.remedy(quoted_sign(sign)));
            return None;
        }
        let text = self.text(node, what)?;
        let value = read(&text);
        if value.is_none() {
            let finding = Diagnostic::new(codes::VALUE, node, format!("`{}` is no {what}", batch::bounded(&text)));
            self.push(match what {
                "duration" => duration(finding, wanted, &text, |text| read(text).is_some()),
                _ => finding.label(format!("expected {wanted}")).remedy(format!("write {wanted}")),
            });
        }
        value
    }

    /// One of some names.
    pub fn choice<T: Copy>(&self, node: &Node, what: &str, choices: &[(&str, T)]) -> Option<T> {
        let node = self.value(node);
        let text = self.text(node, what)?;
        let found = choices.iter().find(|(name, _)| *name == &*text).map(|(_, value)| *value);
        if found.is_none() {
            let finding = Diagnostic::new(codes::VALUE, node, format!("`{}` is no {what}", batch::bounded(&text)));
            let finding = finding.names(&text, "choices", choices.iter().map(|(name, _)| *name));
            let all: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.push(finding.otherwise(format!("write {}", all.join(" or "))));
        }
        found
    }

    /// The texts of a list, with their nodes.
    pub(crate) fn texts(&self, node: &Node, what: &str) -> Vec<Node> {
        let node = self.value(node);
        let Some(items) = self.items(node, what) else { return Vec::new() };
        items.iter().filter(|item| self.text(item, what).is_some()).cloned().collect()
    }

    pub(crate) fn pattern(&self, node: &Node) -> Option<Pattern> {
        let node = self.value(node);
        let text = self.text(node, "a pattern")?;
        match Pattern::parse(&text) {
            Ok(pattern) => Some(pattern.substitute(&self.parameters.texts())),
            Err(error) => {
                let mut finding = Diagnostic::new(codes::PATTERN, node, error.message);
                finding.excerpt = node.part(error.at..error.at + 1).excerpt();
                self.push(finding);
                None
            }
        }
    }

    pub(crate) fn column_type(&self, node: &Node) -> Option<ColumnType> {
        let text = self.text(node, "a type")?;
        match ColumnType::parse(&text) {
            Ok(found) => Some(found),
            Err(error) => {
                let finding = Diagnostic::new(codes::TYPE, node, error.to_string());
                let word = text.trim_start_matches("nullable ").split([' ', '(']).next().unwrap_or("").to_owned();
                let finding = finding.names(&word, "types", TYPE_NAMES.iter().copied());
                self.push(match (&error, expression::type_elsewhere(&text)) {
                    (batch::TypeError::Arguments(_), _) => finding.remedy("mend what stands in the brackets"),
                    (_, Some(ours)) => finding.meant(ours),
                    (batch::TypeError::Unknown(_), None) => {
                        finding.otherwise("write one of these types, such as `text`, `bigint` or `decimal(18, 2)`")
                    }
                });
                None
            }
        }
    }

    /// A name of ours: a lower-case letter, then lower-case letters, digits and `-`.
    pub(crate) fn name(&self, node: &Node, what: &str) -> Option<Arc<str>> {
        let text = self.text(node, what)?;
        if scalars::is_name(&text) {
            return Some(text);
        }
        let finding = Diagnostic::new(codes::NAME, node, format!("`{}` is no name of {what}", batch::bounded(&text)));
        self.push(finding.remedy("use lower-case letters, digits and `-`, beginning with a letter (at most 100)"));
        None
    }

    /// A dotted name of a topic or table: `a-z0-9_-` in parts.
    pub(crate) fn dotted(&self, node: &Node, what: &str) -> Option<Arc<str>> {
        let text = self.text(node, what)?;
        let good = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
        if text.len() <= 200 && text.split('.').all(|part| !part.is_empty() && part.chars().all(good)) {
            return Some(text);
        }
        let finding = Diagnostic::new(codes::NAME, node, format!("`{}` is no name of {what}", batch::bounded(&text)));
        self.push(finding.remedy("use letters, digits, `_` and `-` in parts divided by `.`"));
        None
    }
}

/// The text of a list that holds nothing else.
fn lone(items: &[Node]) -> Option<&str> {
    match items {
        [only] if only.is_scalar() && !only.is_null() && only.text().len() < 60 => Some(only.text()),
        _ => None,
    }
}

/// What is said where a bucket's address stands.
pub(crate) const BUCKET_ELSEWHERE: &str = "a bucket belongs to `s3`: write `{ s3: { bucket: NAME, prefix: FOLDER/, \
    file-names: [...] } }`, and where NAME is under `buckets` in the file of connections";

/// What a text in place of the map of `from:` was probably meant to be.
fn source_of(text: &str) -> String {
    if text.starts_with("http://") || text.starts_with("https://") {
        return "an address belongs to `http`: write `http:` below `from:`, and below that `discover` and `file-names`"
            .to_owned();
    }
    if text.starts_with("s3://") {
        return BUCKET_ELSEWHERE.to_owned();
    }
    if !text.contains(['/', '*']) {
        return format!("write `{{ topic: {text} }}` if it is a topic");
    }
    let (path, names) = match text.rsplit_once('/') {
        Some((path, names)) if names.contains(['*', '.', '{']) => (path, names),
        Some(_) => (text.trim_end_matches('/'), "*"),
        None => (".", text),
    };
    format!("write `{{ files: {{ path: {path}, file-names: [\"{names}\"] }} }}` if these are files")
}

/// A key of these and its value, which stand as one text: in braces `{ key value }` is a key without a value.
fn without_colon<'b>(entry: &'b Entry, keys: &Keys) -> Option<(&'b str, &'b str)> {
    let (key, value) = entry.key.text().split_once([' ', '='])?;
    let value = value.trim_start_matches([' ', '=']);
    (entry.value.is_null() && keys.has(key) && !value.is_empty() && value.len() < 60).then_some((key, value))
}

/// `{ symbol: TEST }` where an expression belongs, as SQL has it.
fn condition(entries: &[Entry]) -> Option<String> {
    let [only] = entries else { return None };
    let short = only.value.is_scalar() && !only.value.is_null() && only.value.text().len() < 40;
    short.then(|| format!("{} = '{}'", only.key.text(), only.value.text().replace('\'', "''")))
}

/// In braces a comma ends a value: `key: a, b` is a key `b` without a value.
fn list_without_brackets(entries: &[Entry], keys: &Keys) -> Option<Diagnostic> {
    let alone = |entry: &Entry| {
        let no_key = !keys.has(entry.key.text()) && without_colon(entry, keys).is_none();
        entry.value.is_null() && no_key && entry.key.text().len() < 60
    };
    let ends_early = |index: &usize| {
        let (before, next) = (&entries[*index], &entries[*index + 1]);
        let text = before.value.is_scalar() && !before.value.is_null() && before.value.text().len() < 60;
        let line = |node: &Node| node.span.position().line;
        text && keys.has(before.key.text()) && alone(next) && line(&before.value) == line(&next.key)
    };
    let at = (0..entries.len().saturating_sub(1)).find(ends_early)?;
    let (before, rest) = (&entries[at], &entries[at + 1..]);
    let name = before.key.text();
    let mut parts = vec![before.value.text()];
    parts.extend(rest.iter().take_while(|entry| alone(entry)).map(|entry| entry.key.text()));
    let all = parts.join(", ");
    let is_list = keys.keys.iter().any(|key| key.name == name && takes_list(&key.form));
    let what = format!("a comma ends `{name}: {}`, and `{}` is no field here", before.value.text(), rest[0].key.text());
    let finding = Diagnostic::new(codes::COMMA, &rest[0].key, what);
    Some(finding.remedy(if is_list {
        format!("write `{name}: [{all}]`")
    } else {
        format!("write `{name}: \"{all}\"`")
    }))
}

fn takes_list(form: &Form) -> bool {
    match form {
        Form::List(_) | Form::Filled(_) => true,
        Form::Open(form) => takes_list(form),
        Form::Either(forms) => forms.iter().any(takes_list),
        _ => false,
    }
}

/// The key under which a node stands.
fn last_of(node: &Node) -> String {
    node.path.to_string().rsplit('.').next().unwrap_or_default().to_owned()
}

/// What is said of a text that is no duration for its field: the nearest that is, or what lacks.
fn duration(mut finding: Diagnostic, wanted: &str, text: &str, is_good: impl Fn(&str) -> bool) -> Diagnostic {
    if scalars::duration(text).is_some_and(|found| found.as_secs() == 0) {
        finding.what = format!("`{}` is too short a duration", batch::bounded(text));
    }
    if let Some(near) = scalars::near_duration(text).filter(|near| is_good(near)) {
        return finding.meant(&near).remedy(format!("write `{near}`; the units are {}", scalars::UNITS));
    }
    let bare = text.trim();
    if bare.len() < 10 && bare.parse::<u32>().is_ok() {
        let with_unit = ["s", "m", "h", "d"].map(|unit| format!("{bare}{unit}"));
        let good: Vec<String> = with_unit.iter().filter(|text| is_good(text)).map(|text| format!("`{text}`")).collect();
        if !good.is_empty() {
            return finding.label("the unit is missing").remedy(format!("write {}", good.join(" or ")));
        }
    }
    finding.label(format!("expected {wanted}")).remedy(format!("write {wanted}; the units are {}", scalars::UNITS))
}

impl<'a> Fields<'a> {
    /// The value of a key that may be there.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        debug_assert!(self.keys.has(key), "{} does not declare `{key}`", self.what);
        self.entries.iter().find(|entry| entry.key.text() == key).map(|entry| &entry.value)
    }

    /// A key itself, if it is there.
    pub fn key(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|entry| entry.key.text() == key).map(|entry| &entry.key)
    }

    /// The value of a key; a finding if it is not there.
    pub fn required(&self, key: &str) -> Option<&'a Node> {
        debug_assert!(self.keys.may_require(key), "{} does not declare `{key}` as required", self.what);
        let found = self.get(key);
        if found.is_none() {
            self.missing(key);
        }
        found
    }

    /// True if a key was reported that was probably meant to be this one.
    pub(crate) fn is_meant(&self, key: &str) -> bool {
        let limit = if key.len() > 3 { 2 } else { 1 };
        let misspelt = |entry: &Entry| strsim::damerau_levenshtein(entry.key.text(), key) <= limit;
        let meant = |entry: &Entry| {
            misspelt(entry)
                || self.keys.ours(entry.key.text()) == Some(key)
                || without_colon(entry, self.keys).is_some_and(|(without, _)| without == key)
        };
        self.entries.iter().any(|entry| entry.key.text().len() < 100 && meant(entry))
    }

    fn missing(&self, key: &str) {
        // A misspelt key is one finding, not two.
        if self.is_meant(key) {
            return;
        }
        if let Some((inside, entry)) = self.misplaced(key) {
            let what = format!("`{key}` stands in {}, and belongs to {}", inside.what, self.what);
            let finding = Diagnostic::new(codes::UNKNOWN_FIELD, &entry.key, what);
            let beside = inside.what.trim_matches('`');
            self.walk.findings.push_instead(finding.remedy(format!("indent it as `{beside}` is")));
            return;
        }
        let finding = Diagnostic::new(codes::MISSING, self.node, format!("{} needs the field `{key}`", self.what));
        let remedy =
            match std::ptr::eq(self.keys, &language::LAYOUT) && key == "header" && self.key("must-have").is_some() {
                true => "add `header: [...]`: with `must-have` it may list only the columns that are wanted".to_owned(),
                false => crate::sketch::of(self.keys, key),
            };
        self.walk.push(finding.remedy(remedy));
    }

    /// The key where it stands one level too deep, in a map that does not know it.
    fn misplaced(&self, key: &str) -> Option<(&'static Keys, &'a Entry)> {
        self.entries.iter().find_map(|entry| {
            let declared = self.keys.keys.iter().find(|declared| declared.name == entry.key.text())?;
            let (Form::Map(inside), Kind::Mapping(inner)) = (&declared.form, &entry.value.kind) else { return None };
            let found = inner.iter().find(|inner| inner.key.text() == key)?;
            (!inside.has(key) && inside.others.is_none()).then_some((*inside, found))
        })
    }

    /// True if a key was reported that may be a missing one.
    pub(crate) fn has_unknown(&self) -> bool {
        self.unknown
    }

    /// The one key that is there of those of which the map has exactly one; a finding if none or several are.
    pub fn exactly_one(&self) -> Option<&'a Entry> {
        let Rule::One(keys) = self.keys.rule else { return None };
        self.one_of(keys)
    }

    /// The one of `keys` that is there; a finding if none or several are.
    pub(crate) fn one_of(&self, keys: &[&str]) -> Option<&'a Entry> {
        let found: Vec<&Entry> = self.entries.iter().filter(|entry| keys.contains(&entry.key.text())).collect();
        match found.as_slice() {
            [one] => Some(*one),
            [] => {
                if !self.unknown {
                    let what = format!("{} needs one of `{}`", self.what, keys.join("`, `"));
                    let finding = Diagnostic::new(codes::ONE_OF, self.node, what);
                    let finding = finding.because("Each of them says what the whole is, and none of them is there.");
                    self.walk.push(finding.remedy(format!("add `{}:`", keys.join(":` or `"))));
                }
                None
            }
            [first, second, ..] => {
                let what =
                    format!("{} has `{}` and `{}`; only one can be", self.what, first.key.text(), second.key.text());
                let finding = Diagnostic::new(codes::ONE_OF, &second.key, what);
                let because = match self.what {
                    "a step" => "A step does one thing, and steps are done in the order of their list.",
                    "`from`" => "A flow reads one source: its order and its positions are those of that source.",
                    "`to`" => "A flow has one destination, so that a row is there once or not at all.",
                    _ => "Each of them says what the whole is, and it cannot be both.",
                };
                let finding = finding.related(&first.key.span, "the first is here").because(because);
                let (one, other) = (first.key.text(), second.key.text());
                self.walk.push(finding.remedy(match self.what {
                    "a step" => format!("make two steps of it: `- {one}: ...` and `- {other}: ...`"),
                    "`to`" => format!(
                        "keep `{one}` or `{other}`; other outcomes leave by `outputs`, and a second flow can read a topic"
                    ),
                    _ => format!("keep `{one}` or `{other}`"),
                }));
                None
            }
        }
    }
}
