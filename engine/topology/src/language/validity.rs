//! Judges a value by the part of JSON Schema that [`super::schema`] uses, for tests.
//!
//! A word of a schema that is not known here is a panic, so a schema cannot ask for what is not judged. An independent
//! validator judges beside it in the tests and must agree; this one says why.

use regex::Regex;
use serde_json::Value;

/// Whether `value` is valid, and if not, a reason.
pub(super) fn check(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let Some(words) = schema.as_object() else {
        return if schema == &Value::Bool(true) { Ok(()) } else { Err(format!("nothing is good here: {value}")) };
    };
    for (word, wanted) in words {
        let good = match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "examples" | "then" | "else" => true,
            "$ref" => {
                let pointer = wanted.as_str().expect("a reference").trim_start_matches('#');
                check(root, root.pointer(pointer).expect("a definition"), value)?;
                true
            }
            "if" => {
                let branch = if check(root, wanted, value).is_ok() { "then" } else { "else" };
                check(root, &words[branch], value)?;
                true
            }
            "anyOf" => {
                let judged: Vec<_> = parts(wanted).iter().map(|part| check(root, part, value)).collect();
                judged.iter().any(Result::is_ok) || return Err(format!("{judged:?}"))
            }
            "oneOf" => parts(wanted).iter().filter(|part| check(root, part, value).is_ok()).count() == 1,
            "enum" => parts(wanted).contains(value),
            "type" if wanted.is_array() => parts(wanted).iter().any(|of| is(of, value)),
            "type" => is(wanted, value),
            "pattern" => matches(wanted, value),
            "minimum" => value.as_i64().is_none_or(|number| number >= wanted.as_i64().unwrap_or(i64::MAX)),
            "maximum" => value.as_i64().is_none_or(|number| number <= wanted.as_i64().unwrap_or(i64::MIN)),
            "minItems" => {
                value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap_or(u64::MAX))
            }
            "items" => {
                value.as_array().into_iter().flatten().try_for_each(|item| check(root, wanted, item))?;
                true
            }
            "required" => parts(wanted).iter().all(|key| has(value, key)),
            "dependentRequired" => {
                let mut pairs = wanted.as_object().expect("pairs").iter();
                pairs.all(|(key, needed)| value.get(key).is_none() || parts(needed).iter().all(|key| has(value, key)))
            }
            "propertyNames" => {
                let names = value.as_object().into_iter().flat_map(|map| map.keys());
                names.map(|name| Value::from(name.as_str())).try_for_each(|name| check(root, wanted, &name))?;
                true
            }
            "properties" => {
                let found = wanted.as_object().expect("properties").iter();
                found
                    .filter_map(|(key, of)| Some((of, value.get(key)?)))
                    .try_for_each(|(of, at)| check(root, of, at))?;
                true
            }
            "additionalProperties" => {
                let known = words.get("properties").and_then(Value::as_object);
                let others = value.as_object().into_iter().flatten();
                let others = others.filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key)));
                for (key, other) in others {
                    check(root, wanted, other).map_err(|reason| format!("{key}: {reason}"))?;
                }
                true
            }
            _ => unreachable!("the schema's word `{word}` is not judged"),
        };
        if !good {
            return Err(format!("{word} {wanted}: {value}"));
        }
    }
    Ok(())
}

fn parts(list: &Value) -> &[Value] {
    list.as_array().expect("a list")
}

fn has(value: &Value, key: &Value) -> bool {
    // Such words say nothing of what is no map.
    value.as_object().is_none_or(|map| map.contains_key(key.as_str().unwrap_or_default()))
}

fn matches(pattern: &Value, value: &Value) -> bool {
    let regex = Regex::new(pattern.as_str().expect("a pattern")).expect("a pattern");
    value.as_str().is_none_or(|text| regex.is_match(text))
}

fn is(of: &Value, value: &Value) -> bool {
    match of.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => unreachable!("{other}"),
    }
}
