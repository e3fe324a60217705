//! Bytes to batches and back: delimited text, Avro, zip and gzip.
