//! A registry: schemas by id, schemas under subjects, and whether one fits.

use std::fmt;
use std::sync::Arc;

use schema_registry_converter::schema_registry_common::{RawRegisteredSchema, SrCall};
use serde_json::{Value, json};

use crate::cache::Cache;
use crate::client::{Client, Failure, escaped};
use crate::error::RegistryError;
use crate::settings::RegistrySettings;
use crate::wire::SchemaId;

/// Most reasons of an incompatible schema that are kept.
const MOST_REASONS: usize = 50;

/// What a schema is written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Avro.
    Avro,
    /// JSON Schema.
    Json,
    /// Protocol Buffers.
    Protobuf,
    /// Another, by the registry's name.
    Other(String),
}

/// A schema that a schema names. Its text is that of [`Registry::version`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The name by which it is used.
    pub name: String,
    /// The subject under which it is registered.
    pub subject: String,
    /// The version of the subject.
    pub version: u32,
}

/// A schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// What it is written in.
    pub kind: Kind,
    /// Its text.
    pub text: String,
    /// Schemas that it names.
    pub references: Vec<Reference>,
}

/// A version of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// Its number.
    pub version: u32,
    /// The schema's id.
    pub id: SchemaId,
    /// The schema.
    pub schema: Arc<Schema>,
}

/// Under what a schema is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The schema's id: that of an equal schema, if one was there.
    pub id: SchemaId,
}

/// Whether a subject would take a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// It would.
    Compatible,
    /// It would not.
    Incompatible {
        /// Why, in the registry's words, field by field. Empty where the registry gives no reasons.
        reasons: Vec<String>,
    },
    /// Nothing is registered under the subject, so any schema may be the first.
    NewSubject,
}

/// A client of one registry. Share it: what it has fetched is known to all who do.
pub struct Registry {
    client: Client,
    cache: Cache,
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Registry").field("url", &self.client.url()).finish_non_exhaustive()
    }
}

impl Registry {
    /// Makes a client. Does not connect yet.
    ///
    /// # Errors
    /// If address or certificates cannot be right, or the client's thread cannot start.
    pub fn new(settings: &RegistrySettings) -> Result<Self, RegistryError> {
        Ok(Self { client: Client::new(settings)?, cache: Cache::default() })
    }

    /// The schema of an id. Asks for it once; afterwards it is known, also while the registry is down.
    ///
    /// # Errors
    /// If the registry cannot be asked, or does not know the id.
    pub fn schema(&self, id: SchemaId) -> Result<Arc<Schema>, RegistryError> {
        self.cache.get(id, || {
            let answer = self.client.call(SrCall::GetById(id.0)).map_err(|failure| {
                failure.or(|refusal| (refusal.code == 40403).then_some(RegistryError::UnknownId { id }))
            })?;
            Ok(Arc::new(schema_of(answer)?))
        })
    }

    /// Registers a schema of Avro under a subject. One that is there already keeps its id. Where `register` is false
    /// nothing is changed, and a schema that is not there is an error.
    ///
    /// # Errors
    /// If the registry cannot be asked or does not take the schema.
    pub fn register(&self, subject: &str, schema: &str, register: bool) -> Result<Registered, RegistryError> {
        let (path, body) = (escaped(subject), body(schema));
        let call = if register { SrCall::PostNew(&path, &body) } else { SrCall::PostForVersion(&path, &body) };
        let answer = self.client.call(call).map_err(|failure| self.refused(failure, subject, schema))?;
        let id = answer.id.ok_or_else(|| unusable("its answer names no id"))?;
        Ok(Registered { id: SchemaId(id) })
    }

    /// Whether a subject would take a schema of Avro, by the level of compatibility that is set for it.
    ///
    /// # Errors
    /// If the registry cannot be asked, or the schema is none.
    pub fn compatibility(&self, subject: &str, schema: &str) -> Result<Compatibility, RegistryError> {
        let path = format!("/compatibility/subjects/{}/versions?verbose=true", escaped(subject));
        let answer = match self.client.post(&path, body(schema)) {
            Ok(answer) => answer,
            Err(Failure::Refused(refusal)) if refusal.code == 40401 => return Ok(Compatibility::NewSubject),
            Err(failure) => return Err(failure.or(|_| None)),
        };
        match answer["is_compatible"].as_bool() {
            Some(true) => Ok(Compatibility::Compatible),
            Some(false) => Ok(Compatibility::Incompatible { reasons: reasons(&answer["messages"]) }),
            None => Err(unusable("its answer does not say whether the schema is compatible")),
        }
    }

