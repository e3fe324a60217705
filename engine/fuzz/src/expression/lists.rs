//! Lists and maps.

use batch::Type;

use super::logic::converted;
use super::numbers::{BIGINT, place};
use super::reference::{INVALID, Made, Maker, fine, quoted, text};
use super::table::MAP;
use super::texts::{replaced, trimmed};
use crate::value::Value;

fn items(value: &Value) -> &[Option<Value>] {
    if let Value::List(items) = value { items } else { panic!("{value:?} is no list") }
}

fn texts() -> Type {
    Type::List(Box::new(Type::Text))
}

/// The item at a place from 1; null if there is none.
fn at(values: &[Value]) -> Option<Value> {
    items(&values[0]).get(place(&values[1])? - 1)?.clone()
}

impl Maker<'_, '_> {
    /// A list of texts.
    pub(super) fn list(&mut self) -> Made {
        if self.leaf() {
            return Made::column("l");
        }
        match self.below(8) {
            0 | 1 => {
                let (given, separator) = (self.text(), self.text());
                Made::call("split", texts(), &[&given, &separator], |values| {
                    let (given, separator) = (text(&values[0]), text(&values[1]));
                    if separator.is_empty() {
                        return Err(INVALID);
                    }
                    let parts = given.split(separator).map(|part| Some(Value::Text(part.to_owned())));
                    fine(Value::List(if given.is_empty() { Vec::new() } else { parts.collect() }))
                })
            }
            2 => {
                let (one, other) = (self.text(), self.text());
                let (first, second) = (one.means.clone(), other.means.clone());
                Made::new(format!("[{}, {}]", one.text, other.text), texts(), move |row| {
                    let (first, second) = (first(row), second(row));
                    fine(Value::List(vec![first?, second?]))
                })
            }
            3 => {
                let (given, which) = (self.list(), self.text());
                Made::call("list_trim", texts(), &[&given, &which], |values| {
                    let cut = |item: &Option<Value>| {
                        item.as_ref().map(|item| Value::Text(trimmed("trim", text(item), text(&values[1]))))
                    };
                    fine(Value::List(items(&values[0]).iter().map(cut).collect()))
                })
            }
            4 => {
                let (given, from, to) = (self.list(), self.text(), self.text());
                Made::call("list_replace", texts(), &[&given, &from, &to], |values| {
                    let change = |item: &Option<Value>| {
                        item.as_ref().map(|item| Value::Text(replaced(text(item), text(&values[1]), text(&values[2]))))
                    };
                    fine(Value::List(items(&values[0]).iter().map(change).collect()))
                })
            }
            5 => Made::apply(format!("map_keys({MAP})"), texts(), &[&Made::column(MAP)], |values| {
                let Value::Map(entries) = &values[0] else { panic!("{values:?} is no map") };
                fine(Value::List(entries.iter().map(|(key, _)| Some(Value::Text(key.clone()))).collect()))
            }),
            _ => {
                let first = self.list();
                self.choice(&first)
            }
        }
    }

    pub(super) fn holds_item(&mut self) -> Made {
        let (given, sought) = (self.list(), self.text());
        Made::call("list_contains", Type::Boolean, &[&given, &sought], |values| {
            fine(Value::Boolean(items(&values[0]).contains(&Some(values[1].clone()))))
        })
    }

    /// An item of a list of texts, or a value of the map.
    pub(super) fn item(&mut self) -> Made {
        if self.below(2) == 0 {
            let key = self.one_of(&["a", "Market Category", "é", "none"]);
            return Made::apply(format!("{MAP}[{}]", quoted(key)), Type::Text, &[&Made::column(MAP)], move |values| {
                let Value::Map(entries) = &values[0] else { panic!("{values:?} is no map") };
                Ok(entries.iter().find(|(known, _)| known == key).and_then(|(_, value)| value.clone()))
            });
        }
        let (given, place) = (self.list(), self.small());
        Made::call("element", Type::Text, &[&given, &place], |values| Ok(at(values)))
    }

    /// Numbers of lists: how many items, and an item of a list of numbers.
    pub(super) fn whole_item(&mut self) -> Made {
        let given = self.list();
        if self.below(2) == 0 {
            return Made::call("list_length", BIGINT, &[&given], |values| {
                fine(Value::Number(items(&values[0]).len().into(), 0))
            });
        }
        let item = self.exact_type();
        let of = Type::List(Box::new(item.clone()));
        let (from, to) = (texts(), of.clone());
        let written = format!("list_cast({}, {})", given.text, quoted(&item.to_string()));
        let cast = Made::apply(written, of, &[&given], move |values| converted(&values[0], &from, &to));
        let place = self.small();
        Made::call("element", item, &[&cast, &place], |values| Ok(at(values)))
    }
}
