//! `dlq`: lists, shows and replays dead letters.

use anyhow::Result;
use serde_json::Value;

use super::ask::ask;
use crate::arguments::{DeadLetters, Format, Show};
use crate::control::{Only, Question};
use crate::exit::Exit;
use crate::letters::{Group, Listed};
use crate::show;

pub(crate) fn dead_letters(arguments: &DeadLetters) -> Result<Exit> {
    match arguments {
        DeadLetters::Ls { all, flow, code, show } => {
            let code = super::replay::known_code(code.as_deref())?;
            list(*all, Only { flow: flow.clone(), code }, show)
        }
        DeadLetters::Show { id, show } => one(id, show),
        DeadLetters::Replay(replay) => super::replay::replay(replay),
        DeadLetters::GiveUp(give_up) => super::replay::give_up(give_up),
    }
}

fn text(letter: &Value, name: &str) -> String {
    match &letter[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(all: bool, only: Only, arguments: &Show) -> Result<Exit> {
    if arguments.format == Format::Json {
        show::json(&ask(&arguments.data, None, &Question::DeadLetters { only })?);
        return Ok(Exit::Fine);
    }
    let question = Question::ListDeadLetters { each: all, only: only.clone() };
    let answer = ask(&arguments.data, None, &question)?;
    let Listed { groups, open, waiting, old_rows } = serde_json::from_value(answer)?;
    if groups.is_empty() {
        show::prose(&none(&only));
        old_rows.iter().for_each(|old| show::prose(&old.line(false)));
        return Ok(Exit::Fine);
    }
    if all {
        each(groups);
    } else {
        in_groups(groups);
    }
    let waiting = match waiting {
        0 => String::new(),
        more => format!(", {} waiting to be replayed by a run", show::count(more)),
    };
    let others = if all { "" } else { "; --all lists the ids of all" };
    show::prose(&format!(
        "{} open{waiting}; spotlight dlq show ID shows one whole, by any unique beginning or end of its id{others}",
        show::count(open)
    ));
    old_rows.iter().for_each(|old| show::prose(&old.line(false)));
    Ok(Exit::Fine)
}

/// That there are none, in words.
fn none(only: &Only) -> String {
    let flow = only.flow.as_ref().map(|flow| format!(" of {flow}")).unwrap_or_default();
    let code = only.code.as_ref().map(|code| format!(" with the code {code}")).unwrap_or_default();
    format!("no dead letter{flow}{code} is open or waits to be replayed")
}

fn in_groups(groups: Vec<Group>) {
    let rows = groups.into_iter().map(|group| {
        let Group { flow, state, code, step, field, rows, message, row, place, id } = group;
        vec![flow, state, code, step, field, show::count(rows), message, row, place, id]
    });
    let header =
        ["=flow", "=state", "=code", "?step", "?field", "#rows", "why", "the first row", "its place", "=its id"];
    show::table(&header, rows.collect());
}

fn each(groups: Vec<Group>) {
    let rows = groups.into_iter().map(|group| {
        let Group { flow, state, code, step, field, message, row, place, id, .. } = group;
        vec![id, flow, state, code, step, field, place, message, row]
    });
    show::table(&["=id", "=flow", "=state", "=code", "?step", "?field", "place", "why", "the row"], rows.collect());
}

fn one(id: &str, arguments: &Show) -> Result<Exit> {
    let letter = ask(&arguments.data, None, &Question::DeadLetter { id: id.to_owned() })?;
    if arguments.format == Format::Json {
        show::json(&letter);
        return Ok(Exit::Fine);
    }
    whole(&letter).iter().for_each(|line| show::line(line));
    Ok(Exit::Fine)
}

/// A dead letter in lines: times in words, and its bytes as text that no terminal obeys.
fn whole(letter: &Value) -> Vec<String> {
    let Value::Object(fields) = letter else { return Vec::new() };
    let field = |name: &String| match name.as_str() {
        "arrival" | "first_failed" => letter[name].as_i64().map_or_else(|| text(letter, name), show::time),
        _ => text(letter, name),
    };
    let no_line = letter["line"].as_u64() == Some(0);
    let hidden = |name: &str| {
        ["bytes", "bytes_hex", "values", "readable", "readable_as"].contains(&name) || (name == "line" && no_line)
    };
    let shown = fields.keys().filter(|name| !hidden(name));
    let mut lines: Vec<String> = shown.map(|name| format!("{name:>13}: {}", field(name))).collect();
    // What was read to make the field that failed, a line each.
    lines.extend(letter["values"].as_object().into_iter().flatten().map(|(name, value)| {
        let value = value.as_str().map_or_else(|| "null".to_owned(), |value| format!("`{value}`"));
        format!("{:>13}: {name} = {value}", "read")
    }));
    let (bytes, how) = match (letter["readable"].as_str(), letter["readable_as"].as_str()) {
        (Some(text), Some(how)) => (text.as_bytes().to_vec(), format!(", read as {how}")),
        _ if letter["bytes_hex"].is_string() => (bytes_of(letter), ", of which some are no text".to_owned()),
        _ => (bytes_of(letter), String::new()),
    };
    lines.push(format!("{:>13}{how}:", "bytes"));
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

    use super::whole;

    #[test]
    fn a_dead_letter_reads_well_and_steers_no_terminal() {
        let letter = |bytes: &str, hex: Option<&str>| {
            let mut letter = json!({ "id": "a/b/0f/0/1/2", "arrival": 1_767_225_600_123_i64, "first_failed": 0,
                        "line": 0, "bytes": bytes });
            if let Some(hex) = hex {
                letter["bytes_hex"] = json!(hex);
            }
            whole(&letter)
        };
        let lines = letter("A|\u{1b}[31m|Größe\r\n2\t3", None);
        assert!(lines.contains(&"      arrival: 2026-01-01T00:00:00.123Z".to_owned()), "{lines:?}");
        assert!(lines.contains(&" first_failed: 1970-01-01T00:00:00.000Z".to_owned()), "{lines:?}");
        assert_eq!(lines[lines.len() - 3..], ["        bytes:", r"A|\x1b[31m|Größe", r"2\t3"]);
        assert!(!lines.iter().any(|line| line.contains(" line:")), "it has none: {lines:?}");
        let mut read =
            json!({ "id": "a/b/0f/0/1/2", "field": "total", "bytes": "x|", "values": { "a": "x", "b": null } });
        let lines = whole(&read);
        assert_eq!(
            lines[lines.len() - 4..],
            ["         read: a = `x`", "         read: b = null", "        bytes:", "x|"]
        );
        read["values"] = json!({});
        assert!(!whole(&read).iter().any(|line| line.contains("values") || line.contains("read:")));
        let lines = letter("Gr\u{fffd}\u{fffd}e", Some("4772f6df65"));
        assert_eq!(lines[lines.len() - 2..], ["        bytes, of which some are no text:", r"Gr\xf6\xdfe"]);
        read["readable"] = json!("Größe\u{1b}[31m");
        read["readable_as"] = json!("windows-1252");
        let read = whole(&read);
        assert_eq!(read[read.len() - 2..], ["        bytes, read as windows-1252:", r"Größe\x1b[31m"], "{read:?}");
        assert!(!lines.iter().any(|line| line.contains("bytes_hex")), "{lines:?}");
    }
}
