//! Stock symbols in one manner of writing.
//!
//! Publishers write a class of shares with a blank, point, slash or hyphen (`BRK B`, `BRK.B`, `BRK/B`), and a preferred
//! share with a lower-case `p` (`ABRpA`). One that writes nothing in between (`BRKB`) cannot be told from a plain symbol
//! without a list of symbols, so it stays as it is.

use std::borrow::Cow;

use crate::column::{Arguments, Outcome, texts};

pub(super) fn normalise_symbol(arguments: &Arguments<'_>) -> Outcome {
    let given = arguments.text(0);
    texts(arguments.count, |row| Ok(given.get(row).map(normalised)))
}

/// Trims, joins parts by one `.`, reads `p` between capitals as `.PR`, as the form `ABR PRA` has it, and writes capitals.
fn normalised(symbol: &str) -> Cow<'_, str> {
    let symbol = symbol.trim();
    if symbol.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        return Cow::Borrowed(symbol);
    }
    let preferred = |at: usize| {
        let bytes = symbol.as_bytes();
        let before = at > 0 && bytes[..at].iter().all(u8::is_ascii_uppercase);
        before && bytes[at + 1..].iter().all(u8::is_ascii_uppercase)
    };
    let mut made = String::with_capacity(symbol.len() + 2);
    for (at, character) in symbol.char_indices() {
        match character {
            ' ' | '.' | '/' | '-' => {
                if !made.ends_with('.') {
                    made.push('.');
                }
            }
            'p' if preferred(at) => made.push_str(".PR"),
            character => made.extend(character.to_uppercase()),
        }
    }
    Cow::Owned(made)
}
