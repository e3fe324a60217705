//! What expressions give, row by row.

use std::collections::BTreeMap;

use batch::{ColumnType, Type};

use super::{Rows, compiled, rows, scope, shown};
use crate::functions::has_examples;
use crate::{Expression, functions};

#[test]
fn every_function_does_what_its_examples_say() {
    let one = Rows {
        count: 1,
        columns: rows()
            .columns
            .into_iter()
            .filter(|(name, _)| *name == "row")
            .map(|(name, values)| (name, values.slice(0, 1)))
            .collect(),
    };
    for (name, given, gives) in has_examples() {
        assert_eq!(shown(&compiled(given), &one), [gives], "{name}: {given}");
    }
    for function in functions() {
        assert!(
            !function.examples.is_empty() && !function.signatures.is_empty() && function.about.ends_with('.'),
            "{}",
            function.name
        );
    }
}

#[test]
fn expressions_over_columns() {
    let cases: &[(&str, [&str; 4])] = &[
        ("cast(nullif(trim(price), '.') as decimal(18, 4))", ["8.1100", "null", "!E4101", "null"]),
        ("try(cast(price as decimal(18, 4)))", ["8.1100", "null", "null", "null"]),
        ("try_cast(price as decimal(18, 4))", ["8.1100", "null", "null", "null"]),
        ("price::decimal(18,4)", ["8.1100", "!E4101", "!E4101", "null"]),
        ("parse_date(day, '%Y%m%d')", ["2021-01-04", "!E4102", "!E4102", "null"]),
        ("price is null", ["false", "false", "false", "true"]),
        ("price is not null and price <> '.'", ["true", "false", "true", "false"]),
        ("price is distinct from '.'", ["true", "false", "true", "true"]),
        ("quantity + 1", ["9012", "1", "!E4104", "null"]),
        ("quantity - 9012", ["-1", "-9012", "!E4104", "null"]),
        ("quantity > change", ["true", "false", "true", "null"]),
        ("quantity > -1", ["true", "true", "true", "null"]),
        ("change % 3", ["-2", "0", "1", "null"]),
        ("change / quantity", ["-0.000555", "!E4106", "0.500000", "null"]),
        ("quantity / nullif(quantity, 0)", ["1.000000", "null", "1.000000", "null"]),
        (
            "case when change <> 0 then quantity / change else 7 end",
            ["-1802.200000", "7.000000", "2.000000", "7.000000"],
        ),
        (
            "case when cast(price as decimal(9, 2)) > 1 then 'dear' else 'cheap' end",
            ["dear", "!E4101", "!E4101", "cheap"],
        ),
        ("case price when '.' then 'none' when '' then 'empty' end", ["null", "none", "empty", "null"]),
        ("coalesce(price, cast(day as text), 'x')", ["8.11", ".", "", "x"]),
        ("coalesce(cast(nullif(price, '.') as decimal(9, 2)), 0)", ["8.11", "0.00", "!E4101", "0.00"]),
        ("coalesce(quantity, cast('x' as bigint unsigned))", ["9011", "0", "18446744073709551615", "!E4101"]),
        ("yes and cast(price as decimal(9, 2)) > 1", ["true", "false", "!E4101", "null"]),
        ("cast(price as decimal(9, 2)) > 1 or yes", ["true", "!E4101", "true", "null"]),
        ("not yes", ["false", "true", "false", "null"]),
        ("yes is true", ["true", "false", "true", "false"]),
        ("yes is not false", ["true", "false", "true", "true"]),
        ("quantity in (0, 9011)", ["true", "true", "false", "null"]),
        ("quantity not in (0, null)", ["null", "false", "null", "null"]),
        ("change between -5 and 0", ["true", "true", "false", "null"]),
        ("price like '_.%'", ["true", "false", "false", "null"]),
        ("price not ilike '8.1_'", ["false", "true", "true", "null"]),
        ("'50%' like '50!%' escape '!'", ["true"; 4]),
        ("settled = document.date", ["true", "false", "false", "null"]),
        ("settled = '2021-01-04'", ["true", "false", "false", "null"]),
        ("settled >= param.from", ["true", "false", "false", "null"]),
        ("settled + 1", ["2021-01-05", "1970-01-02", "1970-01-01", "null"]),
        ("settled - '2021-01-01'", ["3", "-18628", "-18629", "null"]),
        ("param.class || ':' || price", ["RATES:8.11", "RATES:.", "RATES:", "null"]),
        ("PRICE", ["8.11", ".", "", "null"]),
        ("\"price\"", ["8.11", ".", "", "null"]),
        ("row['Symbol']", ["A", "C", "E", "null"]),
        ("element(row, 'Market Category')", ["B", "D", "F", "null"]),
        ("row['no such']", ["null"; 4]),
        ("split(list, ';')", ["[1.5, 2]", "[x, 1]", "[]", "null"]),
        (
            "cast(split(list, ';') as list of decimal(38, 13))",
            ["[1.5000000000000, 2.0000000000000]", "!E4101", "[]", "null"],
        ),
        ("try(list_cast(split(list, ';'), 'double'))[2]", ["2.0", "null", "null", "null"]),
        ("[price, 'x']", ["[8.11, x]", "[., x]", "[, x]", "[null, x]"]),
        ("list_contains(split(list, ';'), price)", ["false", "false", "false", "null"]),
        ("amount(price)", ["8.1100000000000", "!E4101", "!E4101", "null"]),
        (
            "amount(case when yes then '250,000,000+' end)",
            ["250000000.0000000000000", "null", "250000000.0000000000000", "null"],
        ),
        ("greatest(quantity, 5)", ["9011", "5", "18446744073709551615", "null"]),
        ("cast(cast(price as binary) as text) = price", ["true", "true", "true", "null"]),
        ("cast(quantity as bigint)", ["9011", "0", "!E4104", "null"]),
        ("cast(change as tinyint)", ["-5", "0", "!E4104", "null"]),
        ("cast(change as double)", ["-5.0", "0.0", "!E4104", "null"]),
        // A cast of a bare literal that fails is refused when it is compiled.
        ("cast('1.234' || '' as decimal(5, 2))", ["!E4104"; 4]),
        ("cast('1.20' as decimal(5, 1))", ["1.2"; 4]),
        // A thousand or one.
        ("cast('1.000' || '' as bigint)", ["!E4104"; 4]),
        ("cast('-250.000' || '' as bigint)", ["!E4104"; 4]),
        ("cast('0.000' as bigint)", ["0"; 4]),
        ("cast('1250.000' || '' as bigint)", ["!E4104"; 4]),
        ("cast('-0.000' as bigint)", ["0"; 4]),
        ("cast('1250.00' as bigint)", ["1250"; 4]),
        ("cast('1250.0000' as bigint)", ["1250"; 4]),
        ("cast(cast('1250.000' as decimal(38, 3)) as bigint)", ["1250"; 4]),
        ("cast('1.00' as bigint)", ["1"; 4]),
        ("cast(cast('1.000' as decimal(38, 3)) as bigint)", ["1"; 4]),
        ("cast('1e400' || '' as double)", ["!E4104"; 4]),
        ("cast('nan' || '' as double)", ["!E4101"; 4]),
        ("cast(0.1 as double)", ["0.1"; 4]),
        ("cast(1e-1 as decimal(3, 1))", ["0.1"; 4]),
        ("cast('2021-02-29' || '' as date)", ["!E4102"; 4]),
        ("cast('2021-01-04T10:00:00.1234567Z' || '' as timestamp(6, UTC))", ["!E4104"; 4]),
        ("cast('2021-01-04T10:00:00.1230000' as timestamp(3))", ["2021-01-04T10:00:00.123"; 4]),
        ("cast('2021-01-04T10:00:00-05:00' as timestamp with time zone)", ["2021-01-04T15:00:00.000000Z"; 4]),
        ("to_timestamp('2021-01-04T10:00:00')", ["!E4102"; 4]),
        ("at_zone(timestamp '2021-03-14T02:30:00', 'America/New_York')", ["!E4102"; 4]),
        ("99999999999999999999999999999999999999", ["99999999999999999999999999999999999999"; 4]),
        ("18446744073709551615 = quantity", ["false", "false", "true", "null"]),
        ("1.10 = 1.1", ["true"; 4]),
        ("0.1 + 0.2 = 0.3", ["true"; 4]),
        ("cast('-0' as double) = 0e0", ["true"; 4]),
        ("cast('-0' as double) < 0e0 or 0e0 is distinct from cast('-0' as double)", ["false"; 4]),
        ("list_contains([0e0], cast('-0' as double))", ["true"; 4]),
        ("nullif(cast('-0' as double), 0e0)", ["null"; 4]),
        // Numbers of different types compare by what they are, and their sums and rests need only fit themselves.
        ("quantity > 0.00000000000000000000000000000000000001", ["true", "false", "true", "null"]),
        ("change in (0.00000000000000000000000000000000000001, 0)", ["false", "true", "false", "null"]),
        ("quantity % 0.3", ["0.2", "0.0", "0.0", "null"]),
        (
            "0.00000000000000000000000000000000000003 % cast(2 as decimal(38, 0))",
            ["0.00000000000000000000000000000000000003"; 4],
        ),
        (
            "cast('1.75' as decimal(38, 37)) + cast('-0.9' as decimal(38, 38))",
            ["0.85000000000000000000000000000000000000"; 4],
        ),
        // Null flows through a list, not into its items.
        ("list_trim(split('a;b', ';'), nullif(day, '20210104'))", ["null", "[a, b]", "[a, b]", "null"]),
        ("list_replace(split(list, ';'), price, '')", ["[1.5, 2]", "[x, 1]", "[]", "null"]),
        ("list_replace(['a'], 'a', nullif(day, '20210104'))", ["null", "[20210230]", "[9999-12-31]", "null"]),
        ("null", ["null"; 4]),
        ("null = null", ["null"; 4]),
    ];
    let rows = rows();
    for (text, expected) in cases {
        assert_eq!(shown(&compiled(text), &rows), *expected, "{text}");
    }
}

