//! What is said of a bracket that is closed too early, twice or not in time: the bracket is to blame, not the token at which
//! the parser could not go on.

use sqlparser::tokenizer::Token;

use crate::expression::ExpressionError;
use crate::parse::error;
use crate::syntax::Span;

/// Where the parser met a token `at` behind a whole expression, and there is a `)` too many. `places` are all tokens
/// without blanks.
pub(crate) fn closed_too_early(
    text: &str,
    places: &[(Token, Span)],
    message: &str,
    at: &Span,
) -> Option<ExpressionError> {
    let index = index_of(places, at).filter(|_| message.starts_with("Expected: end of expression"))?;
    if open_before(places).is_some() {
        return None;
    }
    if places[index].0 == Token::RParen {
        let remedy = "take it away, or write the `(` that it closes";
        return Some(error("E3101", at.clone(), "this `)` closes nothing".to_owned(), remedy));
    }
    let (_, early) = places[..index].last().filter(|(token, _)| *token == Token::RParen)?;
    let found = batch::excerpt(text.get(at.clone()).unwrap_or_default().as_bytes(), 60);
    let message = format!("this `)` closes the last open bracket, and `{found}` stands behind it");
    let remedy = format!("take it away if `{found}` belongs into the brackets: there is one `)` more than `(`");
    Some(error("E3101", early.clone(), message, &remedy))
}

/// Where the parser wanted a `)` and met the token `at`, and there is a `(` too many.
pub(crate) fn not_closed(text: &str, places: &[(Token, Span)], message: &str, at: &Span) -> Option<ExpressionError> {
    let index = index_of(places, at).filter(|_| message.starts_with("Expected: )"))?;
    // Where all are closed in the end, what stands before the token is to blame, not a bracket.
    open_before(places).filter(|open| !open.is_empty())?;
    let innermost = open_before(&places[..index])?.pop()?;
    let found = batch::excerpt(text.get(at.clone()).unwrap_or_default().as_bytes(), 60);
    let message = format!("this `(` is not closed before `{found}`");
    let remedy = format!("close it with `)` before `{found}`, if that does not belong into its brackets");
    Some(error("E3101", innermost, message, &remedy))
}

fn index_of(places: &[(Token, Span)], at: &Span) -> Option<usize> {
    places.iter().position(|(_, span)| span.start == at.start)
}

/// The brackets that are open behind these tokens, the innermost last; `None` if one is closed that is not open.
fn open_before(places: &[(Token, Span)]) -> Option<Vec<Span>> {
    let mut open = Vec::new();
    for (token, span) in places {
        match token {
            Token::LParen => open.push(span.clone()),
            Token::RParen => {
                open.pop()?;
            }
            _ => {}
        }
    }
    Some(open)
}
