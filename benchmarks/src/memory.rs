//! How much memory `spotlight` takes for documents of two gigabytes and for ten thousand that wait. ClickHouse is a
//! process of its own and does not count.
//!
//! The topology is the project's own for fails to deliver, with its limit of unpacked bytes raised.

use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::process::Cost;
use crate::stage::Stage;

const HEADER: &str = "SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)|DESCRIPTION|PRICE\n";
/// Settlement days of the document, all in one month.
const DAYS: [u64; 11] = [16, 17, 18, 21, 22, 23, 24, 28, 29, 30, 31];
/// Bytes of a row, near enough.
const ROW: u64 = 63;

/// Runs all sizes; a section of a report.
///
/// # Errors
/// If a run ends otherwise than it should, or lands other rows.
pub fn section(stage: &Stage) -> Result<String> {
    let ground = stage.fresh("memory")?;
    let topology = topology(stage, &ground)?;
    let mut lines = String::new();
    let mut line = |what: &str, rows: u64, cost: Cost| {
        let Cost { wall, cpu, memory } = cost;
        println!("{what}: {memory:.0} MiB, {wall:.1} s");
        lines += &format!("| {what} | {rows} | {wall:.1} s | {cpu:.1} s | {memory:.0} MiB |\n");
    };
    let large = ground.join("large");
    fs::create_dir_all(&large)?;
    let (rows, bytes) = large_document(&large.join("cnsfails202012b.txt"), stage.scaled(2_000_000_000))?;
    let gigabytes = bytes as f64 / 1e9;
    line(&format!("{gigabytes:.2} GB"), rows, run(stage, &topology, &large, 0, rows)?);
    spoil(&large.join("cnsfails202012b.txt"), rows)?;
    line(&format!("{gigabytes:.2} GB, wrong trailer"), 0, run(stage, &topology, &large, 3, 0)?);
    fs::remove_dir_all(&large)?;
    for count in [10, stage.scaled(10_000)] {
        let many = ground.join("many");
        fs::create_dir_all(&many)?;
        (0..count).try_for_each(|number| small_document(&many, number))?;
        line(&format!("{count} documents of one row"), count, run(stage, &topology, &many, 0, count)?);
        fs::remove_dir_all(&many)?;
    }
    Ok(format!(
        "## Memory\n\nMost resident memory of the process; ClickHouse is another one.\n\n\
         | documents | rows landed | wall | CPU | memory |\n|---|---:|---:|---:|---:|\n{lines}"
    ))
}

/// The project's topology with another limit, and the table that it fills, in `ground`.
fn topology(stage: &Stage, ground: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(stage.project.join("topologies/sec-ftd.yaml"))?;
    let raised = text.replace("unpacked: 500MiB", "unpacked: 16GiB");
    ensure!(raised != text, "the topology states another limit than 500MiB");
    let table = "schemas/tables/regsho.fails_to_deliver.yaml";
    fs::create_dir_all(ground.join("schemas/tables"))?;
    fs::copy(stage.project.join(table), ground.join(table))?;
    let place = ground.join("sec-ftd.yaml");
    fs::write(&place, raised)?;
    Ok(place)
}

fn run(stage: &Stage, topology: &Path, documents: &Path, status: i32, rows: u64) -> Result<Cost> {
    stage.forget(&["regsho"])?;
    let cost = stage.spotlight_ending(status, &[topology.to_owned()], documents, &stage.fresh("data")?)?.own;
    let landed = stage.server.ask("select count() from regsho.fails_to_deliver")?;
    ensure!(landed == rows.to_string(), "{landed} rows landed, not {rows}");
    Ok(cost)
}

/// Writes a document of about so many bytes; its rows and bytes.
fn large_document(place: &Path, bytes: u64) -> Result<(u64, u64)> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(place)?);
    let per_day = bytes / ROW / DAYS.len() as u64 + 1;
    let mut sum = 0;
    file.write_all(HEADER.as_bytes())?;
    for day in DAYS {
        for number in 0..per_day {
            let quantity = 1 + number * 7919 % 20_000;
            sum += quantity;
            let (symbol, price, cents) = (number % 1000, number % 400, number % 100);
            writeln!(
                file,
                "202012{day}|{number:09}|SYM{symbol}|{quantity}|GRANITE BAY HOLDINGS INC|{price}.{cents:02}"
            )?;
        }
    }
    let rows = per_day * DAYS.len() as u64;
    write!(file, "Trailer record count {rows:012}\nTrailer total quantity of shares {sum:015}\n")?;
    let file = file.into_inner().context("the disk is full")?;
    Ok((rows, file.metadata()?.len()))
}

/// Makes the trailer of a large document say one row more.
fn spoil(place: &Path, rows: u64) -> Result<()> {
    let mut file = File::options().write(true).open(place)?;
    // The two trailers have fixed lengths: 34 and 49 bytes.
    file.seek(SeekFrom::End(-83))?;
    writeln!(file, "Trailer record count {:012}", rows + 1)?;
    Ok(())
}

fn small_document(folder: &Path, number: u64) -> Result<()> {
    let (month, half) = (number / 2, if number.is_multiple_of(2) { 'a' } else { 'b' });
    let name = format!("cnsfails{:04}{:02}{half}.txt", 1600 + month / 12, month % 12 + 1);
    let rows = format!("20201216|{number:09}|SYM|{}|GRANITE BAY|1.00\n", number + 1);
    let trailers = format!("Trailer record count 1\nTrailer total quantity of shares {}\n", number + 1);
    Ok(fs::write(folder.join(name), format!("{HEADER}{rows}{trailers}"))?)
}

#[cfg(test)]
mod tests {
    use super::{large_document, spoil};

    #[test]
    fn only_the_count_of_a_spoilt_document_is_another() {
        let place = std::env::temp_dir().join(format!("spotlight-spoilt-{}.txt", std::process::id()));
        let (rows, bytes) = large_document(&place, 10_000).expect("written");
        let whole = std::fs::read_to_string(&place).expect("read");
        assert_eq!((whole.lines().count() as u64, whole.len() as u64), (rows + 3, bytes));
        spoil(&place, rows).expect("spoilt");
        let spoilt = std::fs::read_to_string(&place).expect("read");
        std::fs::remove_file(&place).expect("removed");
        let wanted = whole.replace(&format!("count {rows:012}\n"), &format!("count {:012}\n", rows + 1));
        assert!(spoilt == wanted, "{}", &spoilt[spoilt.len() - 200..]);
        assert!(spoilt != whole);
    }
}
