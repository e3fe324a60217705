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

/// Dead letters that are open, or wait to be replayed.
fn to_come(arguments: &Show) -> Result<Vec<Value>> {
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
    let letters = to_come(arguments)?;
    if arguments.format == Format::Json {
        show::json(&Value::Array(letters));
        return Ok(Exit::Fine);
    }
    let mut groups: BTreeMap<[String; 5], Vec<&Value>> = BTreeMap::new();
    for letter in &letters {
        let flow = format!("{}/{}", text(letter, "topology"), text(letter, "flow"));
        let group = [flow, text(letter, "state"), text(letter, "code"), text(letter, "step"), text(letter, "field")];
        groups.entry(group).or_default().push(letter);
    }
    let ids: Vec<String> = letters.iter().map(|letter| text(letter, "id")).collect();
    let rows = groups.iter().map(|([flow, state, code, step, field], letters)| {
        let first = letters[0];
        let example = format!("{} line {}", text(first, "document"), text(first, "line"));
        vec![
            flow.clone(),
            state.clone(),
            code.clone(),
            step.clone(),
            field.clone(),
            show::count(letters.len() as u64),
            text(first, "message"),
            example,
            short(&text(first, "id"), &ids),
        ]
    });
    let header = ["=flow", "=state", "=code", "?step", "?field", "#rows", "why", "the first", "=its id"];
    show::table(&header, rows.collect());
    let waiting = letters.iter().filter(|letter| letter["state"] == "waiting").count();
    let open = show::count((letters.len() - waiting) as u64);
    let waiting = match waiting {
        0 => String::new(),
        more => format!(", {} waiting to be replayed by a run", show::count(more as u64)),
    };
    show::line(&format!(
        "{open} open{waiting}; spotlight dlq show ID shows one whole, by any unique beginning or end of its id"
    ));
    Ok(Exit::Fine)
}

/// An end of an id that no other has: partition, offset and row where that is enough.
fn short(id: &str, ids: &[String]) -> String {
    let slashes: Vec<usize> = id.rmatch_indices('/').map(|(at, _)| at + 1).collect();
    let ends = slashes.into_iter().skip(2).map(|at| &id[at..]);
    let unique = |end: &&str| ids.iter().filter(|id| means(id, end)).count() == 1;
    ends.into_iter().find(unique).unwrap_or(id).to_owned()
}

/// True if what somebody wrote begins this id, or ends it with whole parts.
fn means(id: &str, written: &str) -> bool {
    let ends = id.strip_suffix(written).is_some_and(|before| before.is_empty() || before.ends_with('/'));
    !written.is_empty() && (ends || id.starts_with(written))
}

fn one(id: &str, arguments: &Show) -> Result<Exit> {
    let letters = to_come(arguments)?;
    let found: Vec<&Value> = letters.iter().filter(|letter| means(&text(letter, "id"), id)).collect();
    let exact = found.iter().find(|letter| text(letter, "id") == id);
    let letter = match (exact, found.as_slice()) {
        (Some(letter), _) | (None, [letter]) => letter,
        (None, []) => {
            return Err(failure(
                Exit::Usage,
                format!("no dead letter that is open or waiting has the id `{id}`"),
                "spotlight dlq ls lists them",
            ));
        }
        (None, several) => {
            let what = format!("{} dead letters begin or end with `{id}`", several.len());
            return Err(failure(Exit::Usage, what, "give more of the id"));
        }
    };
    if arguments.format == Format::Json {
        show::json(letter);
        return Ok(Exit::Fine);
    }
    whole(letter).iter().for_each(|line| show::line(line));
    Ok(Exit::Fine)
}

/// A dead letter in lines: times in words, and its bytes as text that no terminal obeys.
fn whole(letter: &Value) -> Vec<String> {
    let Value::Object(fields) = letter else { return Vec::new() };
    let field = |name: &String| match name.as_str() {
        "arrival" | "first_failed" => letter[name].as_i64().map_or_else(|| text(letter, name), show::time),
        _ => text(letter, name),
    };
    let shown = fields.keys().filter(|name| !["bytes", "bytes_hex"].contains(&name.as_str()));
    let mut lines: Vec<String> = shown.map(|name| format!("{name:>13}: {}", field(name))).collect();
    lines.push(format!("{:>13}:", "bytes"));
    let bytes = bytes_of(letter);
    let rows = bytes.split(|byte| *byte == b'\n');
    lines.extend(rows.map(|row| batch::excerpt(row.strip_suffix(b"\r").unwrap_or(row), usize::MAX)));
    lines
}

/// The bytes as they are: in hexadecimal digits if they are no text.
fn bytes_of(letter: &Value) -> Vec<u8> {
    let digits = letter["bytes_hex"].as_str().unwrap_or_default().as_bytes();
    if digits.is_empty() {
        return text(letter, "bytes").into_bytes();
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).filter_map(byte).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{means, short, whole};

    #[test]
    fn a_dead_letter_reads_well_and_steers_no_terminal() {
        let letter = |bytes: &str, hex: Option<&str>| {
            let mut letter =
                json!({ "id": "a/b/0f/0/1/2", "arrival": 1_767_225_600_123_i64, "first_failed": 0, "bytes": bytes });
            if let Some(hex) = hex {
                letter["bytes_hex"] = json!(hex);
            }
            whole(&letter)
        };
        let lines = letter("A|\u{1b}[31m|Größe\r\n2\t3", None);
        assert!(lines.contains(&"      arrival: 2026-01-01T00:00:00.123Z".to_owned()), "{lines:?}");
        assert!(lines.contains(&" first_failed: 1970-01-01T00:00:00.000Z".to_owned()), "{lines:?}");
        assert_eq!(lines[lines.len() - 3..], ["        bytes:", r"A|\x1b[31m|Größe", r"2\t3"]);
        let lines = letter("Gr\u{fffd}\u{fffd}e", Some("4772f6df65"));
        assert_eq!(lines.last().map(String::as_str), Some(r"Gr\xf6\xdfe"));
        assert!(!lines.iter().any(|line| line.contains("bytes_hex")), "{lines:?}");
    }

    #[test]
    fn an_id_is_meant_by_its_beginning_or_its_last_parts() {
        let ids = ["a/load/0f/3/0/1", "a/load/0f/13/0/1", "a/load/0f/3/0/11", "b/load/9c/3/0/11"].map(str::to_owned);
        let cases = [
            ("3/0/1", vec![0]),
            ("0/1", vec![0, 1]),
            ("3/0/11", vec![2, 3]),
            ("b/", vec![3]),
            ("a/load/0f/3/0/1", vec![0, 2]),
            ("", vec![]),
            ("/1", vec![]),
        ];
        for (written, meant) in cases {
            let found: Vec<usize> = (0..ids.len()).filter(|&id| means(&ids[id], written)).collect();
            assert_eq!(found, meant, "{written}");
        }
        assert_eq!(ids.each_ref().map(|id| short(id, &ids)), ["3/0/1", "13/0/1", "0f/3/0/11", "9c/3/0/11"]);
    }
}
