//! Texts, as lists of characters.

use std::rc::Rc;

use batch::Type;

use super::logic::units;
use super::numbers::{NO_PLACE, place};
use super::reference::{INVALID, Made, Maker, fine, quoted, text};
use super::table::TEXTS;
use crate::value::Value;

/// Whether a text is as a pattern of `like` says: `%` is anything, `_` one character.
pub(super) fn like(given: &[char], pattern: &[char], escape: char) -> bool {
    match pattern {
        [] => given.is_empty(),
        [sign, next, rest @ ..] if *sign == escape => given.first() == Some(next) && like(&given[1..], rest, escape),
        ['%', rest @ ..] => (0..=given.len()).any(|at| like(&given[at..], rest, escape)),
        ['_', rest @ ..] => !given.is_empty() && like(&given[1..], rest, escape),
        [letter, rest @ ..] => given.first() == Some(letter) && like(&given[1..], rest, escape),
    }
}

fn letters(value: &Value) -> Vec<char> {
    text(value).chars().collect()
}

fn made(characters: &[char]) -> Value {
    Value::Text(characters.iter().collect())
}

/// Without characters that `which` takes, at the ends that the name says.
pub(super) fn trimmed(name: &str, given: &str, which: &str) -> String {
    let mut characters: Vec<char> = given.chars().collect();
    while name != "ltrim" && characters.last().is_some_and(|last| which.contains(*last)) {
        characters.pop();
    }
    while name != "rtrim" && characters.first().is_some_and(|first| which.contains(*first)) {
        characters.remove(0);
    }
    characters.into_iter().collect()
}

