//! How much memory there is decides where ranges end and what is read twice, and nothing else; and what documents take
//! of it depends neither on their size nor on how many of them wait.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use operators::{MemoryScratch, Scratch, ScratchFile, WorkingMemory};
use runtime::landing::Arrow;

use crate::holds::until;
use crate::world::{Kind, Offer, Script, World};

/// Far more than a block of three rows takes, far less than any of the documents of these tests.
const LITTLE: usize = 2_000;
/// What a block of three rows, of which at most one is dead, takes at most. One block is taken whatever the budget says.
const BLOCK: usize = 1_000;
/// What a block of records takes at most: its rows are there twice while they land.
const RECORDS: usize = 2 * BLOCK;

fn limited(kind: Kind, limit: usize) -> World {
    let mut world = World::in_memory(kind);
    world.memory = WorkingMemory::limited(limit, Arc::new(MemoryScratch));
    world
}

fn fine(world: &World, context: &str) {
    world.run("r1", Arc::new(Script::default())).fine();
    assert_eq!(world.memory.budget.taken(), 0, "{context}: all was given back");
}

#[test]
fn little_memory_changes_nothing_not_even_after_a_death() {
    nothing_changes(Kind::Documents);
}

#[test]
fn little_memory_changes_nothing_for_a_flow_that_reads_a_topic() {
    nothing_changes(Kind::Append);
    nothing_changes(Kind::ByKey);
}

/// Records of a topic lie in blocks of one, so that a range may end after each.
fn prepare(world: &World) {
    if world.kind == Kind::Documents {
        world.prepare();
        return;
    }
    ["a,x,1", "b,y,2", "a,x,3", "c,x,4", "!bad,x,5", "d,y,6", "b,y,7"].iter().for_each(|line| world.produce(&[line]));
    world.trouble(|_, _| None);
}

fn nothing_changes(kind: Kind) {
    let plenty = World::in_memory(kind);
    prepare(&plenty);
    let unlimited = Arc::new(Script::default());
    plenty.run("r1", Arc::clone(&unlimited)).fine();
    let expected = plenty.result("plenty");
    let block = if kind == Kind::Documents { BLOCK } else { RECORDS };
    for limit in [0, 300, LITTLE] {
        let world = limited(kind, limit);
        prepare(&world);
        let script = Arc::new(Script::default());
        world.run("r1", Arc::clone(&script)).fine();
        assert_eq!(world.result(&format!("{limit} bytes")), expected, "{limit} bytes");
        assert!(world.memory.budget.most() <= limit.max(block), "{limit}: {}", world.memory.budget.most());
        if limit == 0 {
            let ranges = |script: &Script| script.taken().iter().filter(|arrow| **arrow == Arrow::Take).count();
            assert!(ranges(&script) > ranges(&unlimited), "ranges end early: {}", ranges(&script));
        }
        // The life after a death may have more memory or less: an open range is made again as it was opened.
        for kill in 0..script.taken().len() {
            for then in [limit, usize::MAX] {
                let mut world = limited(kind, limit);
                prepare(&world);
                world.run("r1", Script::kill_at(kill));
                assert_eq!(world.memory.budget.taken(), 0, "{limit} bytes, killed at {kill}");
                world.memory = WorkingMemory::limited(then, Arc::new(MemoryScratch));
                let context = format!("{limit} bytes, killed at {kill}, then {then}");
                fine(&world, &context);
                assert_eq!(world.result(&context), expected, "{context}");
            }
        }
    }
}

fn document(number: usize, rows: usize) -> Offer {
    let lines = (0..rows).map(|row| format!("d{number:04}-{row},x,{row}\n"));
    Offer("", "", format!("key,part,value\n{}", lines.collect::<String>()), None)
}

