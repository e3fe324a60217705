//! Exact decimals against a model on digits in text, with no arithmetic of the crate in it.

use std::cmp::Ordering;

use proptest::prelude::{any, prop, proptest};

use crate::decimal::{compare, divide, fitting, multiply, parse_decimal, rescale};

/// The units of a written decimal at a scale, made by moving the point in the text; `None` if digits would be lost.
fn model(text: &str, precision: usize, scale: usize) -> Option<i128> {
    let negative = text.starts_with('-');
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(scale).collect();
    if fraction.chars().skip(scale).any(|digit| digit != '0') {
        return None;
    }
    let all = format!("{whole}{kept}");
    let all = all.trim_start_matches('0');
    if all.len() > precision {
        return None;
    }
    let value: i128 = if all.is_empty() { 0 } else { all.parse().unwrap() };
    Some(if negative { -value } else { value })
}

proptest! {
    #[test]
    fn reading_agrees_with_the_model(
        text in "-?[0-9]{1,24}(\\.[0-9]{0,20})?", zeros in "0{0,4}", precision in 1_u8..=38, part in 0_u8..=38,
    ) {
        let text = if text.contains('.') { text + &zeros } else { text };
        let scale = part.min(precision);
        let expected = model(&text, usize::from(precision), usize::from(scale));
        assert_eq!(parse_decimal(&text, precision, scale).ok(), expected, "{text} as decimal({precision}, {scale})");
        // An exponent of nothing changes nothing, and takes the slow way.
        assert_eq!(parse_decimal(&format!("{text}e0"), precision, scale).ok(), expected);
    }

    #[test]
    fn any_text_is_a_number_or_refused(text in any::<String>(), scale in 0_u8..=38) {
        if let Ok(value) = parse_decimal(&text, 38, scale) {
            assert!(fitting(value, 38).is_ok());
        }
    }

    #[test]
    fn products_and_orders_agree_with_small_numbers(left in -1_000_000_i64..1_000_000, right in -1_000_000_i64..1_000_000, by in 0_u8..=6) {
        let (left, right) = (i128::from(left), i128::from(right));
        assert_eq!(multiply(left, right, 0).ok(), Some(left * right));
        let wide = rescale(left, 0, by).unwrap();
        assert_eq!(compare(wide, by, right, 0), left.cmp(&right));
        assert_eq!(rescale(wide, by, 0).ok(), Some(left));
        if right != 0 {
            let quotient = divide(left, right, 6).unwrap();
            // Nearest: twice the rest is at most the divisor.
            assert!(2 * (left * 1_000_000 - quotient * right).abs() <= right.abs());
        }
    }

    #[test]
    fn casts_of_columns_never_panic(texts in prop::collection::vec(prop::option::of("[-+0-9.eE:TZ ]{0,30}"), 0..8)) {
        let count = texts.len();
        let values: arrow::array::StringArray = texts.into_iter().collect();
        let mut rows = super::rows();
        rows.count = count;
        rows.columns.insert("price", std::sync::Arc::new(values));
        let scope = crate::Scope::new().with_name("price", batch::ColumnType::nullable(batch::Type::Text));
        for of in ["bigint", "tinyint unsigned", "decimal(38, 38)", "double", "date", "timestamp(9)", "timestamp(0, UTC)", "boolean"] {
            let _ = super::shown(&crate::Expression::compile(&format!("cast(price as {of})"), &scope).unwrap(), &rows);
        }
    }
}

#[test]
fn edges() {
    let largest = 10_i128.pow(38) - 1;
    assert_eq!(parse_decimal(&"9".repeat(38), 38, 0), Ok(largest));
    assert!(parse_decimal(&"9".repeat(39), 38, 0).is_err());
    assert_eq!(parse_decimal("1e-38", 38, 38), Ok(1));
    assert_eq!(parse_decimal(&format!("{}e-60", "0".repeat(60)), 38, 0), Ok(0));
    assert!(parse_decimal("1e999999", 38, 0).is_err());
    assert!(multiply(largest, largest, 0).is_err());
    assert_eq!(multiply(largest, 10_i128.pow(20), 20), Ok(largest));
    assert!(multiply(largest, 3, 1).is_err());
    assert_eq!(compare(largest, 0, -largest, 38), Ordering::Greater);
    assert_eq!(compare(-largest, 0, 1, 38), Ordering::Less);
    assert_eq!(divide(i128::MIN, -1, 0).ok(), None);
    for text in ["", "-", ".", "+-1", "1e", "1e+", "0x10", " 1", "1 ", "1_000", "１"] {
        assert!(parse_decimal(text, 38, 2).is_err(), "{text:?}");
    }
}
