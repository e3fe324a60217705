//! The one partitioner: murmur2 with Kafka's seed and sign mask, so that every client of a topic agrees where a key is.
//!
//! Source of the algorithm's constants: Kafka's Java client (`Utils.murmur2`, `BuiltInPartitioner`).

/// Partition of a key in a topic of `partitions` partitions (at least 1).
#[must_use]
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    let positive = murmur2(key) & 0x7fff_ffff;
    (positive % partitions.max(1).cast_unsigned()).cast_signed()
}

fn murmur2(key: &[u8]) -> u32 {
    const MIX: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ u32::try_from(key.len() & 0xffff_ffff).unwrap_or(0);
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MIX);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(MIX) ^ mixed.wrapping_mul(MIX);
    }
    for (place, &byte) in rest.iter().enumerate().rev() {
        hash ^= u32::from(byte) << (8 * place);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(MIX);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::{murmur2, partition_of};

    /// The pairs of the Java client's own test of `murmur2`.
    #[test]
    fn hashes_are_those_of_the_java_client() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
            // Its partitioner takes the sign away and divides; Java's remainder of a positive number is ours.
            for partitions in [1, 4, 12] {
                assert_eq!(partition_of(key.as_bytes(), partitions), (hash & 0x7fff_ffff) % partitions, "{key}");
            }
        }
    }
}
