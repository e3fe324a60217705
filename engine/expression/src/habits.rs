//! Signs and words that people write from the habit of other languages, where the parser's own words would not help.

use batch::Type;
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use crate::ExpressionError;
use crate::parse::{Words, error};
use crate::syntax::Span;

/// A text whose quote is not closed: `at` is where it begins. Where texts stand in front of it, the quote that is missing may
/// be one of theirs: what is read as the text before it is shown then.
pub(crate) fn open_text(text: &str, at: Span) -> ExpressionError {
    let remedy = "close it with `'`; one within a text is doubled, as in `'it''s'`";
    let before = text.get(..at.start).unwrap_or_default();
    let remedy = match before.rmatch_indices('\'').nth(1) {
        None => remedy.to_owned(),
        Some((from, _)) => {
            let last = batch::bounded(&before[from..=before.rfind('\'').unwrap_or(from)]);
            format!("{remedy}; or the `'` in front of it is the one too many or too few: {last} is read as one text")
        }
    };
    error("E3101", at, "a text is not closed".to_owned(), &remedy)
}

/// What to do about a comment.
const REMARK: &str = "take it away; in a topology file, ` #` outside of quotes begins a remark";

/// A comment that is not closed: `at` is where the text ends. It begins at the first sign outside of quotes, which is looked
/// for only so far: a text may hold many within quotes.
pub(crate) fn open_comment(text: &str, at: Span) -> ExpressionError {
    const LOOKED_AT: usize = 16;
    let is_whole = |before: &str| Tokenizer::new(&Words, before).tokenize().is_ok();
    let mut signs = text.match_indices("/*").map(|(start, _)| start).take(LOOKED_AT);
    let start = signs.find(|start| is_whole(&text[..*start])).unwrap_or(at.start);
    error("E3101", start..at.end, "`/*` begins a comment of SQL, and expressions have none".to_owned(), REMARK)
}

/// A comment of SQL: it would take the rest of the line away, as in `5--3`, and nobody would see it.
pub(crate) fn comment<'t>(tokens: impl Iterator<Item = (&'t Token, Span)>) -> Option<ExpressionError> {
    let comment = |token: &Token| match token {
        Token::Whitespace(Whitespace::SingleLineComment { prefix, .. }) => Some(prefix.clone()),
        Token::Whitespace(Whitespace::MultiLineComment(_)) => Some("/*".to_owned()),
        _ => None,
    };
    let found = tokens.filter_map(|(token, span)| comment(token).map(|sign| (sign, span))).next();
    found.map(|(sign, span)| {
        let message = format!("`{sign}` begins a comment of SQL, and expressions have none");
        let remedy = match sign.as_str() {
            "--" => {
                "write `a - (-b)` to take away what is negative; in a topology file, ` #` outside of quotes begins a remark"
            }
            _ => REMARK,
        };
        error("E3101", span, message, remedy)
    })
}

/// What stands for an operator of bits or patterns here. Such signs are of SQL, so the parser reads them.
pub(crate) fn operator(sign: &str) -> Option<(String, &'static str)> {
    let ours = match sign {
        "&" => "write `and`; nothing works on bits",
        "|" => "write `or` for one of two conditions, `||` to join texts; nothing works on bits",
        "^" => "write `a * a` for a square; nothing works on bits",
        sign if sign.contains('~') => "write `regexp_matches(x, 'pattern')`",
        "<=>" => "write `a is not distinct from b`, which takes two nulls for equal; or `a = b`",
        "->" | "->>" => "a cell holds text: `regexp_extract(a, '\"name\":\"([^\"]*)\"')` takes a part of it",
        _ => return None,
    };
    let sign = if sign.contains('~') { "~" } else { sign };
    Some((format!("`{sign}` is no operator"), ours))
}

/// What to do about a sign or word of another language, by how the expression goes on at the place of an error.
pub(crate) fn habit(rest: &str, before: &str) -> Option<(String, String)> {
    behind(rest, before).or_else(|| type_behind_as(rest, before)).or_else(|| sign(rest, before))
}

/// `settled as date`, as a list of columns in SQL has names. Who writes a type there means a cast.
fn type_behind_as(rest: &str, before: &str) -> Option<(String, String)> {
    let behind = rest.get(..3).filter(|word| word.eq_ignore_ascii_case("as ")).map(|_| rest[3..].trim())?;
    if before.to_ascii_lowercase().contains("cast(") {
        return None;
    }
    let ours = |written: &str| match Type::parse(written) {
        Ok(_) => Some(written.to_owned()),
        Err(_) => type_elsewhere(written).map(str::to_owned),
    };
    // To the end of the type, whose digits may stand in brackets.
    let mut open = 0;
    let end = behind.find(|sign: char| {
        open += i32::from(sign == '(') - i32::from(sign == ')');
        open < 0 || (open == 0 && matches!(sign, ' ' | ','))
    });
    let first = end.map_or(behind, |end| &behind[..end]);
    let is_name = |sign: char| sign.is_alphanumeric() || matches!(sign, '_' | '.');
    let before = before.trim();
    let (value, of) = match ours(behind) {
        // All that stands in front is meant, as far as it can be repeated.
        Some(of) if before.len() <= 60 => (before, of),
        _ => (&before[before.trim_end_matches(is_name).len()..], ours(first)?),
    };
    let value = if value.is_empty() { "x" } else { value };
    let message = format!("`as {}` stands within a cast alone", batch::bounded(&of));
    Some((message, format!("write `cast({value} as {of})`")))
}

