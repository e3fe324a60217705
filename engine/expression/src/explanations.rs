//! What `spotlight explain` says of every code that this crate raises.

use batch::{Code, Explanation};

/// A value is null, and its column allows none. Raised by expressions and by the check before a table alike.
pub const NULL_VALUE: Code = Code("E4103");
/// A number does not fit its type. Raised by expressions and by the check before a table alike.
pub const TOO_LARGE: Code = Code("E4104");

const fn explanation(code: &'static str, title: &'static str, why: &'static str, remedy: &'static str) -> Explanation {
    Explanation { code: Code(code), title, why, remedy }
}

/// All codes: `E31xx` syntax, `E32xx` names, `E33xx` types, `E41xx` rows that fail.
pub const EXPLANATIONS: &[Explanation] = &[
    explanation(
        "E3101",
        "The text is no SQL expression",
        "The parser met a token that cannot stand there.",
        "Look at the marked place: often a quote or bracket is missing, or text stands in \"double quotes\", which are for names.",
    ),
    explanation(
        "E3102",
        "This part of SQL is not for one row",
        "Subqueries, aggregates, windows and some operators have no meaning for the values of one row.",
        "Use operators, `case`, `cast` and functions; grouping is a step of its own.",
    ),
    explanation(
        "E3103",
        "The expression is too large",
        "Text above 64 KiB or nesting above some 50 levels is refused, because it could exhaust a thread's stack.",
        "Divide it into named functions under `functions:`.",
    ),
    explanation(
        "E3201",
        "There is no such name",
        "Names are the columns of the step before, the facts of the document or record, and parameters.",
        "Compare with the columns that `spotlight plan FILE` prints. Text literals stand in 'single quotes'.",
    ),
    explanation(
        "E3202",
        "There is no such function",
        "It is neither built in nor declared in the file. There is no clock and no chance: a replay must give the same rows.",
        "Take the nearest name, or declare it under `functions:`.",
    ),
    explanation(
        "E3203",
        "The number of arguments is wrong",
        "The function takes fewer or more.",
        "See its signature in the message.",
    ),
    explanation(
        "E3301",
        "The types do not go together",
        "Nothing is converted in silence between text, numbers, dates and doubles, because that is how wrong data looks right.",
        "Write the cast: `cast(quantity as bigint)`, `parse_date(day, '%Y%m%d')`.",
    ),
    explanation(
        "E3302",
        "A literal is none of its type",
        "A text beside a date is read as a date when the expression is compiled, and so is a cast of a text that is written out: what is none now is none in any row. A number has at most 38 digits.",
        "Write dates as '2024-01-31', numbers, `true` and `false` without quotes. A name without quotes is a column.",
    ),
    explanation(
        "E3303",
        "There is no such type or cast",
        "The type after `as` is unknown, or no value of the one type can become the other.",
        "Types are text, boolean, tinyint, smallint, integer, bigint (each also unsigned), double, decimal(P, S), date, timestamp(3, UTC), timestamp(3), binary, list of TYPE, map of text to TYPE.",
    ),
    explanation(
        "E3304",
        "The value does not suit its column",
        "The column has another type, and the conversion could change the value.",
        "Write the cast that the message names, or change the column's type.",
    ),
    explanation(
        "E3305",
        "An argument must be a literal",
        "Patterns, formats, zones and scales are compiled once, so a column cannot give them.",
        "Write them in the expression, or use a parameter of the template.",
    ),
    explanation(
        "E3306",
        "A pattern, format or zone is wrong",
        "It is a literal, so that this is seen before anything starts.",
        "Patterns are those of Rust's `regex`, formats those of strftime, zones IANA names such as 'America/New_York'.",
    ),
    explanation(
        "E3307",
        "A comparison with null",
        "In SQL nothing is equal to null, not even null: the comparison would be true for no row at all.",
        "Write `x is null` or `x is not null`; `is not distinct from` compares two columns of which both may be null.",
    ),
    explanation(
        "E3308",
        "A comparison of a name with itself",
        "It is the same for every row, or null, so that a `where` of it keeps all rows or none. Mostly one side was meant as a text.",
        "Text stands in 'single quotes'. To ask whether there is a value, write `x is not null`.",
    ),
    explanation(
        "E4101",
        "Not a number or boolean",
        "A cast met text that is none. Blanks and thousands separators are not removed by themselves. Points are decimal points: `1.000,50` and `1.060.000` are no numbers.",
        "`cast(replace(trim(x), ',', '') as decimal(18, 4))`, `nullif(x, '.')` for a mark of absence, or `try(…)` for null. European numbers first become ours: `cast(replace(replace(x, '.', ''), ',', '.') as decimal(18, 2))`.",
    ),
    explanation(
        "E4102",
        "Not a date or timestamp",
        "The text does not follow the format, the day does not exist, an offset is missing or unexpected, or clocks skip that hour.",
        "Check the format with one of the values in the dead letter; `to_timestamp(x, 'zone')` reads times without an offset.",
    ),
    explanation(
        "E4103",
        "Null where the column allows none",
        "The row has no value for a column that is declared without `nullable`. The row is a dead letter. A fact such as `document.date` is null where the pattern that fits the document's name has no part of that name: one of several in `file-names`.",
        "If the publisher may leave the value out, declare the column `nullable`; else give a value: `coalesce(x, '')`. Give each pattern of `file-names` the parts that steps use.",
    ),
    explanation(
        "E4104",
        "Too large, or digits would be lost",
        "The value has more digits than its type or column holds. Nothing is cut or rounded in silence. `1.060` with a point for thousands is read as a number with three decimals, which a `bigint` does not hold; `1.000` may be a thousand or one, so it is neither; nor is `12345.000` a whole number, since a column has one form.",
        "Take a wider type, such as `decimal(38, 13)`, or round on purpose: `round(x, 4)`. European numbers first lose their points: `replace(replace(x, '.', ''), ',', '.')`; for whole numbers that are published with three decimals: `cast(cast(x as decimal(38, 3)) as bigint)`. Then replay the dead letters.",
    ),
    explanation(
        "E4105",
        "An argument is not one that the function takes",
        "For example an empty separator or a negative length.",
        "Guard it with `case` or `nullif`.",
    ),
    explanation("E4106", "Division by zero", "The divisor of `/` or `%` was zero.", "`x / nullif(y, 0)` gives null."),
    explanation(
        "E4107",
        "The input lacks a column that the plan promised",
        "The rows have no values of this name and type. The engine and the topology disagree.",
        "Report it with the topology; it is a bug.",
    ),
];
