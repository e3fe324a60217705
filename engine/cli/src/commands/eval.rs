//! `eval`: tries an expression.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, StringArray};
use arrow::compute;
use batch::ColumnType;
use expression::{Expression, ExpressionError, Names, Scope};
use serde_json::json;

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
    if let Some(name) = &arguments.functions {
        return functions(name, arguments.format);
    }
    let text = arguments.expression.as_deref().unwrap_or_default();
    let mut scope = Scope::new();
    let mut given = Given(Vec::new());
    for pair in &arguments.with {
        let wrong = || failure(Exit::Usage, format!("`{pair}` is not NAME=VALUE"), "such as --with quantity=12");
        let (name, text) = pair.split_once('=').ok_or_else(wrong)?;
        let (name, kind) = name.split_once(':').unwrap_or((name, "text"));
        if given.0.iter().any(|(known, _)| known == name) {
            return Err(failure(Exit::Usage, format!("`{name}` is given twice"), "give each name once"));
        }
        let column = ColumnType::parse(kind)
            .map_err(|error| failure(Exit::Usage, format!("{pair}: {error}"), "such as --with quantity:bigint=12"))?;
        let value = (text != "null").then_some(text);
        let options = compute::CastOptions { safe: false, ..compute::CastOptions::default() };
        let array = compute::cast_with_options(&StringArray::from(vec![value]), &column.of.arrow(), &options)
            .map_err(|_| failure(Exit::Usage, format!("`{text}` is no {}", column.of), "give a value of that type"))?;
        scope = scope.with_name(name, ColumnType::nullable(column.of));
        given.0.push((name.to_owned(), array));
    }
    let expression = match Expression::compile(text, &scope) {
        Ok(expression) => expression,
        Err(errors) => {
            errors.iter().for_each(|error| tell(text, error));
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
        Format::Json => show::json(&json!({ "type": kind.to_string(), "value": text })),
        Format::Text => show::line(&format!("{}  ({kind})", text.as_deref().unwrap_or("null"))),
    }
    Ok(Exit::Fine)
}

/// A mistake under its place in the expression.
fn tell(text: &str, error: &ExpressionError) {
    let before = text.get(..error.span.start).unwrap_or(text);
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().map_or(0, |part| part.chars().count());
    let marked =
        text.get(error.span.clone()).and_then(|part| part.lines().next()).map_or(0, |part| part.chars().count());
    show::note(&format!("error[{}]: {}", error.code, error.message));
    show::note(&format!("  {}", text.lines().nth(line).unwrap_or_default()));
    show::note(&format!("  {}{}", " ".repeat(column), "^".repeat(marked.max(1))));
    if let Some(remedy) = &error.remedy {
        show::note(&format!("  to go on: {remedy}"));
    }
}

/// Lists the functions, or shows the one of that name.
fn functions(name: &str, format: Format) -> Result<Exit> {
    let wanted = name.to_ascii_lowercase();
    let found: Vec<_> =
        expression::functions().iter().filter(|known| wanted.is_empty() || known.name == wanted).collect();
    if found.is_empty() {
        let remedy = "spotlight eval --functions lists all functions";
        let known: Vec<&str> = expression::functions().iter().map(|known| known.name).collect();
        let what = format!("there is no function `{name}`{}", show::meant(&wanted, &known));
        return Err(failure(Exit::Usage, what, remedy));
    }
    if format == Format::Json {
        let told = found.iter().map(|function| {
            let examples =
                function.examples.iter().map(|(given, gives)| json!({ "expression": given, "gives": gives }));
            json!({
                "name": function.name, "signatures": function.signatures, "about": function.about,
                "examples": examples.collect::<Vec<_>>(),
            })
        });
        show::json(&told.collect());
        return Ok(Exit::Fine);
    }
    for function in found {
        for signature in function.signatures {
            show::line(signature);
        }
        show::line(&format!("    {}", function.about));
        for (given, gives) in function.examples {
            show::line(&format!("    {given}  =>  {gives}"));
        }
        show::line("");
    }
    Ok(Exit::Fine)
}
