//! Nanoseconds a record for decoding and encoding a flat record of 16 fields: text, numbers, decimals, times, some null.
//!
//! `cargo run --release -p codec --example avro_speed`. The least of many rounds is what the code costs; the rest is the
//! machine's other work.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a program that measures time and prints it")]

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, BinaryArray, RecordBatch};
use batch::ColumnType;
use codec::avro::{RecordDecoder, RecordEncoder, record_schema};

const ROWS: usize = 4096;
const ROUNDS: usize = 400;
const ID: u32 = 7;

const COLUMNS: [(&str, &str); 16] = [
    ("id", "bigint"),
    ("symbol", "text"),
    ("venue", "text"),
    ("side", "text"),
    ("trader", "nullable text"),
    ("note", "nullable text"),
    ("price", "decimal(18, 4)"),
    ("notional", "nullable decimal(38, 2)"),
    ("quantity", "bigint"),
    ("lots", "integer"),
    ("traded", "timestamp(6, UTC)"),
    ("reported", "nullable timestamp(6, UTC)"),
    ("day", "date"),
    ("rate", "double"),
    ("cleared", "boolean"),
    ("version", "nullable bigint"),
];

fn main() {
    let columns: Vec<(Arc<str>, ColumnType)> =
        COLUMNS.iter().map(|(name, of)| (Arc::from(*name), ColumnType::parse(of).expect("a type"))).collect();
    let schema: Arc<str> = record_schema("speed", &columns).into();
    let records = BinaryArray::from_iter_values((0..ROWS).map(record));
    let known = |id: u32| (id == ID).then(|| Arc::clone(&schema));
    let mut decoder = RecordDecoder::new(columns);
    let rows: RecordBatch = decoder.decode(&records, &known).rows;
    assert_eq!(rows.num_rows(), ROWS);
    let encoder = RecordEncoder::new(&schema, ID).expect("a schema");
    assert_eq!(encoder.encode(&rows).expect("its own columns").values, records);
    println!("decode {:.1} ns a record", least(|| decoder.decode(&records, &known).rows.num_rows()));
    println!("encode {:.1} ns a record", least(|| encoder.encode(&rows).expect("its own columns").values.len()));
}

fn least(mut work: impl FnMut() -> usize) -> f64 {
    let round = |_| {
        let start = Instant::now();
        assert_eq!(std::hint::black_box(work()), ROWS);
        start.elapsed().as_secs_f64() * 1e9 / ROWS as f64
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

fn record(row: usize) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 0, ID as u8];
    let seed = (row as i64).wrapping_mul(2_654_435_761) & 0xff_ffff;
    long(seed * 1000, &mut out);
    text(["AAPL", "MSFT", "BRK.B", "TSLA"][row % 4], &mut out);
    text(["XNAS", "XNYS"][row % 2], &mut out);
    text(["BUY", "SELL"][row % 2], &mut out);
    if row.is_multiple_of(3) {
        out.push(0);
    } else {
        out.push(2);
        text("trader-0042", &mut out);
    }
    out.push(0);
    decimal(seed as i32, &mut out);
    out.push(2);
    decimal((seed * 3) as i32, &mut out);
    long(seed % 10_000, &mut out);
    long(seed % 100, &mut out);
    long(1_700_000_000_000_000 + seed, &mut out);
    out.push(2);
    long(1_700_000_000_000_000 + seed * 2, &mut out);
    long(19_700 + seed % 100, &mut out);
    out.extend_from_slice(&(seed as f64 / 7.0).to_le_bytes());
    out.push(u8::from(row.is_multiple_of(2)));
    out.push(if row.is_multiple_of(2) { 0 } else { 2 });
    if !row.is_multiple_of(2) {
        long(seed % 50, &mut out);
    }
    out
}

fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn text(text: &str, out: &mut Vec<u8>) {
    long(text.len() as i64, out);
    out.extend_from_slice(text.as_bytes());
}

fn decimal(units: i32, out: &mut Vec<u8>) {
    let whole = units.to_be_bytes();
    let first = (0..3).find(|at| whole[*at] != 0 || whole[at + 1] >= 0x80).unwrap_or(3);
    long(4 - first as i64, out);
    out.extend_from_slice(&whole[first..]);
}
