//! What a range is: where it ends, and what its inserts are called.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use connect::{InsertOutcome, Landing, LandingError, Piece, PieceQuestion, Preflight, Provenance, RowPosition};
use testkit::{Call, ModelTable, Trouble};

use crate::positions::topic;
use crate::world::{Kind, Script, World};

/// A table that notes the token of each insert.
struct Noting {
    table: Arc<ModelTable>,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Landing for Noting {
    fn preflight(&self) -> Result<Preflight, LandingError> {
        self.table.preflight()
    }

    fn apply(&self, statements: &[String]) -> Result<(), LandingError> {
        self.table.apply(statements)
    }

    fn insert(&self, piece: &Piece) -> Result<InsertOutcome, LandingError> {
        self.tokens.lock().expect("no panic").push(piece.token.clone());
        self.table.insert(piece)
    }

    fn present(&self, question: &PieceQuestion) -> Result<Vec<RowPosition>, LandingError> {
        self.table.present(question)
    }

    fn landed_before(&self, flow: &str, provenance: &Provenance) -> Result<u64, LandingError> {
        self.table.landed_before(flow, provenance)
    }

    fn holds_rows(&self, landing: Option<&str>) -> Result<bool, LandingError> {
        self.table.holds_rows(landing)
    }

    fn end_queries(&self, prefix: &str) -> Result<(), LandingError> {
        self.table.end_queries(prefix)
    }

    fn withdraw(
        &self,
        document: &str,
        version: u64,
        provenance: &Provenance,
        at: RowPosition,
    ) -> Result<u64, LandingError> {
        self.table.withdraw(document, version, provenance, at)
    }
}

#[test]
fn a_token_names_all_that_an_insert_is_about() {
    for kind in Kind::ALL {
        let mut world = World::in_memory(kind);
        let tokens = Arc::new(Mutex::new(Vec::new()));
        world.landing = Arc::new(Noting { table: Arc::clone(&world.table), tokens: Arc::clone(&tokens) });
        world.prepare();
        tokens.lock().expect("no panic").clear();
        world.run("r1", Arc::new(Script::default())).fine();
        let tokens = tokens.lock().expect("no panic").clone();
        let different: BTreeSet<&String> = tokens.iter().collect();
        assert!(tokens.len() > 3 && different.len() == tokens.len(), "{kind:?}: {tokens:?}");
        let identity = world.log().topic(topic(kind)).expect("asked").expect("there").identity.to_string();
        for token in &tokens {
            let parts: Vec<&str> = token.split('/').collect();
            let [topology, flow, of, partition, range, table_partition, hash, piece, attempt] = parts[..] else {
                panic!("{token}")
            };
            assert_eq!((topology, flow, of, partition, attempt), ("feed", "load", &*identity, "0", "0"), "{token}");
            let position = |text: &str| text.split_once('.').is_some_and(|(offset, row)| number(offset) && number(row));
            assert!(range.split_once('-').is_some_and(|(first, last)| position(first) && position(last)), "{token}");
            assert!(["x", "y"].contains(&table_partition) && hash.len() == 32 && number(piece), "{token}");
        }
    }
}

fn number(text: &str) -> bool {
    text.parse::<u64>().is_ok()
}

/// Rows of each closed range.
fn ranges(world: &World) -> Vec<u64> {
    let ledger = runtime::ledger(world.log().as_ref(), "feed", "load").expect("a ledger");
    ledger.iter().map(|entry| entry.counts.rows_in).collect()
}

#[test]
fn a_range_ends_where_rows_or_bytes_say_so() {
    let world = World::in_memory(Kind::ByKey);
    world.produce(&["a,x,1", "b,x,2", "c,x,3", "d,x,4", "e,x,5"]);
    world.run("r1", Arc::new(Script::default())).fine();
    assert_eq!(ranges(&world), [4, 1]);
    let world = World::in_memory(Kind::Documents);
    world.offer(&[("one", "/one", "key,part,value\na,x,1\nb,x,2\nc,x,3\nd,x,4\ne,x,5\nf,x,6\ng,x,7\n")]);
    world.run("r1", Arc::new(Script::default())).fine();
    assert_eq!(ranges(&world), [6, 1], "blocks of three rows; the second fills the range");
    // Two of these are more than the 48 MiB that a range takes.
    let long = format!("{},x,1", "k".repeat(30 << 20));
    let world = World::in_memory(Kind::ByKey);
    world.produce(&[&long, &long, "c,x,3"]);
    world.run("r1", Arc::new(Script::default())).fine();
    assert_eq!(ranges(&world), [2, 1]);
}

#[test]
fn an_open_range_is_made_again_as_it_was_opened_whatever_came_since() {
    for kind in [Kind::Append, Kind::ByKey] {
        // Dies before the first insert, after it, and while it still runs.
        for (trouble, kill) in [(None, 2), (None, 3), (Some(Trouble::StillRunning), 3)] {
            let world = World::in_memory(kind);
            world.produce(&["a,x,1", "b,x,2"]);
            world.trouble(move |call, before| trouble.filter(|_| call == Call::Insert && before == 0));
            assert!(world.run("r1", Script::kill_at(kill)).killed(), "{kind:?} {trouble:?} {kill}");
            world.produce(&["c,x,3", "d,x,4"]);
            world.run("r1", Arc::new(Script::default())).fine();
            let context = format!("{kind:?} {trouble:?} {kill}");
            assert_eq!(world.result(&context).visible, ["a|x|1", "b|x|2", "c|x|3", "d|x|4"], "{context}");
            assert_eq!(ranges(&world), [2, 2], "{context}");
        }
    }
}
