//! Rows of DTCC's first generation: 44 columns, every cell quoted, times without a zone.

use crate::chance::Chance;
use crate::dtcc::{Class, Message, day_number, notional};
use crate::headers::FIRST_GENERATION;

/// The text of a file.
pub(crate) fn file(messages: &[Message]) -> String {
    let mut text = line(FIRST_GENERATION.iter().copied());
    for message in messages {
        let row = row(*message);
        text.push_str(&line(row.iter().map(|(_, value)| value.as_str())));
    }
    text
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    // No cell that is made here holds a quote.
    let quoted: Vec<String> = cells.map(|cell| format!("\"{cell}\"")).collect();
    quoted.join(",") + "\n"
}

/// Nine digits, as ids had until 2025.
pub(crate) fn id(message: Message) -> u64 {
    id_of(message, message.number)
}

fn id_of(message: Message, number: u64) -> u64 {
    100_000_000 + message.class as u64 * 10_000_000 + day_number(message.day) % 100 * 100_000 + number % 100_000
}

/// Verb, what goes on, and the id that it is about. The eighth of ten is a cancel of the fourth, the ninth its correct.
fn role(message: Message, chance: &mut Chance) -> (&'static str, &'static str, Option<u64>) {
    match message.number % 10 {
        7 => ("CANCEL", "Trade", Some(id_of(message, message.number - 4))),
        8 => ("CORRECT", "Trade", Some(id_of(message, message.number - 5))),
        // Its target is in no file.
        9 => ("NEW", "Termination", Some(90_000_000 + chance.below(9_000_000))),
        6 => ("NEW", "Amendment", Some(id_of(message, message.number - 4))),
        _ => ("NEW", "Trade", None),
    }
}

/// The cells of a row with the names of their columns, in file order.
fn row(message: Message) -> Vec<(&'static str, String)> {
    let mut chance = message.chance();
    let (action, continuation, original) = role(message, &mut chance);
    let amount = notional(message);
    let currency = chance.pick(&["USD", "EUR", "GBP", "KRW"]);
    let years = 1 + chance.below(30);
    let (taxonomy, underlier) = match message.class {
        Class::Rates => ("InterestRate:IRSwap:FixedFloat", chance.pick(&["SAMPLE-IBOR-3M", "SAMPLE-OIS"])),
        Class::Credits => ("Credit:Index:SAMPLE", chance.pick(&["SAMPLE.NA.IG.44", "SAMPLE.EU.XO.44"])),
        Class::Equities => ("Equity:Swap:PriceReturnBasicPerformance:SingleName", chance.pick(&["SMPL.N", "EXMP.O"])),
        Class::Forex => ("ForeignExchange:NDF", chance.pick(&["USD:KRW", "USD:BRL"])),
        Class::Commodities => ("Commodity:Energy:Oil:Swap:Cash", chance.pick(&["SAMPLE-CRUDE", "SAMPLE-BRENT"])),
    };
    let time = format!("{}T{:02}:{:02}:{:02}", message.day, chance.below(24), chance.below(60), chance.below(60));
    let rate = format!("{}.{:04}", chance.below(6), chance.below(10_000));
    let cells = FIRST_GENERATION.iter().map(|name| {
        let value: String = match *name {
            "DISSEMINATION_ID" => id(message).to_string(),
            "ORIGINAL_DISSEMINATION_ID" => original.map(|id| id.to_string()).unwrap_or_default(),
            "ACTION" => action.to_owned(),
            "EXECUTION_TIMESTAMP" => time.clone(),
            "CLEARED" => if message.number.is_multiple_of(3) { "C" } else { "U" }.to_owned(),
            "INDICATION_OF_COLLATERALIZATION" => "FC".to_owned(),
            "INDICATION_OF_OTHER_PRICE_AFFECTING_TERM" => "N".to_owned(),
            "BLOCK_TRADES_AND_LARGE_NOTIONAL_OFF-FACILITY_SWAPS" => {
                if amount.ends_with('+') { "Y" } else { "N" }.to_owned()
            }
            "EXECUTION_VENUE" => if message.number.is_multiple_of(2) { "ON" } else { "OFF" }.to_owned(),
            "EFFECTIVE_DATE" => message.day.to_string(),
            "END_DATE" => end_date(message, years),
            // The leading blank is the publisher's.
            "DAY_COUNT_CONVENTION" => " ACT/360".to_owned(),
            "ASSET_CLASS" => message.class.code().to_owned(),
            "TAXONOMY" => taxonomy.to_owned(),
            "PRICE_FORMING_CONTINUATION_DATA" => continuation.to_owned(),
            "UNDERLYING_ASSET_1" => underlier.to_owned(),
            "UNDERLYING_ASSET_2" => "FIXED".to_owned(),
            "PRICE_NOTATION_TYPE" => "Percent".to_owned(),
            "PRICE_NOTATION" => rate.clone(),
            "SETTLEMENT_CURRENCY" | "NOTIONAL_CURRENCY_1" | "NOTIONAL_CURRENCY_2" => currency.to_owned(),
            "ROUNDED_NOTIONAL_AMOUNT_1" => amount.clone(),
            "ROUNDED_NOTIONAL_AMOUNT_2" => {
                if message.bad {
                    String::new()
                } else {
                    amount.clone()
                }
            }
            "PAYMENT_FREQUENCY_1" | "RESET_FREQUENCY_1" => "3M".to_owned(),
            "PAYMENT_FREQUENCY_2" => "28D".to_owned(),
            _ => String::new(),
        };
        (*name, value)
    });
    cells.collect()
}

/// A day so many years on; the last days of a month are avoided.
pub(crate) fn end_date(message: Message, years: u64) -> String {
    use chrono::Datelike;
    let day = message.day;
    format!("{:04}-{:02}-{:02}", day.year().saturating_add(years as i32), day.month(), day.day().min(28))
}
