//! The schema registry as the engine's schemas: the schema of a topic's values stands under the subject `TOPIC-value`.

use std::sync::Arc;
use std::time::Duration;

use codec::avro;
use operators::{Schemas, SchemasError};
use runtime::StopSignal;
use schema_registry_connector::{Class, Kind, Registry, RegistryError, SchemaId};

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

/// See the module's prose.
pub(crate) struct RegistrySchemas {
    registry: Registry,
    /// Put before the names of topics.
    namespace: String,
    patience: Patience,
}

impl RegistrySchemas {
    pub(crate) fn new(registry: Registry, namespace: &str, patience: Patience) -> Self {
        Self { registry, namespace: namespace.to_owned(), patience }
    }
}

fn failed(error: RegistryError) -> SchemasError {
    match error.class() {
        Class::Transient => SchemasError::Away(Box::new(error)),
        Class::BadData | Class::Operator => SchemasError::Refused(Box::new(error)),
    }
}

impl avro::Schemas for RegistrySchemas {
    /// A schema that was found is kept by the registry's client, so this asks nobody.
    fn schema(&self, id: u32) -> Option<Arc<str>> {
        let schema = self.registry.schema(SchemaId(id)).ok()?;
        let ours = schema.kind == Kind::Avro && schema.references.is_empty();
        ours.then(|| schema.text.as_str().into())
    }
}

impl Schemas for RegistrySchemas {
    fn id_of(&self, topic: &str, schema: &str) -> Result<u32, SchemasError> {
        let subject = format!("{}{topic}-value", self.namespace);
        let away = |error: &RegistryError| (error.class() == Class::Transient).then(|| error.to_string());
        let registered = self.patience.wait(|| self.registry.register(&subject, schema, true), away);
        Ok(registered.map_err(failed)?.id.0)
    }

    fn find(&self, id: u32) -> Result<(), SchemasError> {
        match self.registry.schema(SchemaId(id)) {
            // Records of such an id are dead letters.
            Ok(_) | Err(RegistryError::UnknownId { .. }) => Ok(()),
            Err(error) => Err(SchemasError::Away(Box::new(error))),
        }
    }
}
