//! Rows as text: a JSON object or a line of CSV a row, and `name=value` for people.
//!
//! Nothing is lost on the way: decimals keep their digits and are JSON numbers, days and instants are text as ClickHouse
//! and SQL read it, bytes that are no UTF-8 are hexadecimal digits. In CSV null is an empty cell and an empty text is `""`.

use anyhow::{Context, Result, bail};
use arrow::array::{Array, AsArray, BinaryArray, ListArray, MapArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// The cells of one column.
struct Cells<'a> {
    array: &'a dyn Array,
    kind: Kind<'a>,
}

enum Kind<'a> {
    /// What JSON writes as it stands: numbers and truth.
    Bare(ArrayFormatter<'a>),
    /// What JSON writes as text.
    Quoted(ArrayFormatter<'a>),
    Double,
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
    List(&'a ListArray, Box<Cells<'a>>),
    Map(&'a MapArray, Box<Cells<'a>>, Box<Cells<'a>>),
}

/// The rows of a batch.
pub(crate) struct Rows<'a> {
    columns: Vec<(&'a str, Cells<'a>)>,
    count: usize,
}

impl<'a> Rows<'a> {
    /// Looks at a batch.
    pub(crate) fn new(batch: &'a RecordBatch) -> Result<Self> {
        let columns = batch.schema_ref().fields().iter().zip(batch.columns());
        let columns = columns.map(|(field, array)| Ok((field.name().as_str(), Cells::new(array.as_ref())?)));
        Ok(Self { columns: columns.collect::<Result<_>>()?, count: batch.num_rows() })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// A row as a JSON object on one line.
    pub(crate) fn json(&self, row: usize) -> String {
        let mut text = String::from("{");
        for (index, (name, cells)) in self.columns.iter().enumerate() {
            text.push_str(if index > 0 { "," } else { "" });
            text.push_str(&quoted(name));
            text.push(':');
            cells.json(row, &mut text);
        }
        text.push('}');
        text
    }

    /// The names of the columns as a line of CSV.
    pub(crate) fn csv_header(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| csv_cell((*name).to_owned())).collect();
        names.join(",")
    }

    /// A row as a line of CSV.
    pub(crate) fn csv(&self, row: usize) -> String {
        let cells = self.columns.iter().map(|(_, cells)| match cells.array.is_null(row) {
            true => String::new(),
            false => csv_cell(cells.plain(row)),
        });
        cells.collect::<Vec<_>>().join(",")
    }

    /// A row as `name=value  name=value`, for people.
    pub(crate) fn text(&self, row: usize) -> String {
        let cells = self.columns.iter().map(|(name, cells)| {
            let value = match cells.array.is_null(row) {
                true => "null".to_owned(),
                false => told(cells.plain(row)),
            };
            format!("{name}={value}")
        });
        cells.collect::<Vec<_>>().join("  ")
    }
}

impl<'a> Cells<'a> {
    fn new(array: &'a dyn Array) -> Result<Self> {
        let formatter = || ArrayFormatter::try_new(array, &OPTIONS).context("a column cannot be shown");
        let kind = match array.data_type() {
            DataType::Utf8 => Kind::Text(array.as_string()),
            DataType::Binary => Kind::Bytes(array.as_binary()),
            DataType::Float64 => Kind::Double,
            DataType::List(_) => {
                let list = array.as_list();
                Kind::List(list, Box::new(Cells::new(list.values().as_ref())?))
            }
            DataType::Map(_, _) => {
                let map = array.as_map();
                let parts = [map.keys(), map.values()].map(|part| Cells::new(part.as_ref()));
                let [keys, values] = parts;
                Kind::Map(map, Box::new(keys?), Box::new(values?))
            }
            DataType::Decimal128(_, _) | DataType::Boolean => Kind::Bare(formatter()?),
            number if number.is_integer() => Kind::Bare(formatter()?),
            DataType::Struct(_) | DataType::Union(_, _) => bail!("a column of type {} has no text", array.data_type()),
            _ => Kind::Quoted(formatter()?),
        };
        Ok(Self { array, kind })
    }

    fn json(&self, row: usize, text: &mut String) {
        if self.array.is_null(row) {
            text.push_str("null");
            return;
        }
        match &self.kind {
            Kind::Bare(formatter) => text.push_str(&formatter.value(row).to_string()),
            Kind::Quoted(_) | Kind::Text(_) | Kind::Bytes(_) => text.push_str(&quoted(&self.plain(row))),
            Kind::Double => {
                let value = self.array.as_primitive::<Float64Type>().value(row);
                // JSON knows no infinity.
                text.push_str(&serde_json::Number::from_f64(value).map_or("null".to_owned(), |it| it.to_string()));
            }
            Kind::List(list, items) => {
                let (start, end) = (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
                text.push('[');
                for index in start..end {
                    text.push_str(if index > start { "," } else { "" });
                    items.json(index, text);
                }
                text.push(']');
            }
            Kind::Map(map, keys, values) => {
                let (start, end) = (map.value_offsets()[row] as usize, map.value_offsets()[row + 1] as usize);
                text.push('{');
                for index in start..end {
                    text.push_str(if index > start { "," } else { "" });
                    text.push_str(&quoted(&keys.plain(index)));
                    text.push(':');
                    values.json(index, text);
                }
                text.push('}');
            }
        }
    }

    fn plain(&self, row: usize) -> String {
        match &self.kind {
            Kind::Bare(formatter) | Kind::Quoted(formatter) => formatter.value(row).to_string(),
            Kind::Text(texts) => texts.value(row).to_owned(),
            Kind::Bytes(bytes) => bytes_as_text(bytes.value(row)),
            Kind::Double => self.array.as_primitive::<Float64Type>().value(row).to_string(),
            Kind::List(..) | Kind::Map(..) => {
                let mut text = String::new();
                self.json(row, &mut text);
                text
            }
        }
    }
}

const OPTIONS: FormatOptions<'static> = FormatOptions::new();

/// Bytes as the text that they are, or as hexadecimal digits.
pub(crate) fn bytes_as_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Text as JSON.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value for people: quoted where one could not see where it ends.
fn told(value: String) -> String {
    let unclear = |character: char| character.is_control() || character == '"' || character == '=';
    let bare = !value.is_empty() && value != "null" && value.trim() == value && !value.contains("  ");
    if bare && !value.contains(unclear) { value } else { quoted(&value) }
}

fn csv_cell(value: String) -> String {
    let plain = !value.is_empty() && !value.contains([',', '"', '\n', '\r']);
    if plain { value } else { format!("\"{}\"", value.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BinaryArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
        StringArray, TimestampMillisecondArray,
    };
    use arrow::datatypes::Int32Type;

    use super::Rows;

    #[test]
    fn every_kind_of_value_keeps_what_it_says() {
        let decimals = Decimal128Array::from(vec![Some(12_345_678_901_234_567_890_123_456_789_i128), None]);
        let decimals = decimals.with_precision_and_scale(38, 2).expect("a decimal");
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), Some(vec![])]);
        let columns: [(&str, ArrayRef); 8] = [
            ("text", Arc::new(StringArray::from(vec![Some("a \"b\", c"), Some("")]))),
            ("whole", Arc::new(Int64Array::from(vec![Some(i64::MAX), None]))),
            ("money", Arc::new(decimals)),
            ("share", Arc::new(Float64Array::from(vec![0.5, f64::INFINITY]))),
            ("day", Arc::new(Date32Array::from(vec![Some(20_458), None]))),
            ("at", Arc::new(TimestampMillisecondArray::from(vec![Some(1_767_225_600_000), None]).with_timezone("UTC"))),
            ("bytes", Arc::new(BinaryArray::from(vec![Some(&b"\xff\x00"[..]), Some(b"text")]))),
            ("list", Arc::new(lists)),
        ];
        let batch = RecordBatch::try_from_iter(columns).expect("a batch");
        let rows = Rows::new(&batch).expect("rows");
        let wanted = r#"{"text":"a \"b\", c","whole":9223372036854775807,"money":123456789012345678901234567.89,"share":0.5,"day":"2026-01-05","at":"2026-01-01T00:00:00Z","bytes":"ff00","list":[1,null]}"#;
        assert_eq!(rows.json(0), wanted);
        let wanted =
            r#"{"text":"","whole":null,"money":null,"share":null,"day":null,"at":null,"bytes":"text","list":[]}"#;
        assert_eq!(rows.json(1), wanted);
        assert_eq!(rows.csv_header(), "text,whole,money,share,day,at,bytes,list");
        let wanted = "\"a \"\"b\"\", c\",9223372036854775807,123456789012345678901234567.89,0.5,2026-01-05,2026-01-01T00:00:00Z,ff00,\"[1,null]\"";
        assert_eq!(rows.csv(0), wanted);
        assert_eq!(rows.csv(1), "\"\",,,inf,,,text,[]");
        assert!(rows.text(1).starts_with("text=\"\"  whole=null  "), "{}", rows.text(1));
    }
}
