//! Values on their way through an expression, and what the code of a function sees and gives.
//!
//! A column with `scalar` holds one value that stands for every row. A failed row's value is null in every column.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, BooleanBuilder, Datum, PrimitiveArray,
    PrimitiveBuilder, Scalar, StringArray, StringBuilder, UInt32Array, make_array, new_null_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{nullif, take};
use arrow::datatypes::DataType;
use batch::Code;

/// Why a value could not be made. Copied for each row, so it owns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) what: &'static str,
}

impl Fault {
    pub(crate) const fn new(code: &'static str, what: &'static str) -> Self {
        Self { code: Code(code), what }
    }
}

pub(crate) const OVERFLOW: Fault = Fault::new("E4104", "the result does not fit its type");
pub(crate) const INVALID: Fault = Fault::new("E4105", "an argument is not one that the function takes");

/// A row that failed, and the piece of the expression at which it did.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) row: usize,
    pub(crate) fault: Fault,
    pub(crate) context: Arc<str>,
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) values: ArrayRef,
    pub(crate) scalar: bool,
    /// In order of rows, each row once.
    pub(crate) failures: Vec<Failure>,
}

/// What the code of a function gives.
pub(crate) struct Outcome {
    pub(crate) values: ArrayRef,
    /// In order of rows, each row once; the values there are null.
    pub(crate) faults: Vec<(usize, Fault)>,
}

impl Outcome {
    pub(crate) fn fine(values: ArrayRef) -> Self {
        Self { values, faults: Vec::new() }
    }

    /// A kernel that cannot fail on checked types did: every row fails, and nothing panics.
    pub(crate) fn from_kernel(result: Result<ArrayRef, arrow::error::ArrowError>, count: usize, of: &DataType) -> Self {
        match result {
            Ok(values) => Self::fine(values),
            Err(_) => {
                Self { values: new_null_array(of, count), faults: (0..count).map(|row| (row, INVALID)).collect() }
            }
        }
    }

    pub(crate) fn boolean(result: Result<BooleanArray, arrow::error::ArrowError>, count: usize) -> Self {
        Self::from_kernel(result.map(|values| Arc::new(values) as ArrayRef), count, &DataType::Boolean)
    }
}

/// What the code of a function sees: `count` is 1 if all arguments are scalars.
pub(crate) struct Arguments<'a> {
    pub(crate) columns: &'a [Column],
    pub(crate) count: usize,
}

/// Values of one argument, by row.
pub(crate) struct Argument<'a, A> {
    array: &'a A,
    scalar: bool,
}

impl<'a, A: Array> Argument<'a, A> {
    /// Index of the row's value, or `None` if it is null.
    pub(crate) fn index(&self, row: usize) -> Option<usize> {
        let index = if self.scalar { 0 } else { row };
        self.array.is_valid(index).then_some(index)
    }

    pub(crate) fn array(&self) -> &'a A {
        self.array
    }
}

impl<'a> Argument<'a, StringArray> {
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        self.index(row).map(|index| self.array.value(index))
    }
}

impl<T: ArrowPrimitiveType> Argument<'_, PrimitiveArray<T>> {
    pub(crate) fn get(&self, row: usize) -> Option<T::Native> {
        self.index(row).map(|index| self.array.value(index))
    }
}

impl<'a> Arguments<'a> {
    pub(crate) fn text(&self, position: usize) -> Argument<'a, StringArray> {
        let column = &self.columns[position];
        Argument { array: column.values.as_string::<i32>(), scalar: column.scalar }
    }

    pub(crate) fn number<T: ArrowPrimitiveType>(&self, position: usize) -> Argument<'a, PrimitiveArray<T>> {
        let column = &self.columns[position];
        Argument { array: column.values.as_primitive::<T>(), scalar: column.scalar }
    }

    /// Index of a row's value in an argument of any type, or `None` if it is null.
    pub(crate) fn index(&self, position: usize, row: usize) -> Option<usize> {
        let column = &self.columns[position];
        let index = if column.scalar { 0 } else { row };
        column.values.is_valid(index).then_some(index)
    }

    pub(crate) fn values(&self, position: usize) -> &'a ArrayRef {
        &self.columns[position].values
    }

    /// The argument as arrow's kernels take it.
    pub(crate) fn datum(&self, position: usize) -> Box<dyn Datum> {
        self.columns[position].datum()
    }
}

impl Column {
    pub(crate) fn fine(values: ArrayRef, scalar: bool) -> Self {
        Self { values, scalar, failures: Vec::new() }
    }

    pub(crate) fn datum(&self) -> Box<dyn Datum> {
        if self.scalar { Box::new(Scalar::new(Arc::clone(&self.values))) } else { Box::new(Arc::clone(&self.values)) }
    }

    /// One value for each of `rows` rows.
    pub(crate) fn spread(self, rows: usize) -> Self {
        if !self.scalar {
            return self;
        }
        let failures = match self.failures.first() {
            None => Vec::new(),
            Some(failure) => (0..rows).map(|row| Failure { row, ..failure.clone() }).collect(),
        };
        let values = if rows == 1 { self.values } else { repeat(&self.values, rows) };
        Self { values, scalar: false, failures }
    }

    /// Makes the values of failed rows null.
    pub(crate) fn without_failed(mut self) -> Self {
        if !self.failures.is_empty() {
            let mut mask = vec![false; self.values.len()];
            for failure in &self.failures {
                mask[failure.row] = true;
            }
            self.values = null_where(&self.values, &BooleanArray::from(mask));
        }
        self
    }
}

