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
        "(quantity = 1) xor (price = 'a')",
        "price = 'a and 'b'",
        "case when price = 'a then 'x' else 'y' end",
    ];
    let told = written.map(|text| {
        let errors = Expression::compile(text, &scope()).map(|_| ()).expect_err(text);
        format!("{text}\n  {}", described(text, &errors))
    });
    expect![[""]].assert_eq(&told.concat());
}
