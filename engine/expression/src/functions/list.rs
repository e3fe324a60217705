//! Lists and maps. Positions count from 1; what is not there is null.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, UInt64Array, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::kernels::cmp;
use arrow::compute::{interleave, is_null, take};
use arrow::datatypes::{DataType, Field, Int64Type};
use batch::Type;

use super::{Call, argument, literal};
use crate::cast::each_item;
use crate::check::{Checker, without_signed_zeros};
use crate::column::{Argument, Arguments, Column, Outcome, null_where, numbers, truths};
use crate::syntax::Span;
use crate::tree::{Literal, Node, Operation};

fn texts() -> Type {
    Type::List(Box::new(Type::Text))
}

/// The type of the items of the first argument, or an error if it is no list.
fn item(checker: &mut Checker<'_>, call: &Call) -> Option<(Node, Type)> {
    let (node, span) = call.arguments.first()?.clone();
    match &node.of {
        Type::List(item) => {
            let item = (**item).clone();
            Some((node, item))
        }
        Type::Text if node.literal == Some(Literal::Null) => {
            Some((checker.converted(node, &texts(), &span)?, Type::Text))
        }
        of => {
            let written = checker.written(&span);
            let remedy = format!("make a list of it: `split({written}, separator)`, or `[{written}]`");
            checker.error("E3301", &span, format!("`{}` takes a list, not {of}", call.name), &remedy)
        }
    }
}

/// First and past-last index of the items of a row, or `None` if the list is null.
fn window(offsets: &[i32], index: Option<usize>) -> Option<(usize, usize)> {
    let index = index?;
    Some((usize::try_from(offsets[index]).ok()?, usize::try_from(offsets[index + 1]).ok()?))
}

pub(super) fn length(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (node, _) = item(checker, call)?;
    let operation = Operation::new(|arguments| {
        let lists: &ListArray = arguments.values(0).as_list();
        numbers::<Int64Type>(arguments.count, &DataType::Int64, |row| {
            let window = window(lists.value_offsets(), arguments.index(0, row));
            Ok(window.and_then(|(start, end)| i64::try_from(end - start).ok()))
        })
    });
    Some(checker.apply(Type::BIGINT, operation, vec![node], &call.span))
}

/// An element of a list by position, or of a map by key.
pub(crate) fn element(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (node, _) = call.arguments.first()?.clone();
    let (of, operation, index) = match &node.of {
        Type::Map(value) => {
            let index = argument(checker, call, 1, &Type::Text)?;
            ((**value).clone(), Operation::new(map_element), index)
        }
        Type::List(item) => {
            let index = argument(checker, call, 1, &Type::BIGINT)?;
            ((**item).clone(), Operation::new(list_element), index)
        }
        of => {
            let message = format!("{of} has no elements");
            let remedy = "elements are those of lists and maps: `list[position]`, `map[key]`";
            return checker.error("E3301", &call.span, message, remedy);
        }
    };
    Some(checker.apply_as(of, true, operation, vec![node, index], &call.span))
}

fn list_element(arguments: &Arguments<'_>) -> Outcome {
    let lists: &ListArray = arguments.values(0).as_list();
    let positions = arguments.number::<Int64Type>(1);
    let indices: UInt64Array = (0..arguments.count)
        .map(|row| {
            let (start, end) = window(lists.value_offsets(), arguments.index(0, row))?;
            let position = usize::try_from(positions.get(row)?).ok()?.checked_sub(1)?;
            start.checked_add(position).filter(|at| *at < end).and_then(|at| u64::try_from(at).ok())
        })
        .collect();
    Outcome::from_kernel(take(lists.values(), &indices, None), arguments.count, lists.values().data_type())
}

/// The value of the first entry with the key.
fn map_element(arguments: &Arguments<'_>) -> Outcome {
    let maps = arguments.values(0).as_map();
    let keys = maps.keys().as_string::<i32>();
    let sought: Argument<'_, _> = arguments.text(1);
    // Rows of one document have the same keys in the same order, so the last place is the best guess.
    let mut guess = 0;
    let indices: UInt64Array = (0..arguments.count)
        .map(|row| {
            let (start, end) = window(maps.value_offsets(), arguments.index(0, row))?;
            let key = sought.get(row)?;
            if start + guess >= end || keys.value(start + guess) != key {
                guess = (start..end).position(|at| keys.value(at) == key)?;
            }
            u64::try_from(start + guess).ok()
        })
        .collect();
    Outcome::from_kernel(take(maps.values(), &indices, None), arguments.count, maps.values().data_type())
}

pub(super) fn map_keys(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (node, span) = call.arguments.first()?.clone();
    let Type::Map(_) = node.of else {
        return checker.error(
            "E3301",
            &span,
            format!("`map_keys` takes a map, not {}", node.of),
            "such as `map_keys(row)`",
        );
    };
    let operation = Operation::new(|arguments| {
        let maps = arguments.values(0).as_map();
        let field = Arc::new(Field::new("item", DataType::Utf8, true));
        let lists = ListArray::try_new(field, maps.offsets().clone(), Arc::clone(maps.keys()), maps.nulls().cloned());
        Outcome::from_kernel(lists.map(|lists| Arc::new(lists) as ArrayRef), arguments.count, &texts().arrow())
    });
    Some(checker.apply(texts(), operation, vec![node], &call.span))
}

