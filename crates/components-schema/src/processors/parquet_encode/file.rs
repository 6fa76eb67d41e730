//! Columns, written as a file.

use std::sync::Arc;

use millrace_message::Error;
use parquet::basic::{self, LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, SchemaDescriptor, Type, TypePtr};

use super::columns::{ColumnType, Columns, Field, Leaf, Occurs, Shape};
use super::rows::{Data, Rows, Values};
use super::{Compression, Encoding};

/// What all files of a processor have in common.
pub(super) struct Table {
    columns: Columns,
    schema: TypePtr,
    properties: Arc<WriterProperties>,
}

impl Table {
    pub fn new(
        columns: Columns,
        compression: Compression,
        encoding: Encoding,
    ) -> Result<Self, Error> {
        let schema = schema(&columns).map_err(|error| refused("make the schema", &error))?;
        let schema = Arc::new(schema);
        let properties = properties(&columns, &schema, compression, encoding);
        Ok(Self {
            columns,
            schema,
            properties: Arc::new(properties),
        })
    }

    /// No rows yet, with room for so many.
    pub fn rows(&self, count: usize) -> Rows<'_> {
        Rows::new(&self.columns, count)
    }

    /// The file of some rows.
    ///
    /// # Errors
    /// A column is larger than a file can have it.
    pub fn write(&self, rows: &Rows<'_>) -> Result<Vec<u8>, Error> {
        let written = self.try_write(rows);
        written.map_err(|error| refused("write the file", &error))
    }

    fn try_write(&self, rows: &Rows<'_>) -> Result<Vec<u8>, ParquetError> {
        let mut file = Vec::new();
        let schema = Arc::clone(&self.schema);
        let properties = Arc::clone(&self.properties);
        let mut writer = SerializedFileWriter::new(&mut file, schema, properties)?;
        let mut group = writer.next_row_group()?;
        let mut columns = rows.data.iter();
        while let Some(mut column) = group.next_column()? {
            if let Some(data) = columns.next() {
                write_column(column.untyped(), data)?;
            }
            column.close()?;
        }
        group.close()?;
        writer.close()?;
        Ok(file)
    }
}

fn refused(what: &str, error: &ParquetError) -> Error {
    Error::rejected(format!("{what}: {error}"))
}

fn write_column(writer: &mut ColumnWriter<'_>, data: &Data) -> Result<(), ParquetError> {
    let (definition, repetition) = (data.definition(), data.repetition());
    match (writer, &data.values) {
        (ColumnWriter::BoolColumnWriter(writer), Values::Bool(values)) => {
            writer.write_batch(values, definition, repetition)?;
        }
        (ColumnWriter::Int32ColumnWriter(writer), Values::Int32(values)) => {
            writer.write_batch(values, definition, repetition)?;
        }
        (ColumnWriter::Int64ColumnWriter(writer), Values::Int64(values)) => {
            writer.write_batch(values, definition, repetition)?;
        }
        (ColumnWriter::FloatColumnWriter(writer), Values::Float(values)) => {
            writer.write_batch(values, definition, repetition)?;
        }
        (ColumnWriter::DoubleColumnWriter(writer), Values::Double(values)) => {
            writer.write_batch(values, definition, repetition)?;
        }
        (ColumnWriter::ByteArrayColumnWriter(writer), Values::Bytes(values)) => {
            writer.write_batch(values, definition, repetition)?;
        }
        _ => {
            let text = "a column of another type than its schema says";
            return Err(ParquetError::General(text.to_owned()));
        }
    }
    Ok(())
}

fn properties(
    columns: &Columns,
    schema: &TypePtr,
    compression: Compression,
    encoding: Encoding,
) -> WriterProperties {
    let compression = match compression {
        Compression::Uncompressed => basic::Compression::UNCOMPRESSED,
        Compression::Snappy => basic::Compression::SNAPPY,
        Compression::Gzip => basic::Compression::GZIP(basic::GzipLevel::default()),
        Compression::Brotli => basic::Compression::BROTLI(basic::BrotliLevel::default()),
        Compression::Zstd => basic::Compression::ZSTD(basic::ZstdLevel::default()),
        Compression::Lz4raw => basic::Compression::LZ4_RAW,
    };
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by("millrace".to_owned())
        .set_compression(compression)
        .set_encoding(basic::Encoding::PLAIN)
        .set_dictionary_enabled(matches!(encoding, Encoding::RleDictionary));
    if matches!(encoding, Encoding::DeltaLengthByteArray) {
        for (leaf, path) in columns.leaves.iter().zip(paths(schema)) {
            if matches!(leaf.kind, ColumnType::ByteArray | ColumnType::Utf8) {
                let encoding = basic::Encoding::DELTA_LENGTH_BYTE_ARRAY;
                builder = builder.set_column_encoding(path, encoding);
            }
        }
    }
    builder.build()
}

