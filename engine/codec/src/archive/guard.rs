//! The reader over one member, which counts what comes out and stops at the archive's limits.

use std::io::{self, Read};

use super::{ArchiveError, Limits};

/// What was unpacked so far. A member that is read twice counts once, up to where it was read.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    total: u64,
    of_member: Vec<u64>,
}

/// The bytes of one member. Its errors carry an [`ArchiveError`]; see [`ArchiveError::from_io`].
pub struct MemberReader<'a> {
    inner: Box<dyn Read + 'a>,
    unpacked: &'a mut Unpacked,
    limits: Limits,
    member: usize,
    /// Packed bytes of the member, and of the whole document.
    packed: (u64, u64),
    position: u64,
}

impl<'a> MemberReader<'a> {
    pub(super) fn new(
        inner: Box<dyn Read + 'a>,
        unpacked: &'a mut Unpacked,
        limits: Limits,
        member: usize,
        packed: (u64, u64),
    ) -> Self {
        if unpacked.of_member.len() <= member {
            unpacked.of_member.resize(member + 1, 0);
        }
        Self { inner, unpacked, limits, member, packed, position: 0 }
    }

    fn count(&mut self, length: usize) -> Result<(), ArchiveError> {
        self.position += length as u64;
        let known = &mut self.unpacked.of_member[self.member];
        if self.position > *known {
            self.unpacked.total += self.position - *known;
            *known = self.position;
        }
        if self.unpacked.total > self.limits.unpacked_bytes {
            return Err(ArchiveError::TooLarge { limit: self.limits.unpacked_bytes });
        }
        let (member, document) = self.packed;
        // Members may share their packed bytes, so what each of them allows says nothing of them all.
        for (what, packed, unpacked) in
            [("a member", member, self.position), ("the archive", document, self.unpacked.total)]
        {
            let limit = self.limits.ratio;
            if unpacked > packed.saturating_mul(limit).max(Limits::RATIO_FLOOR) {
                return Err(ArchiveError::TooDense { what, limit });
            }
        }
        Ok(())
    }
}

impl Read for MemberReader<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let length = match self.inner.read(target) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => return Err(io::Error::other(ArchiveError::from_unpacking(error))),
        };
        self.count(length).map_err(io::Error::other)?;
        Ok(length)
    }
}

impl std::fmt::Debug for MemberReader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MemberReader").field("member", &self.member).field("position", &self.position).finish()
    }
}
