//! What is true or false, what chooses, and casts.

use std::cmp::Ordering;
use std::rc::Rc;

use batch::Type;

use super::doubles::{compare, double, nearest};
use super::moments::{NANOSECONDS_OF_DAY, date_text, parse_day};
use super::numbers::{EXACT, aligned, fitted, is_exact, number, parsed, shown};
use super::reference::{Cell, LOST, Made, Maker, Meaning, NO_MOMENT, NOT_READ, boolean, fine, quoted, text};
use super::texts::like;
use crate::value::Value;

/// The order of two values of one kind.
fn order(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Number(..), _) => {
            let (one, other, _) = aligned(one, other);
            one.cmp(&other)
        }
        (Value::Double(one), _) => compare(*one, double(other)),
        (Value::Text(one), _) => one.as_str().cmp(text(other)),
        (Value::Boolean(one), Value::Boolean(other)) => one.cmp(other),
        (Value::Date(one), Value::Date(other)) => one.cmp(other),
        (Value::Timestamp(one), Value::Timestamp(other)) => one.cmp(other),
        _ => panic!("{one:?} and {other:?} have no order"),
    }
}

fn holds(sign: &str, order: Ordering) -> bool {
    match sign {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn comparison(sign: &'static str, one: &Made, other: &Made) -> Made {
    Made::apply(format!("({} {sign} {})", one.text, other.text), Type::Boolean, &[one, other], move |values| {
        fine(Value::Boolean(holds(sign, order(&values[0], &values[1]))))
    })
}

/// `and`, or `or`: decided by a term alone, else failed by the first that failed, else null if one is.
fn joined(and: bool, terms: &[Meaning]) -> impl Fn(&super::table::Row) -> Cell + 'static {
    let terms: Vec<Meaning> = terms.to_vec();
    move |row| {
        let cells: Vec<Cell> = terms.iter().map(|term| term(row)).collect();
        if cells.iter().any(|cell| matches!(cell, Ok(Some(Value::Boolean(value))) if *value != and)) {
            return fine(Value::Boolean(!and));
        }
        let cells: Vec<Option<Value>> = cells.into_iter().collect::<Result<_, _>>()?;
        if cells.contains(&None) { Ok(None) } else { fine(Value::Boolean(and)) }
    }
}

fn negated(given: &Made, text: String) -> Made {
    Made::apply(text, Type::Boolean, &[given], |values| fine(Value::Boolean(!boolean(&values[0]))))
}

/// `case`: the first condition that is true chooses; one that fails before fails the row.
fn case(
    branches: Vec<(Meaning, Meaning)>,
    otherwise: Option<Meaning>,
) -> impl Fn(&super::table::Row) -> Cell + 'static {
    move |row| {
        for (condition, value) in &branches {
            if condition(row)? == Some(Value::Boolean(true)) {
                return value(row);
            }
        }
        otherwise.as_ref().map_or(Ok(None), |otherwise| otherwise(row))
    }
}

impl Maker<'_, '_> {
    pub(super) fn boolean(&mut self) -> Made {
        if self.leaf() {
            return match self.below(4) {
                0 => Made::new("true", Type::Boolean, |_| fine(Value::Boolean(true))),
                1 => Made::column("b"),
                _ => Made::column("c"),
            };
        }
        match self.below(16) {
            0..=2 => {
                let (one, other) = self.pair();
                comparison(self.one_of(&["=", "<>", "<", "<=", ">", ">="]), &one, &other)
            }
            3 | 4 => self.chain(),
            5 => {
                let given = self.boolean();
                negated(&given, format!("(not {})", given.text))
            }
            6 => self.is(),
            7 => self.distinct(),
            8 => self.within(),
            9 => self.between(),
            10 => self.pattern(),
            11 => self.of_texts(),
            12 => self.holds_item(),
            13 => {
                let first = self.boolean();
                self.choice(&first)
            }
            _ => self.cast_to(&Type::Boolean),
        }
    }

    /// Two expressions that can be compared.
    fn pair(&mut self) -> (Made, Made) {
        match self.below(7) {
            0 | 1 => (self.number(), self.number()),
            2 => (self.text(), self.text()),
            3 => (self.double(), self.double()),
            4 => (self.boolean(), self.boolean()),
            5 => (self.date(), self.date()),
            _ => {
                let one = self.timestamp();
                let other = self.timestamp();
                if one.of == other.of { (one, other) } else { (one.clone(), one) }
            }
        }
    }

