//! What to write where a key is missing: its form and its choices, as the language declares them.

use crate::language::{Form, Key, Keys, Rule, Written};

/// How many maps stand within one another before `...` takes the place of one.
const DEEPEST: usize = 3;

/// What to do about a key of a map that is not there.
pub(crate) fn of(keys: &Keys, name: &str) -> String {
    let Some(key) = keys.keys.iter().find(|key| key.name == name) else { return format!("add `{name}:`") };
    match &key.form {
        Form::Written(Written { wanted, .. }) => format!("add `{name}:` with {wanted}"),
        Form::Map(map @ Keys { rule: Rule::One(choices), .. }) => {
            let written = |choice: &&str| format!("`{name}: {{ {} }}`", with(map, choice));
            format!("add {}", choices.iter().map(written).collect::<Vec<_>>().join(" or "))
        }
        form => format!("add `{name}: {}`", shown(form, DEEPEST)),
    }
}

/// A key of a map, and those that it needs.
fn with(map: &Keys, choice: &str) -> String {
    let needed = map.together.iter().filter(|(key, _)| *key == choice).map(|(_, needed)| *needed);
    let entry = |name: &str| {
        let key = map.keys.iter().find(|key| key.name == name);
        format!("{name}: {}", key.map(|key| shown(&key.form, DEEPEST - 1)).unwrap_or_default())
    };
    std::iter::once(choice).chain(needed).map(entry).collect::<Vec<_>>().join(", ")
}

/// A form as it is written, with `...` for what only its author knows.
fn shown(form: &Form, depth: usize) -> String {
    match form {
        Form::Choice(names) => names.names().join(" | "),
        Form::Map(_) | Form::Named(_) if depth == 0 => "{ ... }".to_owned(),
        Form::Map(keys) => {
            let entry = |key: &Key| format!("{}: {}", key.name, shown(&key.form, depth - 1));
            let one = |key: &&Key| matches!(keys.rule, Rule::One([first, ..]) if key.name == *first);
            let needed = keys.keys.iter().filter(|key| key.required || one(key));
            let entries: Vec<String> = needed.map(entry).collect();
            if entries.is_empty() { "{ ... }".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
        Form::Named(named) => format!("{{ NAME: {} }}", shown(&named.of, depth - 1)),
        Form::List(of) | Form::Filled(of) => match **of {
            Form::Text => "[...]".to_owned(),
            _ if depth == 0 => "[...]".to_owned(),
            _ => format!("[ {} ]", shown(of, depth)),
        },
        Form::Pattern => "\"...\"".to_owned(),
        Form::Open(form) => shown(form, depth),
        Form::Either([first, ..]) => shown(first, depth),
        _ => "...".to_owned(),
    }
}
