//! The compact protocol of Thrift, in which the footer and the headers of pages are written.

use super::{Result, damaged};

/// How deep what is passed over may nest.
const DEPTH_MAX: usize = 32;

/// What is left to read.
pub(super) struct Reader<'a> {
    pub rest: &'a [u8],
}

/// The type of a field or of the elements of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    True,
    False,
    Byte,
    /// An integer of 16, 32 or 64 bits, which are written alike.
    Integer,
    Double,
    Binary,
    /// A list or a set, which are written alike.
    List,
    Map,
    Struct,
}

impl Kind {
    fn of(code: u8) -> Result<Self> {
        Ok(match code {
            1 => Self::True,
            2 => Self::False,
            3 => Self::Byte,
            4..=6 => Self::Integer,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            _ => return damaged(format!("metadata: there is no type {code}")),
        })
    }
}

impl<'a> Reader<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return damaged("unexpected end of a part of the file");
        };
        self.rest = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        damaged("metadata: a number is longer than 64 bits")
    }

    pub fn integer(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A number that counts or measures something.
    pub fn count(&mut self) -> Result<usize> {
        match usize::try_from(self.integer()?) {
            Ok(count) => Ok(count),
            Err(_) => damaged("metadata: a size is negative"),
        }
    }

    pub fn binary(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        self.take(length)
    }

    pub fn text(&mut self) -> Result<&'a str> {
        match std::str::from_utf8(self.binary()?) {
            Ok(text) => Ok(text),
            Err(_) => damaged("metadata: a name is no UTF-8"),
        }
    }

    /// The fields of a struct: `visit` reads the value of one and says that it did, or leaves it to
    /// be passed over.
    pub fn fields(
        &mut self,
        mut visit: impl FnMut(&mut Self, i64, Kind) -> Result<bool>,
    ) -> Result<()> {
        self.fields_at(DEPTH_MAX, &mut visit)
    }

    fn fields_at(
        &mut self,
        depth_left: usize,
        visit: &mut dyn FnMut(&mut Self, i64, Kind) -> Result<bool>,
    ) -> Result<()> {
        let mut id = 0_i64;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Ok(());
            }
            let kind = Kind::of(header & 0x0f)?;
            id = match header >> 4 {
                0 => self.integer()?,
                delta => id.saturating_add(i64::from(delta)),
            };
            if !visit(self, id, kind)? {
                self.skip(kind, depth_left)?;
            }
        }
    }

    /// How many elements a list has, each of which takes a byte at least, and of what type.
    pub fn list(&mut self) -> Result<(usize, Kind)> {
        let header = self.byte()?;
        if header == 0 {
            // Some writers leave out the type of a list without elements.
            return Ok((0, Kind::Byte));
        }
        let size = match header >> 4 {
            15 => usize::try_from(self.varint()?).unwrap_or(usize::MAX),
            size => usize::from(size),
        };
        if size > self.rest.len() {
            return damaged("metadata: a list is longer than the file");
        }
        Ok((size, Kind::of(header & 0x0f)?))
    }

    fn skip(&mut self, kind: Kind, depth_left: usize) -> Result<()> {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return damaged(format!("metadata: nested deeper than {DEPTH_MAX} levels"));
        };
        match kind {
            Kind::True | Kind::False => {}
            Kind::Byte => self.byte().map(drop)?,
            Kind::Integer => self.varint().map(drop)?,
            Kind::Double => self.take(8).map(drop)?,
            Kind::Binary => self.binary().map(drop)?,
            Kind::List => {
                let (size, kind) = self.list()?;
                for _ in 0..size {
                    self.skip_element(kind, depth_left)?;
                }
            }
            Kind::Map => {
                let size = self.varint()?;
                if size > self.rest.len() as u64 {
                    return damaged("metadata: a map is longer than the file");
                }
                if size > 0 {
                    let kinds = self.byte()?;
                    let (key, value) = (Kind::of(kinds >> 4)?, Kind::of(kinds & 0x0f)?);
                    for _ in 0..size {
                        self.skip_element(key, depth_left)?;
                        self.skip_element(value, depth_left)?;
                    }
                }
            }
            Kind::Struct => self.fields_at(depth_left, &mut |_, _, _| Ok(false))?,
        }
        Ok(())
    }

    /// An element has its boolean in a byte of its own, a field in its type.
    fn skip_element(&mut self, kind: Kind, depth_left: usize) -> Result<()> {
        match kind {
            Kind::True | Kind::False => self.byte().map(drop),
            other => self.skip(other, depth_left),
        }
    }
}