    fn chain(&mut self) -> Made {
        let and = self.below(2) == 0;
        let terms: Vec<Made> = (0..2 + self.below(2)).map(|_| self.boolean()).collect();
        let texts: Vec<&str> = terms.iter().map(|term| term.text.as_str()).collect();
        let written = format!("({})", texts.join(if and { " and " } else { " or " }));
        let means: Vec<Meaning> = terms.iter().map(|term| Rc::clone(&term.means)).collect();
        Made::new(written, Type::Boolean, joined(and, &means))
    }

    fn is(&mut self) -> Made {
        let not = self.below(2) == 0;
        let word = if not { "not " } else { "" };
        let what = self.one_of(&["null", "true", "false"]);
        let given = if what == "null" { self.any() } else { self.boolean() };
        let means = Rc::clone(&given.means);
        Made::new(format!("({} is {word}{what})", given.text), Type::Boolean, move |row| {
            let value = means(row)?;
            let is = match what {
                "null" => value.is_none(),
                _ => value == Some(Value::Boolean(what == "true")),
            };
            fine(Value::Boolean(is != not))
        })
    }

    fn distinct(&mut self) -> Made {
        let (one, other) = self.pair();
        let not = self.below(2) == 0;
        let word = if not { "not " } else { "" };
        let (left, right) = (Rc::clone(&one.means), Rc::clone(&other.means));
        Made::new(format!("({} is {word}distinct from {})", one.text, other.text), Type::Boolean, move |row| {
            let (left, right) = (left(row), right(row));
            let same = match (left?, right?) {
                (Some(left), Some(right)) => order(&left, &right).is_eq(),
                (left, right) => left.is_none() && right.is_none(),
            };
            fine(Value::Boolean(same == not))
        })
    }

    fn within(&mut self) -> Made {
        let not = self.below(3) == 0;
        let numbers = self.below(2) == 0;
        let operand = if numbers { self.number() } else { self.text() };
        let mut items: Vec<Made> = Vec::new();
        for _ in 0..1 + self.below(3) {
            items.push(match self.below(4) {
                0 => Made::new("null", Type::Text, |_| Ok(None)),
                _ if numbers => self.number(),
                _ => self.text(),
            });
        }
        let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
        let word = if not { "not " } else { "" };
        let written = format!("({} {word}in ({}))", operand.text, texts.join(", "));
        let terms: Vec<Meaning> = items.iter().map(|item| comparison("=", &operand, item).means).collect();
        let any = Made::new(written.clone(), Type::Boolean, joined(false, &terms));
        if not { negated(&any, written) } else { any }
    }

    fn between(&mut self) -> Made {
        let not = self.below(3) == 0;
        let (operand, low, high) = match self.below(3) {
            0 => (self.number(), self.number(), self.number()),
            1 => (self.text(), self.text(), self.text()),
            _ => (self.date(), self.date(), self.date()),
        };
        let word = if not { "not " } else { "" };
        let written = format!("({} {word}between {} and {})", operand.text, low.text, high.text);
        let terms = [comparison(">=", &operand, &low).means, comparison("<=", &operand, &high).means];
        let both = Made::new(written.clone(), Type::Boolean, joined(true, &terms));
        if not { negated(&both, written) } else { both }
    }

    fn pattern(&mut self) -> Made {
        let operand = self.text();
        let (mut pattern, mut written) = (String::new(), String::new());
        for _ in 0..1 + self.below(5) {
            pattern.push(self.one_of(&['%', '_', 'a', 'é', '\\', '1', '\n', '😀', ';']));
        }
        // With a sign of its own the backslash is a letter like any other.
        let escape = if self.below(4) == 0 { 'a' } else { '\\' };
        if escape == 'a' {
            written.push_str(" escape 'a'");
        }
        let text_of_pattern = quoted(&pattern);
        let not = self.below(3) == 0;
        let word = if not { "not " } else { "" };
        Made::apply(
            format!("({} {word}like {text_of_pattern}{written})", operand.text),
            Type::Boolean,
            &[&operand],
            move |values| {
                let given: Vec<char> = text(&values[0]).chars().collect();
                let pattern: Vec<char> = pattern.chars().collect();
                fine(Value::Boolean(like(&given, &pattern, escape) != not))
            },
        )
    }

