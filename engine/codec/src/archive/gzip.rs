//! The members of a gzip, one behind another, and zeros behind the last of them: what tapes and block devices pad files
//! with. `gzip` itself passes over them. Anything else behind a member is damage.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

/// Reads what all members hold.
pub(super) struct Members<R: Read> {
    /// `None` behind the last one.
    member: Option<GzDecoder<BufReader<R>>>,
}

impl<R: Read> Members<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { member: Some(GzDecoder::new(BufReader::new(reader))) }
    }
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let length = member.read(into)?;
            if length > 0 || into.is_empty() {
                return Ok(length);
            }
            let zeros = pass_zeros(member.get_mut())?;
            if member.get_mut().fill_buf()?.is_empty() {
                self.member = None;
            } else if zeros {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "bytes stand behind zeros at its end"));
            } else {
                self.member = self.member.take().map(|member| GzDecoder::new(member.into_inner()));
            }
        }
        Ok(0)
    }
}

/// Passes over zeros; true if there were any.
fn pass_zeros(reader: &mut impl BufRead) -> io::Result<bool> {
    let mut any = false;
    loop {
        let next = reader.fill_buf()?;
        let zeros = next.iter().take_while(|byte| **byte == 0).count();
        if zeros == 0 {
            return Ok(any);
        }
        any = true;
        reader.consume(zeros);
    }
}