fn said(message: &str, remedy: &str) -> Option<(String, String)> {
    Some((message.to_owned(), remedy.to_owned()))
}

/// By the sign or word at the place of the error.
fn sign(rest: &str, before: &str) -> Option<(String, String)> {
    let starts = |sign: &str| rest.starts_with(sign);
    let first = rest.chars().next()?;
    match () {
        () if starts("&&") => said("`&&` is no operator", "write `and`"),
        () if starts("!") => said("`!` is no operator", "write `not`"),
        () if starts("**") || (starts("*") && before.ends_with('*')) => {
            said("`**` is no operator", "write `a * a` for a square")
        }
        () if starts("<<") || starts(">>") => {
            said("there are no operators of bits", "`a << 2` is `a * 4`, and `a >> 2` is `floor(a / 4)`")
        }
        () if starts("??") => said("`??` is no operator", "write `coalesce(a, b)`"),
        () if starts("?") => said("`?` is no operator", "write `case when a then b else c end`"),
        () if starts("#") => said("`#` begins no comment within an expression", REMARK),
        () if starts(";") => said("an expression ends without `;`", "take the `;` away"),
        () if starts(",") && rest[1..].trim().is_empty() => said("an expression ends without `,`", "take the `,` away"),
        () if starts(",") => {
            let number = number_with_comma(rest, before);
            number.or_else(|| said("one expression stands here", "give each column a line of its own"))
        }
        () if starts("`") => {
            said("a name does not stand in backticks", "write it alone, or in double quotes if it has blanks")
        }
        () if starts("{") || starts("$") => said(
            "a column is named without braces and signs",
            "write its name alone, such as `symbol` or `document.date`",
        ),
        () if "‘’“”„«»".contains(first) => {
            let message = format!("`{first}` is no quote here");
            Some((message, "text stands in straight 'single quotes'".to_owned()))
        }
        () => {
            let operators = [('≥', ">="), ('≤', "<="), ('≠', "<>"), ('×', "*"), ('÷', "/"), ('−', "-")];
            let known = operators.iter().find(|(sign, _)| *sign == first);
            let known = known.map(|(sign, ours)| (format!("`{sign}` is no operator here"), format!("write `{ours}`")));
            known.or_else(|| word(rest))
        }
    }
}

/// Operators of other languages that are words.
fn word(rest: &str) -> Option<(String, String)> {
    const LIKE: [(&str, &str); 7] = [
        ("contains", "'%A%'"),
        ("includes", "'%A%'"),
        ("startswith", "'A%'"),
        ("starts_with", "'A%'"),
        ("endswith", "'%A'"),
        ("ends_with", "'%A'"),
        ("matches", "'A%'"),
    ];
    const SIGNS: [(&str, &str); 3] = [("div", "floor(a / b)"), ("mod", "a % b"), ("xor", "a <> b")];
    let word = rest.split(|character: char| !character.is_alphanumeric() && character != '_').next()?;
    if let Some((name, sign)) = SIGNS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
        return Some((format!("`{name}` is no operator"), format!("write `{sign}`")));
    }
    let (name, pattern) = LIKE.iter().find(|(name, _)| name.eq_ignore_ascii_case(word))?;
    Some((format!("`{name}` is no operator"), format!("write `x like {pattern}`; `%` stands for any text")))
}

/// By the word in front of the place of the error.
fn behind(rest: &str, before: &str) -> Option<(String, String)> {
    let before = before.trim_end().to_ascii_lowercase();
    let last = before.rsplit(|character: char| !character.is_alphanumeric() && character != '_').next()?;
    let quote = rest.starts_with('"');
    match last {
        "in" => said("`in` is followed by a list in brackets", "write `in ('a', 'b')`, also for one value"),
        _ if last == "is" || before.ends_with(" is not") => said(
            "`is` is followed by `null`, `not null`, `true` or `false`",
            "compare with a value by `=` or `<>`, as in `symbol <> 'A'`",
        ),
        "case" => {
            let message = "a `case` is not closed";
            said(message, "write `case when a then b when c then d else e end`; `else if` is another `when`")
        }
        "date" | "timestamp" if quote => {
            let value = rest[1..].split('"').next().unwrap_or_default();
            let message = format!("the text behind `{last}` stands in single quotes");
            Some((message, format!("write `{last} '{}'`", batch::bounded(value))))
        }
        "interval" => said("there are no intervals", "days are added as a number: `x + 1`, or `date_add_days(x, 1)`"),
        "like" | "ilike" if !rest.starts_with('(') => said("a pattern is a text", "write `like '%A%'`"),
        "both" | "leading" | "trailing" => said("`trim` takes one text", "write `trim(x)`, `ltrim(x)` or `rtrim(x)`"),
        _ if before.contains("extract(") && rest.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("from")) => {
            let remedy = if matches!(last, "year" | "month" | "day") {
                format!("write `{last}(x)`")
            } else {
                "write `year(x)`, `month(x)` or `day(x)`".to_owned()
            };
            Some(("`extract` is no function here".to_owned(), remedy))
        }
        _ if before.split_whitespace().next() == Some("select") => {
            said("this is a statement", "write the expression alone, without `select` and `from`")
        }
        _ => None,
    }
}

