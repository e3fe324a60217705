//! What an answer means: data, nothing new, absent, a wish for rest, or a failure. Pure functions of status, headers
//! and first bytes.

use std::time::Duration;

use batch::Code;
use chrono::DateTime;
use connect::SourceError;

use crate::explanations::{REFUSED, UNEXPECTED_STATUS};
use crate::hosts::LONGEST_REST;

/// What an answer's status means.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// A body follows.
    Data,
    /// The content has not changed.
    NotModified,
    /// There is no such document; the reason.
    Absent(String),
    /// The publisher wants to be left alone; this ends the round.
    Rest(SourceError),
    /// This document could not be had; the round goes on.
    Failed(SourceError),
}

/// What is known when a status is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// The address, for people.
    pub(crate) url: &'a str,
    /// Statuses that mean that it is not there.
    pub(crate) absent_statuses: &'a [u16],
    /// True if the request named what we have.
    pub(crate) conditional: bool,
    /// True if the client named a contact.
    pub(crate) has_contact: bool,
    /// Milliseconds since 1970 UTC.
    pub(crate) now: i64,
}

/// Judges a status. What the topology calls absent wins over everything else.
pub(crate) fn judge(status: u16, retry_after: Option<&str>, question: Question<'_>) -> Verdict {
    let url = question.url;
    if question.absent_statuses.contains(&status) {
        return Verdict::Absent(format!("status {status}"));
    }
    let transient = |retry_after| SourceError::Transient { what: format!("{url}: status {status}"), retry_after };
    let rest = retry_after.and_then(|text| rest_time(text, question.now));
    match status {
        200 => Verdict::Data,
        304 if question.conditional => Verdict::NotModified,
        429 => Verdict::Rest(transient(rest)),
        503 if rest.is_some() => Verdict::Rest(transient(rest)),
        408 | 425 | 500..=599 => Verdict::Failed(transient(rest)),
        400..=499 => Verdict::Failed(operator(REFUSED, url, status, refusal_remedy(status, question.has_contact))),
        _ => Verdict::Failed(operator(
            UNEXPECTED_STATUS,
            url,
            status,
            "open the address in a browser; if it means that there is no document, add it to `absent: { status }`",
        )),
    }
}

fn refusal_remedy(status: u16, has_contact: bool) -> &'static str {
    match (status, has_contact) {
        (401 | 403, false) => {
            "the publisher may refuse clients that name no contact: give one with `--contact you@example.org`; or add \
             the status to `absent: { status }` if it answers so for what it does not have"
        }
        _ => "open the address in a browser; if it means that there is no document, add it to `absent: { status }`",
    }
}

fn operator(code: Code, url: &str, status: u16, remedy: &str) -> SourceError {
    SourceError::Operator { code, what: format!("{url}: status {status}"), remedy: remedy.to_owned() }
}

/// How long a Retry-After asks to wait: seconds or a date of HTTP (RFC 9110, 10.2.3), at most an hour.
pub(crate) fn rest_time(text: &str, now: i64) -> Option<Duration> {
    let text = text.trim();
    let rest = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits for a number are a long time.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let until = DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis();
        Duration::from_millis(u64::try_from(until.saturating_sub(now)).unwrap_or(0))
    };
    Some(rest.min(LONGEST_REST))
}

/// True if the answer is a page for people: it begins like one, or it says so and is a tag, a line or nothing.
/// Many servers call a page whatever they do not know; what has lines of text is left to the decoder, whose header proves
/// it.
pub(crate) fn is_html(content_type: Option<&str>, head: &[u8]) -> bool {
    let kind = content_type.and_then(|text| text.split(';').next()).unwrap_or("").trim().to_ascii_lowercase();
    let called = matches!(kind.as_str(), "text/html" | "application/xhtml+xml");
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii();
    let has_lines = !text.starts_with(b"<") && text.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    begins_like_html(head) || (called && !has_lines)
}

