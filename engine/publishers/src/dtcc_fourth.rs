//! Rows of DTCC's fourth generation: 110 columns, quoted where needed, ids of 19 digits.

use std::collections::HashMap;

use crate::dtcc::{Class, Message, day_number, notional, with_separators};
use crate::dtcc_first::end_date;
use crate::headers::FOURTH_GENERATION;

/// Where each column stands.
type Places = HashMap<&'static str, usize>;

/// The text of a file.
pub(crate) fn file(messages: &[Message]) -> String {
    let places: Places = FOURTH_GENERATION.iter().enumerate().map(|(place, name)| (*name, place)).collect();
    let mut text = FOURTH_GENERATION.join(",") + "\n";
    for message in messages {
        let cells: Vec<String> = row(*message, &places).into_iter().map(quoted).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// No cell that is made here holds a quote.
fn quoted(cell: String) -> String {
    if cell.contains(',') { format!("\"{cell}\"") } else { cell }
}

/// 19 digits, growing by the day.
pub(crate) fn id(message: Message) -> u64 {
    id_of(message, message.number)
}

fn id_of(message: Message, number: u64) -> u64 {
    let day = day_number(message.day) % 100_000;
    5_000_000_000_000_000_000 + day * 1_000_000_000_000 + message.class as u64 * 100_000_000_000 + number * 100 + 1
}

/// Verb, event and the id that it is about. Roots are the first of each ten messages.
fn role(message: Message) -> (&'static str, &'static str, Option<u64>) {
    let root = Some(id_of(message, message.number / 10 * 10));
    match message.number % 20 {
        4 => ("MODI", "TRAD", root),
        5 => ("CORR", "", root),
        7 => ("TERM", "ETRM", root),
        // Its target is in no file.
        8 => ("TERM", "NOVA", Some(400_301_711 + message.number)),
        9 => ("EROR", "", root),
        _ => ("NEWT", "TRAD", None),
    }
}

/// A row that is being filled.
struct Row<'a> {
    places: &'a Places,
    cells: Vec<String>,
}

impl Row<'_> {
    fn set(&mut self, column: &str, value: impl Into<String>) {
        if let Some(cell) = self.places.get(column).and_then(|place| self.cells.get_mut(*place)) {
            *cell = value.into();
        }
    }
}

fn row(message: Message, places: &Places) -> Vec<String> {
    let mut chance = message.chance();
    let (action, event, original) = role(message);
    let amount = notional(message);
    let currency = chance.pick(&["USD", "EUR", "GBP", "CLP"]);
    let time = format!("{}T{:02}:{:02}:{:02}Z", message.day, chance.below(24), chance.below(60), chance.below(60));
    let years = 1 + chance.below(30);
    let capped = amount.ends_with('+');
    let word = |truth: bool| if truth { "TRUE" } else { "FALSE" };
    let mut row = Row { places, cells: vec![String::new(); FOURTH_GENERATION.len()] };
    row.set("Dissemination Identifier", id(message).to_string());
    row.set("Original Dissemination Identifier", original.map(|id| id.to_string()).unwrap_or_default());
    row.set("Action type", action);
    row.set("Event type", event);
    row.set("Event timestamp", time.as_str());
    row.set("Amendment indicator", if action == "MODI" { "TRUE" } else { "" });
    row.set("Asset Class", message.class.code());
    row.set("Cleared", chance.pick(&["Y", "N", "I"]));
    row.set("Mandatory clearing indicator", "FALSE");
    row.set("Execution Timestamp", time.as_str());
    row.set("Effective Date", message.day.to_string());
    // An open end is written as the last day that the form can say.
    let expiration = if chance.one_in(40) { "9999-12-31".to_owned() } else { end_date(message, years) };
    row.set("Expiration Date", expiration);
    row.set("Non-standardized term indicator", "FALSE");
    row.set("Platform identifier", chance.pick(&["BILT", "XOFF", "XXXX", "TSEF"]));
    row.set("Prime brokerage transaction indicator", "FALSE");
    row.set("Block trade election indicator", word(capped));
    row.set("Large notional off-facility swap election indicator", "FALSE");
    row.set("Notional amount-Leg 1", amount.as_str());
    row.set("Notional currency-Leg 1", currency);
    row.set("Post-priced swap indicator", "false");
    row.set("Custom basket indicator", "false");
    row.set("Package indicator", "FALSE");
    if chance.one_in(12) {
        // Lists run in parallel over their columns.
        let payment = with_separators(1 + chance.below(900)).replace(',', "");
        row.set("Other payment amount", format!("{payment}000.00000;-2.5"));
        row.set("Other payment type", "UFRO;UWIN");
        row.set("Other payment currency", format!("{currency};USD"));
    }
    if chance.one_in(30) {
        row.set("Package indicator", "TRUE");
        row.set("Package transaction price", "9.9999999999");
        row.set("Package transaction price notation", "3");
    }
    match message.class {
        Class::Rates => fill_rates(&mut row, message, &mut chance, &amount, currency),
        Class::Credits => fill_credits(&mut row, &mut chance, currency),
        Class::Equities => fill_equities(&mut row, &mut chance),
        Class::Forex => fill_forex(&mut row, &mut chance, &amount, currency),
        Class::Commodities => fill_commodities(&mut row, &mut chance, currency),
    }
    row.cells
}