/// `1.000,50`, as half of Europe writes it.
fn number_with_comma(rest: &str, before: &str) -> Option<(String, String)> {
    let digits = |character: char| character.is_ascii_digit();
    let fraction: String = rest[1..].chars().take_while(|character| digits(*character)).collect();
    let start = before.trim_end_matches(|character: char| digits(character) || character == '.').len();
    let whole = before[start..].replace('.', "");
    let name_before = before[..start].ends_with(|character: char| character.is_alphanumeric() || character == '_');
    (!fraction.is_empty() && !whole.is_empty() && !name_before && whole.len() + fraction.len() < 40)
        .then(|| ("a number is written with a point".to_owned(), format!("write `{whole}.{fraction}`")))
}

/// Types of databases and programming languages, and ours.
const TYPES: &[(&[&str], &str)] = &[
    (&["varchar", "char", "nvarchar", "character varying", "str", "uuid", "enum", "fixedstring", "utf8"], "text"),
    (&["int64", "int8", "long", "serial", "bigserial", "number"], "bigint"),
    (&["int32", "int4", "mediumint"], "integer"),
    (&["int16", "int2", "short"], "smallint"),
    (&["uint64", "uint32", "unsigned"], "bigint unsigned"),
    (&["float", "real", "float32", "float8", "float4"], "double"),
    (&["money", "dec", "decimal64", "decimal128"], "decimal(18, 4)"),
    (&["date32"], "date"),
    (&["datetime", "datetime64", "datetime2", "instant", "timestamp_ns"], "timestamp(3, UTC)"),
    (&["blob", "bytea", "varbinary"], "binary"),
    (&["array"], "list of text"),
    (&["object", "struct", "json"], "map of text to text"),
];

/// Our type for one of another system, by what stands before its brackets.
pub fn type_elsewhere(written: &str) -> Option<&'static str> {
    let name = written.split('(').next().unwrap_or(written).trim().to_ascii_lowercase();
    TYPES.iter().find(|(names, _)| names.contains(&name.as_str())).map(|(_, ours)| *ours)
}

/// What helps if the text is a name of several words, as publishers' headers have them.
pub(crate) fn name_of_words(text: &str) -> Option<String> {
    const LONGEST_NAME: usize = 60;
    let words: Vec<&str> = text.split_whitespace().collect();
    let plain = |word: &&str| word.chars().all(|character| character.is_alphanumeric() || character == '_');
    let name = words.len() > 1 && text.len() <= LONGEST_NAME && words.iter().all(plain);
    // A keyword in small letters begins something else.
    let title = |word: &&str| word.starts_with(|first: char| first.is_uppercase() || first.is_ascii_digit());
    let titled = text.trim_start().starts_with(char::is_alphabetic) && words.iter().all(title);
    (name && titled).then(|| {
        let snake = words.join("_").to_lowercase();
        format!(
            "if it is the name of a column, write `\"{}\"`, or `{snake}` behind `names: snake_case`",
            words.join(" ")
        )
    })
}

/// What the parser says, in the words of the other messages. A quote that is closed far off makes a long word.
pub(crate) fn in_our_words(message: &str) -> String {
    let (expected, word) = message.split_once("found: ").unwrap_or((message, ""));
    let found = if word.is_empty() { String::new() } else { format!("found {}", batch::excerpt(word.as_bytes(), 60)) };
    batch::bounded(&format!("{}{}", expected.replace("Expected: ", "expected "), found.replace("EOF", "the end")))
}

#[cfg(test)]
mod tests {
    use batch::Type;

    use super::{TYPES, type_elsewhere};

    #[test]
    fn what_is_suggested_exists_and_what_is_wrong_does_not() {
        for (names, ours) in TYPES {
            assert!(Type::parse(ours).is_ok(), "{ours}");
            let wrong = |name: &&str| Type::parse(&format!("{name}(20)")).is_err();
            assert!(names.iter().all(wrong), "{names:?}");
        }
        assert_eq!(type_elsewhere("VARCHAR(20)"), Some("text"));
        assert_eq!(type_elsewhere("text"), None);
    }
}
