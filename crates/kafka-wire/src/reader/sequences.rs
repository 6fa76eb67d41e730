//! What has a length: text, bytes, arrays.

use bytes::Bytes;

use super::Reader;
use crate::error::{ReadError, ReadReason, STRING_MAX};
use crate::segment::Segment;
use crate::text::Str;

/// Which integer tells a length.
#[derive(Clone, Copy)]
enum Width {
    Two,
    Four,
    Compact,
}

impl Width {
    fn of(compact: bool, plain: Self) -> Self {
        match compact {
            true => Self::Compact,
            false => plain,
        }
    }
}

impl Reader {
    /// A length, or a count of elements that take `least` bytes each: so many must be left.
    fn length(
        &mut self,
        field: &'static str,
        width: Width,
        least: usize,
    ) -> Result<Option<usize>, ReadError> {
        let length = match width {
            Width::Two => i64::from(self.int16(field)?),
            Width::Four => i64::from(self.int32(field)?),
            Width::Compact => i64::from(self.varint(field)?) - 1,
        };
        if length == -1 {
            return Ok(None);
        }
        let Ok(length) = usize::try_from(length) else {
            return Err(self.error(field, ReadReason::Negative(length)));
        };
        let needed = length.saturating_mul(least);
        match needed <= self.left() {
            true => Ok(Some(length)),
            false => Err(self.short(field, needed)),
        }
    }

    fn present<T>(&self, field: &'static str, value: Option<T>) -> Result<T, ReadError> {
        value.ok_or_else(|| self.error(field, ReadReason::Null))
    }

    /// The value, where null is allowed or it is not null.
    fn allowed<T>(
        &self,
        field: &'static str,
        value: Option<T>,
        null: bool,
    ) -> Result<Option<T>, ReadError> {
        match value {
            None if !null => Err(self.error(field, ReadReason::Null)),
            value => Ok(value),
        }
    }

    fn text(&mut self, field: &'static str, compact: bool) -> Result<Option<Str>, ReadError> {
        let width = Width::of(compact, Width::Two);
        let Some(length) = self.length(field, width, 1)? else {
            return Ok(None);
        };
        if length > STRING_MAX {
            return Err(self.error(field, ReadReason::Long(length)));
        }
        if length == 0 {
            return Ok(Some(Str::EMPTY));
        }
        let text = Str::from_utf8(self.frame.slice(self.at..self.at + length));
        let text = text.map_err(|_| self.error(field, ReadReason::NoText))?;
        self.at += length;
        Ok(Some(text))
    }

    fn slice(&mut self, field: &'static str, compact: bool) -> Result<Option<Bytes>, ReadError> {
        let width = Width::of(compact, Width::Four);
        let length = self.length(field, width, 1)?;
        Ok(length.map(|length| {
            let start = self.at;
            self.at += length;
            self.frame.slice(start..self.at)
        }))
    }

    pub(crate) fn string(&mut self, field: &'static str, compact: bool) -> Result<Str, ReadError> {
        let text = self.text(field, compact)?;
        self.present(field, text)
    }

    pub(crate) fn string_or_null(
        &mut self,
        field: &'static str,
        compact: bool,
        null: bool,
    ) -> Result<Option<Str>, ReadError> {
        let text = self.text(field, compact)?;
        self.allowed(field, text, null)
    }

    pub(crate) fn bytes(&mut self, field: &'static str, compact: bool) -> Result<Bytes, ReadError> {
        let bytes = self.slice(field, compact)?;
        self.present(field, bytes)
    }

    pub(crate) fn bytes_or_null(
        &mut self,
        field: &'static str,
        compact: bool,
        null: bool,
    ) -> Result<Option<Bytes>, ReadError> {
        let bytes = self.slice(field, compact)?;
        self.allowed(field, bytes, null)
    }

    /// Record batches; null is read as none.
    pub(crate) fn segment(
        &mut self,
        field: &'static str,
        compact: bool,
    ) -> Result<Segment, ReadError> {
        let bytes = self.slice(field, compact)?;
        Ok(Segment::Bytes(bytes.unwrap_or_default()))
    }

    /// An array whose elements take at least `least` bytes each.
    pub(crate) fn array<T>(
        &mut self,
        field: &'static str,
        compact: bool,
        least: usize,
        read: impl FnMut(&mut Self) -> Result<T, ReadError>,
    ) -> Result<Vec<T>, ReadError> {
        let array = self.array_or_null(field, compact, true, least, read)?;
        self.present(field, array)
    }

    pub(crate) fn array_or_null<T>(
        &mut self,
        field: &'static str,
        compact: bool,
        null: bool,
        least: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, ReadError>,
    ) -> Result<Option<Vec<T>>, ReadError> {
        let count = self.length(field, Width::of(compact, Width::Four), least)?;
        let Some(count) = self.allowed(field, count, null)? else {
            return Ok(None);
        };
        self.charge(field, count, size_of::<T>())?;
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(read(self)?);
        }
        Ok(Some(elements))
    }

    /// Takes what `count` elements occupy from the allowance.
    fn charge(&mut self, field: &'static str, count: usize, size: usize) -> Result<(), ReadError> {
        let left = self.allowance.checked_sub(count.saturating_mul(size));
        let allowed = self.allowance;
        self.allowance = left.ok_or_else(|| self.error(field, ReadReason::Memory { allowed }))?;
        Ok(())
    }
}
