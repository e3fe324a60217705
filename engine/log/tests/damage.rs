//! Damaged files: what was not synced may be missing as a whole transaction; everything else is found and named.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use batch::{Headers, RecordsBuilder};
use log::embedded::EmbeddedLog;
use log::{Log, LogError, Position, TopicSettings, Written};
use testkit::Random;

/// Easy to find in a file, and nowhere else in it.
const VALUE: &[u8] = b"a value that stands out among the bytes of the file";

fn open(folder: &Path) -> Result<EmbeddedLog, LogError> {
    EmbeddedLog::open(folder, Arc::new(|| 1))
}

/// Writes transactions with one record in each of two partitions and a position.
fn write(log: &EmbeddedLog, count: i64) {
    log.ensure_topic(&TopicSettings { name: "numbers".into(), partitions: 2 }).expect("legal");
    for number in 0..count {
        let mut transaction = log.begin();
        for partition in [0, 1] {
            let mut builder = RecordsBuilder::new();
            builder.push(None, Some(VALUE), &Headers::new(), 0);
            let records = builder.finish();
            transaction.append(Written { topic: "numbers".into(), partition, records }).expect("legal");
        }
        let position = Position { offset: number + 1, metadata: String::new() };
        transaction.commit_position("group", "numbers", 0, position).expect("legal");
        transaction.commit().expect("the disk works");
    }
}

/// A power cut may lose the end of the write-ahead log that was never synced, or leave zeros there.
#[test]
fn a_cut_write_ahead_log_holds_whole_transactions() {
    let source = tempfile::tempdir().expect("temporary folder");
    let log = open(source.path()).expect("free");
    write(&log, 12);
    let database = fs::read(source.path().join("log.sqlite")).expect("there");
    let write_ahead = fs::read(source.path().join("log.sqlite-wal")).expect("there");
    let mut random = Random::new(7);
    let mut counts = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let cut = random.below(write_ahead.len() as u64 + 1) as usize;
        let mut kept = write_ahead[..cut].to_vec();
        if random.chance(500) {
            kept.resize(write_ahead.len(), 0);
        }
        let copy = tempfile::tempdir().expect("temporary folder");
        fs::write(copy.path().join("format"), "spotlight-log 3\n").expect("written");
        fs::write(copy.path().join("log.sqlite"), &database).expect("written");
        fs::write(copy.path().join("log.sqlite-wal"), kept).expect("written");
        let log = open(copy.path()).expect("whole");
        if log.topic("numbers").expect("whole").is_none() {
            continue;
        }
        let ends = [0, 1].map(|partition| log.end("numbers", partition).expect("there"));
        let position = log.position("group", "numbers", 0).expect("there").map_or(0, |position| position.offset);
        assert!(ends == [position; 2], "{random}: cut at {cut}: ends {ends:?}, position {position}");
        let read = log.read("numbers", 1, 0, usize::MAX).expect("whole");
        assert_eq!(read.iter().map(batch::Records::len).sum::<usize>() as i64, position);
        counts.insert(position);
    }
    assert!(counts.len() > 3, "the cuts were all alike: {counts:?}");
}

#[test]
fn a_wrong_bit_in_a_block_is_named_and_not_read() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = open(folder.path()).expect("free");
    write(&log, 1);
    drop(log);
    let file = folder.path().join("log.sqlite");
    let mut bytes = fs::read(&file).expect("there");
    let at = bytes.windows(VALUE.len()).position(|window| window == VALUE).expect("the value is stored as it is");
    bytes[at + 5] ^= 4;
    fs::write(&file, bytes).expect("written");
    let log = open(folder.path()).expect("the rest is whole");
    let outcomes = [0, 1].map(|partition| log.read("numbers", partition, 0, 1000).map(|blocks| blocks.len()));
    let damaged: Vec<String> =
        outcomes.iter().filter_map(|outcome| Some(outcome.as_ref().err()?.to_string())).collect();
    assert_eq!(damaged.len(), 1, "{outcomes:?}");
    assert!(damaged[0].contains("of topic `numbers`") && damaged[0].contains("checksum"), "{damaged:?}");
}

#[test]
fn a_file_that_is_no_database_is_damaged() {
    let folder = tempfile::tempdir().expect("temporary folder");
    drop(open(folder.path()).expect("free"));
    fs::write(folder.path().join("log.sqlite"), [b'x'; 5000]).expect("written");
    let error = open(folder.path()).err();
    assert!(matches!(error, Some(LogError::Damaged(_))), "{error:?}");
}

/// Writes one transaction that is large enough for a segment, and says what stands in it.
fn write_large(log: &EmbeddedLog) -> Vec<Vec<u8>> {
    log.ensure_topic(&TopicSettings { name: "large".into(), partitions: 1 }).expect("legal");
    let mut random = Random::new(3);
    let values: Vec<Vec<u8>> = (0..3000_u64).map(|_| random.bytes(100)).collect();
    let mut builder = RecordsBuilder::new();
    values.iter().for_each(|value| builder.push(None, Some(value), &Headers::new(), 0));
    let mut transaction = log.begin();
    transaction.append(Written { topic: "large".into(), partition: 0, records: builder.finish() }).expect("legal");
    transaction.commit().expect("the disk works");
    values
}

fn read_large(folder: &Path) -> Result<Vec<Vec<u8>>, LogError> {
    let blocks = open(folder)?.read("large", 0, 0, usize::MAX)?;
    Ok(blocks.iter().flat_map(batch::Records::iter).filter_map(|record| record.value.map(<[u8]>::to_vec)).collect())
}

