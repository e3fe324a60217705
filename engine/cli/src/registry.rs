//! The schema registry as the engine's schemas: the schema of a topic's values stands under the subject `TOPIC-value`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use batch::Code;
use codec::avro;
use operators::{Schemas, SchemasError};
use runtime::StopSignal;
use schema_registry_connector::{Class, Compatibility, Kind, Reference, Registry, RegistryError, Schema, SchemaId};
use telemetry::list as metrics;

/// How long to wait before a registry that is away is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a registry may be away when a schema is registered.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    /// Nobody waits once it is given.
    pub(crate) stop: StopSignal,
    /// `None` waits for ever.
    pub(crate) at_most: Option<Duration>,
}

impl Patience {
    /// Of a command that asks once.
    pub(crate) fn none() -> Self {
        Self { stop: StopSignal::new(), at_most: Some(Duration::ZERO) }
    }

    /// Tries until it works, or fails in a way that waiting does not mend, or waiting is over. `away` says what to tell
    /// while waiting, of an error that passes.
    pub(crate) fn wait<Done, Error>(
        &self,
        mut attempt: impl FnMut() -> Result<Done, Error>,
        away: impl Fn(&Error) -> Option<String>,
    ) -> Result<Done, Error> {
        let mut waited = Duration::ZERO;
        loop {
            let error = match attempt() {
                Err(error) => error,
                done => return done,
            };
            let Some(what) = away(&error).filter(|_| self.at_most.is_none_or(|most| waited < most)) else {
                return Err(error);
            };
            tracing::warn!(reason = what, "waiting");
            if !self.stop.wait(PAUSE) {
                return Err(error);
            }
            waited += PAUSE;
        }
    }
}

/// The subject of a topic's values.
pub(crate) type SubjectOf = Box<dyn Fn(&str) -> String + Send + Sync>;

/// See the module's prose.
pub(crate) struct RegistrySchemas {
    registry: Registry,
    /// The subject of a topic's values, by the name that topologies give the topic.
    subject: SubjectOf,
    patience: Patience,
    /// Schemas with all that they name, by id.
    whole: Mutex<HashMap<u32, Arc<str>>>,
}

impl RegistrySchemas {
    pub(crate) fn new(registry: Registry, subject: SubjectOf, patience: Patience) -> Self {
        Self { registry, subject, patience, whole: Mutex::default() }
    }

    /// What the registry would say to a schema of a topic's values. Changes nothing.
    ///
    /// # Errors
    /// If the registry cannot be asked.
    pub(crate) fn judge(&self, topic: &str, schema: &str) -> Result<Judged, RegistryError> {
        let subject = (self.subject)(topic);
        let refused = match self.registry.compatibility(&subject, schema)? {
            Compatibility::NewSubject => return Ok(Judged::New),
            Compatibility::Compatible => None,
            Compatibility::Incompatible { reasons } => Some(reasons),
        };
        let latest = self.registry.latest(&subject)?;
        // By the rules of this program's own reader, in its words: a registry may have no rule, or no reasons.
        let whole = self.whole(latest.id.0)?;
        let ours = match avro::compatibility(schema, whole.as_deref().unwrap_or(&latest.schema.text)) {
            // What the record itself is called does not matter.
            Ok(found) => found.iter().filter(|one| !one.path.is_empty()).map(ToString::to_string).collect(),
            Err(error) => vec![format!("version {} of the subject cannot be read: {error}", latest.version)],
        };
        let by_registry = refused.is_some();
        let reasons = if ours.is_empty() { refused.unwrap_or_default() } else { ours };
        if reasons.is_empty() && !by_registry {
            return Ok(Judged::Taken);
        }
        let code = match by_registry {
            true => RegistryError::Incompatible { subject, reasons: Vec::new() }.code(),
            false => avro::Difference::CODE,
        };
        Ok(Judged::Refused { code, version: latest.version, reasons, by_registry })
    }
}