pub(super) fn contains(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (node, of) = item(checker, call)?;
    let sought = argument(checker, call, 1, &of)?;
    if matches!(of, Type::List(_) | Type::Map(_)) {
        let remedy = "use lists of plain values";
        return checker.error("E3301", &call.span, "lists and maps cannot be compared".to_owned(), remedy);
    }
    let double = of == Type::Double;
    let operation = Operation::new(move |arguments| {
        let lists: &ListArray = arguments.values(0).as_list();
        // The sought value of each item's row, beside the items.
        let mut rows = Vec::new();
        let mut items: Vec<u64> = Vec::new();
        let mut found: Vec<Option<bool>> = Vec::with_capacity(arguments.count);
        for row in 0..arguments.count {
            let window = window(lists.value_offsets(), arguments.index(0, row));
            let sought = arguments.index(1, row);
            found.push(window.and(sought).map(|_| false));
            if let (Some((start, end)), Some(sought)) = (window, sought) {
                for at in start..end {
                    rows.push((row, sought as u64));
                    items.push(at as u64);
                }
            }
        }
        let beside: UInt64Array = rows.iter().map(|(_, sought)| *sought).collect::<Vec<_>>().into();
        let equal = take(lists.values(), &UInt64Array::from(items), None).and_then(|items| {
            let sides = [items, take(arguments.values(1), &beside, None)?].map(|side| Column::fine(side, false));
            let [items, sought] = if double { sides.map(|side| without_signed_zeros(&side)) } else { sides };
            cmp::eq(&items.values, &sought.values)
        });
        match equal {
            Ok(equal) => {
                let equal = truths(&(Arc::new(equal) as ArrayRef));
                for at in equal.set_indices() {
                    found[rows[at].0] = Some(true);
                }
                Outcome::fine(Arc::new(BooleanArray::from(found)))
            }
            Err(error) => Outcome::boolean(Err(error), arguments.count),
        }
    });
    Some(checker.apply(Type::Boolean, operation, vec![node, sought], &call.span))
}

pub(super) fn cast_items(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let written = literal(checker, call, 1, "type")?;
    let (node, _) = item(checker, call)?;
    let span = call.arguments.get(1)?.1.clone();
    let of = checker.written_type(&written, &span)?;
    checker.cast(node, &Type::List(Box::new(of)), &call.span)
}

/// Runs a function of texts over each item of lists of text; further arguments are scalars or one for each row.
fn over_items(arguments: &Arguments<'_>, run: fn(&Arguments<'_>) -> Outcome) -> Outcome {
    let mut lists = arguments.columns[0].clone().spread(arguments.count).values;
    let others: Vec<Column> = arguments.columns[1..].to_vec();
    // Null flows through the list, not into its items.
    for other in others.iter().filter(|other| other.values.null_count() > 0) {
        if let Ok(nulls) = is_null(&other.clone().spread(arguments.count).values) {
            lists = null_where(&lists, &nulls);
        }
    }
    let offsets = lists.as_list::<i32>().offsets().clone();
    let inner = Operation::new(move |items| {
        let mut rows = vec![0_u64; items.count];
        for (row, pair) in offsets.windows(2).enumerate() {
            if let (Ok(start), Ok(end)) = (usize::try_from(pair[0]), usize::try_from(pair[1])) {
                rows[start..end].fill(row as u64);
            }
        }
        let rows = UInt64Array::from(rows);
        let mut columns = items.columns.to_vec();
        for other in &others {
            let spread = if other.scalar { Ok(Arc::clone(&other.values)) } else { take(&other.values, &rows, None) };
            let values = spread.unwrap_or_else(|_| new_null_array(other.values.data_type(), items.count));
            columns.push(Column { values, scalar: other.scalar, failures: Vec::new() });
        }
        run(&Arguments { columns: &columns, count: items.count })
    });
    each_item(&lists, &DataType::Utf8, &inner)
}

pub(super) fn replace_items(arguments: &Arguments<'_>) -> Outcome {
    over_items(arguments, super::text::replace)
}

pub(super) fn trim_items(arguments: &Arguments<'_>) -> Outcome {
    over_items(arguments, super::text::trim)
}

impl Checker<'_> {
    /// `[a, b, c]`: items of one common type.
    pub(crate) fn array(&mut self, items: Vec<(Node, Span)>, span: &Span) -> Option<Node> {
        if items.is_empty() {
            let empty = arrow::array::new_empty_array(&DataType::Utf8);
            let field = Arc::new(Field::new("item", DataType::Utf8, true));
            let list = ListArray::try_new(field, OffsetBuffer::from_lengths([0]), empty, None).ok()?;
            let mut node = crate::check::constant(texts(), Arc::new(list));
            node.literal = Some(Literal::EmptyList);
            return Some(node);
        }
        let nodes = self.unified(items, None)?;
        let item = nodes.first()?.of.clone();
        let of = Type::List(Box::new(item));
        let carrier = of.arrow();
        let operation = Operation::new(move |arguments| {
            let width = arguments.columns.len();
            let arrays: Vec<&dyn Array> = arguments.columns.iter().map(|column| column.values.as_ref()).collect();
            let indices: Vec<(usize, usize)> = (0..arguments.count)
                .flat_map(|row| (0..width).map(move |position| (position, row)))
                .map(|(position, row)| (position, if arguments.columns[position].scalar { 0 } else { row }))
                .collect();
            let lists = interleave(&arrays, &indices).and_then(|items| {
                let field = Arc::new(Field::new("item", items.data_type().clone(), true));
                let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(width, arguments.count));
                ListArray::try_new(field, offsets, items, None)
            });
            Outcome::from_kernel(lists.map(|lists| Arc::new(lists) as ArrayRef), arguments.count, &carrier)
        });
        Some(self.apply_as(of, false, operation, nodes, span))
    }
}
