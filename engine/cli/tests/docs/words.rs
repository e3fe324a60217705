//! Maps of keys as tables of a page, with the maps that they lead to below them.

use std::fmt::Write as _;

use topology::declared::{Form, Keys, Rule};

/// The sections of a map of keys, and of all maps that it leads to, each once.
///
/// `level`: how deep the first title stands.
pub(crate) fn sections(keys: &'static Keys, level: usize) -> String {
    let (mut text, mut waiting, mut seen) = (String::new(), vec![keys], Vec::new());
    while !waiting.is_empty() {
        let keys = waiting.remove(0);
        if seen.contains(&keys.about) {
            continue;
        }
        let below = usize::from(!seen.is_empty());
        seen.push(keys.about);
        let title = titled(keys.what);
        let _ = write!(text, "{} {title}\n\n{}\n\n{}", "#".repeat(level + below), keys.about, table(keys));
        keys.keys.iter().for_each(|key| maps(&key.form, &mut waiting));
        keys.others.iter().for_each(|form| maps(form, &mut waiting));
    }
    text
}

/// The keys of one map, a line each, and the rules between them.
pub(crate) fn table(keys: &Keys) -> String {
    let mut text = String::new();
    if !keys.keys.is_empty() {
        text.push_str("| key | takes | means |\n|---|---|---|\n");
        for key in keys.keys {
            let needed = if key.required { " (required)" } else { "" };
            let _ = writeln!(text, "| `{}`{needed} | {} | {} |", key.name, cell(&takes(&key.form)), cell(key.about));
        }
        text.push('\n');
    }
    if let Some(form) = keys.others {
        let _ = write!(text, "Each other key is a name of yours, with {}.\n\n", takes(form));
    }
    match keys.rule {
        Rule::Free => {}
        Rule::One(names) => {
            let _ = write!(text, "Exactly one of {} is there.\n\n", list(names, "and"));
        }
        Rule::Some(names) => {
            let _ = write!(text, "At least one of {} is there.\n\n", list(names, "and"));
        }
    }
    for (key, needed) in keys.together {
        let _ = write!(text, "`{key}` needs `{needed}`.\n\n");
    }
    text
}

/// What a key takes, in words.
fn takes(form: &Form) -> String {
    match form {
        Form::Text => "a text".to_owned(),
        Form::Value => "any value".to_owned(),
        Form::Expression => "an expression".to_owned(),
        Form::Pattern => "a pattern".to_owned(),
        Form::Type => "a type".to_owned(),
        Form::Encoding => "an encoding".to_owned(),
        Form::Written(written) => written.wanted.to_owned(),
        Form::Choice(names) => list(&names.names(), "or"),
        Form::Map(keys) => format!("a map: {}", keys.what),
        Form::Named(named) => format!("a map of names, each with {}", takes(&named.of)),
        Form::List(item) => format!("a list, each {}", takes(item)),
        Form::Filled(item) => format!("a list that is not empty, each {}", takes(item)),
        Form::Open(inner) => format!("{}, or nothing", takes(inner)),
        Form::Either(forms) => forms.iter().map(takes).collect::<Vec<_>>().join("; or "),
    }
}

/// The maps to which a form leads directly.
pub(crate) fn maps(form: &'static Form, found: &mut Vec<&'static Keys>) {
    match form {
        Form::Map(keys) => found.push(keys),
        Form::Named(named) => maps(&named.of, found),
        Form::List(inner) | Form::Filled(inner) | Form::Open(inner) => maps(inner, found),
        Form::Either(forms) => forms.iter().for_each(|form| maps(form, found)),
        Form::Text | Form::Value | Form::Expression | Form::Pattern | Form::Type | Form::Encoding => {}
        Form::Written(_) | Form::Choice(_) => {}
    }
}

/// Names as code, with a word before the last.
fn list(names: &[&str], word: &str) -> String {
    let shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match shown.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} {word} {last}", before.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// Text that stays in its cell of a table.
pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn titled(what: &str) -> String {
    let mut letters = what.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
