//! `dlq`: lists, shows and replays dead letters.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use super::ask::ask;
use crate::arguments::{DeadLetters, Format, Show};
use crate::control::Question;
use crate::exit::{Exit, failure};
use crate::show;

pub(crate) fn dead_letters(arguments: &DeadLetters) -> Result<Exit> {
    match arguments {
        DeadLetters::Ls(show) => list(show),
        DeadLetters::Show { id, show } => one(id, show),
        DeadLetters::Replay(replay) => super::replay::replay(replay),
        DeadLetters::GiveUp(give_up) => super::replay::give_up(give_up),
    }
}

/// Open dead letters.
fn open(arguments: &Show) -> Result<Vec<Value>> {
    let answer = ask(&arguments.data, None, &Question::DeadLetters)?;
    Ok(answer.as_array().cloned().unwrap_or_default())
}

fn text(letter: &Value, name: &str) -> String {
    match &letter[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(arguments: &Show) -> Result<Exit> {
    let letters = open(arguments)?;
    if arguments.format == Format::Json {
        show::json(&Value::Array(letters));
        return Ok(Exit::Fine);
    }
    let mut groups: BTreeMap<[String; 4], Vec<&Value>> = BTreeMap::new();
    for letter in &letters {
        let flow = format!("{}/{}", text(letter, "topology"), text(letter, "flow"));
        let group = [flow, text(letter, "code"), text(letter, "step"), text(letter, "field")];
        groups.entry(group).or_default().push(letter);
    }
    let rows = groups.iter().map(|([flow, code, step, field], letters)| {
        let first = letters[0];
        let example = format!("{} line {}", text(first, "document"), text(first, "line"));
        vec![
            flow.clone(),
            code.clone(),
            step.clone(),
            field.clone(),
            show::count(letters.len() as u64),
            text(first, "message"),
            example,
            text(first, "id"),
        ]
    });
    show::table(&["flow", "code", "step", "field", "#open", "why", "the first", "its id"], rows.collect());
    show::line(&format!("{} open; spotlight dlq show ID shows one whole", show::count(letters.len() as u64)));
    Ok(Exit::Fine)
}

fn one(id: &str, arguments: &Show) -> Result<Exit> {
    let letters = open(arguments)?;
    let found: Vec<&Value> = letters.iter().filter(|letter| text(letter, "id").starts_with(id)).collect();
    let exact = found.iter().find(|letter| text(letter, "id") == id);
    let letter = match (exact, found.as_slice()) {
        (Some(letter), _) | (None, [letter]) => letter,
        (None, []) => {
            return Err(failure(
                Exit::Usage,
                format!("no open dead letter has the id `{id}`"),
                "spotlight dlq ls lists them",
            ));
        }
        (None, several) => {
            let what = format!("{} open dead letters begin with `{id}`", several.len());
            return Err(failure(Exit::Usage, what, "give more of the id"));
        }
    };
    if arguments.format == Format::Json {
        show::json(letter);
        return Ok(Exit::Fine);
    }
    if let Value::Object(fields) = letter {
        for (name, _) in fields.iter().filter(|(name, _)| *name != "bytes") {
            show::line(&format!("{name:>13}: {}", text(letter, name)));
        }
        show::line(&format!("{:>13}:\n{}", "bytes", text(letter, "bytes")));
    }
    Ok(Exit::Fine)
}
