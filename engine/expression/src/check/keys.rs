//! Subscripts of a map whose keys are known: one that no row can have would be null in every row, and nobody would hear
//! of it.

use super::Checker;
use super::remedies::nearest;
use crate::scope::Constant;
use crate::syntax::{Syntax, SyntaxKind};

/// Keys that a message lists.
const SHOWN: usize = 20;

impl Checker<'_> {
    /// Reports a subscript that names no key of a map whose keys the scope knows, and one that is a key without its
    /// quotes: a bare name stands for the value of a column.
    pub(super) fn is_no_key(&mut self, of: &Syntax, index: &Syntax) -> bool {
        let SyntaxKind::Name { name, quoted } = &of.kind else { return false };
        let Some(map) = self.scope.resolve(name, *quoted) else { return false };
        let Some(keys) = self.scope.keys.get(map) else { return false };
        let known = |key: &str| keys.iter().any(|known| **known == *key);
        let (message, remedy, nearest) = match &index.kind {
            SyntaxKind::Text(key) if !known(key) => no_key(map, key, keys),
            SyntaxKind::Name { name, quoted } => match self.scope.resolve(name, *quoted) {
                Some(found) if let Some(Constant::Text(key)) = self.scope.constants.get(found) => {
                    if known(key) {
                        return false;
                    }
                    no_key(map, key, keys)
                }
                found => {
                    let Some(meant) = keys.iter().find(|key| key.eq_ignore_ascii_case(name)) else { return false };
                    let message = match found {
                        Some(_) => format!("the key would be what the column `{name}` holds in each row"),
                        None => format!("a key of `{map}` is a text, and `{name}` stands without quotes"),
                    };
                    (message, format!("write `{map}[{}]`", literal(meant)), None)
                }
            },
            _ => return false,
        };
        self.error::<()>("E3201", &index.span, message, &remedy);
        if let Some(error) = self.errors.last_mut() {
            error.nearest = nearest;
        }
        true
    }
}

/// Message, remedy and nearest key of a literal that is none.
fn no_key(map: &str, key: &str, keys: &[std::sync::Arc<str>]) -> (String, String, Option<String>) {
    let message = format!("no published name is `{}`, so `{map}` never has it", batch::bounded(key));
    let nearest = nearest(key, keys.iter().map(AsRef::as_ref)).map(|key| literal(&key));
    let remedy = match &nearest {
        Some(key) => format!("did you mean `{key}`?"),
        None => {
            let listed: Vec<String> = keys.iter().take(SHOWN).map(|key| literal(key)).collect();
            let more = if keys.len() > SHOWN { ", ..." } else { "" };
            format!("write a name of a `header`: {}{more}", listed.join(", "))
        }
    };
    (message, remedy, nearest)
}

fn literal(key: &str) -> String {
    format!("'{}'", batch::bounded(&key.replace('\'', "''")))
}
