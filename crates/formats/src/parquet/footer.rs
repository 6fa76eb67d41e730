//! The footer: the schema, flat as it is written, and where the pages of each column are.

use super::thrift::{Kind, Reader};
use super::{Budget, Result, damaged};

const MAGIC: &[u8] = b"PAR1";
const MAGIC_OF_ENCRYPTED: &[u8] = b"PARE";

/// What a field of the schema becomes, in bytes; and a group of rows, and a column in it.
const ELEMENT_SIZE: usize = 256;
const ROW_GROUP_SIZE: usize = 64;

pub(super) struct Footer<'a> {
    /// The fields of the schema, each before its children; the first is the schema itself.
    pub elements: Vec<Element<'a>>,
    pub groups: Vec<RowGroup>,
}

/// A field of the schema.
#[derive(Clone, Debug, Default)]
pub(super) struct Element<'a> {
    pub name: &'a str,
    /// How values are stored; groups have none.
    pub physical: Option<i64>,
    /// The size of values of a fixed length.
    pub length: usize,
    /// 0 required, 1 optional, 2 repeated.
    pub repetition: i64,
    pub children: usize,
    pub scale: i64,
    pub logical: Logical,
}

/// What values stand for, in as far as it changes how they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Logical {
    #[default]
    None,
    Map,
    List,
    Decimal,
    Unsigned,
    Json,
}

/// The columns of some rows.
pub(super) struct RowGroup {
    pub rows: usize,
    pub chunks: Vec<Chunk>,
}

/// The pages of one column.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chunk {
    pub physical: i64,
    pub codec: i64,
    /// Where the first page begins.
    pub start: usize,
    /// The size of all pages, with their headers.
    pub size: usize,
}

pub(super) fn read<'a>(file: &'a [u8], budget: &mut Budget) -> Result<Footer<'a>> {
    let Some((rest, magic)) = file.split_last_chunk::<4>() else {
        return damaged("this is no Parquet file");
    };
    if magic == MAGIC_OF_ENCRYPTED {
        return damaged("the file is encrypted, which is not supported");
    }
    if magic != MAGIC || !file.starts_with(MAGIC) {
        return damaged("this is no Parquet file, or it is cut");
    }
    let Some((rest, size)) = rest.split_last_chunk::<4>() else {
        return damaged("the file has no footer");
    };
    let size = u32::from_le_bytes(*size) as usize;
    let Some(start) = rest.len().checked_sub(size) else {
        return damaged("the footer is larger than the file");
    };
    metadata(&mut Reader::new(&rest[start..]), budget)
}