    fn of_texts(&mut self) -> Made {
        let (given, part) = (self.text(), self.text());
        let name = self.one_of(&["starts_with", "ends_with", "contains"]);
        Made::call(name, Type::Boolean, &[&given, &part], move |values| {
            let (given, part) = (text(&values[0]).as_bytes(), text(&values[1]).as_bytes());
            let found = match name {
                "starts_with" => given.starts_with(part),
                "ends_with" => given.ends_with(part),
                _ => part.is_empty() || given.windows(part.len()).any(|window| window == part),
            };
            fine(Value::Boolean(found))
        })
    }

    /// What chooses among values of the type of `first`.
    pub(super) fn choice(&mut self, first: &Made) -> Made {
        let of = first.of.clone();
        let other = self.cast_to(&of);
        let (one, two) = (Rc::clone(&first.means), Rc::clone(&other.means));
        let ordered = !matches!(of, Type::List(_) | Type::Map(_));
        match self.below(7) {
            0 => Made::new(format!("coalesce({}, {})", first.text, other.text), of, move |row| match one(row)? {
                None => two(row),
                some => Ok(some),
            }),
            1 => Made::new(format!("try({})", first.text), of, move |row| Ok(one(row).unwrap_or(None))),
            2 if ordered => {
                let equal = comparison("=", first, &other).means;
                Made::new(format!("nullif({}, {})", first.text, other.text), of, move |row| {
                    let value = one(row)?;
                    Ok(if equal(row)? == Some(Value::Boolean(true)) { None } else { value })
                })
            }
            3 if ordered => {
                let name = self.one_of(&["greatest", "least"]);
                Made::call(name, of, &[first, &other], move |values| {
                    let order = order(&values[0], &values[1]);
                    let first = if name == "greatest" { order.is_ge() } else { order.is_le() };
                    fine(values[usize::from(!first)].clone())
                })
            }
            4 if ordered => {
                let (operand, when) = self.pair();
                let written =
                    format!("(case {} when {} then {} else {} end)", operand.text, when.text, first.text, other.text);
                Made::new(written, of, case(vec![(comparison("=", &operand, &when).means, one)], Some(two)))
            }
            _ => {
                let condition = self.boolean();
                let (ends, otherwise) = match self.below(3) {
                    0 => (String::new(), None),
                    _ => (format!(" else {}", other.text), Some(Rc::clone(&two))),
                };
                let second = self.boolean();
                let written = format!(
                    "(case when {} then {} when {} then {}{ends} end)",
                    condition.text, first.text, second.text, other.text
                );
                Made::new(written, of, case(vec![(condition.means, one), (second.means, two)], otherwise))
            }
        }
    }

    /// A value of the type, cast from another or, where it is of it already, as it is.
    pub(super) fn cast_to(&mut self, of: &Type) -> Made {
        let given = match of {
            Type::List(_) => self.list(),
            Type::Text => match self.below(4) {
                0 => self.number(),
                1 => self.date(),
                2 => self.boolean(),
                _ => self.text(),
            },
            Type::Boolean => self.text_or(Self::boolean),
            Type::Date => match self.below(3) {
                0 => self.wall(),
                1 => self.date(),
                _ => self.text(),
            },
            Type::Double => match self.below(3) {
                0 => self.number(),
                1 => self.text(),
                _ => self.double(),
            },
            Type::Timestamp { zone: None, .. } => match self.below(2) {
                0 => self.date(),
                _ => self.wall(),
            },
            Type::Timestamp { .. } => self.instant(),
            _ => match self.below(4) {
                0 => self.text(),
                1 => self.double(),
                _ => self.number(),
            },
        };
        if given.of == *of && given.literal.is_none() {
            return given;
        }
        let (from, to) = (given.of.clone(), of.clone());
        let or_null = self.below(6) == 0;
        let name = if or_null { "try_cast" } else { "cast" };
        // A cast of a literal that can never succeed is refused when it is compiled; joined to nothing it is none.
        let bare = matches!(given.of, Type::Text) && given.literal.is_some();
        let text = if bare { format!("({} || '')", given.text) } else { given.text.clone() };
        let cast = Made::apply(format!("{name}({text} as {of})"), of.clone(), &[&given], move |values| {
            converted(&values[0], &from, &to)
        });
        if !or_null {
            return cast;
        }
        let means = Rc::clone(&cast.means);
        Made::new(cast.text, cast.of, move |row| Ok(means(row).unwrap_or(None)))
    }

