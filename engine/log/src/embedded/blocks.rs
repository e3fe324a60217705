//! Blocks as bytes, for whoever tests what damaged ones do. Nobody else needs them: they say nothing without the place
//! that the checksum covers, which is the same for all of these.

use batch::Records;

use super::block;
use crate::directory::Place;

const PLACE: Place = Place { topic: 1, partition: 0 };

/// The bytes of a block of at least one record.
#[must_use]
pub fn encode(records: &Records) -> Vec<u8> {
    let mut bytes = Vec::new();
    block::encode(PLACE, records, &mut bytes);
    bytes
}

/// The records of a block, after its checksum was made to fit, so that the checks behind it are reached.
pub fn decode_resealed(base_offset: i64, bytes: &mut [u8]) -> Option<Records> {
    block::reseal(PLACE, base_offset, bytes);
    block::decode(PLACE, base_offset, block::aligned(bytes)).ok()
}
