//! The JSON Schema (draft 2020-12) of topology files, templates and tables, for editors.
//!
//! One schema for all three: which it is, the first key says. It is as strict as it can be without knowing the reader's
//! rules: keys, required keys, choices and written forms. Where it and `check` disagree, `check` is right.
//!
//! An editor reads YAML before the schema sees it, so a text field gets a number or a boolean where somebody wrote one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Form, Keys, Named, Rule, TABLE, TEMPLATE, TOPOLOGY, TYPE_NAMES, Written};
use crate::encodings;

/// A plain name of a parameter, which any field of a template may hold.
const PARAMETER: &str = r"param\..+";

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let mut made = Definitions::default();
    let (topology, template, table) = (made.of(&TOPOLOGY), made.of(&TEMPLATE), made.of(&TABLE));
    let has = |key: &str| json!({ "type": "object", "required": [key] });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Spotlight: topology files, templates and tables",
        "if": has("template"),
        "then": template,
        "else": { "if": has("table"), "then": table, "else": topology },
        "$defs": made.maps,
    })
}

/// The JSON Schema of files of one kind, which have no templates.
#[must_use]
pub fn schema_of(title: &str, keys: &'static Keys) -> Value {
    let mut made = Definitions { plain: true, ..Definitions::default() };
    let root = made.of(keys);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$ref": root["$ref"],
        "$defs": made.maps,
    })
}

/// The maps of keys by name.
#[derive(Default)]
struct Definitions {
    maps: BTreeMap<String, Value>,
    /// No parameter of a template can stand for a value.
    plain: bool,
}

impl Definitions {
    /// A reference to the definition of a map.
    fn of(&mut self, keys: &'static Keys) -> Value {
        let name = name(keys);
        if !self.maps.contains_key(&name) {
            // Before its parts, which may lead back to it.
            self.maps.insert(name.clone(), Value::Null);
            let definition = self.map(keys);
            self.maps.insert(name.clone(), definition);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    fn map(&mut self, keys: &'static Keys) -> Value {
        let mut properties = Map::new();
        for key in keys.keys {
            let mut value = self.form(&key.form);
            described(&mut value, key.about);
            properties.insert(key.name.to_owned(), value);
        }
        let mut definition = json!({ "type": "object", "description": keys.about, "properties": properties });
        definition["additionalProperties"] = match keys.others {
            Some(form) => self.form(form),
            None => Value::Bool(false),
        };
        let required: Vec<&str> = keys.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
        if !required.is_empty() {
            definition["required"] = json!(required);
        }
        let each = |names: &[&str]| names.iter().map(|name| json!({ "required": [name] })).collect::<Vec<Value>>();
        match keys.rule {
            Rule::Free => {}
            Rule::One(names) => definition["oneOf"] = each(names).into(),
            Rule::Some(names) => definition["anyOf"] = each(names).into(),
        }
        if !keys.together.is_empty() {
            let pairs = keys.together.iter().map(|(key, needed)| ((*key).to_owned(), json!([needed])));
            definition["dependentRequired"] = pairs.collect::<Map<String, Value>>().into();
        }
        definition
    }

    fn form(&mut self, form: &'static Form) -> Value {
        match form {
            Form::Text | Form::Expression | Form::Pattern => json!({ "type": ["string", "number", "boolean"] }),
            Form::Value => json!({}),
            Form::Type => json!({ "type": "string", "examples": TYPE_NAMES }),
            Form::Encoding => json!({ "type": "string", "examples": encodings::COMMON }),
            Form::Written(written) => scalar(written, self.plain),
            Form::Choice(names) if self.plain => json!({ "enum": names.names() }),
            Form::Choice(names) => json!({ "anyOf": [{ "enum": names.names() }, pattern(PARAMETER)] }),
            Form::Map(keys) => self.of(keys),
            Form::Named(named) => self.named(named),
            Form::List(item) => list(&self.form(item), 0, self.plain),
            Form::Filled(item) => list(&self.form(item), 1, self.plain),
            Form::Open(inner) => json!({ "anyOf": [self.form(inner), { "type": "null" }] }),
            Form::Either(forms) => {
                let forms: Vec<Value> = forms.iter().map(|form| self.form(form)).collect();
                json!({ "anyOf": forms })
            }
        }
    }

    fn named(&mut self, named: &'static Named) -> Value {
        let mut map = json!({ "type": "object", "additionalProperties": self.form(&named.of) });
        if !named.names.is_empty() {
            map["propertyNames"] = json!({ "pattern": format!("^(?:{})$", named.names) });
        }
        map
    }
}

/// The name of a map's definition: what findings call it, in one word. Two maps of one name have different keys.
fn name(keys: &Keys) -> String {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '-';
    let said = keys.what.trim_start_matches("a ").trim_start_matches("an ").trim_start_matches("the ");
    let said: String = said.chars().map(|character| if word(character) { character } else { ' ' }).collect();
    let said = said.split_whitespace().collect::<Vec<_>>().join("-");
    let first = keys.keys.first().map_or("", |key| key.name);
    format!("{said}-of-{first}")
}

fn pattern(text: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^(?:{text})$") })
}

fn scalar(written: &Written, plain: bool) -> Value {
    let parameter = if plain { String::new() } else { format!("|{PARAMETER}") };
    let mut value = pattern(&format!(" *(?:{}) *{parameter}", written.pattern));
    if let Some((least, greatest)) = written.numbers {
        value["type"] = json!(["integer", "string"]);
        value["minimum"] = least.into();
        if greatest < i64::MAX {
            value["maximum"] = greatest.into();
        }
    }
    value
}

fn list(item: &Value, least: u32, plain: bool) -> Value {
    let list = json!({ "type": "array", "items": item, "minItems": least });
    if plain {
        return list;
    }
    json!({ "anyOf": [list, pattern(PARAMETER)] })
}

/// A description beside what a value is; it stands beside a reference too.
fn described(value: &mut Value, about: &str) {
    if let Some(object) = value.as_object_mut() {
        object.insert("description".to_owned(), about.into());
    }
}
