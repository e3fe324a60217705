//! The files that all contestants read, made once from a seed and kept: zips for those that unpack, texts for
//! ClickHouse, and what the publisher knows of them.

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::NaiveDate;
use publishers::Made;
use publishers::dtcc::{Class, Contents, Generation, Jurisdiction};
use publishers::ftd::{Half, Options};

/// A change of what is made needs a new number, so that files of an older form are not taken for it.
const FORM: u32 = 2;
const SEED: u64 = 20_261_121;

/// Documents of one feed.
#[derive(Clone, Debug)]
pub struct Files {
    /// The archives, as published.
    pub zips: PathBuf,
    /// Their members, unpacked.
    pub texts: PathBuf,
    /// How many there are.
    pub documents: u64,
    /// Rows of all of them.
    pub rows: u64,
    /// The sum of quantities or of first notionals.
    pub sum: u128,
    /// Bytes of the texts.
    pub bytes: u64,
}

/// Half-months of fails to deliver.
///
/// # Errors
/// If they cannot be written.
pub fn fails(folder: &Path, documents: u64, rows_each: u64) -> Result<Files> {
    let name = format!("ftd-{FORM}-{documents}-{rows_each}");
    let made = (0..documents).map(|number| {
        let (month, half) = (number / 2, if number.is_multiple_of(2) { Half::A } else { Half::B });
        let period = (2010 + (month / 12) as i32, 1 + (month % 12) as u32);
        publishers::ftd::ftd(SEED, period, half, rows_each, Options::default())
    });
    written(&folder.join(name), made)
}

/// Days of interest-rate swaps in the fourth layout of DTCC.
///
/// # Errors
/// If they cannot be written.
pub fn swaps(folder: &Path, documents: u64, rows_each: u64) -> Result<Files> {
    let name = format!("swaps-{FORM}-{documents}-{rows_each}");
    let first = NaiveDate::from_ymd_opt(2025, 1, 1).context("a day")?;
    let contents = Contents { fresh: rows_each, bad: 0, repeats: 0, conflicts: 0 };
    let made = first.iter_days().take(documents as usize).map(|day| {
        let of = (Jurisdiction::Cftc, Class::Rates);
        publishers::dtcc::cumulative(SEED, Generation::Fourth, of, day, None, contents)
    });
    written(&folder.join(name), made)
}

fn written(folder: &Path, made: impl Iterator<Item = Made>) -> Result<Files> {
    let (zips, texts, truth) = (folder.join("zips"), folder.join("texts"), folder.join("truth.json"));
    if !truth.exists() {
        eprintln!("making files in {}", folder.display());
        fs::create_dir_all(&zips)?;
        fs::create_dir_all(&texts)?;
        let (mut documents, mut rows, mut sum, mut bytes) = (0_u64, 0, 0_u128, 0);
        for made in made {
            fs::write(zips.join(&made.name), &made.bytes)?;
            let mut archive = zip::ZipArchive::new(Cursor::new(&made.bytes))?;
            let mut member = archive.by_index(0)?;
            let mut text = Vec::with_capacity(member.size() as usize);
            member.read_to_end(&mut text)?;
            fs::write(texts.join(made.name.replace(".zip", ".txt")), &text)?;
            documents += 1;
            rows += made.truth.rows;
            sum += made.truth.sum.map_or(0, |sum| sum.value);
            bytes += text.len() as u64;
        }
        let known = serde_json::json!({ "documents": documents, "rows": rows, "sum": sum.to_string(), "bytes": bytes });
        // Last, so that a run that was stopped in between is not taken for a whole one.
        fs::write(&truth, known.to_string())?;
    }
    let known: serde_json::Value = serde_json::from_slice(&fs::read(&truth)?)?;
    let number = |name: &str| known[name].as_u64().with_context(|| format!("{name} in {}", truth.display()));
    let sum = known["sum"].as_str().context("sum")?.parse()?;
    Ok(Files { documents: number("documents")?, rows: number("rows")?, bytes: number("bytes")?, sum, zips, texts })
}

/// Messages of 16 columns as delimited text, one of 20 a repeat of an earlier one. As Avro a record has some 150 bytes.
/// Answers the folder.
///
/// # Errors
/// If they cannot be written.
pub fn messages(folder: &Path, documents: u64, rows_each: u64) -> Result<PathBuf> {
    const HEADER: &str = "id|original|action|event|class|product|currency|notional|price|quantity|venue|cleared|effective|expiration|executed|underlier\n";
    let folder = folder.join(format!("messages-{FORM}-{documents}-{rows_each}"));
    let done = folder.join("done");
    if done.exists() {
        return Ok(folder.join("texts"));
    }
    fs::create_dir_all(folder.join("texts"))?;
    for document in 0..documents {
        let mut text = HEADER.to_owned();
        for row in 0..rows_each {
            let number = document * rows_each + row;
            // A repeat has the number of a row some thousands before.
            let number = if number % 20 == 19 { number.saturating_sub(4_000) / 20 * 20 } else { number };
            text.push_str(&message(number));
        }
        fs::write(folder.join(format!("texts/messages_{document}.txt")), text)?;
    }
    fs::write(done, "")?;
    Ok(folder.join("texts"))
}

/// One line; the same number gives the same line. Ids are scattered, as a multiplication by an odd number scatters them.
fn message(number: u64) -> String {
    let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let id = 1_000_000_000_000_000_000 + scattered % 8_000_000_000_000_000_000;
    let pick = |words: &[&'static str], shift: u32| words[((scattered >> shift) % words.len() as u64) as usize];
    let (day, hour, minute, second) = (1 + (number / 100_000) % 28, number / 3_600 % 24, number / 60 % 60, number % 60);
    format!(
        "{id}|{}|{}|{}|{}|{}|{}|{}|{}.{:04}|{}|{}|{}|2026-02-{day:02}|20{}-06-{:02}|2026-01-{day:02}T{hour:02}:{minute:02}:{second:02}|{}\n",
        if number.is_multiple_of(3) { (id - 7).to_string() } else { String::new() },
        pick(&["NEWT", "MODI", "CORR", "TERM"], 3),
        pick(&["TRAD", "NOVA", "ETRM"], 7),
        pick(&["IR", "CR", "EQ", "FX", "CO"], 11),
        pick(&["InterestRate:IRSwap:FixedFloat", "QZSYNTHRATE1", "QZSYNTHCRED1"], 13),
        pick(&["USD", "EUR", "GBP", "CLP"], 17),
        (scattered >> 20) % 900 * 100_000,
        (scattered >> 23) % 200,
        (scattered >> 29) % 10_000,
        (scattered >> 31) % 5_000,
        pick(&["BILT", "XOFF", "XXXX", "TSEF"], 19),
        pick(&["true", "false"], 37),
        30 + number % 30,
        1 + number % 28,
        pick(&["USD-SAMPLE-OIS", "EUR-SAMPLE-OIS", "SMPL.N"], 41),
    )
}
