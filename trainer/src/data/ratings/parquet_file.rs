//! Ratings in Parquet's files, as pandas, Polars and Spark write them.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::columns::Places;
use super::pages::Pages;
use super::read::Reader;
use super::{Columns, RatingsError};

/// What such a file begins with, and ends with.
pub(super) const MAGIC: &[u8] = b"PAR1";

/// The values of a column, row after row; none where a row has none.
enum Cells {
    Whole(Vec<Option<i128>>),
    Single(Vec<Option<f32>>),
    Real(Vec<Option<f64>>),
    Text(Vec<Option<ByteArray>>),
}

/// Adds the rows of `file` to `reader`.
pub(super) fn read(file: &Path, reader: &mut Reader, columns: &Columns) -> Result<(), RatingsError> {
    // Of a file whose bytes were changed the crate panics here and there.
    catch_unwind(AssertUnwindSafe(|| rows(file, reader, columns))).unwrap_or_else(|_| {
        let problem = "it is damaged: write it anew".into();
        Err(RatingsError::Parquet { file: file.into(), problem })
    })
}

fn rows(file: &Path, reader: &mut Reader, columns: &Columns) -> Result<(), RatingsError> {
    let told = |problem: String| RatingsError::Parquet { file: file.into(), problem };
    let broken = |error: ParquetError| told(format!("{error}: it is damaged or cut off, write it anew"));
    let unread = |source| RatingsError::Read { file: file.into(), source };
    let opened = Arc::new(File::open(file).map_err(unread)?);
    let parquet = SerializedFileReader::new(opened.try_clone().map_err(unread)?).map_err(broken)?;
    let schema = parquet.metadata().file_metadata().schema_descr_ptr();
    // Parts of lists and structures are no columns of the table.
    let plain: Vec<usize> = (0..schema.num_columns()).filter(|at| is_plain(&schema.column(*at))).collect();
    let header: Vec<String> = plain.iter().map(|at| schema.column(*at).name().to_owned()).collect();
    let fields = schema.root_schema().get_fields().iter().map(|field| field.name().to_owned());
    let nested: Vec<String> = fields.filter(|name| !header.contains(name)).collect();
    let places = Places::find(columns, &header, &nested, file)?;
    reader.rated(places.rating.is_some());
    let mut row = 0;
    for group in 0..parquet.num_row_groups() {
        let group = parquet.get_row_group(group).map_err(broken)?;
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
        let cells = |place: usize| {
            let at = plain[place];
            let name = &header[place];
            let stored = group.metadata().column(at);
            let compression = stored.compression();
            let by_crate = matches!(compression, Compression::UNCOMPRESSED | Compression::SNAPPY);
            if !by_crate && !Pages::reads(compression) {
                // Without its level.
                let compression = compression.to_string();
                let compression = compression.split('(').next().unwrap_or_default();
                return Err(told(format!(
                    "column {name:?} is compressed by {compression}, which is not read: write it with snappy, in pandas by \
                    to_parquet(..., compression=\"snappy\")"
                )));
            }
            let described = schema.column(at);
            let column = match Pages::reads(compression) {
                true => {
                    Pages::new(&opened, stored, rows).map(|pages| get_column_reader(described.clone(), Box::new(pages)))
                }
                false => group.get_column_reader(at),
            };
            let column = column.map_err(broken)?;
            let Some(cells) = cells(column, rows, &described).map_err(broken)? else {
                let kind = format!("{} ({})", described.physical_type(), described.converted_type());
                return Err(told(format!(
                    "column {name:?} is of type {kind}, which is not read: make it numbers or text"
                )));
            };
            match cells.len() == rows {
                true => Ok(cells),
                false => Err(told(format!("column {name:?} has {} values of {rows}: write it anew", cells.len()))),
            }
        };
        let [user, item] = [cells(places.user)?, cells(places.item)?];
        let [rating, time] = [places.rating, places.timestamp].map(|place| place.map(cells).transpose());
        let (rating, time) = (rating?, time?);
        let (mut user_name, mut item_name) = (String::new(), String::new());
        for at in 0..rows {
            row += 1;
            user.name(at, "user", &mut user_name).map_err(|problem| reader.wrong(row, problem))?;
            item.name(at, "item", &mut item_name).map_err(|problem| reader.wrong(row, problem))?;
            let number = |cells: &Option<Cells>, what: &str, none: f64| match cells {
                None => Ok(none),
                Some(cells) => cells.number(at, what).map_err(|problem| reader.wrong(row, problem)),
            };
            let (rating, time) = (number(&rating, "rating", 1.0)?, number(&time, "timestamp", 0.0)?);
            reader.add(row, [&user_name, &item_name], rating, time)?;
        }
    }
    Ok(())
}

/// Whether it is a column by itself, with one value a row.
fn is_plain(column: &ColumnDescriptor) -> bool {
    column.path().parts().len() == 1 && column.max_rep_level() == 0
}

