//! Prints how fast delimited text is decoded, in megabytes of text a second on one core.
//!
//! `decode_speed` takes two generated documents: six columns without quotes, and 110 columns with quotes.
//! `decode_speed FILE SEPARATOR` takes a file whose first line is its header. Run it with `--release`.
#![expect(clippy::disallowed_methods, reason = "an example that measures needs a clock")]
#![expect(clippy::print_stdout, reason = "an example that measures prints")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use codec::delimited::{Decoder, Format, Layout, NewColumns, RawRow, Settings, Trailer};

fn settings(text: &[u8], separator: u8, quotes: bool, trailers: &[&str]) -> Settings {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let names: Vec<Arc<str>> = first
        .strip_suffix(b"\r")
        .unwrap_or(first)
        .split(|byte| *byte == separator)
        .map(|name| Arc::from(String::from_utf8_lossy(name).as_ref()))
        .collect();
    let rule = |matches: &&str| Trailer { matches: Arc::from(*matches), proves: Vec::new() };
    Settings {
        separator,
        quotes,
        encoding: if quotes { "utf-8" } else { "windows-1252" }.into(),
        layouts: vec![Layout { name: "only".into(), header: names.clone(), must_have: Vec::new(), names }],
        spill: None,
        trailers: trailers.iter().map(rule).collect(),
        trailer_required: false,
        new_columns: NewColumns::Keep,
        empty_is_null: true,
        lines_before_header: 0,
        line_limit: 1 << 20,
        wanted: None,
        raw_row: RawRow::None,
        raw: true,
    }
}

fn measure(what: &str, text: &[u8], settings: Settings) -> Result<(), Box<dyn Error>> {
    let format = Arc::new(Format::new(settings)?);
    let mut best = f64::MAX;
    let mut rows = 0;
    for _ in 0..5 {
        let start = Instant::now();
        let mut decoder = Decoder::new(text, &format, 0)?;
        while decoder.next()?.is_some() {}
        rows = decoder.finish()?.rows;
        best = best.min(start.elapsed().as_secs_f64());
    }
    let megabytes = text.len() as f64 / 1e6;
    println!(
        "{what}: {rows} rows, {megabytes:.1} MB, {:.0} MB/s, {:.0} ns a row",
        megabytes / best,
        best * 1e9 / rows as f64
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    if let Some(path) = arguments.next() {
        let separator = arguments.next().and_then(|text| text.bytes().next()).unwrap_or(b',');
        let text = std::fs::read(&path)?;
        return measure(&path, &text, settings(&text, separator, separator == b',', &[]));
    }
    let mut fails = String::from("SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)|DESCRIPTION|PRICE\n");
    for row in 0..500_000 {
        fails.push_str(&format!("20230103|B{row:08}|EURN|{}|EURONAV NV ANTWERPEN (BELGIUM)|17.04\n", row * 7 % 90_000));
    }
    let trailers = [r"Trailer record count (?<n>\d+)", r"Trailer total quantity of shares (?<n>\d+)"];
    measure("6 columns, 2 trailers", fails.as_bytes(), settings(fails.as_bytes(), b'|', false, &trailers))?;
    let names: Vec<String> = (0..110).map(|column| format!("Published name {column}")).collect();
    let mut swaps = names.join(",");
    swaps.push('\n');
    for row in 0..60_000 {
        let cell = |column: usize| match column % 11 {
            0 => format!("2026-10-02T05:03:44Z{row}"),
            3 => "\"250,000,000\"".to_owned(),
            5 => "USD".to_owned(),
            8 => "NA/Swap OIS USD".to_owned(),
            _ => String::new(),
        };
        swaps.push_str(&(0..110).map(cell).collect::<Vec<_>>().join(","));
        swaps.push('\n');
    }
    measure("110 columns, quoted", swaps.as_bytes(), settings(swaps.as_bytes(), b',', true, &[]))?;
    let raw_row = Settings { raw_row: RawRow::FilledCells, ..settings(swaps.as_bytes(), b',', true, &[]) };
    measure("110 columns, quoted, with the raw row", swaps.as_bytes(), raw_row)
}
