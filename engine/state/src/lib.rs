//! What a store owes the engine; the in-memory stores, their changelog records and snapshots.