/// `values`, but null where `mask` is true.
pub(crate) fn null_where(values: &ArrayRef, mask: &BooleanArray) -> ArrayRef {
    nullif(values, mask).unwrap_or_else(|_| new_null_array(values.data_type(), values.len()))
}

fn repeat(values: &ArrayRef, rows: usize) -> ArrayRef {
    take(values, &UInt32Array::from(vec![0; rows]), None).unwrap_or_else(|_| new_null_array(values.data_type(), rows))
}

/// Merges failures of two columns of the same rows; where both failed, the first stays.
pub(crate) fn merge(first: Vec<Failure>, second: Vec<Failure>) -> Vec<Failure> {
    if first.is_empty() {
        return second;
    }
    if second.is_empty() {
        return first;
    }
    let mut all = first;
    all.extend(second);
    all.sort_by_key(|failure| failure.row);
    all.dedup_by_key(|failure| failure.row);
    all
}

/// Makes a column of numbers row by row; a fault gives null.
pub(crate) fn numbers<T: ArrowPrimitiveType>(
    count: usize,
    of: &DataType,
    mut make: impl FnMut(usize) -> Result<Option<T::Native>, Fault>,
) -> Outcome {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(count);
    let mut faults = Vec::new();
    for row in 0..count {
        match make(row) {
            Ok(value) => builder.append_option(value),
            Err(fault) => {
                faults.push((row, fault));
                builder.append_null();
            }
        }
    }
    Outcome { values: Arc::new(builder.finish().with_data_type(of.clone())), faults }
}

/// Most bytes of text that one function makes for one block of rows. Each text is bounded by itself, and a block of many
/// rows could still exhaust the memory, or the 2 GiB that a column of Arrow can address.
pub(crate) const MOST_OF_A_BLOCK: usize = 256 << 20;

/// Makes a column of text row by row; a fault gives null.
pub(crate) fn texts<'a>(count: usize, mut make: impl FnMut(usize) -> Result<Option<Cow<'a, str>>, Fault>) -> Outcome {
    const TOO_MUCH: Fault =
        Fault::new("E4105", "the texts made for this row and those before it would be longer than 256 MiB together");
    let mut builder = StringBuilder::with_capacity(count, count.saturating_mul(8));
    let (mut faults, mut left) = (Vec::new(), MOST_OF_A_BLOCK);
    for row in 0..count {
        let made = make(row).and_then(|value| {
            left = left.checked_sub(value.as_ref().map_or(0, |text| text.len())).ok_or(TOO_MUCH)?;
            Ok(value)
        });
        match made {
            Ok(value) => builder.append_option(value),
            Err(fault) => {
                faults.push((row, fault));
                builder.append_null();
            }
        }
    }
    Outcome { values: Arc::new(builder.finish()), faults }
}

/// Makes a column of booleans row by row.
pub(crate) fn booleans(count: usize, mut make: impl FnMut(usize) -> Option<bool>) -> Outcome {
    let mut builder = BooleanBuilder::with_capacity(count);
    for row in 0..count {
        builder.append_option(make(row));
    }
    Outcome::fine(Arc::new(builder.finish()))
}

/// The same values carried by another, equally shaped type (names of the inner fields differ between producers).
pub(crate) fn relabelled(values: &ArrayRef, of: &DataType) -> Option<ArrayRef> {
    if values.data_type() == of {
        return Some(Arc::clone(values));
    }
    let data = values.to_data();
    let children = data.child_data().to_vec();
    let inner = match of {
        DataType::List(item) => vec![item.data_type().clone()],
        DataType::Map(entries, _) => vec![entries.data_type().clone()],
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type().clone()).collect(),
        _ => return None,
    };
    if inner.len() != children.len() {
        return None;
    }
    let children = children
        .into_iter()
        .zip(&inner)
        .map(|(child, of)| relabelled(&make_array(child), of).map(|child| child.to_data()))
        .collect::<Option<Vec<_>>>()?;
    let data = data.into_builder().data_type(of.clone()).child_data(children).build().ok()?;
    Some(make_array(data))
}

/// Which rows are true: not null, not false.
pub(crate) fn truths(values: &ArrayRef) -> BooleanBuffer {
    let values = values.as_boolean();
    match values.nulls() {
        None => values.values().clone(),
        Some(nulls) => values.values() & nulls.inner(),
    }
}

/// Which rows are false: not null, not true.
pub(crate) fn falsehoods(values: &ArrayRef) -> BooleanBuffer {
    let values = values.as_boolean();
    let negated = !values.values();
    match values.nulls() {
        None => negated,
        Some(nulls) => &negated & nulls.inner(),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use arrow::array::Array;

    use super::{MOST_OF_A_BLOCK, texts};

    #[test]
    fn the_texts_of_a_block_have_a_bound_together() {
        let text = "x".repeat(1 << 20);
        let fit = MOST_OF_A_BLOCK >> 20;
        let made = texts(fit + 3, |row| Ok(Some(Cow::Borrowed(if row == fit + 1 { "" } else { &text }))));
        let faults: Vec<(usize, &str)> = made.faults.iter().map(|(row, fault)| (*row, fault.code.0)).collect();
        assert_eq!(faults, [(fit, "E4105"), (fit + 2, "E4105")]);
        assert_eq!(made.values.null_count(), 2);
    }
}
