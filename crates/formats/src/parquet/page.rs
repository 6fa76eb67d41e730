//! A page: its header, its levels, and its values in whichever encoding.

use millrace_message::Value;

use super::convert::Physical;
use super::schema::Column;
use super::thrift::{Kind, Reader};
use super::{Budget, Result, codec, damaged, delta, hybrid, plain};

/// What a value takes while its page is read and when it is a member of its row, in bytes.
const VALUE_SIZE: usize = 96;

/// What stands in front of a page.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Header {
    kind: i64,
    /// The size of the page when it is unfolded.
    size: usize,
    pub compressed_size: usize,
    values: usize,
    encoding: i64,
    definition_encoding: i64,
    repetition_encoding: i64,
    /// The sizes of the levels of a page of the second version, which are not compressed.
    definition_size: usize,
    repetition_size: usize,
    is_plain: bool,
}

/// The values of a page that are there, and the levels of all.
#[derive(Default)]
pub(super) struct Page {
    pub definition: Vec<u32>,
    pub repetition: Vec<u32>,
    pub values: Vec<Value>,
    /// How many levels there are, where all are 0 and are not written.
    pub count: usize,
}

impl Header {
    pub fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mut header = Self {
            encoding: -1,
            ..Self::default()
        };
        reader.fields(|reader, id, kind| {
            match (id, kind) {
                (1, Kind::Integer) => header.kind = reader.integer()?,
                (2, Kind::Integer) => header.size = reader.count()?,
                (3, Kind::Integer) => header.compressed_size = reader.count()?,
                (5, Kind::Struct) => header.data_page(reader)?,
                (7, Kind::Struct) => header.dictionary_page(reader)?,
                (8, Kind::Struct) => header.data_page_of_version_2(reader)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(header)
    }

    fn data_page(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        reader.fields(|reader, id, kind| {
            match (id, kind) {
                (1, Kind::Integer) => self.values = reader.count()?,
                (2, Kind::Integer) => self.encoding = reader.integer()?,
                (3, Kind::Integer) => self.definition_encoding = reader.integer()?,
                (4, Kind::Integer) => self.repetition_encoding = reader.integer()?,
                _ => return Ok(false),
            }
            Ok(true)
        })
    }

    fn dictionary_page(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        reader.fields(|reader, id, kind| {
            match (id, kind) {
                (1, Kind::Integer) => self.values = reader.count()?,
                (2, Kind::Integer) => self.encoding = reader.integer()?,
                _ => return Ok(false),
            }
            Ok(true)
        })
    }

    fn data_page_of_version_2(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        reader.fields(|reader, id, kind| {
            match (id, kind) {
                (1, Kind::Integer) => self.values = reader.count()?,
                (4, Kind::Integer) => self.encoding = reader.integer()?,
                (5, Kind::Integer) => self.definition_size = reader.count()?,
                (6, Kind::Integer) => self.repetition_size = reader.count()?,
                (7, Kind::False) => {
                    self.is_plain = true;
                    return Ok(false);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })
    }

    pub fn is_dictionary(&self) -> bool {
        self.kind == 2
    }

    /// Whether it holds nothing that rows are made of.
    pub fn is_index(&self) -> bool {
        self.kind == 1
    }
}

/// The values of a dictionary.
pub(super) fn dictionary(
    column: &Column,
    header: &Header,
    codec: i64,
    page: &[u8],
    budget: &mut Budget,
) -> Result<Vec<Value>> {
    if !matches!(header.encoding, 0 | 2) {
        return damaged(format!(
            "a dictionary of the encoding {} is not supported",
            header.encoding
        ));
    }
    budget.charge(header.size, 1)?;
    budget.charge(header.values, VALUE_SIZE)?;
    let content = codec::unfold(codec, page, header.size)?;
    plain::read(column, &content, header.values, budget)
}

/// The levels and values of a data page.
pub(super) fn data(
    column: &Column,
    header: &Header,
    codec: i64,
    page: &[u8],
    dictionary: Option<&[Value]>,
    budget: &mut Budget,
) -> Result<Page> {
    budget.charge(header.size, 1)?;
    budget.charge(header.values, VALUE_SIZE)?;
    match header.kind {
        0 => {
            let content = codec::unfold(codec, page, header.size)?;
            let mut rest = content.as_slice();
            let repetition = levels(
                column.repetition_max,
                header.repetition_encoding,
                &mut rest,
                header.values,
            )?;
            let definition = levels(
                column.definition_max,
                header.definition_encoding,
                &mut rest,
                header.values,
            )?;
            page_of(
                column,
                header,
                [repetition, definition],
                rest,
                dictionary,
                budget,
            )
        }
        3 => {
            let sizes = header.repetition_size.checked_add(header.definition_size);
            let split = sizes.and_then(|sizes| page.split_at_checked(sizes));
            let (Some((written, packed)), Some(size)) =
                (split, sizes.and_then(|it| header.size.checked_sub(it)))
            else {
                return damaged("the levels of a page are larger than the page");
            };
            let content;
            let values = match packed.is_empty() && size == 0 || header.is_plain {
                true => packed,
                false => {
                    content = codec::unfold(codec, packed, size)?;
                    &content
                }
            };
            let (repetition, definition) = written.split_at(header.repetition_size);
            let levels = [
                levels_of(column.repetition_max, repetition, header.values)?,
                levels_of(column.definition_max, definition, header.values)?,
            ];
            page_of(column, header, levels, values, dictionary, budget)
        }
        other => damaged(format!("there is no page of the kind {other}")),
    }
}

fn page_of(
    column: &Column,
    header: &Header,
    [repetition, definition]: [Vec<u32>; 2],
    data: &[u8],
    dictionary: Option<&[Value]>,
    budget: &mut Budget,
) -> Result<Page> {
    let maximum = u32::from(column.definition_max);
    let present = match maximum {
        0 => header.values,
        maximum => definition.iter().filter(|level| **level == maximum).count(),
    };
    Ok(Page {
        values: values(column, header.encoding, data, present, dictionary, budget)?,
        definition,
        repetition,
        count: header.values,
    })
}

/// The levels in front of the values of a page of the first version, with their size in front.
fn levels(maximum: u16, encoding: i64, rest: &mut &[u8], count: usize) -> Result<Vec<u32>> {
    if maximum == 0 {
        return Ok(Vec::new());
    }
    if encoding != 3 {
        return damaged(format!(
            "levels of the encoding {encoding} are not supported"
        ));
    }
    let taken = rest
        .split_first_chunk::<4>()
        .and_then(|(size, behind)| behind.split_at_checked(u32::from_le_bytes(*size) as usize));
    let Some((levels, behind)) = taken else {
        return damaged("the levels of a page are larger than the page");
    };
    *rest = behind;
    levels_of(maximum, levels, count)
}

fn levels_of(maximum: u16, data: &[u8], count: usize) -> Result<Vec<u32>> {
    if maximum == 0 {
        return Ok(Vec::new());
    }
    let levels = hybrid::read(data, u16::BITS - maximum.leading_zeros(), count)?;
    match levels.iter().all(|level| *level <= u32::from(maximum)) {
        true => Ok(levels),
        false => damaged("a level is higher than the schema has any"),
    }
}

/// A value of a dictionary, which is charged each time: the values share it, but what is made of the
/// rows later does not.
fn look_up(dictionary: &[Value], index: u32, budget: &mut Budget) -> Result<Value> {
    let Some(value) = dictionary.get(index as usize) else {
        return damaged("a value is not in the dictionary");
    };
    budget.charge(1, value.weight())?;
    Ok(value.clone())
}

fn values(
    column: &Column,
    encoding: i64,
    data: &[u8],
    count: usize,
    dictionary: Option<&[Value]>,
    budget: &mut Budget,
) -> Result<Vec<Value>> {
    let convert = column.convert;
    match (encoding, column.physical) {
        _ if count == 0 => Ok(Vec::new()),
        (0, _) => plain::read(column, data, count, budget),
        (2 | 8, _) => {
            let Some(dictionary) = dictionary else {
                return damaged("a page needs a dictionary, and there is none");
            };
            let Some((width, data)) = data.split_first() else {
                return damaged("a page ends before its values do");
            };
            let indexes = hybrid::read(data, u32::from(*width), count)?;
            let value = |index: u32| look_up(dictionary, index, budget);
            indexes.into_iter().map(value).collect()
        }
        (3, Physical::Boolean) => {
            // The size of the data stands in front of it.
            let data = data.get(4..).unwrap_or_default();
            let bits = hybrid::read(data, 1, count)?;
            Ok(bits.into_iter().map(|bit| Value::Bool(bit == 1)).collect())
        }
        (5, Physical::Int32) => {
            let (integers, _) = delta::integers(data, count)?;
            Ok(integers
                .into_iter()
                .map(|it| convert.int32(it as i32))
                .collect())
        }
        (5, Physical::Int64) => {
            let (integers, _) = delta::integers(data, count)?;
            Ok(integers.into_iter().map(|it| convert.int64(it)).collect())
        }
        (6, Physical::Bytes) => {
            let (slices, _) = delta::slices(data, count)?;
            let mut value = |slice: &[u8]| convert.bytes(slice, budget);
            slices.into_iter().map(&mut value).collect()
        }
        (7, Physical::Bytes) => {
            let slices = delta::prefixed(data, count, budget)?;
            let mut value = |slice: Vec<u8>| convert.bytes(&slice, budget);
            slices.into_iter().map(&mut value).collect()
        }
        (7, Physical::Fixed(size)) => {
            let slices = delta::prefixed(data, count, budget)?;
            if slices.iter().any(|slice| slice.len() != size) {
                return damaged("a value of a fixed length has another one");
            }
            Ok(slices.iter().map(|slice| convert.fixed(slice)).collect())
        }
        (9, _) => plain::read_split(column, data, count),
        (other, physical) => damaged(format!(
            "the encoding {other} of values of the type {physical:?} is not supported"
        )),
    }
}
