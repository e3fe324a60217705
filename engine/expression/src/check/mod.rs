//! Gives types to a syntax tree and makes the tree that is evaluated.
//!
//! A part with an error gives `None` after reporting it, and what stands around stays silent, so that every message is
//! about a mistake of its own.

mod conversion;
mod keys;
mod operators;
mod remedies;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, ListBuilder, StringArray, StringBuilder, new_null_array,
};
use batch::{Code, ColumnType, Type};

pub(crate) use conversion::literal_integer;
pub(crate) use operators::{add_days, days_between, without_signed_zeros};

pub(crate) use self::remedies::nearest;
use self::remedies::{is_nothing, meant_as_text};
use crate::calendar;
use crate::cast::caster;
use crate::column::Column;
use crate::decimal::parse_decimal;
use crate::evaluate::apply;
use crate::expression::ExpressionError;
use crate::functions::{self, Call};
use crate::habits::type_elsewhere;
use crate::parse::{DEEPEST, too_large};
use crate::scope::{Constant, Scope, UserFunction};
use crate::syntax::{Is, Operator, Span, Syntax, SyntaxKind};
use crate::tree::{Kind, Literal, Node, OPERAND, Operation};

/// What may stand behind `as` in a cast.
const TYPES: &str = "types are text, boolean, tinyint, smallint, integer, bigint (each also unsigned), double, decimal(P, S), date, \
                     timestamp(3, UTC), timestamp(3), binary, list of TYPE, map of text to TYPE";