#[test]
fn a_day_without_a_name_fails_its_own_row() {
    let mut rows = rows();
    let days = arrow::array::Date32Array::from(vec![Some(18_631), Some(i32::MAX), Some(-719_528), None]);
    rows.columns.insert("settled", std::sync::Arc::new(days));
    assert_eq!(shown(&compiled("cast(settled as text)"), &rows), ["2021-01-04", "!E4104", "0000-01-01", "null"]);
}

#[test]
fn three_valued_logic() {
    let values = ["true", "false", "null"];
    let parts = |value: &str| if value == "null" { "cast(null as boolean)".to_owned() } else { value.to_owned() };
    let rows = rows();
    for left in values {
        for right in values {
            let and = match (left, right) {
                ("false", _) | (_, "false") => "false",
                ("null", _) | (_, "null") => "null",
                _ => "true",
            };
            let or = match (left, right) {
                ("true", _) | (_, "true") => "true",
                ("null", _) | (_, "null") => "null",
                _ => "false",
            };
            let (left, right) = (parts(left), parts(right));
            assert_eq!(shown(&compiled(&format!("{left} and {right}")), &rows)[0], and, "{left} and {right}");
            assert_eq!(shown(&compiled(&format!("{left} or {right}")), &rows)[0], or, "{left} or {right}");
        }
    }
}

