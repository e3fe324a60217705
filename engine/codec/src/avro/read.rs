//! Reads Avro's binary encoding. Nothing that is read is believed: every length is compared with what is left.

use super::Fault;
use super::leaf::Scalar;
use super::wire::Wire;

/// What is left of a record's body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// How many more items without a byte of their own may be made; see [`Self::make_weightless`].
    weightless: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { rest: body, weightless: body.len() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Fault::CutOff)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub(super) fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Fault> {
        let (taken, rest) = self.rest.split_first_chunk::<LENGTH>().ok_or(Fault::CutOff)?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Fault> {
        // Most lengths, branches and small numbers are one byte.
        if let Some((&byte, rest)) = self.rest.split_first()
            && byte & 0x80 == 0
        {
            self.rest = rest;
            return Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1));
        }
        self.longer()
    }

    fn longer(&mut self) -> Result<i64, Fault> {
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

    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.length()?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Fault::Text)
    }

    /// The branch of a union or the symbol of an enum that follows.
    #[inline]
    pub(super) fn branch<'w, T>(&mut self, branches: &'w [T]) -> Result<&'w T, Fault> {
        let index = self.long()?;
        usize::try_from(index).ok().and_then(|index| branches.get(index)).ok_or(Fault::Branch)
    }

    /// Number of items of the next block of an array or map; 0 at its end. A negative number is followed by the block's
    /// length in bytes. An item has at least one byte, but for those of [`Self::make_weightless`], of which a block has no
    /// more either.
    pub(super) fn block(&mut self) -> Result<usize, Fault> {
        let count = self.long()?;
        if count < 0 {
            self.length()?;
        }
        let count = usize::try_from(count.unsigned_abs()).map_err(|_| Fault::Length)?;
        if count > self.rest.len() { Err(Fault::Length) } else { Ok(count) }
    }

    /// Counts items that have no bytes and stand in a column all the same: a `fixed` of size 0, or a record of which
    /// the reader has defaults only. A few bytes could ask for any number of them; a record has no more than bytes.
    pub(super) fn make_weightless(&mut self, count: usize) -> Result<(), Fault> {
        self.weightless = self.weightless.checked_sub(count).ok_or(Fault::Length)?;
        Ok(())
    }

    /// The bytes of a decimal, as a number.
    #[inline]
    pub(super) fn decimal(&mut self, size: Option<usize>) -> Result<i128, Fault> {
        integer_of(match size {
            None => self.bytes()?,
            Some(size) => self.take(size)?,
        })
    }

    /// A value that is neither a collection nor an enum.
    pub(super) fn scalar(&mut self, wire: &Wire) -> Result<Scalar<'a>, Fault> {
        Ok(match wire {
            Wire::Boolean => match self.take(1)? {
                [0] => Scalar::Boolean(false),
                [1] => Scalar::Boolean(true),
                _ => return Err(Fault::Range),
            },
            Wire::Integer { long } | Wire::Time { micros: long } => {
                let value = self.long()?;
                if !long && i32::try_from(value).is_err() {
                    return Err(Fault::Range);
                }
                Scalar::Integer(value)
            }
            Wire::Float => Scalar::Double(f64::from(f32::from_le_bytes(self.array()?))),
            Wire::Double => Scalar::Double(f64::from_le_bytes(self.array()?)),
            Wire::Bytes => Scalar::Bytes(self.bytes()?),
            Wire::Text => Scalar::Text(self.text()?),
            Wire::Fixed(fixed) => Scalar::Bytes(self.take(fixed.size)?),
            Wire::Uuid(_) => Scalar::Uuid(self.array()?),
            Wire::Decimal { scale, fixed } => {
                Scalar::Decimal { units: self.decimal(fixed.as_ref().map(|fixed| fixed.size))?, scale: *scale }
            }
            Wire::Date => Scalar::Date(i32::try_from(self.long()?).map_err(|_| Fault::Range)?),
            Wire::Timestamp { digits, .. } => Scalar::Timestamp { units: self.long()?, digits: *digits },
            Wire::Null | Wire::Enum(_) | Wire::Array(_) | Wire::Map(_) | Wire::Union(_) | Wire::Record(_) => {
                return Err(Fault::Kind);
            }
        })
    }

    /// Passes over what no column wants.
    pub(super) fn skip(&mut self, skip: &Skip) -> Result<(), Fault> {
        match skip {
            Skip::Bytes(length) => drop(self.take(*length)?),
            Skip::Number => drop(self.long()?),
            Skip::Piece => drop(self.bytes()?),
            Skip::Union(branches) => {
                let branch = self.branch(branches)?;
                self.skip(branch)?;
            }
            Skip::Blocks { keys, item } => self.skip_blocks(*keys, item)?,
            Skip::Many(parts) => parts.iter().try_for_each(|part| self.skip(part))?,
        }
        Ok(())
    }

    fn skip_blocks(&mut self, keys: bool, item: &Skip) -> Result<(), Fault> {
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                // The block says how long it is.
                self.bytes()?;
                continue;
            }
            if !keys && matches!(item, Skip::Bytes(0)) {
                continue;
            }
            if usize::try_from(count).map_or(true, |count| count > self.rest.len()) {
                return Err(Fault::Length);
            }
            for _ in 0..count {
                if keys {
                    self.bytes()?;
                }
                self.skip(item)?;
            }
        }
    }
}

