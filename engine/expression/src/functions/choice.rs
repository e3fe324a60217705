//! Functions that choose among their arguments: `coalesce`, `nullif`, `try`, `greatest`, `least`.

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::compute::kernels::cmp;
use arrow::compute::kernels::zip::zip;

use super::Call;
use crate::check::{Checker, without_signed_zeros};
use crate::column::{Outcome, null_where, truths};
use crate::evaluate::null_if;
use crate::syntax::Operator;
use crate::tree::{Kind, Node, Operation};

pub(super) fn coalesce(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let parts = checker.unified(call.arguments.clone(), None)?;
    let of = parts.first()?.of.clone();
    let nullable = parts.iter().all(|part| part.nullable);
    Some(Node::new(of, nullable, Kind::Coalesce(parts)))
}

pub(super) fn null_when_equal(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let mut arguments = call.arguments.iter().cloned();
    let ((value, value_span), (other, other_span)) = (arguments.next()?, arguments.next()?);
    let (left, right) = ((value.clone(), &value_span), (other, &other_span));
    let equal = checker.comparison(Operator::Equal, left, right, &call.span)?;
    let of = value.of.clone();
    Some(checker.apply_as(of, true, Operation::new(null_if), vec![value, equal], &call.span))
}

pub(super) fn forgive(_: &mut Checker<'_>, call: &Call) -> Option<Node> {
    let (node, _) = call.arguments.first()?.clone();
    Some(Node::new(node.of.clone(), true, Kind::Try(Box::new(node))))
}

fn extreme(checker: &mut Checker<'_>, call: &Call, largest: bool) -> Option<Node> {
    let parts = checker.unified(call.arguments.clone(), None)?;
    let mut parts = parts.into_iter();
    let mut best = parts.next()?;
    if matches!(best.of, batch::Type::List(_) | batch::Type::Map(_)) {
        let remedy = "use numbers, dates or texts";
        return checker.error("E3301", &call.span, "lists and maps have no order".to_owned(), remedy);
    }
    for part in parts {
        let of = best.of.clone();
        let carrier = of.arrow();
        let double = of == batch::Type::Double;
        let operation = Operation::new(move |arguments| {
            let side = |position: usize| {
                if double {
                    without_signed_zeros(&arguments.columns[position]).datum()
                } else {
                    arguments.datum(position)
                }
            };
            let (left, right) = (side(0), side(1));
            let chosen = if largest { cmp::gt_eq(&*left, &*right) } else { cmp::lt_eq(&*left, &*right) };
            let values = chosen.and_then(|chosen| {
                let unknown = arrow::compute::is_null(&chosen)?;
                let spread = |position: usize| arguments.columns[position].clone().spread(arguments.count).values;
                let mask = BooleanArray::new(truths(&(Arc::new(chosen) as arrow::array::ArrayRef)), None);
                let values = zip(&mask, &spread(0), &spread(1))?;
                Ok(null_where(&values, &unknown))
            });
            Outcome::from_kernel(values, arguments.count, &carrier)
        });
        best = checker.apply(of, operation, vec![best, part], &call.span);
    }
    Some(best)
}

pub(super) fn greatest(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    extreme(checker, call, true)
}

pub(super) fn least(checker: &mut Checker<'_>, call: &Call) -> Option<Node> {
    extreme(checker, call, false)
}