#[test]
fn a_damaged_segment_is_named_and_not_read() {
    /// What happens to a segment, how, and what is said of it then.
    type Case = (&'static str, fn(&mut Vec<u8>), &'static str);
    let cases: [Case; 4] = [
        ("a wrong bit", |bytes| bytes[150_000] ^= 1, "checksum"),
        ("zeros, as after a power cut without a sync", |bytes| bytes.fill(0), "version"),
        ("cut", |bytes| bytes.truncate(8192), "the file ends before it"),
        ("empty", Vec::clear, "the file ends before it"),
    ];
    for (name, damage, wanted) in cases {
        let folder = tempfile::tempdir().expect("temporary folder");
        let values = write_large(&open(folder.path()).expect("free"));
        assert_eq!(read_large(folder.path()).expect("whole"), values);
        let file = folder.path().join("blocks-1");
        let mut bytes = fs::read(&file).expect("a segment");
        damage(&mut bytes);
        fs::write(&file, bytes).expect("written");
        let error = read_large(folder.path()).expect_err("damaged");
        assert!(matches!(error, LogError::Damaged(_)), "{name}: {error:?}");
        assert!(
            error.to_string().contains("of topic `large`") && error.to_string().contains(wanted),
            "{name}: {error}"
        );
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    write_large(&open(folder.path()).expect("free"));
    fs::remove_file(folder.path().join("blocks-1")).expect("there");
    let error = read_large(folder.path()).expect_err("missing");
    assert!(error.to_string().contains("blocks-1 is missing"), "{error}");
}

/// Whoever changes the database cannot make the program ask for memory or read what is no block.
#[test]
fn a_place_where_no_block_can_lie_is_damage() {
    for wrong in ["at = 7", "at = -64", "at = 9223372036854775744", "length = 4294967295", "length = 3", "segment = 9"]
    {
        let folder = tempfile::tempdir().expect("temporary folder");
        write_large(&open(folder.path()).expect("free"));
        let database = rusqlite::Connection::open(folder.path().join("log.sqlite")).expect("a database");
        database.execute(&format!("update blocks set {wrong}"), []).expect("changed");
        drop(database);
        let error = read_large(folder.path()).expect_err(wrong);
        assert!(matches!(error, LogError::Damaged(_)), "{wrong}: {error:?}");
    }
}

/// A crash after bytes were written and before the database named them leaves them behind; the next start goes on where
/// the database says.
#[test]
fn bytes_that_were_never_committed_are_written_over() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let values = write_large(&open(folder.path()).expect("free"));
    let file = folder.path().join("blocks-1");
    let mut bytes = fs::read(&file).expect("a segment");
    let length = bytes.len();
    bytes.extend([9; 100_000]);
    fs::write(&file, bytes).expect("written");
    write_large(&open(folder.path()).expect("free"));
    assert_eq!(read_large(folder.path()).expect("whole"), [values.clone(), values].concat());
    assert_eq!(fs::metadata(&file).expect("there").len() as usize, 2 * length);
}

/// Bytes of a file that lie on the disk.
fn on_disk(file: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(file).expect("there").blocks() * 512
}

/// Records that nobody needs give their bytes back: those in a file with others become a hole of it.
#[test]
fn what_is_deleted_gives_the_disk_its_bytes_back_and_nothing_else_changes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = open(folder.path()).expect("free");
    let file = folder.path().join("blocks-1");
    let first = write_large(&log);
    let between = log.end("large", 0).expect("there");
    let second = write_large(&log);
    let (before, length) = (on_disk(&file), fs::metadata(&file).expect("there").len());
    log.delete_before("large", 0, between).expect("deleted");
    assert_eq!(fs::metadata(&file).expect("there").len(), length);
    let after = on_disk(&file);
    assert!(after < before * 2 / 3 || cfg!(not(target_os = "linux")), "{before} bytes became {after}");
    assert!(log.first("large", 0).expect("there") == between && first == second);
    let read = log.read("large", 0, between, usize::MAX).expect("whole");
    let values = read.iter().flat_map(batch::Records::iter).map(|record| record.value.unwrap_or_default().to_vec());
    assert!(values.eq(second), "what stays is as it was");
    drop(log);
    // Nobody looks at the hole at a start, or ever again.
    let log = open(folder.path()).expect("whole");
    assert_eq!(log.first("large", 0).expect("there"), between);
    let error = log.read("large", 0, between - 1, usize::MAX).expect_err("gone");
    assert!(matches!(error, LogError::OutOfRange { .. }), "{error}");
}

/// Folders of format 1 had no segments, and a table of blocks without their places.
#[test]
fn a_folder_of_the_format_before_is_brought_up() {
    let folder = tempfile::tempdir().expect("temporary folder");
    write(&open(folder.path()).expect("free"), 3);
    let database = rusqlite::Connection::open(folder.path().join("log.sqlite")).expect("a database");
    let older =
        "drop index blocks_in_segments; alter table blocks drop column segment; alter table blocks drop column at;
        alter table blocks drop column length; drop table segments;";
    database.execute_batch(older).expect("as it was");
    drop(database);
    fs::write(folder.path().join("format"), "spotlight-log 1\n").expect("written");
    let log = open(folder.path()).expect("brought up");
    assert_eq!(fs::read_to_string(folder.path().join("format")).expect("there"), "spotlight-log 3\n");
    write(&log, 2);
    let values = write_large(&log);
    let read = log.read("numbers", 1, 0, usize::MAX).expect("whole");
    assert_eq!(read.iter().map(batch::Records::len).sum::<usize>(), 5);
    drop(log);
    assert_eq!(read_large(folder.path()).expect("whole"), values);
}
