//! Snapshots of stores: whatever becomes of the files, the table ends as it does without them.
//!
//! Every other scenario of a topic with state runs with snapshots as well, one after each commit.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use crate::world::{Kind, Outcomes, Script, World};

/// The parts of a stream, a life each. Keys come back in later parts, so that what the store knows decides.
const PARTS: [&[&str]; 3] = [
    &["a,x,1", "b,x,2", "c,x,3", "a,x,4", "!d,x,5"],
    &["b,x,6", "e,x,7", "f,y,8", "a,x,9", "g,y,10"],
    &["a,x,11", "c,x,12", "e,x,13", "g,y,14", "h,y,15", "d,x,16"],
];

fn life(world: &World, part: usize) {
    world.produce(PARTS[part]);
    world.run("r1", Arc::new(Script::default())).fine();
}

/// What becomes of the folder between the second and the third life; `older` are the files as of the first.
type Mishap = (&'static str, fn(&World, &[(PathBuf, Vec<u8>)]));

fn files(world: &World) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(world.snapshots()) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.map(|path| (path.clone(), fs::read(&path).expect("a file"))).collect()
}

const MISHAPS: [Mishap; 7] = [
    ("nothing", |_, _| {}),
    // The process died between the commit and the snapshot.
    ("the older one", |_, older| older.iter().for_each(|(path, bytes)| fs::write(path, bytes).expect("written"))),
    ("the process died as it wrote one", |world, _| {
        for (path, bytes) in files(world) {
            fs::write(path.with_extension("new"), &bytes[..bytes.len() / 2]).expect("written");
        }
    }),
    ("the files are gone", |world, _| fs::remove_dir_all(world.snapshots()).expect("removed")),
    ("a bit flipped", |world, _| {
        for (path, mut bytes) in files(world) {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).expect("written");
        }
    }),
    ("cut off", |world, _| {
        files(world).into_iter().for_each(|(path, bytes)| fs::write(path, &bytes[..bytes.len() - 3]).expect("written"));
    }),
    ("of another log", |world, _| {
        let other = World::new(Kind::Append);
        life(&other, 0);
        for (path, bytes) in files(&other) {
            fs::write(world.snapshots().join(path.file_name().expect("a name")), bytes).expect("written");
        }
    }),
];

fn three_lives(every: u64, mishap: Mishap) -> Outcomes {
    let mut world = World::new(Kind::Append);
    world.snapshots_every = every;
    life(&world, 0);
    let older = files(&world);
    life(&world, 1);
    assert_eq!(files(&world).len(), usize::from(every > 0), "one store, one file");
    assert!(every == 0 || files(&world) != older, "a newer one");
    mishap.1(&world, &older);
    life(&world, 2);
    world.result(mishap.0)
}

#[test]
fn a_run_with_snapshots_ends_as_one_without_whatever_becomes_of_the_files() {
    let expected = three_lives(0, MISHAPS[0]);
    assert_eq!(
        expected.visible,
        ["a|x|1", "b|x|2", "c|x|3", "d|x|16", "e|x|7", "f|y|8", "g|y|10", "h|y|15"],
        "each key once"
    );
    // After each commit; and only at the orderly end of a life.
    for every in [1, 1_000_000] {
        for mishap in MISHAPS {
            assert_eq!(three_lives(every, mishap), expected, "every {every}: {}", mishap.0);
        }
    }
}

#[test]
fn what_a_dead_process_wrote_is_used_by_the_next() {
    let expected = three_lives(0, MISHAPS[0]);
    for kill in 0..10 {
        let world = World::new(Kind::Append);
        life(&world, 0);
        world.produce(PARTS[1]);
        world.run("r1", Script::kill_at(kill));
        world.run("r1", Arc::new(Script::default())).fine();
        life(&world, 2);
        // Where ranges end differs with what each life finds; what lands does not.
        assert_eq!(world.result("killed").visible, expected.visible, "killed at {kill}");
    }
}