/// Every occurrence replaced, from left to right; of nothing there is none.
pub(super) fn replaced(given: &str, from: &str, to: &str) -> String {
    if from.is_empty() {
        return given.to_owned();
    }
    let mut made = String::new();
    let mut rest = given;
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(from) {
            made.push_str(to);
            rest = after;
        } else {
            made.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    made
}

impl Maker<'_, '_> {
    pub(super) fn text(&mut self) -> Made {
        if self.leaf() {
            return match self.below(6) {
                0 | 1 => {
                    let literal = self.one_of(&TEXTS);
                    // A plain literal is read as a date beside a date; a joined one is text everywhere.
                    Made::new(format!("concat({})", quoted(literal)), Type::Text, move |_| {
                        fine(Value::Text(literal.to_owned()))
                    })
                }
                2 => Made::new("param.word", Type::Text, |_| fine(Value::Text("a;b".to_owned()))),
                3 => Made::column("t"),
                _ => Made::column("s"),
            };
        }
        match self.below(15) {
            0 | 1 => self.cut(),
            2 => {
                let given = self.text();
                let upper = self.below(2) == 0;
                Made::call(if upper { "upper" } else { "lower" }, Type::Text, &[&given], move |values| {
                    let given = text(&values[0]);
                    fine(Value::Text(if upper { given.to_uppercase() } else { given.to_lowercase() }))
                })
            }
            3 => self.substring(),
            4 => self.end(),
            5 => {
                let (given, from, to) = (self.text(), self.text(), self.text());
                Made::call("replace", Type::Text, &[&given, &from, &to], |values| {
                    fine(Value::Text(replaced(text(&values[0]), text(&values[1]), text(&values[2]))))
                })
            }
            6 => {
                let (one, other) = (self.text(), self.text());
                let run = |values: &[Value]| fine(Value::Text(text(&values[0]).to_owned() + text(&values[1])));
                if self.below(2) == 0 {
                    return Made::call("concat", Type::Text, &[&one, &other], run);
                }
                Made::apply(format!("({} || {})", one.text, other.text), Type::Text, &[&one, &other], run)
            }
            7 => self.split_part(),
            8 => self.pad(),
            9 => self.by_expression(),
            10 => {
                let first = self.text();
                self.choice(&first)
            }
            11 => self.item(),
            12 => self.day_as_text(),
            13 => {
                let (one, other) = (self.text(), self.text());
                let (first, second) = (Rc::clone(&one.means), Rc::clone(&other.means));
                Made::new(format!("label({}, {})", one.text, other.text), Type::Text, move |row| {
                    let value = match first(row)? {
                        None => second(row)?,
                        some => some,
                    };
                    Ok(value.map(|value| Value::Text(format!("{}!", text(&value)))))
                })
            }
            _ => self.cast_to(&Type::Text),
        }
    }

    fn cut(&mut self) -> Made {
        let name = self.one_of(&["trim", "ltrim", "rtrim"]);
        let given = self.text();
        if self.below(2) == 0 {
            return Made::call(name, Type::Text, &[&given], move |values| {
                fine(Value::Text(trimmed(name, text(&values[0]), " ")))
            });
        }
        let which = self.text();
        Made::call(name, Type::Text, &[&given, &which], move |values| {
            fine(Value::Text(trimmed(name, text(&values[0]), text(&values[1]))))
        })
    }

    fn substring(&mut self) -> Made {
        let (given, start) = (self.text(), self.small());
        // The characters whose places, from 1, are from `start` to before `end`.
        let part = |given: &Value, start: &Value, end: Option<num_bigint::BigInt>| {
            let inside = |at: usize| {
                let place = num_bigint::BigInt::from(at + 1);
                place >= *units(start) && end.as_ref().is_none_or(|end| place < *end)
            };
            let kept = letters(given).into_iter().enumerate().filter(|(at, _)| inside(*at)).map(|(_, letter)| letter);
            fine(Value::Text(kept.collect()))
        };
        if self.below(3) == 0 {
            return Made::call("substring", Type::Text, &[&given, &start], move |values| {
                part(&values[0], &values[1], None)
            });
        }
        let length = self.small();
        Made::call("substring", Type::Text, &[&given, &start, &length], move |values| {
            if *units(&values[2]) < 0.into() {
                return Err(INVALID);
            }
            part(&values[0], &values[1], Some(units(&values[1]) + units(&values[2])))
        })
    }

    fn end(&mut self) -> Made {
        let left = self.below(2) == 0;
        let (given, count) = (self.text(), self.small());
        Made::call(if left { "left" } else { "right" }, Type::Text, &[&given, &count], move |values| {
            let given = letters(&values[0]);
            let count = units(&values[1]);
            // A negative number leaves out so many at the other end.
            let kept = if *count < 0.into() { count + given.len() } else { count.clone() };
            let kept = usize::try_from(kept.max(0.into())).unwrap_or(usize::MAX).min(given.len());
            fine(made(if left { &given[..kept] } else { &given[given.len() - kept..] }))
        })
    }

    fn split_part(&mut self) -> Made {
        let (given, separator, at) = (self.text(), self.text(), self.small());
        Made::call("split_part", Type::Text, &[&given, &separator, &at], |values| {
            let (given, separator) = (text(&values[0]), text(&values[1]));
            if separator.is_empty() {
                return Err(INVALID);
            }
            let at = place(&values[2]).ok_or(NO_PLACE)?;
            let parts: Vec<&str> = given.split(separator).collect();
            fine(Value::Text(parts.get(at - 1).copied().unwrap_or_default().to_owned()))
        })
    }

    fn pad(&mut self) -> Made {
        let left = self.below(2) == 0;
        let (given, length, fill) = (self.text(), self.small(), self.text());
        Made::call(if left { "lpad" } else { "rpad" }, Type::Text, &[&given, &length, &fill], move |values| {
            let (mut given, fill) = (letters(&values[0]), letters(&values[2]));
            let length = units(&values[1]).max(&0.into()).clone();
            if length > (1 << 20).into() {
                return Err(INVALID);
            }
            let length = usize::try_from(length).map_err(|_| INVALID)?;
            let missing = length.saturating_sub(given.len());
            given.truncate(length);
            let padding: Vec<char> = (0..missing).filter_map(|at| fill.get(at % fill.len().max(1))).copied().collect();
            fine(made(&if left { [padding, given].concat() } else { [given, padding].concat() }))
        })
    }

    /// Regular expressions that are easily said in other words.
    fn by_expression(&mut self) -> Made {
        let given = self.text();
        let digits = |given: &str| -> String { given.chars().take_while(char::is_ascii_digit).collect() };
        match self.below(3) {
            0 => Made::apply(
                format!("regexp_extract({}, '^[0-9]+')", given.text),
                Type::Text,
                &[&given],
                move |values| {
                    let found = digits(text(&values[0]));
                    Ok((!found.is_empty()).then_some(Value::Text(found)))
                },
            ),
            1 => Made::apply(
                format!("regexp_replace({}, '[a-c;]', '<$0>')", given.text),
                Type::Text,
                &[&given],
                |values| {
                    let shown = |letter: char| {
                        if "abc;".contains(letter) { format!("<{letter}>") } else { letter.to_string() }
                    };
                    fine(Value::Text(text(&values[0]).chars().map(shown).collect()))
                },
            ),
            _ => Made::apply(
                format!("cast(regexp_matches({}, '^[0-9]+$') as text)", given.text),
                Type::Text,
                &[&given],
                move |values| {
                    let given = text(&values[0]);
                    fine(Value::Text((!given.is_empty() && digits(given) == given).to_string()))
                },
            ),
        }
    }
}