fn metadata<'a>(reader: &mut Reader<'a>, budget: &mut Budget) -> Result<Footer<'a>> {
    let mut footer = Footer {
        elements: Vec::new(),
        groups: Vec::new(),
    };
    reader.fields(|reader, id, kind| {
        match (id, kind) {
            (2, Kind::List) => {
                let (count, kind) = reader.list()?;
                for _ in 0..structs(count, kind)? {
                    budget.charge(1, ELEMENT_SIZE)?;
                    footer.elements.push(element(reader)?);
                }
            }
            (4, Kind::List) => {
                let (count, kind) = reader.list()?;
                for _ in 0..structs(count, kind)? {
                    budget.charge(1, ROW_GROUP_SIZE)?;
                    footer.groups.push(row_group(reader, budget)?);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(footer)
}

/// How many structs a list has, when it is one of structs.
fn structs(count: usize, kind: Kind) -> Result<usize> {
    match kind {
        _ if count == 0 => Ok(0),
        Kind::Struct => Ok(count),
        _ => damaged("metadata: a list holds something else than it should"),
    }
}

fn element<'a>(reader: &mut Reader<'a>) -> Result<Element<'a>> {
    let mut element = Element::default();
    let mut converted = Logical::None;
    reader.fields(|reader, id, kind| {
        match (id, kind) {
            (1, Kind::Integer) => element.physical = Some(reader.integer()?),
            (2, Kind::Integer) => element.length = reader.count()?,
            (3, Kind::Integer) => element.repetition = reader.integer()?,
            (4, Kind::Binary) => element.name = reader.text()?,
            (5, Kind::Integer) => element.children = reader.count()?,
            (6, Kind::Integer) => converted = converted_type(reader.integer()?),
            (7, Kind::Integer) => element.scale = reader.integer()?,
            (10, Kind::Struct) => logical_type(reader, &mut element)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if element.logical == Logical::None {
        element.logical = converted;
    }
    Ok(element)
}

/// The older way to say what values stand for.
fn converted_type(code: i64) -> Logical {
    match code {
        1 | 2 => Logical::Map,
        3 => Logical::List,
        5 => Logical::Decimal,
        11..=14 => Logical::Unsigned,
        19 => Logical::Json,
        _ => Logical::None,
    }
}

/// The newer way, a union: its one field says by its number what the type is.
fn logical_type(reader: &mut Reader<'_>, element: &mut Element<'_>) -> Result<()> {
    reader.fields(|reader, id, kind| {
        element.logical = match (id, kind) {
            (2, Kind::Struct) => Logical::Map,
            (3, Kind::Struct) => Logical::List,
            (5, Kind::Struct) => {
                element.logical = Logical::Decimal;
                reader.fields(|reader, id, kind| {
                    if (id, kind) != (1, Kind::Integer) {
                        return Ok(false);
                    }
                    element.scale = reader.integer()?;
                    Ok(true)
                })?;
                return Ok(true);
            }
            (10, Kind::Struct) => {
                reader.fields(|_, id, kind| {
                    if (id, kind) == (2, Kind::False) {
                        element.logical = Logical::Unsigned;
                    }
                    Ok(false)
                })?;
                return Ok(true);
            }
            (12, Kind::Struct) => Logical::Json,
            _ => return Ok(false),
        };
        Ok(false)
    })
}

fn row_group(reader: &mut Reader<'_>, budget: &mut Budget) -> Result<RowGroup> {
    let mut group = RowGroup {
        rows: 0,
        chunks: Vec::new(),
    };
    reader.fields(|reader, id, kind| {
        match (id, kind) {
            (1, Kind::List) => {
                let (count, kind) = reader.list()?;
                for _ in 0..structs(count, kind)? {
                    budget.charge(1, ROW_GROUP_SIZE)?;
                    group.chunks.push(chunk(reader)?);
                }
            }
            (3, Kind::Integer) => group.rows = reader.count()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(group)
}

fn chunk(reader: &mut Reader<'_>) -> Result<Chunk> {
    let mut found = None;
    let mut is_elsewhere = false;
    reader.fields(|reader, id, kind| {
        match (id, kind) {
            (1, Kind::Binary) => is_elsewhere = !reader.binary()?.is_empty(),
            (3, Kind::Struct) => found = Some(column_metadata(reader)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    match found {
        _ if is_elsewhere => damaged("a column is in another file, which is not supported"),
        Some(chunk) => Ok(chunk),
        None => damaged("a column has no metadata, or is encrypted, which is not supported"),
    }
}

fn column_metadata(reader: &mut Reader<'_>) -> Result<Chunk> {
    let mut chunk = Chunk::default();
    let mut dictionary = 0;
    reader.fields(|reader, id, kind| {
        match (id, kind) {
            (1, Kind::Integer) => chunk.physical = reader.integer()?,
            (4, Kind::Integer) => chunk.codec = reader.integer()?,
            (7, Kind::Integer) => chunk.size = reader.count()?,
            (9, Kind::Integer) => chunk.start = reader.count()?,
            (11, Kind::Integer) => dictionary = reader.count()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    // Some writers give 0 for the place of a dictionary that is not there.
    if dictionary > 0 {
        chunk.start = chunk.start.min(dictionary);
    }
    Ok(chunk)
}