#[test]
fn values_take_the_type_of_their_column() {
    let cases: &[(&str, &str, [&str; 4])] = &[
        ("quantity", "nullable decimal(38, 0)", ["9011", "0", "18446744073709551615", "null"]),
        ("quantity", "nullable integer", ["9011", "0", "!E4104", "null"]),
        ("price", "text", ["8.11", ".", "", "!E4103"]),
        ("'2021-01-04'", "date", ["2021-01-04"; 4]),
        ("null", "nullable date", ["null"; 4]),
        ("null", "date", ["!E4103"; 4]),
        (
            "settled",
            "nullable timestamp(6)",
            ["2021-01-04T00:00:00.000000", "1970-01-01T00:00:00.000000", "1969-12-31T00:00:00.000000", "null"],
        ),
        ("split(list, ';')", "list of text", ["[1.5, 2]", "[x, 1]", "[]", "[]"]),
        ("[]", "list of date", ["[]"; 4]),
        ("null", "list of text", ["[]"; 4]),
        ("row", "map of text to text", ["2 entries", "2 entries", "2 entries", "0 entries"]),
        ("amount(price)", "nullable decimal(38, 13)", ["8.1100000000000", "!E4101", "!E4101", "null"]),
        ("1", "nullable tinyint", ["1"; 4]),
        ("param.class", "low-cardinality text", ["RATES"; 4]),
    ];
    let rows = rows();
    for (text, target, expected) in cases {
        let target = ColumnType::parse(target).unwrap();
        let expression =
            Expression::compile_as(text, &scope(), &target).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        assert_eq!(expression.column_type(), &target);
        assert_eq!(shown(&expression, &rows), *expected, "{text} as {target}");
    }
}