fn begins_like_html(head: &[u8]) -> bool {
    let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    // A comment or an XML declaration may stand before the document type.
    loop {
        let end: &[u8] = match rest {
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            [b'<', b'?', ..] => b"?>",
            _ => break,
        };
        let Some(at) = rest.windows(end.len()).position(|window| window == end) else { return false };
        rest = rest[at + end.len()..].trim_ascii_start();
    }
    let tags: [&[u8]; 5] = [b"<!doctype html", b"<html", b"<head", b"<body", b"<title"];
    tags.iter().any(|tag| rest.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, retry_after: Option<&str>, conditional: bool) -> String {
        let question = Question {
            url: "u",
            absent_statuses: &[403, 404],
            conditional,
            has_contact: false,
            now: 1_767_657_600_000, // 2026-01-06T00:00:00Z
        };
        match judge(status, retry_after, question) {
            Verdict::Data => "data".to_owned(),
            Verdict::NotModified => "same".to_owned(),
            Verdict::Absent(reason) => format!("absent: {reason}"),
            Verdict::Rest(error) => format!("rest: {}", describe(&error)),
            Verdict::Failed(error) => format!("failed: {}", describe(&error)),
        }
    }

    fn describe(error: &SourceError) -> String {
        match error {
            SourceError::Transient { retry_after, .. } => format!("{retry_after:?}"),
            SourceError::Operator { code, .. } => code.to_string(),
            SourceError::Stopping => "stopping".to_owned(),
        }
    }

    #[test]
    fn a_status_means_one_thing() {
        let cases: &[(u16, Option<&str>, bool, &str)] = &[
            (200, None, false, "data"),
            (304, None, true, "same"),
            (304, None, false, "failed: E5407"),
            (404, None, false, "absent: status 404"),
            (403, Some("5"), false, "absent: status 403"),
            (401, None, false, "failed: E5402"),
            (410, None, false, "failed: E5402"),
            (206, None, false, "failed: E5407"),
            (429, None, false, "rest: None"),
            (429, Some("120"), false, "rest: Some(120s)"),
            (503, Some("Tue, 06 Jan 2026 00:00:30 GMT"), false, "rest: Some(30s)"),
            (503, None, false, "failed: None"),
            (500, None, false, "failed: None"),
            (408, None, false, "failed: None"),
        ];
        for (status, retry_after, conditional, expected) in cases {
            assert_eq!(verdict(*status, *retry_after, *conditional), *expected, "{status} {retry_after:?}");
        }
    }

    #[test]
    fn a_wish_for_rest_is_seconds_or_a_date_and_capped() {
        let hour = Some(LONGEST_REST);
        for (text, expected) in [
            ("0", Some(Duration::ZERO)),
            (" 7 ", Some(Duration::from_secs(7))),
            ("86400", hour),
            ("99999999999999999999999", hour),
            ("Thu, 01 Jan 1970 00:00:09 GMT", Some(Duration::from_secs(9))),
            ("Wed, 31 Dec 1969 00:00:00 GMT", Some(Duration::ZERO)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(rest_time(text, 0), expected, "{text}");
        }
    }

    #[test]
    fn a_page_for_people_is_told_from_data() {
        let cases: &[(Option<&str>, &[u8], bool)] = &[
            (Some("text/html; charset=utf-8"), b"Not found", true),
            (Some("text/html"), b"Date|Symbol\r\n20260105|ABC\r\n", false),
            (Some("text/html; charset=utf-8"), b"\xef\xbb\xbf <div>\nSorry</div>", true),
            (Some("TEXT/HTML"), b"", true),
            (Some("text/plain"), b"Date|Symbol\n", false),
            (None, b"\xef\xbb\xbf\r\n <!DOCTYPE HTML PUBLIC>", true),
            (None, b"<!-- x --><?xml version=\"1.0\"?>\n<HTML>", true),
            (None, b"<?xml version=\"1.0\"?><report>", false),
            (None, b"<!-- never closed <html>", false),
            (None, b"a,<html>", false),
            (None, b"", false),
            (None, b"<ht", false),
        ];
        for (content_type, head, expected) in cases {
            assert_eq!(is_html(*content_type, head), *expected, "{content_type:?} {head:?}");
        }
    }
}