    fn text_or(&mut self, other: fn(&mut Self) -> Made) -> Made {
        if self.below(2) == 0 { self.text() } else { other(self) }
    }

    /// One of the types that a cast can name, for lists.
    pub(super) fn exact_type(&mut self) -> Type {
        Type::parse(self.one_of(&EXACT)).expect("a type")
    }
}

/// A value that is not null as another type.
pub(super) fn converted(value: &Value, from: &Type, to: &Type) -> Cell {
    match (value, to) {
        (value, to) if from == to => fine(value.clone()),
        (Value::Text(given), to) => of_text(given, to),
        (Value::Boolean(value), Type::Text) => fine(Value::Text(value.to_string())),
        (Value::Number(units, scale), Type::Text) => fine(Value::Text(shown(units, *scale))),
        (Value::Number(units, scale), to) if is_exact(to) => fitted(units, *scale, to),
        (number @ Value::Number(..), Type::Double) => nearest(number),
        (Value::Double(value), to) if is_exact(to) => {
            // By its shortest digits, which is how a double is written.
            let (units, scale) = parsed(&format!("{value}")).map_err(|_| LOST)?;
            fitted(&units, scale, to)
        }
        (Value::Date(days), Type::Text) => date_text(*days).map(|text| Some(Value::Text(text))),
        (Value::Date(days), Type::Timestamp { digits, .. }) => {
            in_units(i128::from(*days) * NANOSECONDS_OF_DAY, *digits)
        }
        (Value::Timestamp(units), to) => {
            let Type::Timestamp { digits, .. } = from else { panic!("{from} holds a timestamp") };
            let nanoseconds = i128::from(*units) * 10_i128.pow(9 - u32::from(*digits));
            match to {
                Type::Timestamp { digits, .. } => in_units(nanoseconds, *digits),
                _ if nanoseconds % NANOSECONDS_OF_DAY != 0 => {
                    // The day is what does not fit, if it does not, and else the time of day is lost: one code for both.
                    Err(LOST)
                }
                _ => i32::try_from(nanoseconds / NANOSECONDS_OF_DAY)
                    .map(|days| Some(Value::Date(days)))
                    .map_err(|_| LOST),
            }
        }
        (Value::List(items), Type::List(to)) => {
            let Type::List(from) = from else { panic!("{from} holds a list") };
            let items = items.iter().map(|item| item.as_ref().map_or(Ok(None), |item| converted(item, from, to)));
            fine(Value::List(items.collect::<Result<_, _>>()?))
        }
        (value, to) => panic!("{value:?} as {to}"),
    }
}

fn in_units(nanoseconds: i128, digits: u8) -> Cell {
    let unit = 10_i128.pow(9 - u32::from(digits));
    if nanoseconds % unit != 0 {
        return Err(LOST);
    }
    i64::try_from(nanoseconds / unit).map(|units| Some(Value::Timestamp(units))).map_err(|_| LOST)
}

fn of_text(given: &str, to: &Type) -> Cell {
    match to {
        Type::Boolean => match given.to_ascii_lowercase().as_str() {
            "true" => fine(Value::Boolean(true)),
            "false" => fine(Value::Boolean(false)),
            _ => Err(NOT_READ),
        },
        Type::Double => {
            let plain = given.bytes().all(|byte| b"0123456789+-.eE".contains(&byte));
            let value: f64 = given.parse().ok().filter(|_| plain).ok_or(NOT_READ)?;
            if value.is_finite() { fine(Value::Double(value)) } else { Err(LOST) }
        }
        Type::Date => parse_day(given).map(|days| Some(Value::Date(days))).ok_or(NO_MOMENT),
        to => {
            let (units, scale) = parsed(given)?;
            fitted(&units, scale, to)
        }
    }
}

/// The number of a place.
pub(super) fn units(value: &Value) -> &num_bigint::BigInt {
    number(value).0
}