#[test]
fn a_failure_says_where_but_not_what() {
    let evaluated = compiled("cast(  price\n as decimal(9, 2))").evaluate(&rows());
    let messages: Vec<_> = evaluated.failures.iter().map(|failure| (failure.row, failure.message.as_str())).collect();
    let message = "`cast( price as decimal(9, 2))`: not a number";
    assert_eq!(messages, [(1, message), (2, message)]);
}

#[test]
fn names_are_those_of_the_outer_scope() {
    let names = |text: &str| compiled(text).names().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names("case settled when document.date then amount(price) end"), ["document.date", "price", "settled"]);
    assert!(names("param.class").is_empty());
}

#[test]
fn missing_values_fail_every_row_and_no_rows_are_fine() {
    let empty = Rows { count: 2, columns: BTreeMap::new() };
    assert_eq!(shown(&compiled("coalesce(price, 'x')"), &empty), ["!E4107", "!E4107"]);
    let none = Rows {
        count: 0,
        columns: rows().columns.into_iter().map(|(name, values)| (name, values.slice(0, 0))).collect(),
    };
    for text in [
        "price",
        "1",
        "case when yes then 1 end",
        "cast('x' || '' as bigint)",
        "[price]",
        "row['a']",
        "yes and not yes",
    ] {
        assert!(shown(&compiled(text), &none).is_empty(), "{text}");
    }
    assert_eq!(compiled("1").column_type().of, Type::BIGINT);
}

/// A value that a publisher writes cannot exhaust the memory by being put in the place of many others.
#[test]
fn what_replacing_would_make_is_bounded() {
    let row = |text: &str| shown(&compiled(text), &Rows { count: 1, columns: BTreeMap::new() });
    let blanks = "lpad(' ', 5000)";
    assert_eq!(row(&format!("replace({blanks}, ' ', lpad('x', 5000, 'y'))")), ["!E4105"]);
    assert_eq!(row(&format!("regexp_replace({blanks}, ' ', lpad('x', 5000, 'y'))")), ["!E4105"]);
    assert_eq!(row(&format!("regexp_replace({blanks}, '( +)', '$1$1$1')")), [" ".repeat(15_000)]);
    assert_eq!(row(&format!("length(replace({blanks}, ' ', lpad('x', 200, 'y')))")), ["1000000"]);
    assert_eq!(row(&format!("length(regexp_replace({blanks}, ' ', lpad('x', 200, 'y')))")), ["1000000"]);
    assert_eq!(row(&format!("length(regexp_replace({blanks}, 'z', lpad('x', 5000, 'y')))")), ["5000"]);
}
