//! What is wrong with an expression, and where.

use std::collections::BTreeSet;
use std::fmt::Write;

use batch::ColumnType;
use expect_test::{Expect, expect};

use super::{rows, scope, shown};
use crate::{EXPLANATIONS, Expression, ExpressionError, Scope};

pub(super) fn described(text: &str, errors: &[ExpressionError]) -> String {
    let mut described = String::new();
    for error in errors {
        let remedy = error.remedy.as_deref().unwrap_or("-");
        writeln!(described, "{} `{}` {} | {remedy}", error.code, &text[error.span.clone()], error.message).unwrap();
    }
    described
}

fn check(text: &str, expected: &Expect) {
    let errors = Expression::compile(text, &scope()).map(|_| ()).expect_err(text);
    expected.assert_eq(&described(text, &errors));
}

#[test]
fn mistakes_are_named_where_they_are() {
    check(
        "prise + 1",
        &expect![[r#"
        E3201 `prise` there is no name `prise` here | did you mean `price`?
    "#]],
    );
    check(
        "quantity +\n  trmi(price)",
        &expect![[r#"
        E3202 `trmi` there is no function `trmi` | did you mean `trim`?
    "#]],
    );
    check(
        "lower(prise) || upper(dai)",
        &expect![[r#"
        E3201 `prise` there is no name `prise` here | did you mean `price`?
        E3201 `dai` there is no name `dai` here | did you mean `day`?
    "#]],
    );
    check(
        "quantity = price",
        &expect![[r#"
            E3301 `quantity = price` bigint unsigned and text have no common type | write `cast(price as bigint unsigned)`
        "#]],
    );
    check(
        "price > 5",
        &expect![[r#"
            E3301 `price > 5` text and bigint have no common type | write `cast(price as bigint)`
        "#]],
    );
    check(
        "upper(price) || '-' || quantity + 1",
        &expect![[r#"
            E3301 `upper(price) || '-' || quantity + 1` `||` binds tighter than `+`, so this is arithmetic with a text | write `upper(price) || '-' || cast(quantity + 1 as text)`
        "#]],
    );
    check(
        "lower(price) || price * 2",
        &expect![[r#"
        E3301 `lower(price) || price * 2` `||` binds tighter than `*`, so this is arithmetic with a text | write `lower(price) || cast(cast(price as bigint) * 2 as text)`
    "#]],
    );
    check(
        "quantity + 1 || price",
        &expect![[r#"
        E3301 `quantity + 1 || price` `||` binds tighter than `+`, so this is arithmetic with a text | write `cast(quantity + 1 as text) || price`
    "#]],
    );
    check(
        "price || '-' + price",
        &expect![[r#"
        E3301 `price || '-' + price` no arithmetic of texts: `+` is for numbers | join texts with `||`
    "#]],
    );
    check(
        "(price || 'x') - 1",
        &expect![[r#"
        E3301 `(price || 'x') - 1` no arithmetic of text and bigint | write `cast((price || 'x') as bigint)` or as a `decimal`; texts are joined with `||`
    "#]],
    );
    check(
        "price + '-' + price",
        &expect![[r#"
        E3301 `price + '-'` no arithmetic of text and text | join texts with `||`; numbers in texts are cast first, as in `cast(x as bigint)`
    "#]],
    );
    check(
        "day > 2024-01-31",
        &expect![[r#"
        E3301 `2024-01-31` this is a subtraction of numbers, not a date | write `date '2024-01-31'`
    "#]],
    );
    check(
        "price not in 'a'",
        &expect![[r#"
        E3101 `'a'` `in` is followed by a list in brackets | write `in ('a', 'b')`, also for one value
    "#]],
    );
    check(
        "price in 'a'",
        &expect![[r#"
        E3101 `'a'` `in` is followed by a list in brackets | write `in ('a', 'b')`, also for one value
    "#]],
    );
    check(
        "trim(price),",
        &expect![[r#"
        E3101 `,` an expression ends without `,` | take the `,` away
    "#]],
    );
    check(
        "price, day",
        &expect![[r#"
        E3101 `,` one expression stands here | give each column a line of its own
    "#]],
    );
    check(
        "settled = '2021-13-01'",
        &expect![[r#"
        E3302 `settled = '2021-13-01'` this text is no date | write it as 'YYYY-MM-DD'
    "#]],
    );
    check(
        "parse_date(day, price)",
        &expect![[r#"
        E3305 `price` the format of `parse_date` must be a literal | write it in 'single quotes', or use a parameter of the template
    "#]],
    );
    check(
        "parse_date(day, '%Q')",
        &expect![[r#"
        E3306 `'%Q'` this is no format for it | formats are those of strftime, such as '%Y-%m-%d'; a date has no %H, %M or %S
    "#]],
    );
    check(
        "parse_date(day, 'mm/dd/yyyy')",
        &expect![[r#"
            E3306 `'mm/dd/yyyy'` this format does not name a whole date | write '%m/%d/%Y'; parts of a date are written with `%`: '%m/%d/%Y' for 01/31/2024, '%Y%m%d' for 20240131
        "#]],
    );
    check(
        "parse_date(day, '%Y%m')",
        &expect![[r#"
            E3306 `'%Y%m'` this format does not name a whole date | a month becomes its first day by `parse_date(day || '01', '%Y%m%d')`; parts of a date are written with `%`: '%m/%d/%Y' for 01/31/2024, '%Y%m%d' for 20240131
        "#]],
    );
    check(
        "format_date(settled, 'YYYY')",
        &expect![[r#"
            E3306 `'YYYY'` this format is the same for every date | write '%Y'; parts of a date are written with `%`: '%m/%d/%Y' for 01/31/2024, '%Y%m%d' for 20240131
        "#]],
    );
    check(
        "strip(price) || toString(quantity) || substr(price, 1, 2) || today()",
        &expect![[r#"
            E3202 `strip` there is no function `strip` | did you mean `trim`?
            E3202 `toString` there is no function `toString` | write `cast(x as text)`
            E3202 `today` there is no function `today` | take a date of the document, such as `document.date`, or a column; a clock would give a replay other rows
        "#]],
    );
    check(
        "regexp_matches(price, '(')",
        &expect![[r#"
        E3306 `'('` this is no pattern: unclosed group | patterns are those of Rust's `regex`: without look-around and back-references
    "#]],
    );
    check(
        "at_zone(timestamp '2021-01-01', 'Amerika/New_York')",
        &expect![[r#"
        E3306 `'Amerika/New_York'` there is no such zone | did you mean 'America/New_York'?
    "#]],
    );
    check(
        "parse_timestamp(day, 'YYYY-MM-DD HH24:MI:SS')",
        &expect![[r#"
        E3306 `'YYYY-MM-DD HH24:MI:SS'` this format does not name a whole date | write '%Y-%m-%d %H:%M:%S'; parts of a date are written with `%`: '%m/%d/%Y' for 01/31/2024, '%Y%m%d' for 20240131
    "#]],
    );
    check(
        "parse_timestamp(day, 'yyyy-MM-dd HH:mm:ss')",
        &expect![[r#"
        E3306 `'yyyy-MM-dd HH:mm:ss'` this format does not name a whole date | write '%Y-%m-%d %H:%M:%S'; parts of a date are written with `%`: '%m/%d/%Y' for 01/31/2024, '%Y%m%d' for 20240131
    "#]],
    );
    check(
        "date_trunc('month', settled)",
        &expect![[r#"
        E3202 `date_trunc` there is no function `date_trunc` | write `date_add_days(x, 1 - day(x))`
    "#]],
    );
    check(
        "case price when 'a' then 1 when 'b' then 'marketable limit' end",
        &expect![[r#"
        E3301 `'marketable limit'` bigint and text have no common type | make the other a text too: `'1'` or `cast(1 as text)`
    "#]],
    );
    check(
        "(1 + ",
        &expect![[r#"
        E3101 `` expected an expression, found the end | write one SQL scalar expression, such as `cast(nullif(trim(price), '.') as decimal(18, 4))`
    "#]],
    );
    check(
        "1 2",
        &expect![[r#"
        E3101 `2` expected end of expression, found 2 | write one SQL scalar expression, such as `cast(nullif(trim(price), '.') as decimal(18, 4))`
    "#]],
    );
    check(
        "parse_timestamp('x', '%Y-%m-%d %H:%M:%S %z')",
        &expect![[r#"
        E3306 `'%Y-%m-%d %H:%M:%S %z'` this format names an offset, which a reading of a clock has not | cut the offset off and say the zone with `at_zone`, or read the text with `to_timestamp`
    "#]],
    );
    // A quote that is never meant to be one takes along all up to the next: it is not shown whole.
    check(
        &format!("1 '{}'", "long ".repeat(40)),
        &expect![[r#"
        E3101 `'long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long '` expected end of expression, found 'long long long long long long long long long long long long… | write one SQL scalar expression, such as `cast(nullif(trim(price), '.') as decimal(18, 4))`
    "#]],
    );
    check(
        "price <> 'a' && day is null",
        &expect![[r#"
        E3101 `&&` `&&` is no operator | write `and`
    "#]],
    );
    check(
        "price = null",
        &expect![[r#"
        E3307 `price = null` a comparison with null is null for every row, never true | write `price is null`
    "#]],
    );
    check(
        "null <> price",
        &expect![[r#"
        E3307 `null <> price` a comparison with null is null for every row, never true | write `price is not null`
    "#]],
    );
    check(
        "price = 'a' ? 1 : 2",
        &expect![[r#"
        E3101 `?` `?` is no operator | write `case when a then b else c end`
    "#]],
    );
    check(
        "!(price = 'a')",
        &expect![[r#"
        E3101 `!` `!` is no operator | write `not`
    "#]],
    );
    check(
        "trim(price",
        &expect![[r#"
        E3101 `` a bracket is not closed | close it with `)`
    "#]],
    );
    for (text, wanted) in [
        (
            "nullif(trim(price)), 'x')",
            expect![[r#"
                E3101 `)` this `)` closes the last open bracket, and `,` stands behind it | take it away if `,` belongs into the brackets: there is one `)` more than `(`
            "#]],
        ),
        (
            "trim(price))",
            expect![[r#"
                E3101 `)` this `)` closes nothing | take it away, or write the `(` that it closes
            "#]],
        ),
        (
            "cast(trim(price as bigint)",
            expect![[r#"
                E3101 `(` this `(` is not closed before `as` | close it with `)` before `as`, if that does not belong into its brackets
            "#]],
        ),
        (
            "(price = 'a' or price = 'b') and trim(price) = 'c')",
            expect![[r#"
                E3101 `)` this `)` closes nothing | take it away, or write the `(` that it closes
            "#]],
        ),
        (
            "coalesce(trim(price 'a')",
            expect![[r#"
                E3101 `(` this `(` is not closed before `'a'` | close it with `)` before `'a'`, if that does not belong into its brackets
            "#]],
        ),
    ] {
        check(text, &wanted);
    }
    check(
        "select price from x",
        &expect![[r#"
        E3101 `price` this is a statement | write the expression alone, without `select` and `from`
    "#]],
    );
    check(
        "sum(price)",
        &expect![[r#"
        E3202 `sum` there is no function `sum` | an expression sees one row; what takes many rows belongs into a query of the table
    "#]],
    );
    check(
        r#"trim("price)"#,
        &expect![[r#"
        E3101 `"price)` a name is not closed | close it with `"`
    "#]],
    );
    check(
        "price = 'a';",
        &expect![[r#"
        E3101 `;` an expression ends without `;` | take the `;` away
    "#]],
    );
    check(
        "'open",
        &expect![[r#"
            E3101 `'open` a text is not closed | close it with `'`; one within a text is doubled, as in `'it''s'`
        "#]],
    );
    check(
        "",
        &expect![[r#"
        E3101 `` expected an expression, found the end | write one SQL scalar expression, such as `cast(nullif(trim(price), '.') as decimal(18, 4))`
    "#]],
    );
    check(
        "trim()",
        &expect![[r#"
        E3203 `trim()` `trim` takes 1 to 2 arguments, not 0 | write `trim(text [, characters]) -> text`
    "#]],
    );
    check(
        "cast(price as decimal(39, 2))",
        &expect![[r#"
            E3303 `decimal(39, 2)` a decimal is `decimal(P, S)` with P from 1 to 38 and S from 0 to P | mend what stands in the brackets
        "#]],
    );
    check(
        "cast(settled as bigint)",
        &expect![[r#"
        E3303 `cast(settled as bigint)` date cannot be cast to bigint | cast to text first, or use a function
    "#]],
    );
    check(
        "now()",
        &expect![[r#"
            E3202 `now` there is no function `now` | take a date of the document, such as `document.date`, or a column; a clock would give a replay other rows
        "#]],
    );
    check(
        "(select 1)",
        &expect![[r#"
        E3102 `select 1` this form of SQL cannot be used here | use operators, `case`, `cast` and functions of one row's values
    "#]],
    );
    check(
        "case when 1 then 'ä' else 2 end",
        &expect![[r#"
            E3301 `1` `when` takes a condition, and this is a value | write `when x = 1`, or the name once, as in `case x when 1 then ...`
            E3301 `2` text and bigint have no common type | make the other a text too: `'2'` or `cast(2 as text)`
        "#]],
    );
    check(
        "amount(5) + amount()",
        &expect![[r#"
            E3301 `5` this is bigint, but text is needed | write `cast(5 as text)`
            E3203 `amount()` `amount` takes 1 arguments, not 0 | write `amount(v: text)`
        "#]],
    );
    check(
        "settled + settled",
        &expect![[r#"
            E3301 `settled + settled` no such arithmetic of date and date | write `date + days`, `date - days`, or `date - date`, which counts days
        "#]],
    );
    // A remedy repeats what was written, on whichever side it stands.
    check(
        "abs(day) + day * 2 + list_length(price)",
        &expect![[r#"
        E3301 `day` `abs` takes a number, not text | write `cast(day as bigint)`, or cast it to a `decimal`
        E3301 `day * 2` no arithmetic of text and bigint | write `cast(day as bigint)` or as a `decimal`; texts are joined with `||`
        E3301 `price` `list_length` takes a list, not text | make a list of it: `split(price, separator)`, or `[price]`
    "#]],
    );
    check(
        "quantity between 1 and price and quantity in (2, price) and case quantity when day then true end",
        &expect![[r#"
            E3301 `price` bigint unsigned and text have no common type | write `cast(price as bigint unsigned)`
            E3301 `price` bigint unsigned and text have no common type | write `cast(price as bigint unsigned)`
            E3301 `day` bigint unsigned and text have no common type | write `cast(day as bigint unsigned)`
        "#]],
    );
    check(
        "date_of(at_zone(timestamp '2021-01-01', 'UTC')) = settled and coalesce(settled, price) is null",
        &expect![[r#"
            E3301 `at_zone(timestamp '2021-01-01', 'UTC')` the day of an instant depends on the zone | write `date_of(at_zone(timestamp '2021-01-01', 'UTC'), zone)`
            E3301 `price` date and text have no common type | write `cast(price as date)` for YYYY-MM-DD, or `parse_date(price, format)`
        "#]],
    );
    check(
        "row = row",
        &expect![[r#"
            E3301 `row = row` lists and maps cannot be compared | compare elements, `element(list, position)`, or use `list_contains`
        "#]],
    );
    check(
        "1234567890123456789012345678901234567890",
        &expect![[r#"
        E3302 `1234567890123456789012345678901234567890` a number has at most 38 digits | write fewer digits
    "#]],
    );
}

#[test]
fn what_does_not_suit_its_column_is_refused_with_the_cast_that_does() {
    let mut all = String::new();
    for (text, target) in [
        ("price", "nullable date"),
        ("price", "nullable decimal(18, 4)"),
        ("quantity", "nullable text"),
        ("day", "nullable timestamp(6, UTC)"),
        ("settled", "nullable timestamp(6, UTC)"),
        ("split(list, ';')", "list of bigint"),
        ("'x'", "date"),
    ] {
        let target = ColumnType::parse(target).unwrap();
        let errors = Expression::compile_as(text, &scope(), &target).map(|_| ()).expect_err(text);
        all += &described(text, &errors);
    }
    expect![[r#"
        E3304 `price` this is text, but date is wanted | write `cast(price as date)` for YYYY-MM-DD, or `parse_date(price, format)`
        E3304 `price` this is text, but decimal(18, 4) is wanted | write `cast(price as decimal(18, 4))`
        E3304 `quantity` this is bigint unsigned, but text is wanted | write `cast(quantity as text)`
        E3304 `day` this is text, but timestamp(6, UTC) is wanted | write `to_timestamp(day)` or `to_timestamp(day, zone)`
        E3304 `settled` this is date, but timestamp(6, UTC) is wanted | write `at_zone(cast(settled as timestamp(6)), zone)`
        E3304 `split(list, ';')` this is list of text, but list of bigint is wanted | write `cast(split(list, ';') as list of bigint)`
        E3302 `'x'` this text is no date | write it as 'YYYY-MM-DD'
    "#]].assert_eq(&all);
}

#[test]
fn size_and_depth_are_bounded() {
    let deep = |open: &str, close: &str, count: usize| format!("{}1{}", open.repeat(count), close.repeat(count));
    for text in [
        deep("(", ")", 3_000),
        deep("abs(", ")", 3_000),
        deep("- ", "", 3_000),
        deep("", " + 1", 10_000),
        deep("1 = (", ")", 500),
        deep("abs(", ")", 41),
        deep("case when true then ", " end", 60),
        "x".repeat(70_000),
        format!("row{}", "['a']".repeat(3_000)),
    ] {
        let errors = Expression::compile(&text, &scope()).map(|_| ()).expect_err("too deep");
        assert_eq!(errors[0].code.0, "E3103", "{}", &text[..20]);
    }
    assert_eq!(shown(&Expression::compile(&deep("abs(1 + ", ")", 30), &scope()).unwrap(), &rows())[0], "31");
    let long = format!("price{}", " || 'x'".repeat(500));
    assert_eq!(shown(&Expression::compile(&long, &scope()).unwrap(), &rows())[0].len(), 504);
}

#[test]
fn a_text_in_double_quotes_is_told_to_be_one_and_a_name_is_not_compared_with_itself() {
    check(
        "price <> \"Price\"",
        &expect![[r#"
            E3201 `"Price"` there is no name `Price` here | text stands in 'single quotes': write `'Price'`; the nearest name is `price`
        "#]],
    );
    check(
        "price = \"it's\"",
        &expect![[r#"
            E3201 `"it's"` there is no name `it's` here | text stands in 'single quotes': write `'it''s'`; if a name was meant, use one of `change`, `day`, `document.date`, `list`, `price`, `quantity`, `row`, `settled`, `yes`
        "#]],
    );
    check(
        "price <> price",
        &expect![[r#"
        E3308 `price <> price` `price` is compared with itself | compare with another name, or with a text in 'single quotes'
    "#]],
    );
    check(
        "PRICE = \"price\"",
        &expect![[r#"
        E3308 `PRICE = "price"` `PRICE` is compared with itself | text stands in 'single quotes'; write `PRICE is not null` if that is meant
    "#]],
    );
    check(
        "not (price is distinct from price)",
        &expect![[r#"
        E3308 `(price is distinct from price)` `price` is compared with itself | compare with another name, or with a text in 'single quotes'
    "#]],
    );
    check(
        "case when quantity >= quantity then 1 end",
        &expect![[r#"
        E3308 `quantity >= quantity` `quantity` is compared with itself | compare with another name, or with a text in 'single quotes'
    "#]],
    );
    for fine in ["price = upper(price)", "quantity + 1 > quantity", "price is not null", "'a' = 'a'"] {
        assert!(Expression::compile(fine, &scope()).is_ok(), "{fine}");
    }
}

/// Publishers' names are told what they are called here, wherever the parser or the checker stumbles over them.
#[test]
fn a_name_of_the_publisher_is_told_what_it_is_called_here() {
    let columns = Scope::new()
        .with_name("amount_eur", ColumnType::parse("nullable bigint").unwrap())
        .with_name("amount", ColumnType::parse("nullable bigint").unwrap())
        .with_name("trade_id", ColumnType::parse("nullable text").unwrap())
        .with_name("Close Price", ColumnType::parse("nullable bigint").unwrap())
        .with_name_elsewhere("Amount EUR", "amount_eur")
        .with_name_elsewhere("Amount", "amount")
        .with_name_elsewhere("Trade-ID", "trade_id");
    let mut all = String::new();
    for text in [
        "\"Amount EUR\" * 2",
        "Amount EUR",
        "cast(Amount EUR as double)",
        "2 * (Amount EUR + Amount EUR)",
        "Trade-ID",
        "trim(\"Trade-ID\")",
        "\"Amount\" + 1",
        "Close Price * 2",
        "Amount EUR > nobody",
        "trade_id = \"Nothing\"",
    ] {
        all += &described(text, &Expression::compile(text, &columns).map(|_| ()).expect_err(text));
    }
    expect![[r#"
        E3201 `"Amount EUR"` the column `Amount EUR` is called `amount_eur` here | write `amount_eur`, or `'Amount EUR'` if the text is meant
        E3201 `Amount EUR` the column `Amount EUR` is called `amount_eur` here | write `amount_eur`
        E3201 `Amount EUR` the column `Amount EUR` is called `amount_eur` here | write `amount_eur`
        E3201 `Amount EUR` the column `Amount EUR` is called `amount_eur` here | write `amount_eur`
        E3201 `Trade-ID` the column `Trade-ID` is called `trade_id` here | write `trade_id`
        E3201 `"Trade-ID"` the column `Trade-ID` is called `trade_id` here | write `trade_id`, or `'Trade-ID'` if the text is meant
        E3201 `"Amount"` the column `Amount` is called `amount` here | write `amount`, or `'Amount'` if the text is meant
        E3201 `Close Price` the name `Close Price` stands without quotes | write `"Close Price"`
        E3201 `Amount EUR` the column `Amount EUR` is called `amount_eur` here | write `amount_eur`
        E3201 `"Nothing"` there is no name `Nothing` here | text stands in 'single quotes': write `'Nothing'`; if a name was meant, use one of `Close Price`, `amount`, `amount_eur`, `trade_id`
    "#]].assert_eq(&all);
    for fine in ["Amount + 1", "\"Close Price\" * 2", "trade_id = 'Amount EUR'", "amount_eur - AMOUNT"] {
        assert!(Expression::compile(fine, &columns).is_ok(), "{fine}");
    }
}

/// Every code has an explanation once, and every code of compilation is raised by some case.
#[test]
fn codes_are_explained_and_used() {
    let explained: BTreeSet<_> = EXPLANATIONS.iter().map(|explanation| explanation.code.0).collect();
    assert_eq!(explained.len(), EXPLANATIONS.len());
    let big = "x".repeat(70_000);
    let cases = [
        "(1",
        "exists (select 1)",
        "1 ~ 2",
        big.as_str(),
        "nobody",
        "nothing()",
        "trim()",
        "1 = 'a'",
        "date 'x'",
        "cast(1 as date)",
        "round(1.5, change)",
        "regexp_matches(price, '(')",
        "price = null",
        "price = price",
    ];
    let mut raised: BTreeSet<_> = cases
        .iter()
        .flat_map(|text| Expression::compile(text, &scope()).map(|_| ()).expect_err(text))
        .map(|error| error.code.0)
        .collect();
    let target = ColumnType::parse("date").unwrap();
    raised.extend(
        Expression::compile_as("1", &scope(), &target)
            .map(|_| ())
            .expect_err("no date")
            .iter()
            .map(|error| error.code.0),
    );
    let compile_time: BTreeSet<_> = explained.iter().copied().filter(|code| code.starts_with("E3")).collect();
    assert_eq!(raised, compile_time);
}
