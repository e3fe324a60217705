//! Documents that are published again: the table follows the newest accepted version, and nothing else.

use std::sync::Arc;

use crate::world::{Kind, Script, World};

const ONE: &str = "key,part,value\na,x,1\nb,y,1\n";
const OTHER: &str = "key,part,value\na,x,2\nc,y,2\n";

fn run(world: &World, revision: &'static str) {
    world.run(revision, Arc::new(Script::default())).fine();
}

/// Versions and outcomes of all receipts, in order.
fn receipts(world: &World) -> Vec<(i64, String)> {
    let receipts = world.result("receipts").receipts;
    receipts.into_iter().map(|(_, version, outcome, ..)| (version, outcome)).collect()
}

fn seen(versions: &[(i64, &str)]) -> Vec<(i64, String)> {
    versions.iter().map(|(version, outcome)| (*version, (*outcome).to_owned())).collect()
}

#[test]
fn the_table_follows_a_changed_document_and_its_return() {
    let world = World::new(Kind::Documents);
    let steps = [
        (ONE, vec!["a|x|1", "b|y|1"], 1),
        (OTHER, vec!["a|x|2", "c|y|2"], 2),
        // Fetched again with equal bytes: nothing new.
        (OTHER, vec!["a|x|2", "c|y|2"], 2),
        (ONE, vec!["a|x|1", "b|y|1"], 3),
        // An accepted document without rows holds no key any more.
        ("key,part,value\nno rows\n", vec![], 4),
    ];
    for (text, visible, versions) in steps {
        world.offer(&[("one", "/one", text)]);
        run(&world, "r1");
        assert_eq!(world.table.visible(), visible, "{text}");
        assert_eq!(receipts(&world).len(), versions, "{text}");
    }
    assert_eq!(receipts(&world), seen(&[(1, "rows"), (2, "rows"), (3, "rows"), (4, "empty")]));
}

/// An upload that was cut behind its header looks like one that takes all rows back.
#[test]
fn a_version_without_rows_takes_none_back_unless_it_says_so() {
    const HEADER: &str = "key,part,value\n";
    let world = World::new(Kind::Documents);
    let steps: [(&str, &[&str], (i64, &str)); 8] = [
        // The first version takes nothing back, nor does one behind a version without rows.
        (HEADER, &[], (1, "empty")),
        ("key,part,value", &[], (2, "empty")),
        (ONE, &["a|x|1", "b|y|1"], (3, "rows")),
        (HEADER, &["a|x|1", "b|y|1"], (4, "incomplete")),
        // The whole upload.
        (OTHER, &["a|x|2", "c|y|2"], (5, "rows")),
        (HEADER, &["a|x|2", "c|y|2"], (6, "incomplete")),
        ("key,part,value\nno rows\n", &[], (7, "empty")),
        (HEADER, &[], (8, "empty")),
    ];
    for (text, visible, (version, outcome)) in steps {
        world.offer(&[("one", "/one", text)]);
        for _ in 0..2 {
            run(&world, "r1");
            assert_eq!(world.table.visible(), visible, "{version}");
            let receipts = receipts(&world);
            assert_eq!(receipts.len() as i64, version, "read again under the same revision: {receipts:?}");
            assert_eq!(receipts.last(), Some(&(version, outcome.to_owned())), "{version}");
        }
    }
    let entries = runtime::ledger(world.log().as_ref(), "feed", "load").expect("a ledger");
    let doubted = runtime::receipts(entries).into_iter().filter(|receipt| receipt.code == "E4414");
    let told: Vec<String> = doubted.map(|receipt| receipt.message).collect();
    let of = |version: i64| format!("where version {version} has 2 rows");
    assert!(told.len() == 2 && told[0].contains(&of(3)) && told[1].contains(&of(5)), "{told:?}");
}

/// A version that was being landed when its process died is not judged again by a topology that would refuse it.
#[test]
fn a_version_without_rows_that_is_open_is_not_judged_again() {
    let (mut landed, mut refused) = (false, false);
    for kill in 0..8 {
        let world = World::new(Kind::Documents);
        world.offer(&[("one", "/one", ONE)]);
        run(&world, "r1");
        world.offer(&[("one", "/one", "key,part,value\nno rows\n")]);
        world.run("r1", Script::kill_at(kill));
        run(&world, "picky");
        let outcome = receipts(&world).pop().expect("a receipt");
        match world.table.visible().is_empty() {
            true => landed |= outcome == (2, "empty".to_owned()),
            false => refused |= outcome == (2, "incomplete".to_owned()),
        }
    }
    assert!(landed && refused, "{landed} {refused}");
}

#[test]
fn equal_bytes_at_another_address_are_nothing_new() {
    let world = World::new(Kind::Documents);
    for address in ["/here", "/there", "/here"] {
        world.offer(&[("one", address, ONE)]);
        run(&world, "r1");
        assert_eq!(receipts(&world), seen(&[(1, "rows")]), "{address}");
    }
}

#[test]
fn two_addresses_of_one_key_do_not_take_turns() {
    let world = World::new(Kind::Documents);
    world.offer(&[("one", "/here", ONE), ("one", "/there", OTHER)]);
    for _ in 0..3 {
        run(&world, "r1");
        assert_eq!(receipts(&world), seen(&[(1, "rows"), (2, "rows")]));
        assert_eq!(world.table.visible(), ["a|x|2", "c|y|2"]);
    }
}

