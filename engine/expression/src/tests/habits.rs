//! What people write from the habit of other languages, and what they are told.

use expect_test::expect;

use super::mistakes::described;
use super::scope;
use crate::Expression;

#[test]
fn signs_and_words_of_other_languages_are_told_in_ours() {
    let written = [
        "price = 'a' & quantity = 1",
        "price = 'a' | quantity = 1",
        "quantity ^ 2",
        "quantity ** 2",
        "quantity << 2",
        "~quantity",
        "price ~* 'a'",
        "quantity div 2",
        "quantity mod 2",
        "5--3",
        "price -- the price",
        "quantity /* all */ + 1",
        "1 # the price",
        "price = 'a /*' /* never closed",
        "/* 1",
        "quantity <=> 1",
        "price -> 'a'",
        "(quantity = 1) xor (price = 'a')",
        "price = 'a and 'b'",
        "case when price = 'a then 'x' else 'y' end",
    ];
    let told = written.map(|text| {
        let errors = Expression::compile(text, &scope()).map(|_| ()).expect_err(text);
        format!("{text}\n  {}", described(text, &errors))
    });
    expect![[r#"
        price = 'a' & quantity = 1
          E3102 `'a' & quantity` `&` is no operator | write `and`; nothing works on bits
        price = 'a' | quantity = 1
          E3102 `'a' | quantity` `|` is no operator | write `or` for one of two conditions, `||` to join texts; nothing works on bits
        quantity ^ 2
          E3102 `quantity ^ 2` `^` is no operator | write `a * a` for a square; nothing works on bits
        quantity ** 2
          E3101 `*` `**` is no operator | write `a * a` for a square
        quantity << 2
          E3101 `<<` there are no operators of bits | `a << 2` is `a * 4`, and `a >> 2` is `floor(a / 4)`
        ~quantity
          E3102 `~quantity` `~` is no operator | write `regexp_matches(x, 'pattern')`
        price ~* 'a'
          E3102 `price ~* 'a'` `~` is no operator | write `regexp_matches(x, 'pattern')`
        quantity div 2
          E3101 `div` `div` is no operator | write `floor(a / b)`
        quantity mod 2
          E3101 `mod` `mod` is no operator | write `a % b`
        5--3
          E3101 `--3` `--` begins a comment of SQL, and expressions have none | write `a - (-b)` to take away what is negative; in a topology file, ` #` outside of quotes begins a remark
        price -- the price
          E3101 `-- the price` `--` begins a comment of SQL, and expressions have none | write `a - (-b)` to take away what is negative; in a topology file, ` #` outside of quotes begins a remark
        quantity /* all */ + 1
          E3101 `/* all */` `/*` begins a comment of SQL, and expressions have none | take it away; in a topology file, ` #` outside of quotes begins a remark
        1 # the price
          E3101 `#` `#` begins no comment within an expression | take it away; in a topology file, ` #` outside of quotes begins a remark
        price = 'a /*' /* never closed
          E3101 `/* never closed` `/*` begins a comment of SQL, and expressions have none | take it away; in a topology file, ` #` outside of quotes begins a remark
        /* 1
          E3101 `/* 1` `/*` begins a comment of SQL, and expressions have none | take it away; in a topology file, ` #` outside of quotes begins a remark
        quantity <=> 1
          E3102 `quantity <=> 1` `<=>` is no operator | write `a is not distinct from b`, which takes two nulls for equal; or `a = b`
        price -> 'a'
          E3102 `price -> 'a'` `->` is no operator | a cell holds text: `regexp_extract(a, '"name":"([^"]*)"')` takes a part of it
        (quantity = 1) xor (price = 'a')
          E3101 `xor` `xor` is no operator | write `a <> b`
        price = 'a and 'b'
          E3101 `'` a text is not closed | close it with `'`; one within a text is doubled, as in `'it''s'`; or the `'` in front of it is the one too many or too few: 'a and ' is read as one text
        case when price = 'a then 'x' else 'y' end
          E3101 `' end` a text is not closed | close it with `'`; one within a text is doubled, as in `'it''s'`; or the `'` in front of it is the one too many or too few: ' else ' is read as one text
    "#]].assert_eq(&told.concat());
}

#[test]
fn a_type_behind_as_is_a_cast() {
    let written = [
        "price as date",
        "coalesce(price as decimal(18, 2), 0)",
        "price as VARCHAR(20)",
        "lower(price as text)",
        "price as other",
    ];
    let told = written.map(|text| {
        let errors = Expression::compile(text, &scope()).map(|_| ()).expect_err(text);
        format!("{text}\n  {}", described(text, &errors))
    });
    expect![[r#"
        price as date
          E3101 `as` `as date` stands within a cast alone | write `cast(price as date)`
        coalesce(price as decimal(18, 2), 0)
          E3101 `as` `as decimal(18, 2)` stands within a cast alone | write `cast(price as decimal(18, 2))`
        price as VARCHAR(20)
          E3101 `as` `as text` stands within a cast alone | write `cast(price as text)`
        lower(price as text)
          E3101 `as` `as text` stands within a cast alone | write `cast(price as text)`
        price as other
          E3101 `as` expected end of expression, found as | write one SQL scalar expression, such as `cast(nullif(trim(price), '.') as decimal(18, 4))`
    "#]].assert_eq(&told.concat());
}

#[test]
fn what_is_rounded_is_cast_with_its_digits() {
    let written = ["round(price, 2)", "floor(price)"];
    let told = written.map(|text| {
        let errors = Expression::compile(text, &scope()).map(|_| ()).expect_err(text);
        format!("{text}\n  {}", described(text, &errors))
    });
    expect![[r#"
        round(price, 2)
          E3301 `price` `round` takes a number, not text | write `cast(price as decimal(18, 4))`, or `cast(price as double)`
        floor(price)
          E3301 `price` `floor` takes a number, not text | write `cast(price as decimal(18, 4))`, or `cast(price as double)`
    "#]].assert_eq(&told.concat());
}
