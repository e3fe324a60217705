//! A map by fingerprints of 128 bits, in parts that grow one at a time.
//!
//! A map that grows moves all its entries into memory twice as large, while it keeps the old. In one piece that is a
//! pause of a second at ten million entries, and memory that is touched once and given back. In parts the pause is a
//! part's, and one part's old memory serves the next.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

/// Parts. More: shorter pauses. Fewer: less memory for a map of few entries.
const PARTS: usize = 64;

type Part<Value> = HashMap<u128, Value, BuildHasherDefault<FingerprintHasher>>;

/// See the module's prose.
#[derive(Clone, Debug)]
pub(crate) struct FingerprintMap<Value>(Vec<Part<Value>>);

impl<Value> Default for FingerprintMap<Value> {
    fn default() -> Self {
        Self((0..PARTS).map(|_| Part::default()).collect())
    }
}

impl<Value> FingerprintMap<Value> {
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(Part::len).sum()
    }

    /// Memory in bytes, about: what the entries that there is room for take, and a byte that finds each.
    pub(crate) fn memory(&self) -> usize {
        let room: usize = self.0.iter().map(Part::capacity).sum();
        room * (size_of::<(u128, Value)>() + 1)
    }

    pub(crate) fn get(&self, key: u128) -> Option<&Value> {
        self.0[part_of(key)].get(&key)
    }

    pub(crate) fn entry(&mut self, key: u128) -> Entry<'_, u128, Value> {
        self.0[part_of(key)].entry(key)
    }

    /// What stood there before.
    pub(crate) fn insert(&mut self, key: u128, value: Value) -> Option<Value> {
        self.0[part_of(key)].insert(key, value)
    }

    /// What stood there.
    pub(crate) fn remove(&mut self, key: u128) -> Option<Value> {
        self.0[part_of(key)].remove(&key)
    }

    /// Keeps those of which that is true.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Value) -> bool) {
        self.0.iter_mut().for_each(|part| part.retain(|_, value| keep(value)));
    }

    /// Makes room for so many entries more.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.0.iter_mut().for_each(|part| part.reserve(more.div_ceil(PARTS)));
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u128, &Value)> {
        self.0.iter().flatten().map(|(key, value)| (*key, value))
    }
}

/// By bits that a part's own order of entries does not show.
fn part_of(key: u128) -> usize {
    (key >> 64) as usize % PARTS
}

/// Keys are fingerprints already; hashing them once more would only cost time.
#[derive(Debug, Default)]
pub(crate) struct FingerprintHasher(u64);

impl Hasher for FingerprintHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = (key ^ (key >> 64)) as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::FingerprintMap;

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0..4_u8, 0..40_u128, any::<u8>()), 0..200)) {
            let (mut map, mut model) = (FingerprintMap::default(), BTreeMap::new());
            for (what, key, value) in steps {
                // Over all parts, and several in one.
                let key = (key << 62) | (key % 3);
                match what {
                    0 => prop_assert_eq!(map.insert(key, value), model.insert(key, value)),
                    1 => prop_assert_eq!(map.remove(key), model.remove(&key)),
                    2 => {
                        map.retain(|kept| *kept % 4 != value % 4);
                        model.retain(|_, kept| *kept % 4 != value % 4);
                    }
                    _ => {
                        prop_assert_eq!(*map.entry(key).or_insert(value), *model.entry(key).or_insert(value));
                    }
                }
                prop_assert_eq!(map.get(key), model.get(&key));
                prop_assert_eq!(map.len(), model.len());
            }
            prop_assert_eq!(map.iter().map(|(key, value)| (key, *value)).collect::<BTreeMap<_, _>>(), model);
        }
    }
}
