//! Reads Avro's binary encoding. Nothing that is read is believed: every length is compared with what is left.

use super::Fault;
use super::values::{Scalar, Values};
use super::wire::Wire;

/// What is left of a record's body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Fault::CutOff)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn long(&mut self) -> Result<i64, Fault> {
        // Most lengths, branches and small numbers are one byte.
        if let Some((&byte, rest)) = self.rest.split_first()
            && byte & 0x80 == 0
        {
            self.rest = rest;
            return Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1));
        }
        let mut value = 0_u64;
        for (place, byte) in self.rest.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if place == 9 && bits > 1 {
                return Err(Fault::Range);
            }
            value |= bits << (7 * place);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[place + 1..];
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(if self.rest.len() < 10 { Fault::CutOff } else { Fault::Range })
    }

    fn length(&mut self) -> Result<usize, Fault> {
        let length = usize::try_from(self.long()?).map_err(|_| Fault::Length)?;
        if length > self.rest.len() { Err(Fault::Length) } else { Ok(length) }
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Fault::Text)
    }

    fn branch<'w, T>(&mut self, branches: &'w [T]) -> Result<&'w T, Fault> {
        let index = self.long()?;
        usize::try_from(index).ok().and_then(|index| branches.get(index)).ok_or(Fault::Branch)
    }

    /// Number of items of the next block of an array or map; 0 at its end. A negative number is followed by the block's
    /// length in bytes. An item has at least one byte, but for nulls, of which a block may then have no more either.
    fn block(&mut self) -> Result<usize, Fault> {
        let count = self.long()?;
        if count < 0 {
            self.length()?;
        }
        let count = usize::try_from(count.unsigned_abs()).map_err(|_| Fault::Length)?;
        if count > self.rest.len() { Err(Fault::Length) } else { Ok(count) }
    }

    /// Reads a value into a column.
    pub(super) fn read_into(&mut self, wire: &Wire, column: &mut Values) -> Result<(), Fault> {
        match wire {
            Wire::Union(branches) => {
                let branch = self.branch(branches)?;
                self.read_into(branch, column)
            }
            Wire::Null => column.push_null(),
            Wire::Array(item) => {
                if !column.is_list() {
                    return Err(Fault::Kind);
                }
                loop {
                    let count = self.block()?;
                    if count == 0 {
                        return column.close();
                    }
                    let items = column.items()?;
                    for _ in 0..count {
                        self.read_into(item, items)?;
                    }
                }
            }
            Wire::Map(value) => {
                if !column.is_map() {
                    return Err(Fault::Kind);
                }
                loop {
                    let count = self.block()?;
                    if count == 0 {
                        return column.close();
                    }
                    for _ in 0..count {
                        let key = self.text()?;
                        self.read_into(value, column.entry(key)?)?;
                    }
                }
            }
            _ => column.push(self.scalar(wire)?),
        }
    }

    fn scalar<'b>(&mut self, wire: &'b Wire) -> Result<Scalar<'b>, Fault>
    where
        'a: 'b,
    {
        Ok(match wire {
            Wire::Boolean => match self.take(1)? {
                [0] => Scalar::Boolean(false),
                [1] => Scalar::Boolean(true),
                _ => return Err(Fault::Range),
            },
            Wire::Integer { long } => {
                let value = self.long()?;
                if !long && i32::try_from(value).is_err() {
                    return Err(Fault::Range);
                }
                Scalar::Integer(value)
            }
            Wire::Float => {
                let bytes = self.take(4)?.try_into().map_err(|_| Fault::CutOff)?;
                Scalar::Double(f64::from(f32::from_le_bytes(bytes)))
            }
            Wire::Double => {
                let bytes = self.take(8)?.try_into().map_err(|_| Fault::CutOff)?;
                Scalar::Double(f64::from_le_bytes(bytes))
            }
            Wire::Bytes => Scalar::Bytes(self.bytes()?),
            Wire::Text => Scalar::Text(self.text()?),
            Wire::Fixed(size) => Scalar::Bytes(self.take(*size)?),
            Wire::Enum(symbols) => Scalar::Text(self.branch(symbols)?),
            Wire::Decimal { scale, size } => {
                let bytes = match size {
                    None => self.bytes()?,
                    Some(size) => self.take(*size)?,
                };
                Scalar::Decimal { units: integer_of(bytes)?, scale: *scale }
            }
            Wire::Date => Scalar::Date(i32::try_from(self.long()?).map_err(|_| Fault::Range)?),
            Wire::Timestamp { digits, .. } => Scalar::Timestamp { units: self.long()?, digits: *digits },
            Wire::Null | Wire::Array(_) | Wire::Map(_) | Wire::Union(_) | Wire::Record(_) => return Err(Fault::Kind),
        })
    }

    /// Passes over a value that no column wants.
    pub(super) fn skip(&mut self, wire: &Wire) -> Result<(), Fault> {
        match wire {
            Wire::Null => {}
            Wire::Union(branches) => {
                let branch = self.branch(branches)?;
                self.skip(branch)?;
            }
            Wire::Array(item) => loop {
                let count = self.block()?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    self.skip(item)?;
                }
            },
            Wire::Map(value) => loop {
                let count = self.block()?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    self.bytes()?;
                    self.skip(value)?;
                }
            },
            Wire::Record(fields) => {
                for (_, field) in fields {
                    self.skip(field)?;
                }
            }
            Wire::Decimal { size: None, .. } => {
                self.bytes()?;
            }
            Wire::Decimal { size: Some(size), .. } => {
                self.take(*size)?;
            }
            _ => {
                self.scalar(wire)?;
            }
        }
        Ok(())
    }
}

/// A two's complement big-endian number of any length. Leading bytes that only repeat the sign are allowed.
fn integer_of(bytes: &[u8]) -> Result<i128, Fault> {
    let Some(first) = bytes.first() else { return Ok(0) };
    let sign = if first & 0x80 == 0 { 0x00 } else { 0xff };
    let (extra, kept) = bytes.split_at(bytes.len().saturating_sub(16));
    let kept_sign = if kept[0] & 0x80 == 0 { 0x00 } else { 0xff };
    if extra.iter().any(|byte| *byte != sign) || (!extra.is_empty() && kept_sign != sign) {
        return Err(Fault::Range);
    }
    let mut whole = [sign; 16];
    whole[16 - kept.len()..].copy_from_slice(kept);
    Ok(i128::from_be_bytes(whole))
}
