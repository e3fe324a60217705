//! The encoded blocks of the embedded log, and the encoded headers of its records.
//!
//! Promises:
//! * Records come back from their block as they were, whatever their shape.
//! * No bytes make decoding panic or give records that cannot be walked, also where the checksum is made to fit; what
//!   decodes is encoded and decoded to the same.
//! * Headers are read alike by both readers, and what is read is written as the same bytes.

use arbitrary::Unstructured;
use arrow::array::Array;
use batch::{HeaderRanges, Headers, Records, RecordsBuilder};
use log::embedded::blocks::{decode_resealed, encode};

pub(crate) fn run(bytes: &[u8]) {
    let mut choices = Unstructured::new(bytes);
    match choices.arbitrary::<u8>().map(|kind| kind % 3) {
        Ok(0) => headers(bytes.get(1..).unwrap_or_default()),
        Ok(1) => damaged(&mut choices),
        Ok(_) => {
            if let Ok(records) = records(&mut choices) {
                let bytes = come_back(&records);
                assert_eq!(encode(&records), bytes, "the same records have the same bytes");
            }
        }
        Err(_) => {}
    }
}

fn headers(bytes: &[u8]) {
    let ranges: Vec<_> = HeaderRanges::new(bytes).collect();
    let Some(decoded) = Headers::decode(bytes) else { return };
    assert_eq!(decoded.len(), ranges.len());
    let mut again = Headers::new();
    for (header, (name, value)) in decoded.iter().zip(ranges) {
        assert_eq!((header.name.as_bytes(), header.value.as_slice()), (&bytes[name], &bytes[value]));
        again.push(&header.name, &header.value);
    }
    assert_eq!(again.as_bytes(), bytes);
}

/// Encodes and decodes records; the bytes that what was decoded has.
fn come_back(records: &Records) -> Vec<u8> {
    let mut bytes = encode(records);
    let decoded = decode_resealed(records.base_offset, &mut bytes).expect("what was encoded decodes");
    assert_eq!(decoded.base_offset, records.base_offset);
    assert!(decoded.iter().eq(records.iter()), "{decoded:?} and {records:?}");
    encode(&decoded)
}

/// A block with bytes changed, or bytes that never were one.
fn damaged(choices: &mut Unstructured<'_>) {
    let damages = choices.int_in_range(0..=6_u8).unwrap_or(0);
    let places: Vec<(u16, u8)> = (0..damages).flat_map(|_| choices.arbitrary()).collect();
    let mut bytes = match records(choices) {
        Ok(records) if damages > 0 => encode(&records),
        _ => choices.bytes(choices.len()).unwrap_or_default().to_vec(),
    };
    for (at, byte) in places {
        let at = usize::from(at) % bytes.len().max(1);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
    }
    if let Some(decoded) = decode_resealed(40, &mut bytes) {
        assert_eq!(decoded.iter().count(), decoded.len());
        let length: usize = decoded.iter().map(|record| record.value.map_or(0, <[u8]>::len)).sum();
        assert!(length <= bytes.len(), "more values than bytes");
        // Headers of a damaged block may be null, which no writer makes.
        if !decoded.is_empty() && decoded.headers.null_count() == 0 {
            come_back(&decoded);
        }
    }
}

fn records(choices: &mut Unstructured<'_>) -> arbitrary::Result<Records> {
    let mut builder = RecordsBuilder::new();
    let repeats = *choices.choose(&[1, 1, 30])?;
    for _ in 0..choices.int_in_range(1..=8)? {
        let (key, value): (Option<Vec<u8>>, Option<Vec<u8>>) = (choices.arbitrary()?, choices.arbitrary()?);
        let mut headers = Headers::new();
        for _ in 0..choices.int_in_range(0..=2)? {
            headers.push(choices.arbitrary()?, choices.arbitrary()?);
        }
        let arrival = choices.arbitrary()?;
        for _ in 0..repeats {
            builder.push(key.as_deref(), value.as_deref(), &headers, arrival);
        }
    }
    let mut records = builder.finish();
    records.base_offset = choices.int_in_range(0..=1_i64 << 40)?;
    let from = choices.int_in_range(0..=records.len() - 1)?;
    Ok(records.slice(from, records.len() - from))
}
