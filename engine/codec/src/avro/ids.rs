//! Ids of schemas where there is no registry, in memory. Whoever keeps them writes [`SchemaIds::to_json`] down.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::schema::parse;
use super::{SchemaError, Schemas, normalised};

/// Schemas and their ids, which count from 1 and are never given again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaIds {
    schemas: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, u32>,
}

impl SchemaIds {
    /// No schemas.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The id of a schema, a new one if it was not seen before. Spacing does not matter.
    ///
    /// # Errors
    /// If it is no Avro schema.
    pub fn id_of(&mut self, schema: &str) -> Result<u32, SchemaError> {
        let text: Arc<str> = normalised(schema)?.into();
        if let Some(id) = self.ids.get(&text) {
            return Ok(*id);
        }
        parse(&text)?;
        self.schemas.push(Arc::clone(&text));
        let id = u32::try_from(self.schemas.len()).unwrap_or(u32::MAX);
        self.ids.insert(text, id);
        Ok(id)
    }

    /// Number of schemas.
    #[must_use]
    pub fn len(&self) -> usize {
        self.schemas.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.schemas.is_empty()
    }

    /// All schemas as JSON: an object with the format's `version` and the list `schemas`, whose entry 0 has id 1.
    #[must_use]
    pub fn to_json(&self) -> String {
        let parsed = self.schemas.iter().map(|text| serde_json::from_str(text).unwrap_or(Value::Null));
        json!({ "version": 1, "schemas": parsed.collect::<Vec<Value>>() }).to_string()
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn from_json(text: &str) -> Result<Self, SchemaError> {
        let parsed: Value = serde_json::from_str(text)?;
        let list = parsed["schemas"].as_array().filter(|_| parsed["version"] == 1);
        let list = list.ok_or(SchemaError::Unsupported { what: "another version of the list of schemas" })?;
        let mut ids = Self::new();
        for (index, schema) in list.iter().enumerate() {
            if ids.id_of(&schema.to_string())? as usize != index + 1 {
                return Err(SchemaError::Unsupported { what: "one schema twice in the list of schemas" });
            }
        }
        Ok(ids)
    }
}

impl Schemas for SchemaIds {
    fn schema(&self, id: u32) -> Option<Arc<str>> {
        let index = (id as usize).checked_sub(1)?;
        self.schemas.get(index).cloned()
    }
}