/// How to pass over a value without making it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// So many bytes.
    Bytes(usize),
    Number,
    /// Bytes behind their length.
    Piece,
    Union(Box<[Skip]>),
    /// An array, or a map with its keys.
    Blocks {
        keys: bool,
        item: Box<Skip>,
    },
    /// One after another.
    Many(Vec<Skip>),
}

impl Skip {
    pub(super) fn of(wire: &Wire) -> Self {
        match wire {
            Wire::Null => Self::Bytes(0),
            Wire::Boolean => Self::Bytes(1),
            Wire::Float => Self::Bytes(4),
            Wire::Double => Self::Bytes(8),
            Wire::Fixed(fixed) | Wire::Uuid(fixed) | Wire::Decimal { fixed: Some(fixed), .. } => {
                Self::Bytes(fixed.size)
            }
            Wire::Bytes | Wire::Text | Wire::Decimal { fixed: None, .. } => Self::Piece,
            Wire::Integer { .. } | Wire::Enum(_) | Wire::Date | Wire::Time { .. } | Wire::Timestamp { .. } => {
                Self::Number
            }
            Wire::Union(branches) => Self::Union(branches.iter().map(Self::of).collect()),
            Wire::Array(item) => Self::Blocks { keys: false, item: Box::new(Self::of(item)) },
            Wire::Map(value) => Self::Blocks { keys: true, item: Box::new(Self::of(value)) },
            Wire::Record(record) => {
                let parts = record.fields.iter().map(|field| Self::of(&field.wire));
                parts.reduce(Self::then).unwrap_or(Self::Bytes(0))
            }
        }
    }

    /// This and then that.
    pub(super) fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Bytes(first), Self::Bytes(second)) if first.checked_add(second).is_some() => {
                Self::Bytes(first + second)
            }
            (Self::Many(mut parts), next) => {
                match (parts.pop(), next) {
                    (Some(last), next) => match last.then(next) {
                        Self::Many(more) => parts.extend(more),
                        one => parts.push(one),
                    },
                    (None, next) => parts.push(next),
                }
                Self::Many(parts)
            }
            (first, Self::Many(parts)) => Self::Many(std::iter::once(first).chain(parts).collect()),
            (first, second) => Self::Many(vec![first, second]),
        }
    }
}

/// A two's complement big-endian number of any length. Leading bytes that only repeat the sign are allowed.
#[inline]
fn integer_of(bytes: &[u8]) -> Result<i128, Fault> {
    let Some(first) = bytes.first() else { return Ok(0) };
    let sign = if first & 0x80 == 0 { 0x00 } else { 0xff };
    if bytes.len() <= 8 {
        let mut whole = [sign; 8];
        whole[8 - bytes.len()..].copy_from_slice(bytes);
        return Ok(i128::from(i64::from_be_bytes(whole)));
    }
    let (extra, kept) = bytes.split_at(bytes.len().saturating_sub(16));
    let kept_sign = if kept[0] & 0x80 == 0 { 0x00 } else { 0xff };
    if extra.iter().any(|byte| *byte != sign) || (!extra.is_empty() && kept_sign != sign) {
        return Err(Fault::Range);
    }
    let mut whole = [sign; 16];
    whole[16 - kept.len()..].copy_from_slice(kept);
    Ok(i128::from_be_bytes(whole))
}