    /// The newest version of a subject.
    ///
    /// # Errors
    /// If the registry cannot be asked, or the subject has no version.
    pub fn latest(&self, subject: &str) -> Result<Latest, RegistryError> {
        self.at(subject, None)
    }

    /// One version of a subject.
    ///
    /// # Errors
    /// If the registry cannot be asked, or does not know it.
    pub fn version(&self, subject: &str, version: u32) -> Result<Latest, RegistryError> {
        self.at(subject, Some(version))
    }

    fn at(&self, subject: &str, version: Option<u32>) -> Result<Latest, RegistryError> {
        let path = escaped(subject);
        let call = match version {
            None => SrCall::GetLatest(&path),
            Some(version) => SrCall::GetBySubjectAndVersion(&path, version),
        };
        let answer = self.client.call(call).map_err(|failure| failure.or(|refusal| unknown(refusal.code, subject)))?;
        let (Some(version), Some(id)) = (answer.version, answer.id) else {
            return Err(unusable("its answer names no version or no id"));
        };
        Ok(Latest { version, id: SchemaId(id), schema: Arc::new(schema_of(answer)?) })
    }

    /// What it means that a schema was not registered or not found.
    fn refused(&self, failure: Failure, subject: &str, schema: &str) -> RegistryError {
        failure.or(|refusal| match (refusal.status, refusal.code) {
            (409, _) => {
                // The refusal mostly says only that; the question of compatibility says why.
                let asked = self.compatibility(subject, schema);
                let reasons = match asked {
                    Ok(Compatibility::Incompatible { reasons }) if !reasons.is_empty() => reasons,
                    _ => vec![batch::bounded(&refusal.message)],
                };
                Some(RegistryError::Incompatible { subject: batch::bounded(subject), reasons })
            }
            (404, 40403) => Some(RegistryError::NotRegistered { subject: batch::bounded(subject) }),
            (404, code) => unknown(code, subject),
            _ => None,
        })
    }
}

fn unknown(code: u32, subject: &str) -> Option<RegistryError> {
    let subject = batch::bounded(subject);
    match code {
        40401 => Some(RegistryError::UnknownSubject { subject }),
        40402 => Some(RegistryError::UnknownVersion { subject }),
        _ => None,
    }
}

fn unusable(what: &str) -> RegistryError {
    RegistryError::Unusable { what: what.to_owned() }
}

/// A schema of Avro as it is sent.
fn body(schema: &str) -> String {
    json!({ "schema": schema, "schemaType": "AVRO" }).to_string()
}

/// The reasons as the registry gives them. Beside them it lists versions and whole schemas, which are left out.
fn reasons(messages: &Value) -> Vec<String> {
    let beside = |message: &&str| {
        ["{oldSchema", "{validateFields", "{compatibility"].iter().any(|start| message.starts_with(start))
    };
    let messages = messages.as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(Value::as_str);
    messages.filter(|message| !beside(message)).take(MOST_REASONS).map(batch::bounded).collect()
}

fn schema_of(answer: RawRegisteredSchema) -> Result<Schema, RegistryError> {
    let text = answer.schema.ok_or_else(|| unusable("its answer holds no schema"))?;
    // A registry does not name the kind where it is Avro.
    let kind = match answer.schema_type.as_deref() {
        None | Some("AVRO") => Kind::Avro,
        Some("JSON") => Kind::Json,
        Some("PROTOBUF") => Kind::Protobuf,
        Some(other) => Kind::Other(batch::bounded(other)),
    };
    let references = answer.references.unwrap_or_default().into_iter();
    let references = references
        .map(|found| Reference { name: found.name, subject: found.subject, version: found.version })
        .collect();
    Ok(Schema { kind, text, references })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::reasons;

    #[test]
    fn reasons_are_those_of_fields() {
        let reason = "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'b' has no default'}";
        let messages = json!([reason, "{oldSchemaVersion: 1}", "{oldSchema: '{}'}", "{compatibility: 'BACKWARD'}", 7]);
        assert_eq!(reasons(&messages), [reason]);
        assert_eq!(reasons(&json!(null)), Vec::<String>::new());
        let many = json!(vec!["x"; 1000]);
        assert_eq!(reasons(&many).len(), 50);
    }
}
