//! A query that ClickHouse refuses, in words for who wrote it: what is wrong, where, and how to see what there is.
//!
//! ClickHouse's own message repeats its number, lists every token that could have come, and names its scope and version.
//! Its first sentence is kept.

/// Starts the message proper.
const STARTS: &str = "DB::Exception: ";
/// What comes after the first sentence.
const ENDS: [&str; 6] =
    [" in scope ", ". In scope ", ": In scope ", ". Expected one of", ". Maybe you meant", " (version "];

/// What is wrong with a query, and what helps. `code` is ClickHouse's own number.
pub(super) fn told(code: u32, message: &str, query: &str) -> (String, String) {
    let message = message.split_once(STARTS).map_or(message, |(_, proper)| proper);
    let end = ENDS.iter().filter_map(|end| message.find(end)).min().unwrap_or(message.len());
    let first = without_name(message[..end].trim_end());
    let mut what = format!("ClickHouse refused with code {code}: {first}");
    if let Some(place) = place(first).and_then(|at| shown(query, at)) {
        what = format!("ClickHouse refused with code {code}: it cannot read the query from here on:\n{place}");
    }
    (what, remedy(code, message, query))
}

fn remedy(code: u32, message: &str, query: &str) -> String {
    let meant = message.split_once("Maybe you meant: ['").and_then(|(_, rest)| rest.split_once('\''));
    let meant = meant.map(|(name, _)| format!("did you mean `{name}`? ")).unwrap_or_default();
    let table = table(query);
    match (code, table) {
        // An unknown name.
        (47, Some(table)) => format!("{meant}spotlight sql \"describe table {table}\" lists the columns"),
        // An unknown table.
        (60, Some(table)) if table.contains('.') => {
            let database = table.split('.').next().unwrap_or_default();
            format!("spotlight sql \"show tables from {database}\" lists the tables")
        }
        (60 | 81, _) => "tables are written DATABASE.TABLE; spotlight sql \"show databases\" lists the databases, and \
                         spotlight sql \"show tables from DATABASE\" the tables of one"
            .to_owned(),
        _ => format!("{meant}mend the query"),
    }
}

/// The message without ClickHouse's name of the code behind it.
fn without_name(message: &str) -> &str {
    let Some((before, name)) = message.rsplit_once(" (") else { return message };
    let is_name = name.trim_end_matches(')').chars().all(|one| one.is_ascii_uppercase() || "_0123456789".contains(one));
    if is_name { before.trim_end_matches('.') } else { message }
}

/// The position that a syntax error names: bytes from the start of the query, from 1 on.
fn place(message: &str) -> Option<usize> {
    let (_, rest) = message.split_once("Syntax error")?.1.split_once("failed at position ")?;
    rest.split(|one: char| !one.is_ascii_digit()).next()?.parse().ok()
}

/// The line of the query with a mark below the position.
fn shown(query: &str, position: usize) -> Option<String> {
    let at = position.checked_sub(1)?.min(query.len());
    let before = query.get(..at)?;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = query[start..].lines().next().unwrap_or_default();
    let column = query.get(start..at)?.chars().count();
    Some(format!("  {line}\n  {}^", " ".repeat(column)))
}

/// The first table that a query names.
fn table(query: &str) -> Option<&str> {
    let mut words = query.split_whitespace();
    words.find(|word| word.eq_ignore_ascii_case("from"))?;
    let word = words.next()?.trim_end_matches([';', ',', ')']);
    let is_name = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == '.';
    (!word.is_empty() && word.chars().all(is_name)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn the_first_sentence_is_kept_and_what_there_is_can_be_seen() {
        let cases = [
            (
                (60, "select * from demo.nope"),
                "Unknown table expression identifier 'demo.nope' in scope SELECT * FROM demo.nope. Maybe you meant \
                 system.one?. (UNKNOWN_TABLE) (version 26.7.2.1)",
                "Unknown table expression identifier 'demo.nope'",
                "spotlight sql \"show tables from demo\" lists the tables",
            ),
            (
                (47, "select nope from demo.list;"),
                "Unknown expression identifier `nope` in scope SELECT nope FROM demo.list. (UNKNOWN_IDENTIFIER) (version 2)",
                "Unknown expression identifier `nope`",
                "spotlight sql \"describe table demo.list\" lists the columns",
            ),
            (
                (81, "select * from nodb.t"),
                "Database nodb does not exist. (UNKNOWN_DATABASE) (version 26.7.2.1)",
                "Database nodb does not exist",
                "tables are written DATABASE.TABLE; ",
            ),
            (
                (46, "select sumx(a) from demo.list"),
                "Function with name `sumx` does not exist. In scope SELECT sumx(a) FROM demo.list. Maybe you meant: \
                 ['sum']. (UNKNOWN_FUNCTION) (version 26.7.2.1)",
                "Function with name `sumx` does not exist",
                "did you mean `sum`? mend the query",
            ),
            (
                (62, "select 1\nfrom größe x y"),
                "Syntax error: failed at position 25 (y) (line 2, col 16): y. Expected one of: token, Dot, OR",
                "it cannot read the query from here on:\n  from größe x y\n               ^",
                "mend the query",
            ),
            ((999, "select"), "nothing known", "nothing known", "mend the query"),
        ];
        for ((code, query), message, what, remedy) in cases {
            let (said, helps) = told(code, &format!("Code: {code}. DB::Exception: {message}"), query);
            assert_eq!(said, format!("ClickHouse refused with code {code}: {what}"));
            assert!(helps.starts_with(remedy), "{helps}");
        }
        // A position that is none of the query's shows nothing.
        let (said, _) = told(62, "Syntax error: failed at position 0 (x): x", "x");
        assert_eq!(said, "ClickHouse refused with code 62: Syntax error: failed at position 0 (x): x");
    }
}
