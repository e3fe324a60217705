//! Prints what Prometheus and Alertmanager read: mappings, lists and text of YAML 1.2, in the order in which they are
//! given. A text that could be taken for anything else is quoted; one of several lines is a literal block.

use serde_json::Value;

/// Prints a value. It ends with a line feed.
pub(crate) fn text(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                text.push_str(&format!("{indent}{name}:"));
                inner(value, depth, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push_str(&format!("{indent}-"));
                match item {
                    Value::Object(_) => {
                        // The first field stands behind the dash, the others below it.
                        let mut fields = String::new();
                        block(item, depth + 1, &mut fields);
                        text.push(' ');
                        text.push_str(fields.trim_start());
                    }
                    _ => inner(item, depth, text),
                }
            }
        }
        _ => inner(value, depth, text),
    }
}

/// What stands behind a name or a dash.
fn inner(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) if fields.is_empty() => text.push_str(" {}\n"),
        Value::Array(items) if items.is_empty() => text.push_str(" []\n"),
        Value::Object(_) | Value::Array(_) => {
            text.push('\n');
            block(value, depth + 1, text);
        }
        Value::String(words) if words.contains('\n') => {
            let indent = "  ".repeat(depth + 1);
            text.push_str(" |-\n");
            for line in words.lines() {
                text.push_str(&format!("{indent}{line}\n"));
            }
        }
        Value::String(words) if plain(words) => text.push_str(&format!(" {words}\n")),
        // JSON's text is YAML's too.
        other => text.push_str(&format!(" {other}\n")),
    }
}

/// True for a text that is nothing but a text without quotes: letters, digits and a few signs, and no word of YAML's own.
fn plain(words: &str) -> bool {
    let first = words.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let rest = words.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    let own = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    first && rest && !own.contains(&words.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::text;

    #[test]
    fn what_could_be_something_else_is_quoted() {
        let value = json!({
            "groups": [
                { "name": "a", "rules": [ { "expr": "a\n  > b", "for": "5m", "labels": {} }, { "expr": "a: b #" } ] },
                { "name": "no", "limit": 5, "of": [] },
            ],
            "list": ["x", "it's", "1h"],
        });
        let wanted = "groups:
  - name: a
    rules:
      - expr: |-
          a
            > b
        for: \"5m\"
        labels: {}
      - expr: \"a: b #\"
  - name: \"no\"
    limit: 5
    of: []
list:
  - x
  - \"it's\"
  - \"1h\"
";
        assert_eq!(text(&value), wanted);
    }
}
