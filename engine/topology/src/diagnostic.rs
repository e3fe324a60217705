//! Findings in topology files: code, place, excerpt, reason, remedy, nearest name.
//!
//! A finding is complete in itself: it carries the lines that it shows, so it can be printed long after the files
//! are gone, as text ([`Diagnostic::text`]) or as JSON ([`Diagnostic::json`]).

use std::cell::RefCell;
use std::sync::Arc;

use batch::Code;

use crate::codes;
use crate::reader::Node;
use crate::source::Span;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Path of the file as given.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, and probably does not do what was meant.
    Warning,
}

/// A line of a file with a marked part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Where the marked part begins.
    pub position: Position,
    /// Characters that are marked, at least 1.
    pub length: u32,
    /// The line, or a part of a very long one.
    pub text: String,
    /// Characters of the line before `text`.
    pub skipped: u32,
}

/// Another place that belongs to a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// The place.
    pub excerpt: Excerpt,
    /// What stands there.
    pub label: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Where it is.
    pub excerpt: Excerpt,
    /// What is wrong.
    pub what: String,
    /// A few words under the marker.
    pub label: Option<String>,
    /// Where in the tree of the file, such as `flows.load.steps[1].dedupe`.
    pub at: String,
    /// Why, in lines.
    pub notes: Vec<String>,
    /// What to do.
    pub remedy: Option<String>,
    /// The nearest name, where one was misspelt.
    pub nearest: Option<String>,
    /// Why it is wrong here, where that is not the same for all findings of the code.
    pub why: Option<&'static str>,
    /// Other places that belong to it.
    pub related: Vec<Related>,
}

impl Diagnostic {
    pub(crate) fn at_span(code: Code, span: &Span, what: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            excerpt: span.excerpt(),
            what: what.into(),
            label: None,
            at: String::new(),
            notes: Vec::new(),
            remedy: None,
            nearest: None,
            why: None,
            related: Vec::new(),
        }
    }

    /// A finding about a node.
    #[must_use]
    pub fn new(code: Code, node: &Node, what: impl Into<String>) -> Self {
        let mut finding = Self::at_span(code, &node.span, what);
        finding.at = node.path.to_string();
        finding
    }

    /// Why it is wrong here, instead of the words for all findings of the code.
    #[must_use]
    pub fn because(mut self, why: &'static str) -> Self {
        self.why = Some(why);
        self
    }

    fn is_unknown_field(&self) -> bool {
        self.code == codes::UNKNOWN_FIELD
    }

    fn same_place(&self, other: &Self) -> bool {
        self.code == other.code && self.excerpt == other.excerpt
    }

    /// A few words under the marker.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// One more line of why.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// What to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// What to do if no near name says it.
    pub(crate) fn otherwise(mut self, remedy: impl Into<String>) -> Self {
        if self.nearest.is_none() {
            self.remedy = Some(remedy.into());
        }
        self
    }

    pub(crate) fn related(mut self, span: &Span, label: impl Into<String>) -> Self {
        self.related.push(Related { excerpt: span.excerpt(), label: label.into() });
        self
    }

    /// Suggests a name.
    #[must_use]
    pub fn meant(mut self, near: &str) -> Self {
        self.nearest = Some(near.to_owned());
        self.label = Some(format!("did you mean `{near}`?"));
        self
    }

    /// Suggests the nearest of the names that exist, and lists them.
    #[must_use]
    pub fn names<'a>(mut self, wrong: &str, kind: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        self.nearest = nearest(wrong, &known).filter(|near| near != wrong);
        if let (Some(near), None) = (&self.nearest, &self.label) {
            self.label = Some(format!("did you mean `{near}`?"));
        }
        let shown = known.len().min(30);
        let more = if known.len() > shown { ", …" } else { "" };
        let list = if known.is_empty() { "none".to_owned() } else { known[..shown].join(", ") };
        self.notes.push(format!("{kind} here: {list}{more}"));
        self
    }
}

/// The known name that `wrong` was probably meant to be.
#[must_use]
pub fn nearest(wrong: &str, known: &[&str]) -> Option<String> {
    // Names are short; a hostile one is not compared.
    if wrong.len() > 100 {
        return None;
    }
    let lower = wrong.to_lowercase();
    let score = |name: &&str| strsim::damerau_levenshtein(&lower, &name.to_lowercase());
    let best = known.iter().filter(|name| name.len() <= 200).min_by_key(|name| score(name))?;
    let limit = (wrong.chars().count() / 3).max(1);
    (score(best) <= limit.max(2).min(wrong.chars().count().saturating_sub(1).max(1))).then(|| (*best).to_owned())
}

/// How far a name is from another, whatever their case: the number of letters that differ.
#[must_use]
pub fn distance(one: &str, other: &str) -> usize {
    let short = |name: &str| name.to_lowercase().chars().take(200).collect::<String>();
    strsim::damerau_levenshtein(&short(one), &short(other))
}

/// All findings of a run.
#[derive(Debug, Default)]
pub(crate) struct Findings(RefCell<Vec<Diagnostic>>);

impl Findings {
    pub(crate) fn push(&self, finding: Diagnostic) {
        let mut all = self.0.borrow_mut();
        // The same place can be reached twice, by an alias or by two files that share a template.
        let known =
            |other: &Diagnostic| *other == finding || (finding.is_unknown_field() && other.same_place(&finding));
        if !all.iter().any(known) {
            all.push(finding);
        }
    }

    /// A finding that knows more than the one that says the same of the same place, whichever comes first.
    pub(crate) fn push_instead(&self, finding: Diagnostic) {
        self.0.borrow_mut().retain(|other| !other.same_place(&finding));
        self.push(finding);
    }

    /// Number of errors so far: whoever asks before and after knows whether something in between went wrong.
    pub(crate) fn errors(&self) -> usize {
        self.0.borrow().iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// All findings by file and place.
    pub(crate) fn sorted(self) -> Vec<Diagnostic> {
        let mut all = self.0.into_inner();
        all.sort_by(|one, other| {
            let key = |finding: &Diagnostic| {
                let position = &finding.excerpt.position;
                (Arc::clone(&position.file), position.line, position.column, finding.code)
            };
            key(one).cmp(&key(other))
        });
        all
    }
}