/// Type-checks one expression and collects what is wrong with it.
pub(crate) struct Checker<'a> {
    text: &'a str,
    scope: &'a Scope,
    pub(crate) errors: Vec<ExpressionError>,
    /// How many calls stand around that may do without what fails in them.
    forgiving: usize,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(text: &'a str, scope: &'a Scope) -> Self {
        Self { text, scope, errors: Vec::new(), forgiving: 0 }
    }

    /// Reports an error. Always `None`, to be returned.
    #[expect(clippy::needless_pass_by_value, reason = "callers make the message for this call")]
    pub(crate) fn error<T>(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: String,
        remedy: &str,
    ) -> Option<T> {
        self.errors.push(ExpressionError {
            code: Code(code),
            span: span.clone(),
            message: batch::bounded(&message),
            remedy: (!remedy.is_empty()).then(|| remedy.to_owned()),
            nearest: None,
        });
        None
    }

    /// The piece of the expression that a failure names, of bounded length.
    pub(crate) fn context(&self, span: &Span) -> Arc<str> {
        const LONGEST: usize = 80;
        let mut piece =
            self.text.get(span.clone()).unwrap_or(self.text).split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((cut, _)) = piece.char_indices().nth(LONGEST) {
            piece.truncate(cut);
            piece.push('…');
        }
        piece.into()
    }

    pub(crate) fn check(&mut self, syntax: &Syntax) -> Option<Node> {
        let node = self.check_kind(syntax)?;
        if node.depth > 2 * DEEPEST {
            self.errors.push(too_large(syntax.span.clone()));
            return None;
        }
        Some(node)
    }

    fn check_kind(&mut self, syntax: &Syntax) -> Option<Node> {
        let span = &syntax.span;
        match &syntax.kind {
            SyntaxKind::Name { name, quoted } => self.name(name, *quoted, span),
            SyntaxKind::Null => Some(null()),
            SyntaxKind::Boolean(value) => Some(constant(Type::Boolean, Arc::new(BooleanArray::from(vec![*value])))),
            SyntaxKind::Number(number) => self.number(number, span),
            SyntaxKind::Text(text) => Some(text_constant(text)),
            SyntaxKind::Moment { date, text } => self.moment(*date, text, span),
            SyntaxKind::Not(operand) => self.not(operand),
            SyntaxKind::Negate(operand) => self.negate(operand, span),
            SyntaxKind::Binary { operator, left, right }
                if operator.is_arithmetic() && (left.is_joined() || right.is_joined()) =>
            {
                self.joined_before_added(*operator, left, right, span)
            }
            SyntaxKind::Binary { .. } if self.is_bare_date(span) => {
                let date = self.written(span).to_owned();
                let remedy = format!("write `date '{date}'`");
                self.error("E3301", span, "this is a subtraction of numbers, not a date".to_owned(), &remedy)
            }
            SyntaxKind::Binary { operator, left, right } => {
                let (left_node, right_node) = (self.check(left), self.check(right));
                let null = |side: &Syntax| matches!(side.kind, SyntaxKind::Null);
                if operator.is_plain_comparison() && null(left) != null(right) {
                    return self.against_null(*operator, if null(left) { right } else { left }, span);
                }
                let found = self.binary(*operator, (left_node?, &left.span), (right_node?, &right.span), span);
                if found.is_none() {
                    self.remedy_of_comparison(*operator, left, right);
                } else if operator.is_comparison() && self.is_one_name(left, right) {
                    return self.against_itself(*operator, left, span);
                }
                found
            }
            SyntaxKind::Logic { and, terms } => {
                if self.value_for_comparison(*and, terms) {
                    return None;
                }
                let nodes: Vec<_> = terms.iter().map(|term| self.condition(term)).collect();
                let nodes: Vec<Node> = nodes.into_iter().collect::<Option<_>>()?;
                let nullable = nodes.iter().any(|node| node.nullable);
                Some(Node::new(Type::Boolean, nullable, Kind::Logic { and: *and, terms: nodes }))
            }
            SyntaxKind::Is { operand, what: Is::Null, negated } => {
                let operand = self.check(operand)?;
                Some(self.is_null(operand, *negated, span))
            }
            SyntaxKind::Is { operand, what, negated } => {
                let operand = self.condition(operand)?;
                Some(self.is_truth(operand, *what == Is::True, *negated, span))
            }
            SyntaxKind::In { operand, list, negated } => self.in_list(operand, list, *negated, span),
            SyntaxKind::Between { operand, low, high, negated } => self.between(operand, low, high, *negated, span),
            SyntaxKind::Like { operand, pattern, escape, ignore_case, negated } => {
                let nodes =
                    (self.check(operand), self.check(pattern), escape.as_ref().map(|escape| self.check(escape)));
                let escape = match (nodes.2, escape) {
                    (Some(node), Some(syntax)) => Some((node?, syntax.span.clone())),
                    _ => None,
                };
                self.like(
                    (nodes.0?, operand.span.clone()),
                    (nodes.1?, pattern.span.clone()),
                    escape,
                    *ignore_case,
                    *negated,
                )
            }
            SyntaxKind::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref())
            }
            SyntaxKind::Cast { operand, target, target_span, or_null } => {
                let node = self.check(operand);
                let target = self.written_type(target, target_span);
                let (node, target) = (node?, target?);
                if !or_null && self.never_casts(operand, &node, &target) {
                    return None;
                }
                let cast = self.cast(node, &target, span)?;
                Some(if *or_null { Node::new(cast.of.clone(), true, Kind::Try(Box::new(cast))) } else { cast })
            }
            SyntaxKind::Call { name, name_span, arguments } => self.call(name, name_span, arguments, span),
            SyntaxKind::Array(items) => {
                let nodes: Vec<_> = items.iter().map(|item| Some((self.check(item)?, item.span.clone()))).collect();
                self.array(nodes.into_iter().collect::<Option<_>>()?, span)
            }
            SyntaxKind::Element { of, index } if self.is_no_key(of, index) => None,
            SyntaxKind::Element { of, index } => {
                let nodes = (self.check(of), self.check(index));
                let arguments = vec![(nodes.0?, of.span.clone()), (nodes.1?, index.span.clone())];
                functions::element(self, &Call { name: "element", span: span.clone(), arguments })
            }
        }
    }

    fn name(&mut self, name: &str, quoted: bool, span: &Span) -> Option<Node> {
        let Some(known) = self.scope.resolve(name, quoted).cloned() else {
            let nearest = self.nearest_name(name);
            let nearest = nearest.filter(|_| !is_nothing(name) || quoted);
            let remedy = match (&nearest, name.split_once('.')) {
                (None, None) if !quoted && self.scope.resolve(&format!("document.{name}"), false).is_some() => {
                    format!("did you mean `document.{name}`?")
                }
                (None, None) if is_nothing(name) => "write `null`; a test for it is `x is null`".to_owned(),
                (_, Some((map, key))) if map.eq_ignore_ascii_case("row") => format!("write `row['{key}']`"),
                (Some(nearest), _) => format!("did you mean `{nearest}`?"),
                (None, Some((family @ ("document" | "trailer" | "param"), part))) => self.remedy_of(family, part),
                (None, _) => self.names_here(),
            };
            let remedy = if quoted { meant_as_text(name, &remedy) } else { remedy };
            self.error::<()>("E3201", span, format!("there is no name `{name}` here"), &remedy);
            if let Some(error) = self.errors.last_mut() {
                error.nearest = nearest;
            }
            return None;
        };
        if let Some(of) = self.scope.names.get(&known) {
            return Some(Node::new(of.of.clone(), of.nullable, Kind::Name(known)));
        }
        self.scope.constants.get(&known).cloned().and_then(|value| self.constant_of(&value, span))
    }

    fn constant_of(&mut self, value: &Constant, span: &Span) -> Option<Node> {
        match value {
            Constant::Null => Some(null()),
            Constant::Boolean(value) => Some(constant(Type::Boolean, Arc::new(BooleanArray::from(vec![*value])))),
            Constant::Integer(value) => self.number(&value.to_string(), span),
            Constant::Decimal(text) => self.number(text, span),
            Constant::Text(text) => Some(text_constant(text)),
            Constant::Date(date) => {
                Some(constant(Type::Date, Arc::new(Date32Array::from(vec![calendar::days_of(*date)]))))
            }
            Constant::TextList(texts) => {
                let mut builder = ListBuilder::new(StringBuilder::new());
                builder.append_value(texts.iter().map(|text| Some(&**text)));
                Some(constant(Type::List(Box::new(Type::Text)), Arc::new(builder.finish())))
            }
        }
    }

    fn number(&mut self, number: &str, span: &Span) -> Option<Node> {
        if number.contains(['e', 'E']) {
            let value = number.parse::<f64>().ok().filter(|value| value.is_finite());
            let Some(value) = value else {
                return self.error(
                    "E3302",
                    span,
                    "the number is too large for a double".to_owned(),
                    "write fewer digits",
                );
            };
            return Some(constant(Type::Double, Arc::new(Float64Array::from(vec![value]))));
        }
        let digits = number.trim_start_matches(['-', '+']);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let scale = u8::try_from(fraction.len()).unwrap_or(u8::MAX);
        let whole = u8::try_from(whole.trim_start_matches('0').len()).unwrap_or(u8::MAX);
        let precision = whole.saturating_add(scale).max(1);
        let parsed = (precision <= 38).then(|| parse_decimal(number, precision, scale).ok()).flatten();
        let Some(value) = parsed else {
            return self.error("E3302", span, "a number has at most 38 digits".to_owned(), "write fewer digits");
        };
        let (of, literal) = if number.contains('.') {
            (Type::Decimal { precision, scale }, Literal::Decimal(number.into()))
        } else {
            (literal_integer(value), Literal::Integer(value))
        };
        let mut node = constant(Type::Decimal { precision: 38, scale }, conversion::decimal_array(value, 38, scale));
        node = self.converted(node, &of, span)?;
        node.literal = Some(literal);
        Some(node)
    }

    fn moment(&mut self, date: bool, text: &str, span: &Span) -> Option<Node> {
        let of = if date {
            Type::Date
        } else {
            let instant = calendar::parse_iso(text).is_ok_and(|moment| moment.offset_minutes.is_some());
            Type::Timestamp { digits: 6, zone: instant.then(|| "UTC".into()) }
        };
        self.converted(text_constant(text), &of, span)
    }

    /// A type as written in a cast.
    pub(crate) fn written_type(&mut self, written: &str, span: &Span) -> Option<Type> {
        let plain = written.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
        let written = match plain.as_str() {
            "timestamp with time zone" | "timestamptz" => "timestamp(6, UTC)",
            "timestamp(6) with time zone" => "timestamp(6, UTC)",
            "timestamp without time zone" => "timestamp(6)",
            _ => written,
        };
        match Type::parse(written) {
            Ok(Type::Timestamp { zone: Some(zone), .. }) if zone.parse::<chrono_tz::Tz>().is_err() => self.error(
                "E3303",
                span,
                format!("there is no zone `{zone}`"),
                "write a name such as `UTC` or `America/New_York`",
            ),
            Ok(of) => Some(of),
            Err(error) => {
                let remedy = match (&error, type_elsewhere(written)) {
                    (batch::TypeError::Arguments(_), _) if written.eq_ignore_ascii_case("decimal") => {
                        "write `decimal(18, 4)`: 18 digits, 4 of them behind the point".to_owned()
                    }
                    (batch::TypeError::Arguments(_), _) => "mend what stands in the brackets".to_owned(),
                    (_, Some(ours)) => format!("write `{ours}`"),
                    (batch::TypeError::Unknown(_), None) => TYPES.to_owned(),
                };
                self.error("E3303", span, error.to_string(), &remedy)
            }
        }
    }

    /// An explicit cast.
    pub(crate) fn cast(&mut self, node: Node, target: &Type, span: &Span) -> Option<Node> {
        if let Some(node) = self.retyped(&node, target) {
            return Some(node);
        }
        if node.of == *target {
            return Some(Node { literal: None, ..node });
        }
        let Some(operation) = caster(&node.of, target) else {
            let remedy = match (&node.of, target) {
                (Type::Timestamp { zone: Some(_), .. }, Type::Date) => "write `date_of(x, 'America/New_York')`",
                (Type::Timestamp { .. } | Type::Date, Type::Timestamp { .. }) => {
                    "write `at_zone(x, 'America/New_York')`"
                }
                _ => "cast to text first, or use a function",
            };
            return self.error("E3303", span, format!("{} cannot be cast to {target}", node.of), remedy);
        };
        Some(self.apply(target.clone(), operation, vec![node], span))
    }

    /// An operation that is null where an argument is; computed now if all arguments are known.
    pub(crate) fn apply(&self, of: Type, operation: Operation, arguments: Vec<Node>, span: &Span) -> Node {
        let nullable = arguments.iter().any(|argument| argument.nullable);
        self.apply_as(of, nullable, operation, arguments, span)
    }

    pub(crate) fn apply_as(
        &self,
        of: Type,
        nullable: bool,
        operation: Operation,
        arguments: Vec<Node>,
        span: &Span,
    ) -> Node {
        let known: Option<Vec<Column>> = arguments
            .iter()
            .map(|argument| match &argument.kind {
                Kind::Constant(values) => Some(Column::fine(Arc::clone(values), true)),
                _ => None,
            })
            .collect();
        let context = self.context(span);
        if let Some(columns) = known {
            let column = apply(&operation, columns, &context, 1);
            // A failure stays for the rows to have, as `try` or a branch may forgive it.
            if column.failures.is_empty() {
                return Node::new(of, column.values.null_count() > 0, Kind::Constant(column.values));
            }
        }
        Node::new(of, nullable, Kind::Apply { operation, arguments, context })
    }

    /// `2024-01-31` without quotes, which is 1992.
    fn is_bare_date(&self, span: &Span) -> bool {
        let text = self.text.get(span.clone()).unwrap_or("").as_bytes();
        let fits =
            |(index, byte): (usize, &u8)| if matches!(index, 4 | 7) { *byte == b'-' } else { byte.is_ascii_digit() };
        text.len() == 10 && text.iter().enumerate().all(fits)
    }

    fn against_null<T>(&mut self, operator: Operator, other: &Syntax, span: &Span) -> Option<T> {
        let written = self.text.get(other.span.clone()).filter(|text| text.len() < 60).unwrap_or("x").trim();
        let not = if operator == Operator::Equal { "" } else { "not " };
        let remedy = format!("write `{written} is {not}null`");
        self.error("E3307", span, "a comparison with null is null for every row, never true".to_owned(), &remedy)
    }

    /// True if both sides are one name, however it is written.
    fn is_one_name(&self, left: &Syntax, right: &Syntax) -> bool {
        let known = |side: &Syntax| match &side.kind {
            SyntaxKind::Name { name, quoted } => self.scope.resolve(name, *quoted),
            _ => None,
        };
        known(left).is_some_and(|left| Some(left) == known(right))
    }

    fn against_itself<T>(&mut self, operator: Operator, side: &Syntax, span: &Span) -> Option<T> {
        let written = self.written(&side.span).to_owned();
        let remedy = match operator {
            Operator::Equal => {
                format!("text stands in 'single quotes'; write `{written} is not null` if that is meant")
            }
            _ => "compare with another name, or with a text in 'single quotes'".to_owned(),
        };
        self.error("E3308", span, format!("`{written}` is compared with itself"), &remedy)
    }

    fn call(&mut self, name: &str, name_span: &Span, arguments: &[Syntax], span: &Span) -> Option<Node> {
        let lower = name.to_ascii_lowercase();
        let user = self.scope.functions.get(lower.as_str()).cloned();
        let built_in = functions::find(&lower);
        let forgives = usize::from(matches!(lower.as_str(), "try" | "coalesce"));
        self.forgiving += forgives;
        let checked: Vec<_> =
            arguments.iter().map(|argument| Some((self.check(argument)?, argument.span.clone()))).collect();
        self.forgiving -= forgives;
        if let Some(function) = user {
            return self.user_call(&function, checked.into_iter().collect::<Option<_>>(), arguments.len(), span);
        }
        let Some(function) = built_in else {
            if let Some(remedy) = self.remedy_of_call(name, arguments) {
                return self.error("E3202", name_span, format!("there is no function `{name}`"), &remedy);
            }
            if let Some(remedy) = functions::synonym(&lower) {
                return self.error("E3202", name_span, format!("there is no function `{name}`"), &remedy);
            }
            let known = functions::functions().iter().map(|function| function.name);
            let nearest = nearest(&lower, known.chain(self.scope.functions.keys().map(|name| &**name)));
            let remedy = match (&nearest, lower.as_str()) {
                (_, "now" | "today" | "current_date" | "current_timestamp" | "random" | "rand") => {
                    "take a date of the document, such as `document.date`, or a column; a clock would give a replay other rows"
                        .to_owned()
                }
                (_, "sum" | "count" | "avg" | "min" | "max" | "median" | "any" | "row_number" | "lag" | "lead") => {
                    "an expression sees one row; what takes many rows belongs into a query of the table".to_owned()
                }
                (Some(nearest), _) => format!("did you mean `{nearest}`?"),
                _ => "`spotlight eval --functions` lists them; your own stand under `functions:`".to_owned(),
            };
            self.error::<()>("E3202", name_span, format!("there is no function `{name}`"), &remedy);
            if let Some(error) = self.errors.last_mut() {
                error.nearest = nearest;
            }
            return None;
        };
        let arguments = checked.into_iter().collect::<Option<_>>()?;
        functions::call(self, function, Call { name: function.name, span: span.clone(), arguments })
    }

    fn user_call(
        &mut self,
        function: &UserFunction,
        arguments: Option<Vec<(Node, Span)>>,
        given: usize,
        span: &Span,
    ) -> Option<Node> {
        let expected = function.parameters.len();
        if given != expected {
            let names = function.parameters.iter().map(|(name, of)| format!("{name}: {}", of.of)).collect::<Vec<_>>();
            let message = format!("`{}` takes {expected} arguments, not {given}", function.name);
            return self.error("E3203", span, message, &format!("write `{}({})`", function.name, names.join(", ")));
        }
        let mut converted = Vec::with_capacity(expected);
        for ((node, span), (_, of)) in arguments?.into_iter().zip(&function.parameters) {
            converted.push(self.converted(node, &of.of, &span));
        }
        let arguments: Vec<Node> = converted.into_iter().collect::<Option<_>>()?;
        let nullable = function.result.nullable || arguments.iter().any(|argument| argument.nullable);
        let body = Arc::clone(function.body.node());
        let of = body.of.clone();
        let names = function.parameters.iter().map(|(name, _)| Arc::clone(name)).collect();
        let bound = Node::new(of, nullable, Kind::Bind { names, arguments, body });
        self.converted(bound, &function.result.of, span)
    }

    fn case(
        &mut self,
        operand: Option<&Syntax>,
        branches: &[(Syntax, Syntax)],
        otherwise: Option<&Syntax>,
    ) -> Option<Node> {
        let operand = operand.map(|operand| (self.check(operand), &operand.span));
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for (at, (condition, value)) in branches.iter().enumerate() {
            conditions.push(match &operand {
                None if self.value_for_condition(&branches[..at], condition) => None,
                None => self.condition(condition),
                Some((operand, operand_span)) => {
                    let condition_node = self.check(condition);
                    match (operand, condition_node) {
                        (Some(operand), Some(node)) => {
                            let bound = match operand.literal {
                                Some(_) => operand.clone(),
                                None => Node::new(operand.of.clone(), operand.nullable, Kind::Name(OPERAND.into())),
                            };
                            self.binary(
                                Operator::Equal,
                                (bound, operand_span),
                                (node, &condition.span),
                                &condition.span,
                            )
                        }
                        _ => None,
                    }
                }
            });
            values.push(self.check(value).map(|node| (node, value.span.clone())));
        }
        let otherwise = otherwise.map(|otherwise| Some((self.check(otherwise)?, otherwise.span.clone())));
        let has_else = otherwise.is_some();
        let values = values.into_iter().chain(otherwise).collect::<Option<Vec<_>>>();
        let conditions = conditions.into_iter().collect::<Option<Vec<_>>>();
        let mut values = self.unified(values?, None)?;
        let of = values.first().map_or(Type::Text, |value| value.of.clone());
        let nullable = !has_else || values.iter().any(|value| value.nullable);
        let otherwise = if has_else { values.pop().map(Box::new) } else { None };
        let branches = conditions?.into_iter().zip(values).collect();
        let case = Node::new(of.clone(), nullable, Kind::Case { branches, otherwise });
        Some(match operand {
            None => case,
            Some((operand, _)) => Node::new(
                of,
                nullable,
                Kind::Bind { names: vec![OPERAND.into()], arguments: vec![operand?], body: Arc::new(case) },
            ),
        })
    }

    /// Converts the whole expression for a column.
    pub(crate) fn assign(&mut self, node: Node, syntax: &Syntax, target: &ColumnType) -> Option<Node> {
        let mut node = self.assigned(node, &target.of, &syntax.span)?;
        if !target.nullable {
            node = self.required(node, &syntax.span);
        }
        Some(node)
    }
}

pub(crate) fn constant(of: Type, values: ArrayRef) -> Node {
    let nullable = values.null_count() > 0;
    Node::new(of, nullable, Kind::Constant(values))
}

pub(crate) fn text_constant(text: &str) -> Node {
    let mut node = constant(Type::Text, Arc::new(StringArray::from(vec![text])));
    node.literal = Some(Literal::Text(text.into()));
    node
}

fn null() -> Node {
    let mut node = constant(Type::Text, new_null_array(&Type::Text.arrow(), 1));
    node.literal = Some(Literal::Null);
    node
}
