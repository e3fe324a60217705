//! A zip archive with one member, the same bytes each time.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Packs one member. Its time is the format's first moment, so that no clock is in the bytes.
pub(crate) fn zip_of(member: &str, content: &[u8]) -> Vec<u8> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let written = writer
        .start_file(member, options)
        .map_err(std::io::Error::from)
        .and_then(|()| writer.write_all(content))
        .and_then(|()| writer.finish().map_err(std::io::Error::from));
    written.expect("memory takes all bytes, and one small member breaks no limit of the format").into_inner()
}