#[test]
fn where_the_newest_address_is_gone_what_is_there_is_the_newest_again() {
    let world = World::new(Kind::Documents);
    let both = [("one", "/here", ONE), ("one", "/copy", OTHER)];
    world.offer(&both);
    run(&world, "r1");
    assert_eq!(world.table.visible(), ["a|x|2", "c|y|2"]);
    // The copy is deleted. A source that says so once more, as one that died meanwhile may, changes nothing.
    for _ in 0..2 {
        world.offer_instead_of("/copy", &both[..1]);
        run(&world, "r1");
        assert_eq!(receipts(&world), seen(&[(1, "rows"), (2, "rows"), (3, "rows")]));
        assert_eq!(world.table.visible(), ["a|x|1", "b|y|1"]);
    }
    // It comes back: new once more, and then they do not take turns.
    for _ in 0..2 {
        world.offer(&both);
        run(&world, "r1");
        assert_eq!(receipts(&world).len(), 4);
        assert_eq!(world.table.visible(), ["a|x|2", "c|y|2"]);
    }
    // Only the address of the newest version can have left something behind.
    world.offer_instead_of("/elsewhere", &both[..1]);
    run(&world, "r1");
    assert_eq!(receipts(&world).len(), 4);
}

#[test]
fn a_version_with_dead_rows_withdraws_nothing_yet() {
    let world = World::new(Kind::Documents);
    world.offer(&[("one", "/one", ONE)]);
    run(&world, "r1");
    world.offer(&[("one", "/one", "key,part,value\na,x,2\n!b,y,2\nc,y,2\n")]);
    run(&world, "r1");
    assert_eq!(world.table.visible(), ["a|x|2", "b|y|1", "c|y|2"], "b may be the row that is dead");
    world.offer(&[("one", "/one", OTHER)]);
    run(&world, "r1");
    assert_eq!(world.table.visible(), ["a|x|2", "c|y|2"]);
}

#[test]
fn a_refused_version_leaves_the_table_alone_until_a_new_revision_can_read_it() {
    let world = World::new(Kind::Documents);
    world.offer(&[("one", "/one", ONE)]);
    run(&world, "r1");
    world.offer(&[("one", "/one", "other\na,x,2\nc,y,2\n")]);
    for _ in 0..3 {
        run(&world, "r1");
        assert_eq!(world.table.visible(), ["a|x|1", "b|y|1"]);
        assert_eq!(receipts(&world), seen(&[(1, "rows"), (2, "failed")]), "read again under the same revision");
    }
    for _ in 0..2 {
        run(&world, "r2");
        assert_eq!(world.table.visible(), ["a|x|200", "c|y|200"]);
        assert_eq!(receipts(&world), seen(&[(1, "rows"), (2, "failed"), (2, "rows")]));
    }
}

#[test]
fn a_refused_version_is_tried_again_once_a_revision_even_if_the_process_dies() {
    let world = World::new(Kind::Documents);
    world.offer(&[("one", "/one", "other\na,x,2\nc,y,2\n")]);
    run(&world, "r1");
    for _ in 0..3 {
        assert!(world.run("r2", Script::kill_at(0)).killed());
    }
    run(&world, "r2");
    assert_eq!(receipts(&world), seen(&[(1, "failed"), (1, "rows")]));
    assert_eq!(world.log().end("feed.load.documents", 0).expect("a topic"), 2);
}

/// Number of records in the topic of documents.
fn documents(world: &World) -> i64 {
    world.log().end("feed.load.documents", 0).expect("a topic")
}

#[test]
fn a_mended_version_that_waits_is_not_sent_again_by_a_new_revision() {
    let world = World::new(Kind::Documents);
    world.offer(&[("one", "/one", "unknown\na,x,2\n")]);
    let refusing = Arc::new(Script::default());
    world.run("r1", Arc::clone(&refusing)).fine();
    // The next revision refuses it too. It finds the mended version, and dies before the first row of that lands.
    world.offer(&[("one", "/one", ONE)]);
    assert!(world.run("r2", Script::kill_at(refusing.taken().len())).killed());
    assert_eq!(receipts(&world), seen(&[(1, "failed"), (1, "failed")]));
    for revision in ["r3", "r4"] {
        run(&world, revision);
        assert_eq!(receipts(&world), seen(&[(1, "failed"), (1, "failed"), (2, "rows")]), "{revision}");
        assert_eq!(documents(&world), 3, "{revision}");
    }
    assert_eq!(world.result("mended").counts.landed, 2);
}

#[test]
fn a_refused_version_that_waits_since_an_earlier_revision_is_not_sent_again() {
    let world = World::new(Kind::Documents);
    world.offer(&[("one", "/one", ONE)]);
    run(&world, "refuses");
    assert!(world.run("r1", Script::kill_at(0)).killed());
    for revision in ["r3", "r4"] {
        run(&world, revision);
        assert_eq!(receipts(&world), seen(&[(1, "failed"), (1, "rows")]), "{revision}");
        assert_eq!(documents(&world), 2, "{revision}");
    }
    assert_eq!(world.result("sent once").counts.landed, 2);
}

#[test]
fn the_share_of_bad_rows_of_a_short_document_is_judged_at_its_end() {
    let world = World::new(Kind::Documents);
    // Blocks of three rows: two of the first three are bad, and three of seven, of which a half may be.
    world.offer(&[("one", "/one", "key,part,value\n!a,x,1\n!b,x,1\nc,x,1\nd,x,1\ne,x,1\nf,x,1\n!g,x,1\n")]);
    run(&world, "r1");
    assert_eq!(receipts(&world), seen(&[(1, "rows")]));
    assert_eq!(world.table.visible(), ["c|x|1", "d|x|1", "e|x|1", "f|x|1"]);
}
