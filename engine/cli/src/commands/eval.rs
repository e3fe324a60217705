//! `eval`: tries an expression.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, StringArray};
use arrow::compute;
use batch::ColumnType;
use expression::{Expression, Names, Scope};

use crate::arguments::{Eval, Format};
use crate::exit::{Exit, failure};
use crate::show;

/// Names and their values.
struct Given(Vec<(String, ArrayRef)>);

impl Names for Given {
    fn values(&self, name: &str) -> Option<ArrayRef> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| Arc::clone(value))
    }

    fn rows(&self) -> usize {
        1
    }
}

pub(crate) fn eval(arguments: &Eval) -> Result<Exit> {
    let mut scope = Scope::new();
    let mut given = Given(Vec::new());
    for pair in &arguments.with {
        let wrong = || failure(Exit::Usage, format!("`{pair}` is not NAME=VALUE"), "such as --with quantity=12");
        let (name, text) = pair.split_once('=').ok_or_else(wrong)?;
        let (name, kind) = name.split_once(':').unwrap_or((name, "text"));
        let column = ColumnType::parse(kind)
            .map_err(|error| failure(Exit::Usage, format!("{pair}: {error}"), "such as --with quantity:bigint=12"))?;
        let value = (text != "null").then_some(text);
        let options = compute::CastOptions { safe: false, ..compute::CastOptions::default() };
        let array = compute::cast_with_options(&StringArray::from(vec![value]), &column.of.arrow(), &options)
            .map_err(|_| failure(Exit::Usage, format!("`{text}` is no {}", column.of), "give a value of that type"))?;
        scope = scope.with_name(name, ColumnType::nullable(column.of));
        given.0.push((name.to_owned(), array));
    }
    let expression = match Expression::compile(&arguments.expression, &scope) {
        Ok(expression) => expression,
        Err(errors) => {
            for error in &errors {
                let (start, end) = (error.span.start, error.span.end.max(error.span.start + 1));
                let column = arguments.expression.get(..start).map_or(0, |before| before.chars().count());
                show::note(&format!("error[{}]: {}", error.code, error.message));
                show::note(&format!("  {}", arguments.expression));
                show::note(&format!("  {}{}", " ".repeat(column), "^".repeat(end - start)));
                if let Some(nearest) = &error.nearest {
                    show::note(&format!("  did you mean `{nearest}`?"));
                }
                if let Some(remedy) = &error.remedy {
                    show::note(&format!("  to go on: {remedy}"));
                }
            }
            return Ok(Exit::Topology);
        }
    };
    let evaluated = expression.evaluate(&given);
    let kind = &expression.column_type().of;
    if let Some(failed) = evaluated.failures.first() {
        show::note(&format!("the row fails: {} {}", failed.code, failed.message));
        return Ok(Exit::Topology);
    }
    let value = evaluated.values;
    let text = if value.is_empty() || value.is_null(0) {
        None
    } else {
        Some(arrow::util::display::array_value_to_string(&value, 0).context("the value cannot be shown")?)
    };
    match arguments.format {
        Format::Json => show::json(&serde_json::json!({ "type": kind.to_string(), "value": text })),
        Format::Text => show::line(&format!("{}  ({kind})", text.as_deref().unwrap_or("null"))),
    }
    Ok(Exit::Fine)
}
