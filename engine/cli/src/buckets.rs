//! The buckets in which sources find documents: what topologies read, and what the file of connections has of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use connect::listed::FileNames;
use s3_connector::{S3Settings, S3Source};
use topology::plan::{From, S3Plan, SourcePlan, Topology};

use crate::arguments::Data;
use crate::exit::{Exit, failure};
use crate::flow_names;
use crate::services::Services;

/// How each bucket is reached, by the name that topologies give it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets {
    known: BTreeMap<String, S3Settings>,
    /// The file of connections, if there is one.
    file: Option<PathBuf>,
}

/// A flow whose bucket nobody names.
pub(crate) struct Lacking {
    /// The flow, as people see it.
    pub(crate) flow: String,
    /// What is lacking, and where that is said.
    pub(crate) what: String,
    /// What helps.
    pub(crate) remedy: String,
}

impl Buckets {
    /// These, of the file of connections that was read.
    pub(crate) fn new(known: BTreeMap<String, S3Settings>, file: Option<PathBuf>) -> Self {
        Self { known, file }
    }

    /// Reads the file of connections if one of the topologies looks into a bucket.
    pub(crate) fn read(at: &Data, topologies: &[Topology]) -> Result<Self> {
        if read(topologies).next().is_none() {
            return Ok(Self::default());
        }
        Ok(Self::new(Services::read(at)?.buckets(), at.connections.clone()))
    }

    /// The flows that cannot look, because their bucket is not among these.
    pub(crate) fn lacking(&self, topologies: &[Topology]) -> Vec<Lacking> {
        let lacking = read(topologies).filter(|(_, plan)| !self.known.contains_key(&*plan.bucket));
        lacking.map(|(flow, plan)| self.lacks(flow, plan)).collect()
    }

    fn lacks(&self, flow: String, plan: &S3Plan) -> Lacking {
        let (bucket, at) = (&plan.bucket, &plan.at);
        let entry = format!("buckets: {{ {bucket}: {{ bucket: NAME, region: REGION, credentials: ... }} }}");
        let (whose, remedy) = match &self.file {
            None => ("no file of connections is named".to_owned(), {
                format!("name one with --connections FILE that has `{entry}`")
            }),
            Some(file) => (format!("{} has none of that name", file.display()), {
                let known: Vec<String> = self.known.keys().map(|name| format!("`{name}`")).collect();
                let there = if known.is_empty() { String::new() } else { format!("; it has {}", known.join(", ")) };
                format!("add `{entry}` to it, or correct the name{there}")
            }),
        };
        let place = format!("{}:{}:{}", at.file, at.line, at.column);
        Lacking { flow, what: format!("{place}: {bucket} is a bucket of the file of connections, and {whose}"), remedy }
    }

    /// Refuses what cannot look, before anything is started.
    pub(crate) fn refuse(self, topologies: &[Topology]) -> Result<Self> {
        match self.lacking(topologies).as_slice() {
            [] => Ok(self),
            lacking => {
                let what: Vec<&str> = lacking.iter().map(|one| one.what.as_str()).collect();
                let remedy = lacking.first().map_or("", |first| first.remedy.as_str());
                Err(failure(Exit::Environment, what.join("\n"), remedy))
            }
        }
    }

    /// The source of a flow.
    pub(crate) fn source(&self, flow: &str, plan: &S3Plan, names: FileNames) -> Result<S3Source> {
        let Some(settings) = self.known.get(&*plan.bucket) else {
            let Lacking { what, remedy, .. } = self.lacks(flow.to_owned(), plan);
            return Err(failure(Exit::Environment, what, remedy));
        };
        S3Source::new(settings, &plan.prefix, names).map_err(|error| {
            let remedy = format!("mend the bucket `{}` in the file of connections", plan.bucket);
            failure(Exit::Environment, format!("{flow}: {error} ({})", error.code()), remedy)
        })
    }
}

/// The flows that look into buckets, as people see them.
fn read(topologies: &[Topology]) -> impl Iterator<Item = (String, &S3Plan)> {
    let flows = topologies.iter().flat_map(|one| one.flows.iter().map(move |flow| (one, flow)));
    flows.filter_map(|(topology, flow)| match &flow.from {
        From::Documents(documents) => match &documents.source {
            SourcePlan::S3(plan) => Some((flow_names::called(topology, flow), plan)),
            SourcePlan::Files { .. } | SourcePlan::Http(_) => None,
        },
        From::Topic(_) => None,
    })
}
