//! Prints findings for people (with or without colour) and for programs (JSON).
//!
//! The JSON object of a finding has the fields `code`, `severity`, `file`, `line`, `column`, `length`, `what`, `label`,
//! `at`, `notes`, `why`, `remedy`, `nearest` and `related` (a list of `file`, `line`, `column`, `label`).

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::json;

use crate::codes;
use crate::diagnostic::{Diagnostic, Excerpt, Severity};

/// Width of what people read. A terminal would break longer lines at its left edge.
const WIDTH: usize = 80;

impl Diagnostic {
    /// As text of several lines, without a line end after the last.
    #[must_use]
    pub fn text(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let primary = snippet(&self.excerpt, AnnotationKind::Primary, self.label.as_deref());
        let title = wrapped(&clean(&self.what), WIDTH - "error[E0000]: ".len());
        let mut group: Group<'_> = level.primary_title(title).id(self.code.0).element(primary);
        for related in &self.related {
            group = group.element(snippet(&related.excerpt, AnnotationKind::Context, Some(&related.label)));
        }
        let mut lines = Vec::new();
        // A warning is printed by every command, for as long as the file is as it is: it says no more than it must.
        let is_error = self.severity == Severity::Error;
        if is_error && !self.at.is_empty() {
            lines.push(format!("at: {}", self.at));
        }
        lines.extend(self.notes.iter().cloned());
        lines.extend(self.why().filter(|_| is_error).map(|why| format!("why: {why}")));
        lines.extend(self.to_do().map(|remedy| format!("to do: {remedy}")));
        lines.push(format!("more: explain {}", self.code));
        let margin = self.excerpt.position.line.max(self.related_line()).to_string().len() + " = ".len() + 1;
        for line in lines {
            group = group.element(Level::NOTE.no_name().message(wrapped(&clean(&line), WIDTH - margin)));
        }
        renderer.render(&[group])
    }

    fn related_line(&self) -> u32 {
        self.related.iter().map(|related| related.excerpt.position.line).max().unwrap_or(0)
    }

    /// Why such a thing is a mistake, whatever the file.
    fn why(&self) -> Option<&'static str> {
        self.why.or_else(|| self.explanation().map(|explanation| explanation.why))
    }

    /// What to do here, or, if nothing is known of this place, in general. A near name says it already.
    fn to_do(&self) -> Option<String> {
        let general = || self.explanation().filter(|_| self.nearest.is_none()).map(|explanation| explanation.remedy);
        // What is known of a place begins like the rest of the line; so does what is said in general.
        let small = |remedy: &str| {
            let mut letters = remedy.chars();
            letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>())
        };
        self.remedy.clone().or_else(|| small(general()?))
    }

    fn explanation(&self) -> Option<&'static batch::Explanation> {
        codes::EXPLANATIONS.iter().chain(expression::EXPLANATIONS).find(|explanation| explanation.code == self.code)
    }

    /// As one JSON object; see the module's prose.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let related: Vec<_> = self
            .related
            .iter()
            .map(|related| {
                let position = &related.excerpt.position;
                json!({
                    "file": &*position.file, "line": position.line, "column": position.column, "label": related.label,
                })
            })
            .collect();
        let position = &self.excerpt.position;
        json!({
            "code": self.code.0,
            "severity": match self.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "file": &*position.file,
            "line": position.line,
            "column": position.column,
            "length": self.excerpt.length,
            "what": self.what,
            "label": self.label,
            "at": self.at,
            "notes": self.notes,
            "why": self.why(),
            "remedy": self.to_do(),
            "nearest": self.nearest,
            "related": related,
        })
    }
}

fn snippet<'a>(
    excerpt: &'a Excerpt,
    kind: AnnotationKind,
    label: Option<&'a str>,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let start = (excerpt.position.column - 1).saturating_sub(excerpt.skipped) as usize;
    let byte = |count: usize| excerpt.text.char_indices().nth(count).map_or(excerpt.text.len(), |(at, _)| at);
    let (from, to) = (byte(start), byte(start + excerpt.length as usize));
    let annotation = kind.span(from..to.max(from));
    let annotation = match label {
        Some(label) => annotation.label(label),
        None => annotation,
    };
    Snippet::source(excerpt.text.as_str())
        .line_start(excerpt.position.line as usize)
        .path(&*excerpt.position.file)
        .annotation(annotation)
}

/// Text in lines of at most `width` characters, broken at blanks. What stands between backticks is code and stays whole.
fn wrapped(text: &str, width: usize) -> String {
    let (mut lines, mut length, mut in_code) = (String::new(), 0, false);
    let mut word = String::new();
    for part in text.split(' ') {
        word.push_str(part);
        in_code ^= part.matches('`').count() % 2 == 1;
        if in_code {
            word.push(' ');
            continue;
        }
        let count = word.chars().count();
        if length > 0 && length + 1 + count > width {
            lines.push('\n');
            length = 0;
        } else if length > 0 {
            lines.push(' ');
            length += 1;
        }
        lines.push_str(&word);
        length += count;
        word.clear();
    }
    if !word.is_empty() {
        lines.push_str(if lines.is_empty() { "" } else { " " });
        lines.push_str(word.trim_end());
    }
    lines
}

/// File content must not steer the terminal.
fn clean(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() && character != '\n' { '\u{fffd}' } else { character })
        .collect()
}