/// The ways to the leaves, in order.
fn paths(schema: &TypePtr) -> Vec<ColumnPath> {
    let descriptor = SchemaDescriptor::new(Arc::clone(schema));
    let columns = descriptor.columns().iter();
    columns.map(|column| column.path().clone()).collect()
}

fn schema(columns: &Columns) -> Result<Type, ParquetError> {
    let fields: Result<Vec<TypePtr>, ParquetError> = columns
        .fields
        .iter()
        .map(|it| field(it, &it.name, &columns.leaves))
        .collect();
    Type::group_type_builder("schema")
        .with_fields(fields?)
        .build()
}

/// A column under a name: those of lists and maps are what the format calls them.
fn field(field: &Field, name: &str, leaves: &[Leaf]) -> Result<TypePtr, ParquetError> {
    let repetition = match field.occurs {
        Occurs::Once => Repetition::REQUIRED,
        Occurs::Optionally => Repetition::OPTIONAL,
        Occurs::Repeatedly(_) => Repetition::REPEATED,
    };
    let built = match &field.shape {
        Shape::Leaf(index) => return leaf(&leaves[*index], name, repetition),
        Shape::Group(fields) => {
            let fields: Result<Vec<TypePtr>, ParquetError> = fields
                .iter()
                .map(|it| self::field(it, &it.name, leaves))
                .collect();
            Type::group_type_builder(name).with_fields(fields?)
        }
        Shape::List(_, element) => {
            let element = self::field(element, "element", leaves)?;
            Type::group_type_builder(name)
                .with_logical_type(Some(LogicalType::List))
                .with_fields(vec![repeated("list", vec![element])?])
        }
        Shape::Map(_, fields) => {
            let [key, value] = &**fields;
            let key = self::field(key, "key", leaves)?;
            let value = self::field(value, "value", leaves)?;
            Type::group_type_builder(name)
                .with_logical_type(Some(LogicalType::Map))
                .with_fields(vec![repeated("key_value", vec![key, value])?])
        }
    };
    built.with_repetition(repetition).build().map(Arc::new)
}

fn repeated(name: &str, fields: Vec<TypePtr>) -> Result<TypePtr, ParquetError> {
    Type::group_type_builder(name)
        .with_repetition(Repetition::REPEATED)
        .with_fields(fields)
        .build()
        .map(Arc::new)
}

fn leaf(leaf: &Leaf, name: &str, repetition: Repetition) -> Result<TypePtr, ParquetError> {
    let integer = |bits| Some(LogicalType::integer(bits, true));
    let decimal = || Some(LogicalType::decimal(leaf.scale, leaf.precision));
    let (physical, logical) = match leaf.kind {
        ColumnType::Boolean => (Physical::BOOLEAN, None),
        ColumnType::Int8 => (Physical::INT32, integer(8)),
        ColumnType::Int16 => (Physical::INT32, integer(16)),
        ColumnType::Int32 => (Physical::INT32, integer(32)),
        ColumnType::Int64 => (Physical::INT64, integer(64)),
        ColumnType::Decimal32 => (Physical::INT32, decimal()),
        ColumnType::Decimal64 => (Physical::INT64, decimal()),
        ColumnType::Float => (Physical::FLOAT, None),
        ColumnType::Double => (Physical::DOUBLE, None),
        ColumnType::Utf8 => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnType::ByteArray | ColumnType::Map | ColumnType::List | ColumnType::Struct => {
            (Physical::BYTE_ARRAY, None)
        }
    };
    let mut builder = Type::primitive_type_builder(name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical);
    if matches!(leaf.kind, ColumnType::Decimal32 | ColumnType::Decimal64) {
        builder = builder
            .with_precision(leaf.precision)
            .with_scale(leaf.scale);
    }
    builder.build().map(Arc::new)
}