/// What a registry says to a schema.
pub(crate) enum Judged {
    /// The subject has no version yet.
    New,
    /// The schema reads what the newest version wrote.
    Taken,
    /// It does not, or the registry will not have it.
    Refused {
        /// Under which people find more.
        code: Code,
        /// The newest version.
        version: u32,
        /// Why, field by field where that is known.
        reasons: Vec<String>,
        /// True if the registry refuses it, false if only readers would.
        by_registry: bool,
    },
}

fn failed(error: RegistryError) -> SchemasError {
    match error.class() {
        Class::Transient => SchemasError::Away(Box::new(error)),
        Class::BadData | Class::Operator => SchemasError::Refused(Box::new(error)),
    }
}

/// Counts a question to the registry by how it ended.
fn asked<Answer>(answer: Result<Answer, RegistryError>) -> Result<Answer, RegistryError> {
    let result = match answer.as_ref().map_err(RegistryError::class) {
        Ok(_) => "ok",
        Err(Class::Transient) => "transient",
        Err(Class::BadData | Class::Operator) => "operator",
    };
    metrics::SCHEMA_REFRESH.add(&[result], 1);
    answer
}

/// Schemas that one schema names, directly or not.
const MOST_REFERENCES: usize = 200;

impl RegistrySchemas {
    /// The schema of an id with the types that it names; `None` if it is not of Avro, or cannot be made whole.
    fn whole(&self, id: u32) -> Result<Option<Arc<str>>, RegistryError> {
        let known = || self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = known().get(&id) {
            return Ok(Some(Arc::clone(text)));
        }
        let schema = asked(self.registry.schema(SchemaId(id)))?;
        if schema.kind != Kind::Avro {
            return Ok(None);
        }
        let others = self.named_by(&schema.references)?;
        let texts: Vec<&str> = others.iter().map(|schema| schema.text.as_str()).collect();
        let text = match texts.as_slice() {
            [] => schema.text.clone(),
            texts => match avro::with_references(&schema.text, texts) {
                Ok(text) => text,
                Err(_) => return Ok(None),
            },
        };
        let text: Arc<str> = text.into();
        known().insert(id, Arc::clone(&text));
        Ok(Some(text))
    }

    /// The schemas that references lead to, each once.
    fn named_by(&self, references: &[Reference]) -> Result<Vec<Arc<Schema>>, RegistryError> {
        let mut open: Vec<(String, u32)> = Vec::new();
        let note = |open: &mut Vec<(String, u32)>, references: &[Reference]| {
            for Reference { subject, version, .. } in references {
                if !open.iter().any(|(known, of)| known == subject && of == version) {
                    open.push((subject.clone(), *version));
                }
            }
        };
        note(&mut open, references);
        let mut found = Vec::new();
        while let Some((subject, version)) = open.get(found.len()).filter(|_| found.len() < MOST_REFERENCES).cloned() {
            let schema = self.registry.version(&subject, version)?.schema;
            note(&mut open, &schema.references);
            found.push(schema);
        }
        Ok(found)
    }
}

impl avro::Schemas for RegistrySchemas {
    /// A schema that was found is kept, with all that it names, so this asks nobody.
    fn schema(&self, id: u32) -> Option<Arc<str>> {
        self.whole(id).ok().flatten()
    }
}

impl Schemas for RegistrySchemas {
    fn id_of(&self, topic: &str, schema: &str) -> Result<u32, SchemasError> {
        let subject = (self.subject)(topic);
        let away = |error: &RegistryError| (error.class() == Class::Transient).then(|| error.to_string());
        let registered = self.patience.wait(|| asked(self.registry.register(&subject, schema, true)), away);
        Ok(registered.map_err(failed)?.id.0)
    }

    fn find(&self, id: u32) -> Result<(), SchemasError> {
        match self.whole(id) {
            // Records of such an id are dead letters.
            Ok(_)
            | Err(
                RegistryError::UnknownId { .. }
                | RegistryError::UnknownSubject { .. }
                | RegistryError::UnknownVersion { .. },
            ) => Ok(()),
            Err(error) => Err(SchemasError::Away(Box::new(error))),
        }
    }
}
