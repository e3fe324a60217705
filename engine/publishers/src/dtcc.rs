//! DTCC's cumulative files of swap messages: one zip for each day and asset class, with one CSV file inside.
//!
//! A message is a pure function of seed, class, day and number, so that two days' files can hold the same message word
//! for word, as the publisher's do. Messages stand in no order: a reference may come before its target. Some
//! references lead out of the file.
//!
//! In the first generation (44 columns, everything quoted) the verbs are NEW, CANCEL and CORRECT, and a correction is a
//! cancel followed by a correct of the next id. In the fourth (110 columns, quoted where needed) they are NEWT, MODI,
//! CORR, TERM and EROR, ids have 19 digits, and references name the root.

use chrono::{Datelike, NaiveDate};

use crate::archive::zip_of;
use crate::chance::Chance;
use crate::truth::{Made, Outcome, Sum, Truth};
use crate::{dtcc_first, dtcc_fourth};

/// Header generation of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// To 2020-11-30: 44 columns.
    First,
    /// From 2024-01-29: 110 columns.
    Fourth,
}

/// Regulator for whom DTCC disseminates a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Jurisdiction {
    /// Swaps, of all classes.
    Cftc,
    /// Security-based swaps: rates, credits and equities.
    Sec,
}

impl Jurisdiction {
    /// The publisher's word in names of files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cftc => "CFTC",
            Self::Sec => "SEC",
        }
    }
}

/// Asset class of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Interest rates.
    Rates,
    /// Credit.
    Credits,
    /// Equities.
    Equities,
    /// Foreign exchange.
    Forex,
    /// Commodities.
    Commodities,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Rates, Self::Credits, Self::Equities, Self::Forex, Self::Commodities];

    /// The publisher's word in names of files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rates => "RATES",
            Self::Credits => "CREDITS",
            Self::Equities => "EQUITIES",
            Self::Forex => "FOREX",
            Self::Commodities => "COMMODITIES",
        }
    }

    /// The publisher's code in rows.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Rates => "IR",
            Self::Credits => "CR",
            Self::Equities => "EQ",
            Self::Forex => "FX",
            Self::Commodities => "CO",
        }
    }
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Messages that stand in no earlier file.
    pub fresh: u64,
    /// Of them, those whose first notional is `n/a`: dead letters.
    pub bad: u64,
    /// Messages of the day before, word for word.
    pub repeats: u64,
    /// Messages of the day before with their key and another notional.
    pub conflicts: u64,
}

/// One message to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) seed: u64,
    pub(crate) jurisdiction: Jurisdiction,
    pub(crate) class: Class,
    pub(crate) day: NaiveDate,
    pub(crate) number: u64,
    /// The first notional is no number.
    pub(crate) bad: bool,
    /// The first notional is not what it was.
    pub(crate) altered: bool,
}

impl Message {
    /// Numbers for this message, the same wherever it stands.
    pub(crate) fn chance(self) -> Chance {
        self.chance_of("")
    }

    /// Numbers of its own for one part of this message.
    fn chance_of(self, part: &str) -> Chance {
        let Self { seed, jurisdiction, class, day, number, .. } = self;
        Chance::new(seed, &format!("{} {} {day} {number} {part}", jurisdiction.name(), class.name()))
    }

    /// The first notional as first published, without what an altered message adds.
    fn amount(self) -> u64 {
        let mut chance = self.chance_of("notional");
        match chance.below(8) {
            0 => CAP,
            1 => (1 + chance.below(90)) * NOTIONAL_STEP,
            _ => (1 + chance.below(200)) * 10 * NOTIONAL_STEP,
        }
    }
}

/// Notionals are multiples of this, and an altered one is less than this above it.
pub const NOTIONAL_STEP: u64 = 100_000;
/// The notional from which on the publisher says only that it is larger.
const CAP: u64 = 250_000_000;

/// Makes the file of a jurisdiction, a class and a day. `previous` is the day of the file before, where repeats and conflicts
/// come from; it must have had at least `repeats + conflicts` fresh messages more than its bad ones.
#[must_use]
pub fn cumulative(
    seed: u64,
    generation: Generation,
    of: (Jurisdiction, Class),
    day: NaiveDate,
    previous: Option<NaiveDate>,
    contents: Contents,
) -> Made {
    let (jurisdiction, class) = of;
    let (mut repeats, mut conflicts) = (0, 0);
    let mut messages: Vec<Message> = Vec::new();
    if let Some(previous) = previous {
        let message =
            |number, altered| Message { seed, jurisdiction, class, day: previous, number, bad: false, altered };
        messages.extend((0..contents.repeats).map(|number| message(number, false)));
        messages.extend((contents.repeats..contents.repeats + contents.conflicts).map(|number| message(number, true)));
        (repeats, conflicts) = (contents.repeats, contents.conflicts);
    }
    // Bad ones are the last, so that the first can be repeated on the next day.
    let bad = contents.bad.min(contents.fresh);
    messages.extend((0..contents.fresh).map(|number| {
        let bad = number + bad >= contents.fresh;
        Message { seed, jurisdiction, class, day, number, bad, altered: false }
    }));
    let rows = messages.len() as u64 - bad;
    let of_this_day = messages.iter().filter(|message| message.day == day && !message.bad);
    let value = of_this_day.map(|message| u128::from(message.amount())).sum();
    let stem = format!("{}_CUMULATIVE_{}_{}", jurisdiction.name(), class.name(), day.format("%Y_%m_%d"));
    Chance::new(seed, &stem).shuffle(&mut messages);
    let text = match generation {
        Generation::First => dtcc_first::file(&messages),
        Generation::Fourth => dtcc_fourth::file(&messages),
    };
    // The member's name need not be the archive's.
    let member = match generation {
        Generation::First => format!("{}_{}.csv", class.name(), day.format("%Y_%m_%d")),
        Generation::Fourth => format!("{stem}.csv"),
    };
    let outcome = if rows + bad == 0 { Outcome::Empty } else { Outcome::Rows };
    let sum = Some(Sum { column: "notional_1", value, scale: 0 });
    let truth = Truth { outcome, rows, dead: bad, repeats, conflicts, sum };
    Made { name: format!("{stem}.zip"), bytes: zip_of(&member, text.as_bytes()), truth }
}

/// Days since the first of January of the year one, for ids that grow.
pub(crate) fn day_number(day: NaiveDate) -> u64 {
    u64::try_from(day.num_days_from_ce()).unwrap_or(0)
}

/// A number with thousands separators, as the publisher writes amounts.
pub(crate) fn with_separators(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A notional and whether it is capped, written as the publisher does.
pub(crate) fn notional(message: Message) -> String {
    if message.bad {
        return "n/a".to_owned();
    }
    let amount = message.amount();
    let capped = if amount == CAP { "+" } else { "" };
    format!("{}{capped}", with_separators(amount + u64::from(message.altered)))
}

#[cfg(test)]
#[path = "dtcc_tests.rs"]
mod tests;
