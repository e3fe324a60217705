//! Written forms of durations, sizes, rates, shares and days. Pure functions; nothing overflows.

use std::time::Duration;

use chrono::NaiveDate;

/// `500ms`, `1s`, `15m`, `30h`, `20d`. At most a thousand years.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let total = number.checked_mul(milliseconds)?;
    (total <= 366_000 * 86_400_000).then(|| Duration::from_millis(total))
}

/// The units of durations, for people.
pub(crate) const UNITS: &str = "`ms`, `s`, `m`, `h` and `d`";

/// Units as we write them, in milliseconds, and words that people write for them.
const WORDS: [(&str, u64, &[&str]); 5] = [
    ("d", 86_400_000, &["d", "day", "days"]),
    ("h", 3_600_000, &["h", "hr", "hrs", "hour", "hours"]),
    ("m", 60_000, &["m", "min", "mins", "minute", "minutes"]),
    ("s", 1_000, &["s", "sec", "secs", "second", "seconds"]),
    ("ms", 1, &["ms", "msec", "msecs", "millisecond", "milliseconds"]),
];

/// The written form of what somebody wrote in another: `10m` for `10 minutes`, `36h` for `1d12h`, `90m` for `1.5 h`.
pub(crate) fn near_duration(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let (mut rest, mut total) = (lower.as_str(), 0_u64);
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, behind) = (&rest[..end], rest[end..].trim_start());
        let word_end = behind.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(behind.len());
        let unit = WORDS.iter().find(|(_, _, words)| words.contains(&&behind[..word_end])).map(|(_, size, _)| *size);
        let weeks = || matches!(&behind[..word_end], "w" | "week" | "weeks").then_some(7 * 86_400_000);
        total = total.checked_add(parts_of(number, unit.or_else(weeks)?)?)?;
        rest = behind[word_end..].trim_start_matches([' ', ',']);
    }
    let (unit, size, _) = WORDS.iter().find(|(_, size, _)| total.is_multiple_of(*size))?;
    let near = format!("{}{unit}", total / size);
    (total > 0 && duration(&near).is_some() && near != lower).then_some(near)
}

/// A number with or without digits behind a point, times a whole number, if that is whole.
fn parts_of(number: &str, size: u64) -> Option<u64> {
    let (whole, behind) = number.split_once('.').unwrap_or((number, ""));
    let tens = 10_u64.checked_pow(u32::try_from(behind.len()).ok()?)?;
    let behind = if behind.is_empty() { 0 } else { behind.parse::<u64>().ok()? };
    let scaled = behind.checked_mul(size).filter(|scaled| scaled.is_multiple_of(tens))?;
    whole.parse::<u64>().ok()?.checked_mul(size)?.checked_add(scaled / tens)
}

/// A duration above zero.
pub(crate) fn span(text: &str) -> Option<Duration> {
    duration(text).filter(|duration| !duration.is_zero())
}

/// A name of ours: a lower-case letter, then lower-case letters, digits and `-`.
pub(crate) fn is_name(text: &str) -> bool {
    let good = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    text.len() <= 100 && text.starts_with(|first: char| first.is_ascii_lowercase()) && text.chars().all(good)
}

/// A duration of at least a second: looking without a pause would be an attack on the publisher.
pub(crate) fn pause(text: &str) -> Option<Duration> {
    duration(text).filter(|duration| *duration >= Duration::from_secs(1))
}

/// A size above zero.
pub(crate) fn some_size(text: &str) -> Option<u64> {
    size(text).filter(|size| *size > 0)
}

/// `512`, `50MiB`, `8GiB`, `10kB`, `1MB`: bytes.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// `5/s`, `30/m`, `1 per 4s`: a second.
pub(crate) fn rate(text: &str) -> Option<f64> {
    let (count, span) = match text.split_once(" per ") {
        Some((count, span)) => (count, span.trim().to_owned()),
        None => {
            let (count, unit) = text.split_once('/')?;
            (count, format!("1{}", unit.trim()))
        }
    };
    let count: u32 = count.trim().parse().ok().filter(|count| *count > 0)?;
    let seconds = duration(&span)?.as_secs_f64();
    (seconds > 0.0).then(|| f64::from(count) / seconds)
}

/// `10%` or `10 percent`: from 0 to 100.
pub(crate) fn percent(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%').or_else(|| text.strip_suffix(" percent"))?;
    number.trim().parse().ok().filter(|share: &f64| (0.0..=100.0).contains(share))
}

/// `2024-01-31`.
pub(crate) fn day(text: &str) -> Option<NaiveDate> {
    (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::{day, duration, near_duration, pause, percent, rate, size, some_size, span};

    #[test]
    fn written_forms_mean_what_they_say() {
        let milliseconds = |text| duration(text).map(|found| found.as_millis());
        assert_eq!(milliseconds("500ms"), Some(500));
        assert_eq!(milliseconds("30h"), Some(108_000_000));
        assert_eq!(milliseconds("400 d"), Some(34_560_000_000));
        for wrong in ["", "h", "30", "30x", "-1s", "1.5h", "99999999999999999999d", "18446744073709551615d"] {
            assert_eq!(milliseconds(wrong), None, "{wrong}");
        }
        let near = [
            ("10 minutes", "10m"),
            ("1 hour", "1h"),
            ("1d12h", "36h"),
            ("1.5h", "90m"),
            ("2 weeks", "14d"),
            ("1 D", "1d"),
            ("1h, 30 min", "90m"),
            ("90sec", "90s"),
            ("0.25 s", "250ms"),
            ("60 seconds", "1m"),
        ];
        for (written, meant) in near {
            assert_eq!(near_duration(written).as_deref(), Some(meant), "{written}");
        }
        for none in
            ["", "90", "soon", "1 month", "1.0001ms", "1..5h", "99999999999999999d", "5m", "-5 minutes", "0 days"]
        {
            assert_eq!(near_duration(none), None, "{none}");
        }
        assert_eq!((span("0s"), span("0d"), pause("999ms"), some_size("0MiB")), (None, None, None, None));
        assert!(span("1ms").is_some() && pause("1s").is_some() && some_size("1").is_some());
        assert_eq!(size("50MiB"), Some(52_428_800));
        assert_eq!(size("8GiB"), Some(8_589_934_592));
        assert_eq!(size("18446744073709551615GiB"), None);
        assert_eq!(rate("5/s"), Some(5.0));
        assert_eq!(rate("1 per 4s"), Some(0.25));
        assert_eq!((rate("0/s"), rate("5"), rate("1 per 0s")), (None, None, None));
        assert_eq!(
            (percent("10%"), percent("2.5 percent"), percent("101%"), percent("NaN%")),
            (Some(10.0), Some(2.5), None, None)
        );
        assert!(day("2024-02-29").is_some() && day("2023-02-29").is_none() && day("2024-2-9").is_none());
    }
}