/// The `rows` values of a column; nothing if they are neither numbers nor text.
fn cells(column: ColumnReader, rows: usize, described: &ColumnDescriptor) -> Result<Option<Cells>, ParquetError> {
    use ConvertedType as Kind;
    let (kind, levels) = (described.converted_type(), described.max_def_level());
    let unsigned = matches!(kind, Kind::UINT_8 | Kind::UINT_16 | Kind::UINT_32 | Kind::UINT_64);
    Ok(Some(match column {
        _ if kind == Kind::DECIMAL => return Ok(None),
        ColumnReader::BoolColumnReader(column) => Cells::Whole(values(column, rows, levels, |x| i128::from(*x))?),
        ColumnReader::Int32ColumnReader(column) => Cells::Whole(values(column, rows, levels, |x| match unsigned {
            true => i128::from(x.cast_unsigned()),
            false => i128::from(*x),
        })?),
        ColumnReader::Int64ColumnReader(column) => Cells::Whole(values(column, rows, levels, |x| match unsigned {
            true => i128::from(x.cast_unsigned()),
            false => i128::from(*x),
        })?),
        // Spark's times.
        ColumnReader::Int96ColumnReader(column) => {
            Cells::Whole(values(column, rows, levels, |x| i128::from(x.to_micros()))?)
        }
        ColumnReader::FloatColumnReader(column) => Cells::Single(values(column, rows, levels, |x| *x)?),
        ColumnReader::DoubleColumnReader(column) => Cells::Real(values(column, rows, levels, |x| *x)?),
        ColumnReader::ByteArrayColumnReader(column) => Cells::Text(values(column, rows, levels, ByteArray::clone)?),
        ColumnReader::FixedLenByteArrayColumnReader(_) => return Ok(None),
    }))
}

/// Reads `rows` values. A row has one if its definition level is the highest, `most`.
fn values<T: DataType, C>(
    mut column: ColumnReaderImpl<T>,
    rows: usize,
    most: i16,
    cell: impl Fn(&T::T) -> C,
) -> Result<Vec<Option<C>>, ParquetError> {
    let (mut levels, mut values, mut read) = (Vec::new(), Vec::new(), 0);
    while read < rows {
        let (more, ..) = column.read_records(rows - read, Some(&mut levels), None, &mut values)?;
        if more == 0 {
            break;
        }
        read += more;
    }
    let mut values = values.iter();
    if most == 0 {
        return Ok(values.map(|value| Some(cell(value))).collect());
    }
    Ok(levels.iter().map(|level| if *level == most { values.next().map(&cell) } else { None }).collect())
}

impl Cells {
    fn len(&self) -> usize {
        match self {
            Self::Whole(cells) => cells.len(),
            Self::Single(cells) => cells.len(),
            Self::Real(cells) => cells.len(),
            Self::Text(cells) => cells.len(),
        }
    }

    /// What a user or an item is called. Whole numbers are without a point, whatever their type: pandas makes floats of them where
    /// some are missing.
    fn name(&self, at: usize, what: &str, to: &mut String) -> Result<(), String> {
        to.clear();
        let text = match self {
            Self::Whole(cells) => cells[at].map(|x| x.to_string()),
            Self::Single(cells) => cells[at].map(|x| x.to_string()),
            Self::Real(cells) => cells[at].map(|x| x.to_string()),
            Self::Text(cells) => cells[at].as_ref().map(|text| utf8(text, what)).transpose()?.map(str::to_owned),
        };
        match text.as_deref().map(str::trim) {
            None | Some("") => Err(format!("the {what} is empty")),
            Some(_) if self.is_no_number(at) => Err(format!("the {what} is {}", text.unwrap_or_default())),
            Some(text) => {
                to.push_str(text);
                Ok(())
            }
        }
    }

    /// Whether it is infinite or none at all.
    fn is_no_number(&self, at: usize) -> bool {
        match self {
            Self::Single(cells) => cells[at].is_some_and(|x| !x.is_finite()),
            Self::Real(cells) => cells[at].is_some_and(|x| !x.is_finite()),
            Self::Whole(_) | Self::Text(_) => false,
        }
    }

    fn number(&self, at: usize, what: &str) -> Result<f64, String> {
        let number = match self {
            Self::Whole(cells) => cells[at].map(|x| x as f64),
            Self::Single(cells) => cells[at].map(f64::from),
            Self::Real(cells) => cells[at],
            Self::Text(cells) => {
                let text = cells[at].as_ref().map(|text| utf8(text, what)).transpose()?;
                let parse = |text: &str| text.trim().parse().map_err(|_| format!("the {what} {text:?} is no number"));
                text.map(parse).transpose()?
            }
        };
        number.ok_or_else(|| format!("the {what} is empty: a number should stand there"))
    }
}

fn utf8<'a>(text: &'a ByteArray, what: &str) -> Result<&'a str, String> {
    std::str::from_utf8(text.data()).map_err(|_| format!("the {what} is no UTF-8"))
}
