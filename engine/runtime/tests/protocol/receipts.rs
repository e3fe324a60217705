//! Receipts and dead letters as rows of topics: discovery writes what is absent, the close of a document all else.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::util::display::array_value_to_string;
use batch::{Batch, Headers, Records, RecordsBuilder};
use connect::{Absent, Discovery, Source, SourceError};
use log::TopicSettings;
use operators::{RecordWriter, StepError};
use runtime::{SystemTopics, TopicOutput};

use crate::world::{Kind, Script, World};

/// Writes some columns of each row as text.
struct Columns(&'static [&'static str]);

impl RecordWriter for Columns {
    fn write(&self, batch: &Batch, _: i32) -> Result<Vec<(i32, Records)>, StepError> {
        let mut records = RecordsBuilder::new();
        for row in 0..batch.len() {
            let cell = |name: &&str| {
                let column = batch.columns().column_by_name(name).expect("a column");
                array_value_to_string(column, row).expect("it can be shown")
            };
            let text = self.0.iter().map(cell).collect::<Vec<_>>().join(" ");
            records.push(None, Some(text.as_bytes()), &Headers::new(), 0);
        }
        Ok(vec![(0, records.finish())])
    }
}

/// A publisher that has one document less than it says.
struct Lacking(Box<dyn Source>);

impl Source for Lacking {
    fn round(&mut self, discovery: &mut dyn Discovery) -> Result<(), SourceError> {
        self.0.round(discovery)?;
        discovery.absent(Absent {
            name: "gone".to_owned(),
            url: "/gone".to_owned(),
            fields: BTreeMap::from([("name".to_owned(), "gone".to_owned())]),
            reason: "status 404".to_owned(),
            asked_again: true,
        })
    }

    fn describe(&self) -> Arc<str> {
        self.0.describe()
    }
}

fn texts(world: &World, topic: &str) -> Vec<String> {
    let blocks = world.log().read(topic, 0, 0, usize::MAX).expect("a topic");
    let values = blocks.iter().flat_map(Records::iter).map(|record| record.value.unwrap_or_default().to_vec());
    let mut texts: Vec<String> = values.map(|value| String::from_utf8(value).expect("text")).collect();
    texts.sort();
    texts
}

#[test]
fn each_document_has_its_receipt_and_each_dead_letter_its_row() {
    let world = World::in_memory(Kind::Documents);
    world.offer(&[
        ("one", "/one", "key,part,value\na,x,1\nb,x,2\n!c,x,3\n"),
        ("two", "/two", "key,part,value\n"),
        ("three", "/three", "other\na,x,1\n"),
    ]);
    // What is absent is told once, however often it is looked for.
    for _ in 0..2 {
        let mut parts = world.parts("r1", Arc::new(Script::default()), true);
        let output = |name: &str, columns| {
            parts.log.ensure_topic(&TopicSettings { name: name.into(), partitions: 1 }).expect("a topic");
            Some(TopicOutput { topic: name.into(), partitions: 1, writer: Arc::new(Columns(columns)) })
        };
        parts.system = SystemTopics {
            receipts: output("receipts", &["document", "version", "outcome", "landed", "dead"]),
            dead_letters: output("letters", &["code", "offset", "row", "state"]),
        };
        parts.sources = parts
            .sources
            .into_iter()
            .map(|source| runtime::SourceParts { source: Box::new(Lacking(source.source)), ..source })
            .collect();
        assert!(runtime::run(parts).expect("the log works").failed.is_empty());
    }
    assert_eq!(
        texts(&world, "receipts"),
        [
            "feed/load/name=gone 0 absent 0 0",
            "feed/load/name=one 1 rows 2 1",
            "feed/load/name=three 1 failed 0 0",
            "feed/load/name=two 1 empty 0 0",
        ]
    );
    assert_eq!(texts(&world, "letters"), ["E4298 0 2 open"]);
    let absent = runtime::absences(world.log().as_ref(), "feed", "load").expect("the log works");
    let absent = absent.iter().map(|one| (&*one.document, &*one.name, &*one.url, &*one.reason, one.asked_again));
    assert_eq!(absent.collect::<Vec<_>>(), [("feed/load/name=gone", "gone", "/gone", "status 404", true)]);
}
