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

/// A duration above zero.
pub(crate) fn span(text: &str) -> Option<Duration> {
    duration(text).filter(|duration| !duration.is_zero())
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
    use super::{day, duration, pause, percent, rate, size, some_size, span};

    #[test]
    fn written_forms_mean_what_they_say() {
        let milliseconds = |text| duration(text).map(|found| found.as_millis());
        assert_eq!(milliseconds("500ms"), Some(500));
        assert_eq!(milliseconds("30h"), Some(108_000_000));
        assert_eq!(milliseconds("400 d"), Some(34_560_000_000));
        for wrong in ["", "h", "30", "30x", "-1s", "1.5h", "99999999999999999999d", "18446744073709551615d"] {
            assert_eq!(milliseconds(wrong), None, "{wrong}");
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
