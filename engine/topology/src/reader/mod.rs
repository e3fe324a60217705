//! Reads YAML 1.2 strictly into a tree whose nodes know where they stand.
//!
//! Refused: tabs outside quotes and blocks, commas that tear a value apart, a key twice, several documents, tags, merge keys, keys that are no text.
//! Anchors and aliases are allowed; an alias costs as much as what it stands for. Bounds: [`SIZE_LIMIT`] bytes,
//! [`DEPTH_LIMIT`] levels, [`NODE_LIMIT`] nodes. Scalars stay text: the field that reads one decides what it means.

mod alone;
mod broken;
mod locate;
mod node;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Marks};

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::source::{Source, Span};
pub(crate) use alone::remedy as quoted_sign;
pub use node::{Entry, Node};
pub(crate) use node::{Kind, Path, Style};

/// Largest file in bytes.
pub(crate) const SIZE_LIMIT: usize = 1 << 20;
/// Most levels of lists and maps within each other.
const DEPTH_LIMIT: usize = 64;
/// Most nodes, those behind aliases counted each time.
const NODE_LIMIT: usize = 100_000;

/// Reads a file's bytes. `None` after at least one finding.
pub(crate) fn read(path: &str, bytes: &[u8], findings: &Findings) -> Option<Node> {
    if bytes.len() > SIZE_LIMIT {
        let source = Source::new(path, String::new());
        let what = format!("the file has {} bytes; at most {SIZE_LIMIT} are read", bytes.len());
        findings.push(Diagnostic::at_span(codes::LIMIT, &source.span(0..0), what));
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
            let end = good.len();
            let finding =
                Diagnostic::at_span(codes::ENCODING, &Source::new(path, good).span(end..end), "the file is not UTF-8")
                    .remedy("save the file as UTF-8");
            findings.push(finding);
            return None;
        }
    };
    let source = Source::new(path, text);
    if tabs(&source, findings) {
        return None;
    }
    let before = findings.errors();
    let mut builder = Builder {
        source: &source,
        findings,
        anchors: HashMap::new(),
        nodes: 0,
        stack: Vec::new(),
        root: None,
        documents: 0,
    };
    let mut parser = Parser::new_from_str(&source.text);
    while let Some(next) = parser.next_event() {
        match next {
            Ok((event, marks)) => {
                if builder.take(event, marks).is_err() {
                    return None;
                }
            }
            Err(error) => {
                findings.push(broken::finding(&source, &error));
                return None;
            }
        }
    }
    let root = builder.root.take();
    if root.is_none() && findings.errors() == before {
        let finding = Diagnostic::at_span(codes::YAML, &source.span(0..0), "the file is empty");
        findings.push(finding.remedy("write it, or take it away; `topology: NAME` is the first line of a topology"));
    }
    root.filter(|_| findings.errors() == before)
}

/// YAML forbids tabs in indentation, and scanners differ in what they say about it. Behind it a tab is either text,
/// which needs quotes to be seen, or a blank that looks like several.
fn tabs(source: &Arc<Source>, findings: &Findings) -> bool {
    let (mut offset, mut found) = (0, false);
    let mut block: Option<usize> = None;
    for line in source.text.split_inclusive('\n') {
        let blank = line.len() - line.trim_start_matches([' ', '\t']).len();
        let content = line.trim();
        let spaces = line.len() - line.trim_start_matches(' ').len();
        // Inside a block scalar a tab after the indentation is text.
        let in_block = block.is_some_and(|indent| spaces > indent || content.is_empty());
        if !in_block {
            block = opens_block(content).then_some(spaces);
            if let Some(at) = line[..blank].find('\t').filter(|_| !content.is_empty()) {
                let finding = Diagnostic::at_span(
                    codes::TAB,
                    &source.span(offset + at..offset + at + 1),
                    "a tab in the indentation",
                );
                findings.push(finding.remedy("indent with spaces"));
                found = true;
            } else if let Some(at) = bare_tab(line.trim_end()).filter(|_| !content.is_empty()) {
                let span = source.span(offset + at..offset + at + 1);
                let finding = Diagnostic::at_span(codes::TAB, &span, "a tab outside quotes");
                findings.push(finding.remedy("use spaces; a tab that is part of a text is written `\"\\t\"`"));
                found = true;
            }
        }
        offset += line.len();
    }
    found
}

