//! Names that functions have elsewhere, where the nearest spelling would mislead.
//!
//! Names of SQL dialects, spreadsheets and programming languages that people write from habit. Only what the nearest
//! spelling gets wrong stands here.

/// Names in lower case, and what to write instead: a function's name, or a whole call.
const SYNONYMS: &[(&[&str], &str)] = &[
    (&["strip", "btrim", "trimboth"], "trim"),
    (&["lstrip", "trimleft", "trimstart"], "ltrim"),
    (&["rstrip", "trimright", "trimend"], "rtrim"),
    (&["len", "char_length", "character_length", "lengthutf8", "strlen"], "length"),
    (&["substr", "substringutf8", "mid", "slice"], "substring"),
    (&["ucase", "touppercase", "to_upper", "toupper"], "upper"),
    (&["lcase", "tolowercase", "to_lower", "tolower"], "lower"),
    (&["replaceall", "replace_all", "translate"], "replace"),
    (&["replaceregexpall", "regex_replace"], "regexp_replace"),
    (&["match", "regexp_like", "rlike", "matches"], "regexp_matches"),
    (&["regexp_substr"], "regexp_extract"),
    (&["instr", "position", "locate", "indexof", "charindex"], "strpos"),
    (&["splitbychar", "splitbystring", "string_to_array", "explode"], "split"),
    (&["splitpart", "split_index"], "split_part"),
    (&["nvl", "isnull", "if_null"], "coalesce"),
    (&["concat_ws"], "concat"),
    (&["todate", "to_date", "strptime", "str_to_date", "parsedatetime", "date_parse"], "parse_date(x, '%Y-%m-%d')"),
    (&["strftime", "date_format", "to_char", "formatdatetime"], "format_date(x, '%Y-%m-%d')"),
    (&["to_datetime", "todatetime", "parse_datetime"], "parse_timestamp(x, '%Y-%m-%d %H:%M:%S')"),
    (&["toyear"], "year"),
    (&["tomonth"], "month"),
    (&["todayofmonth", "dayofmonth"], "day"),
    (&["date_add", "dateadd", "adddays", "add_days"], "date_add_days"),
    (&["date_trunc", "datetrunc", "tostartofmonth", "first_day"], "date_add_days(x, 1 - day(x))"),
    (&["date_diff", "datediff", "days_between"], "date_diff_days"),
    (&["cardinality", "array_length", "size"], "list_length"),
    (&["array_contains", "has"], "list_contains"),
    (&["tostring", "to_string", "str", "string", "text", "varchar", "to_text"], "cast(x as text)"),
    (
        &["toint", "toint32", "toint64", "int", "integer", "bigint", "to_int", "parseint", "parse_int"],
        "cast(x as bigint)",
    ),
    (
        &[
            "todecimal",
            "todecimal64",
            "decimal",
            "to_number",
            "to_decimal",
            "number",
            "float",
            "tofloat64",
            "parse_float",
        ],
        "cast(x as decimal(18, 4))",
    ),
    (&["toboolean", "bool", "boolean", "to_bool"], "cast(x as boolean)"),
    (&["if", "iff", "iif", "multiif", "switch"], "case when a then b else c end"),
];

/// What to do about a function that is called otherwise here, by its name in lower case.
pub(crate) fn synonym(name: &str) -> Option<String> {
    let (_, meant) = SYNONYMS.iter().find(|(names, _)| names.contains(&name))?;
    Some(if meant.contains(' ') { format!("write `{meant}`") } else { format!("did you mean `{meant}`?") })
}

/// The function of ours that another language calls so, if a name alone says it.
pub(crate) fn synonym_name(name: &str) -> Option<&'static str> {
    let (_, meant) = SYNONYMS.iter().find(|(names, _)| names.contains(&name))?;
    (!meant.contains(' ')).then_some(meant)
}

#[cfg(test)]
mod tests {
    use super::SYNONYMS;
    use crate::functions::functions;

    #[test]
    fn what_is_suggested_exists_and_what_is_wrong_does_not() {
        let known = |name: &str| functions().iter().any(|function| function.name == name);
        for (wrong, meant) in SYNONYMS {
            let name = meant.split(['(', ' ']).next().unwrap_or(meant);
            assert!(known(name) || ["cast", "case"].contains(&name), "{meant}");
            for wrong in *wrong {
                assert!(!known(wrong), "`{wrong}` is a function");
                let times = SYNONYMS.iter().filter(|(names, _)| names.contains(wrong)).count();
                assert_eq!(times, 1, "`{wrong}` stands twice");
            }
        }
    }
}