fn fill_rates(row: &mut Row<'_>, message: Message, chance: &mut crate::chance::Chance, amount: &str, currency: &str) {
    if !message.bad {
        row.set("Notional amount-Leg 2", amount.trim_end_matches('+'));
    }
    row.set("Notional currency-Leg 2", currency);
    row.set("Fixed rate-Leg 1", format!("0.0{:03}", chance.below(1_000)));
    row.set("Spread-Leg 2", "0");
    row.set("Spread notation-Leg 2", "3");
    row.set("Fixed rate day count convention-leg 1", "A004");
    row.set("Floating rate day count convention-leg 2", "A005");
    row.set("Floating rate reset frequency period-leg 2", "MNTH");
    row.set("Floating rate reset frequency period multiplier-leg 2", "3");
    row.set("Fixed rate payment frequency period-Leg 1", "YEAR");
    row.set("Fixed rate payment frequency period multiplier-Leg 1", "1");
    row.set("Unique Product Identifier", "QZSYNTHRATE1");
    row.set("UPI FISN", format!("NA/Swap OIS {currency}"));
    row.set("UPI Underlier Name", format!("{currency}-SAMPLE-OIS"));
}

fn fill_credits(row: &mut Row<'_>, chance: &mut crate::chance::Chance, currency: &str) {
    row.set("Fixed rate-Leg 1", chance.pick(&["0.01", "0.05"]));
    row.set("Price", format!("{}.{:04}", 95 + chance.below(10), chance.below(10_000)));
    row.set("Price notation", "1");
    row.set("Price currency", currency);
    row.set("Index factor", "1");
    row.set("Unique Product Identifier", "QZSYNTHCRED1");
    row.set("UPI FISN", "NA/CDS Idx SAMPLE");
    row.set("UPI Underlier Name", "SAMPLE.NA.IG.44");
}

fn fill_equities(row: &mut Row<'_>, chance: &mut crate::chance::Chance) {
    row.set("Total notional quantity-Leg 1", with_separators(100 + chance.below(90_000)));
    row.set("Quantity unit of measure-Leg 1", "SHAS");
    if chance.one_in(6) {
        row.set("Custom basket indicator", "true");
        row.set("Underlier ID-Leg 1", "XS0000000009;SMPL.N;000001A01");
        row.set("Underlier ID source-Leg 1", "O");
    } else {
        row.set("Underlier ID-Leg 1", chance.pick(&["SMPL.N", "EXMP.O", "XS0000000009"]));
        row.set("Underlier ID source-Leg 1", "R");
    }
    row.set("Price", format!("{}.{:02}", 1 + chance.below(900), chance.below(100)));
    row.set("Price notation", "1");
    row.set("Price currency", "USD");
    row.set("Unique Product Identifier", "QZSYNTHEQUI1");
    row.set("UPI FISN", "NA/Swaps SStk Tot Rtn");
}

fn fill_forex(row: &mut Row<'_>, chance: &mut crate::chance::Chance, amount: &str, currency: &str) {
    row.set("Notional currency-Leg 2", "USD");
    row.set("Exchange rate", format!("1.{:04}", chance.below(10_000)));
    row.set("Exchange rate basis", format!("{currency}/USD"));
    if chance.one_in(4) {
        // An option. Its amounts have no separators.
        row.set("Call amount", amount.replace([',', '+'], "").replace("n/a", ""));
        row.set("Call currency", currency);
        row.set("Put amount", format!("{}.25", 1_000 + chance.below(90_000_000)));
        row.set("Put currency", "USD");
    }
    row.set("Unique Product Identifier", "QZSYNTHFORX1");
    row.set("UPI FISN", format!("NA/Fwd NDF {currency} USD"));
}

fn fill_commodities(row: &mut Row<'_>, chance: &mut crate::chance::Chance, currency: &str) {
    row.set("Total notional quantity-Leg 1", with_separators(1_000 + chance.below(900_000)));
    row.set("Quantity unit of measure-Leg 1", "BARL");
    row.set("Price", format!("{}.{:02}", 40 + chance.below(60), chance.below(100)));
    row.set("Price unit of measure", "BARL");
    row.set("Price notation", "1");
    row.set("Price currency", currency);
    row.set("Unique Product Identifier", "QZSYNTHCOMM1");
    row.set("UPI FISN", "NA/Swap SAMPLE Crude");
}
