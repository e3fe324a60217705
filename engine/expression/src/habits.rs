//! Signs and words that people write from the habit of other languages, where the parser's own words would not help.

/// What to do about a sign or word of another language, by how the expression goes on at the place of an error.
pub(crate) fn habit(rest: &str, before: &str) -> Option<(&'static str, &'static str)> {
    let starts = |sign: &str| rest.starts_with(sign);
    Some(match () {
        () if starts("&&") => ("`&&` is no operator", "write `and`"),
        () if starts("!") => ("`!` is no operator", "write `not`"),
        () if starts("?") => ("`?` is no operator", "write `case when a then b else c end`"),
        () if starts(";") => ("an expression ends without `;`", "take the `;` away"),
        () if starts(",") && rest[1..].trim().is_empty() => ("an expression ends without `,`", "take the `,` away"),
        () if starts(",") => ("one expression stands here", "give each column a line of its own"),
        () if before.trim_end().to_ascii_lowercase().ends_with(" in") => {
            ("`in` is followed by a list in brackets", "write `in ('a', 'b')`, also for one value")
        }
        () if before.trim_start().to_ascii_lowercase().starts_with("select ") => {
            ("this is a statement", "write the expression alone, without `select` and `from`")
        }
        () => return None,
    })
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
