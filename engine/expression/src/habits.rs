//! Signs and words that people write from the habit of other languages, where the parser's own words would not help.

/// What to do about a sign or word of another language, by how the expression goes on at the place of an error.
pub(crate) fn habit(rest: &str, before: &str) -> Option<(&'static str, &'static str)> {
    let starts = |sign: &str| rest.starts_with(sign);
    Some(match () {
        () if starts("&&") => ("`&&` is no operator", "write `and`"),
        () if starts("!") => ("`!` is no operator", "write `not`"),
        () if starts("?") => ("`?` is no operator", "write `case when a then b else c end`"),
        () if starts(";") => ("an expression ends without `;`", "take the `;` away"),
        () if before.trim_start().to_ascii_lowercase().starts_with("select ") => {
            ("this is a statement", "write the expression alone, without `select` and `from`")
        }
        () => return None,
    })
}