/// What documents took at most, once all rows of all of them have landed.
fn most(limit: usize, documents: usize, rows: usize) -> usize {
    let world = limited(Kind::Documents, limit);
    let names: Vec<&'static str> = (0..documents).map(|number| &*format!("/{number}").leak()).collect();
    let named = |(number, name): (usize, &&'static str)| Offer(name, name, document(number, rows).2, None);
    *world.offers.lock().expect("no panic") = names.iter().enumerate().map(named).collect();
    let context = format!("{documents} of {rows} rows with {limit} bytes");
    fine(&world, &context);
    assert_eq!(world.result(&context).counts.landed, (documents * rows) as u64, "{context}");
    world.memory.budget.most()
}

#[test]
fn a_document_of_any_size_stays_within_the_budget() {
    assert!(most(usize::MAX, 1, 3_000) > 20 * LITTLE, "it would take more if it could");
    assert!(most(LITTLE, 1, 3_000) <= LITTLE);
}

#[test]
fn a_thousand_documents_that_wait_take_no_more_than_ten() {
    assert_eq!(most(usize::MAX, 1_000, 3), most(usize::MAX, 10, 3));
}

/// A disk that is full until somebody makes room.
#[derive(Debug, Default)]
struct Disk {
    room: AtomicBool,
}

impl Scratch for Disk {
    fn file(&self) -> io::Result<Box<dyn ScratchFile>> {
        if self.room.load(Ordering::Relaxed) { MemoryScratch.file() } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

#[test]
fn a_full_disk_holds_a_document_until_there_is_room() {
    let mut world = World::in_memory(Kind::Documents);
    let disk = Arc::new(Disk::default());
    world.memory = WorkingMemory::limited(LITTLE, Arc::clone(&disk) as _);
    *world.offers.lock().expect("no panic") = vec![document(1, 3_000)];
    let parts = world.parts("r1", Arc::new(Script::default()), false);
    let (holds, stop) = (Arc::clone(&parts.holds), parts.stop.clone());
    thread::scope(|scope| {
        let run = scope.spawn(|| runtime::run(parts).expect("the log works"));
        until("the hold", || !holds.list().is_empty());
        assert_eq!(holds.list()[0].code, "E5114");
        assert!(world.table.visible().is_empty());
        disk.room.store(true, Ordering::Relaxed);
        until("the rows", || {
            holds.release("feed/load");
            world.table.visible().len() == 3_000
        });
        until("the end of the hold", || holds.list().is_empty());
        stop.stop();
        assert!(run.join().expect("no panic").failed.is_empty());
    });
}

/// A disk of which one file can be written and not be read.
#[derive(Debug)]
struct Torn {
    files: AtomicUsize,
    /// Number of the file, from 0.
    torn: usize,
    /// Bytes of it that can be read.
    good: usize,
    failed: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct TornFile {
    bytes: Cursor<Vec<u8>>,
    good: usize,
    failed: Arc<AtomicUsize>,
}

impl Read for TornFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.good.saturating_sub(self.bytes.position() as usize).min(buffer.len());
        if left == 0 && !buffer.is_empty() {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return Err(io::Error::other("torn"));
        }
        self.bytes.read(&mut buffer[..left])
    }
}

impl Write for TornFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.bytes.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for TornFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

impl Scratch for Torn {
    fn file(&self) -> io::Result<Box<dyn ScratchFile>> {
        if self.files.fetch_add(1, Ordering::Relaxed) != self.torn {
            return MemoryScratch.file();
        }
        Ok(Box::new(TornFile { bytes: Cursor::default(), good: self.good, failed: Arc::clone(&self.failed) }))
    }
}

#[test]
fn kept_rows_that_cannot_be_read_are_made_again_from_the_document() {
    let (mut made_again, mut on_hold) = (0, 0);
    for (torn, good) in (0..2).flat_map(|torn| [0, 700, 2_000, 8_000].map(|good| (torn, good))) {
        let failed = Arc::new(AtomicUsize::new(0));
        let disk = Torn { files: AtomicUsize::new(0), torn, good, failed: Arc::clone(&failed) };
        let mut world = World::in_memory(Kind::Documents);
        world.memory = WorkingMemory::limited(LITTLE, Arc::new(disk));
        *world.offers.lock().expect("no panic") = vec![document(1, 300)];
        let ended = world.run("r1", Arc::new(Script::default()));
        assert!(failed.load(Ordering::Relaxed) > 0, "file {torn} was read beyond {good} bytes");
        if ended.holds.is_empty() {
            ended.fine();
            made_again += 1;
        } else {
            // The file of the keys: without it nothing is known of the document.
            ended.held_for("E5114");
            on_hold += 1;
            world.memory = WorkingMemory::limited(LITTLE, Arc::new(MemoryScratch));
            fine(&world, "a good disk");
        }
        assert_eq!(world.result(&format!("file {torn}, {good} bytes")).counts.landed, 300);
    }
    assert!(made_again > 0 && on_hold > 0, "{made_again} made again, {on_hold} on hold");
}
