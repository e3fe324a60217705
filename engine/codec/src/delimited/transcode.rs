//! What a document's first bytes say of its encoding, and UTF-16 to UTF-8 as a stream in front of the scanner.
//!
//! A byte-order mark wins over the encoding that the topology declares, as it does in browsers: a publisher that writes
//! one says what follows, and no header in an encoding of one byte a character begins with these bytes. The declared
//! encoding holds for documents without a mark. The mark itself is no text.
//!
//! UTF-16 goes through a decoder, piece by piece, in memory that does not grow; all other documents pass through as they
//! are. What is no UTF-16, such as half of a pair or half of a unit at the end, becomes the byte 0xFF, which UTF-8 never
//! has: the row around it is refused, and its neighbours are read. So bytes of rows and of dead letters of such a
//! document are those of its UTF-8 form.
//!
//! Deliberately absent: guessing. Without a mark the declared encoding is believed.

use std::io::{self, ErrorKind, Read};

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes of UTF-16 that are taken at once. More gains nothing; fewer call the decoder more often.
const PIECE: usize = 16 * 1024;

/// Room for a piece as UTF-8: each of its units needs three bytes at most, and one may wait in the decoder.
const ROOM: usize = 2 * PIECE;

/// Longest mark, in bytes.
const LONGEST_MARK: usize = 3;

/// Gives a document's text as UTF-8, or in an encoding of one byte a character.
#[derive(Debug)]
pub(super) struct Transcoder<R> {
    reader: R,
    encoding: &'static Encoding,
    /// Bytes that were read to look for a mark and belong to the text.
    first: Vec<u8>,
    /// There if the document is UTF-16.
    wide: Option<Wide>,
}

impl<R: Read> Transcoder<R> {
    /// Looks for a mark.
    ///
    /// # Errors
    /// If the document cannot be read.
    pub(super) fn new(mut reader: R, declared: &'static Encoding) -> io::Result<Self> {
        let mut first = Vec::with_capacity(LONGEST_MARK);
        Read::take(&mut reader, LONGEST_MARK as u64).read_to_end(&mut first)?;
        let (encoding, mark) = Encoding::for_bom(&first).unwrap_or((declared, 0));
        first.drain(..mark);
        let wide = is_wide(encoding).then(|| Wide::new(encoding, std::mem::take(&mut first)));
        Ok(Self { reader, encoding, first, wide })
    }

    /// The encoding of what is given out.
    pub(super) fn encoding(&self) -> &'static Encoding {
        given_out(self.encoding)
    }

    /// The encoding in which the document was written.
    pub(super) fn written_in(&self) -> &'static Encoding {
        self.encoding
    }
}

/// Bytes of a row as text, by the encoding that a topology declares for its documents. `None` if that is none of one byte a
/// character: rows of documents in other encodings are kept as UTF-8.
#[must_use]
pub fn read_as(label: &str, bytes: &[u8]) -> Option<String> {
    let encoding = Encoding::for_label(label.as_bytes()).filter(|encoding| encoding.is_single_byte())?;
    Some(encoding.decode_without_bom_handling(bytes).0.into_owned())
}

/// The encoding in which text is given out that was written in another.
pub(super) fn given_out(encoding: &'static Encoding) -> &'static Encoding {
    if is_wide(encoding) { UTF_8 } else { encoding }
}

/// True for UTF-16 of either order.
pub(super) fn is_wide(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if let Some(wide) = &mut self.wide {
            return wide.read(&mut self.reader, target);
        }
        if self.first.is_empty() {
            return self.reader.read(target);
        }
        let length = self.first.len().min(target.len());
        target[..length].copy_from_slice(&self.first[..length]);
        self.first.drain(..length);
        Ok(length)
    }
}

/// UTF-16 on its way.
struct Wide {
    decoder: encoding_rs::Decoder,
    /// Bytes as read; those from `taken` to `filled` are not decoded yet.
    input: Box<[u8]>,
    taken: usize,
    filled: usize,
    /// The reader has no more.
    at_end: bool,
    /// The decoder has no more.
    ended: bool,
    /// Text; that from `given` to `ready` is not given out yet.
    output: Box<[u8]>,
    given: usize,
    ready: usize,
}

impl Wide {
    fn new(encoding: &'static Encoding, first: Vec<u8>) -> Self {
        let filled = first.len();
        let mut input = first;
        input.resize(PIECE, 0);
        Self {
            decoder: encoding.new_decoder_without_bom_handling(),
            input: input.into_boxed_slice(),
            taken: 0,
            filled,
            at_end: false,
            ended: false,
            output: vec![0; ROOM].into_boxed_slice(),
            given: 0,
            ready: 0,
        }
    }

    fn read(&mut self, reader: &mut impl Read, target: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready && !self.ended {
            if self.taken == self.filled && !self.at_end {
                self.fill(reader)?;
            }
            self.decode();
        }
        let length = (self.ready - self.given).min(target.len());
        target[..length].copy_from_slice(&self.output[self.given..self.given + length]);
        self.given += length;
        Ok(length)
    }

    fn fill(&mut self, reader: &mut impl Read) -> io::Result<()> {
        let length = loop {
            match reader.read(&mut self.input) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                answer => break answer?,
            }
        };
        (self.taken, self.filled, self.at_end) = (0, length, length == 0);
        Ok(())
    }

    /// Decodes what is there, as far as the output has room and the text is text.
    fn decode(&mut self) {
        // One byte stays free for what is no text.
        let room = self.output.len() - 1;
        let input = &self.input[self.taken..self.filled];
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(input, &mut self.output[..room], self.at_end);
        self.taken += read;
        (self.given, self.ready) = (0, written);
        match result {
            DecoderResult::InputEmpty => self.ended = self.at_end,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                self.output[self.ready] = 0xff;
                self.ready += 1;
            }
        }
    }
}

impl std::fmt::Debug for Wide {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Wide").field("encoding", &self.decoder.encoding().name()).finish()
    }
}