/// The first tab of a line that stands neither in quotes nor in a comment.
fn bare_tab(line: &str) -> Option<usize> {
    let mut quote = None;
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (None, '\t') => return Some(at),
            (None, '#') if before.is_whitespace() => return None,
            // An apostrophe within a word quotes nothing.
            (None, '\'' | '"') if !before.is_alphanumeric() => quote = Some(character),
            (Some(open), _) if open == character && before != '\\' => quote = None,
            _ => {}
        }
        before = character;
    }
    None
}

fn opens_block(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or(line).trim_end();
    let last = line.rsplit(' ').next().unwrap_or("");
    last.starts_with(['|', '>']) && last.len() <= 3
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    findings: &'a Findings,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    stack: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

/// A sequence or mapping whose end has not come.
struct Open {
    span: Span,
    path: Path,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    /// `places`: where in `entries` each key stands first. A map may have as many as the file has nodes.
    Mapping {
        entries: Vec<Entry>,
        places: HashMap<Arc<str>, usize>,
        key: Option<Node>,
    },
}

/// The file cannot be read on.
struct Stop;

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, marks: Marks) -> Result<(), Stop> {
        let start = self.source.offset(marks.start.line(), marks.start.col());
        let end = self.source.offset(marks.end.line(), marks.end.col());
        let span = self.source.span(start..end);
        match event {
            Event::DocumentStart(_) => self.document(&span)?,
            Event::Alias(anchor) => {
                // An unknown anchor stopped the parser before; one that is open stands inside itself.
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return self.stop(codes::ALIAS, &span, "this alias stands inside what it stands for");
                };
                self.nodes += count(&node);
                if self.stack.len() + height(&node) > DEPTH_LIMIT {
                    return self.too_deep(&span, ", aliases counted in full");
                }
                self.place(node)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.no_tag(tag.is_some(), &span)?;
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) && text.trim().is_empty();
                let span = if block { alone::block(self.source, start).unwrap_or(span) } else { span };
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::SingleQuoted,
                    ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                let node = Node { kind: Kind::Scalar { text: text.as_ref().into(), style }, span, path: self.path() };
                if anchor != 0 {
                    self.anchors.insert(anchor, node.clone());
                }
                self.nodes += 1;
                self.place(node)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.no_tag(tag.is_some(), &span)?;
                self.open(span, anchor, Content::Sequence(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.no_tag(tag.is_some(), &span)?;
                self.open(span, anchor, Content::Mapping { entries: Vec::new(), places: HashMap::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(end)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        if self.nodes > NODE_LIMIT {
            let span = self.source.span(start..end);
            return self.stop(codes::LIMIT, &span, &format!("more than {NODE_LIMIT} nodes, aliases counted in full"));
        }
        Ok(())
    }

    fn stop(&self, code: batch::Code, span: &Span, what: &str) -> Result<(), Stop> {
        self.findings.push(Diagnostic::at_span(code, span, what));
        Err(Stop)
    }

    fn too_deep(&self, span: &Span, counted: &str) -> Result<(), Stop> {
        let what = format!("more than {DEPTH_LIMIT} levels{counted}");
        let finding = Diagnostic::at_span(codes::LIMIT, span, what);
        self.findings.push(finding.remedy("put fewer lists and maps into each other"));
        Err(Stop)
    }

    fn document(&mut self, span: &Span) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents > 1 {
            let finding = Diagnostic::at_span(codes::DOCUMENTS, span, "a second document begins here")
                .remedy("one file holds one document: put the other into a file of its own");
            self.findings.push(finding);
            return Err(Stop);
        }
        Ok(())
    }

    fn no_tag(&self, tagged: bool, span: &Span) -> Result<(), Stop> {
        if tagged {
            let general =
                "leave the tag away, or put a text that begins with `!` in quotes; in expressions `!` is `not`";
            let line = span.source.line_text(span.position().line as usize);
            let remedy = match alone::sign(line) {
                Some((_, '!')) => alone::remedy('!'),
                _ => general.to_owned(),
            };
            let finding = Diagnostic::at_span(codes::TAG, span, "tags (`!name`) have no meaning here");
            self.findings.push(finding.remedy(remedy));
            return Err(Stop);
        }
        Ok(())
    }

    /// Path of the node that comes next.
    fn path(&self) -> Path {
        match self.stack.last() {
            None => Path::default(),
            Some(open) => match &open.content {
                Content::Sequence(items) => open.path.index(items.len()),
                Content::Mapping { key: Some(key), .. } => open.path.key(&key.shared()),
                Content::Mapping { key: None, .. } => open.path.clone(),
            },
        }
    }

    fn open(&mut self, span: Span, anchor: usize, content: Content) -> Result<(), Stop> {
        if self.stack.len() >= DEPTH_LIMIT {
            return self.too_deep(&span, "");
        }
        let path = self.path();
        self.nodes += 1;
        self.stack.push(Open { span, path, anchor, content });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Stop> {
        let Some(open) = self.stack.pop() else { return Ok(()) };
        if let Some((first, last, parts)) = torn(self.source, &open) {
            let written = self.source.span(first.span.start..last.span.end);
            let text = self.source.text[first.span.start..last.span.end].to_owned();
            let finding = Diagnostic::at_span(codes::COMMA, &written, "a comma inside brackets ends a value");
            let finding = finding.label(match parts {
                2 => format!("these are two: `{}` and `{}`", first.text(), last.text()),
                _ => format!("these are {parts}, from `{}` to `{}`", first.text(), last.text()),
            });
            self.findings.push(finding.remedy(format!("put it in quotes: `\"{}\"`", batch::bounded(&text))));
            return Err(Stop);
        }
        let kind = match open.content {
            Content::Sequence(items) => Kind::Sequence(items),
            Content::Mapping { entries, .. } => Kind::Mapping(entries),
        };
        let node = Node { kind, span: self.source.span(open.span.start..end), path: open.path };
        if open.anchor != 0 {
            self.anchors.insert(open.anchor, node.clone());
        }
        self.place(node)
    }

    fn place(&mut self, node: Node) -> Result<(), Stop> {
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { entries, places, key } => match key.take() {
                Some(key) => entries.push(Entry { key, value: node }),
                None => *key = Some(good_key(self.findings, (entries, places), &open.path, node)?),
            },
        }
        Ok(())
    }
}

/// Texts that were probably one, such as `decimal(18` and `2)`: brackets open in the first, and all are closed with the
/// last. With their number.
fn torn<'a>(source: &Source, open: &'a Open) -> Option<(&'a Node, &'a Node, usize)> {
    if !source.text[open.span.start..].starts_with(['{', '[']) {
        return None;
    }
    let texts: Vec<&Node> = match &open.content {
        Content::Sequence(items) => items.iter().collect(),
        Content::Mapping { entries, .. } => entries
            .iter()
            .flat_map(|entry| if entry.value.text().is_empty() { vec![&entry.key] } else { vec![&entry.value] })
            .collect(),
    };
    let depth = |node: &Node| match &node.kind {
        Kind::Scalar { text, style: Style::Plain } => {
            text.matches('(').count() as i64 - text.matches(')').count() as i64
        }
        _ => 0,
    };
    let first = texts.iter().position(|node| depth(node) > 0)?;
    let mut within = 0;
    let closes = |node: &&Node| {
        within += depth(node);
        within <= 0
    };
    let last = texts[first..].iter().position(closes)?;
    Some((texts[first], texts[first + last], last + 1))
}

fn good_key(
    findings: &Findings,
    (entries, places): (&[Entry], &mut HashMap<Arc<str>, usize>),
    path: &Path,
    mut key: Node,
) -> Result<Node, Stop> {
    if !key.is_scalar() {
        findings.push(Diagnostic::new(codes::KEY, &key, "a key is a text").remedy("put the key in quotes"));
        return Err(Stop);
    }
    if key.text() == "<<" {
        let finding = Diagnostic::new(codes::MERGE, &key, "merge keys (`<<`) are no part of YAML 1.2");
        findings.push(finding.remedy("write the keys out, or give the whole value as an alias"));
        return Err(Stop);
    }
    key.path = path.key(&key.shared());
    // The value of a key comes next, and with it the key's entry.
    let at = *places.entry(key.shared()).or_insert(entries.len());
    if let Some(first) = entries.get(at) {
        let finding = Diagnostic::new(
            codes::DUPLICATE_KEY,
            &key,
            format!("the key `{}` stands twice", batch::bounded(key.text())),
        );
        findings.push(finding.related(&first.key.span, "first here").remedy("keep one of them"));
    }
    Ok(key)
}

fn count(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Scalar { .. } => 0,
        Kind::Sequence(items) => items.iter().map(count).sum(),
        Kind::Mapping(entries) => entries.iter().map(|entry| 1 + count(&entry.value)).sum(),
    }
}

fn height(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar { .. } => 0,
        Kind::Sequence(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Kind::Mapping(entries) => 1 + entries.iter().map(|entry| height(&entry.value)).max().unwrap_or(0),
    }
}
