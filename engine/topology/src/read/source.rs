//! `from:`: files, http, s3 or a topic.

use std::sync::Arc;
use std::time::Duration;

use pattern::{FieldKind, Pattern};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::fields::{Fields, Walk};
use crate::language;
use crate::plan::{Discover, HttpPlan, Members, S3Plan, SourcePlan, Unzip};
use crate::reader::{Kind, Node};
use crate::scalars;
use crate::written::{Documents, From, TopicRead};

const FIVE_MINUTES: Duration = Duration::from_secs(300);
const FIFTEEN_MINUTES: Duration = Duration::from_secs(900);
const TEN_SECONDS: Duration = Duration::from_secs(10);
const DAY: u64 = 86_400;

pub(super) fn from(walk: &Walk<'_>, node: &Node) -> Option<From> {
    let fields = walk.fields(node, &language::FROM)?;
    let entry = fields.exactly_one()?;
    if entry.key.text() == "topic" {
        walk.dotted(&entry.value, "a topic")?;
        return Some(From::Topic(TopicRead {
            topic: walk.value(&entry.value).clone(),
            key: fields.get("key").map(|node| walk.texts(node, "`key`")),
            partitions: fields.get("partitions").and_then(|node| partitions(walk, node)),
            decode: None,
        }));
    }
    for key in ["key", "partitions"] {
        if let Some(node) = fields.key(key) {
            let finding =
                Diagnostic::new(codes::UNKNOWN_FIELD, node, format!("`{key}` belongs to a topic, not to documents"));
            walk.push(finding.remedy(format!("leave `{key}` away")));
        }
    }
    match entry.key.text() {
        "files" => files(walk, &entry.value),
        "s3" => s3(walk, &entry.value),
        _ => http(walk, &entry.value),
    }
    .map(|documents| From::Documents(Box::new(documents)))
}

pub(super) fn partitions(walk: &Walk<'_>, node: &Node) -> Option<i32> {
    walk.read(node, &language::PARTITIONS, |text| text.parse().ok().filter(|count| (1..=1000).contains(count)))
}

fn files(walk: &Walk<'_>, node: &Node) -> Option<Documents> {
    let fields = walk.fields(node, &language::FILES)?;
    let path =
        fields.required("path").and_then(|node| walk.text(node, "`path`").filter(|path| is_path(walk, node, path)));
    let file_names = file_names(walk, &fields, None);
    let unpacked = unpacked(walk, &fields);
    let every = every(walk, &fields, TEN_SECONDS);
    Some(documents(SourcePlan::Files { path: path?, every }, file_names?, unpacked))
}

/// Reports an address of a bucket, which is no path.
fn is_path(walk: &Walk<'_>, node: &Node, path: &str) -> bool {
    let is_bucket = path.starts_with("s3://");
    if is_bucket {
        let finding = Diagnostic::new(codes::VALUE, node, "this is a bucket's address, and no path of a folder");
        walk.push(finding.remedy(crate::fields::BUCKET_ELSEWHERE));
    }
    !is_bucket
}

fn s3(walk: &Walk<'_>, node: &Node) -> Option<Documents> {
    let fields = walk.fields(node, &language::S3)?;
    let bucket = fields.required("bucket").and_then(|node| {
        let name = walk.read(node, &language::BUCKET, |text| scalars::is_name(text).then(|| Arc::from(text)))?;
        Some((name, node.span.position()))
    });
    let prefix = fields.get("prefix").map(|node| walk.read(node, &language::PREFIX, prefix));
    let file_names = file_names(walk, &fields, None);
    let unpacked = unpacked(walk, &fields);
    let every = every(walk, &fields, FIVE_MINUTES);
    let ((bucket, at), prefix) = (bucket?, prefix.unwrap_or_else(|| Some(Arc::default()))?);
    Some(documents(SourcePlan::S3(S3Plan { bucket, at, prefix, every }), file_names?, unpacked))
}

/// A key has 1,024 bytes, of which some are the name's.
fn prefix(text: &str) -> Option<Arc<str>> {
    let good = text.ends_with('/') && !text.starts_with('/') && text.len() < 1_000 && !text.contains(char::is_control);
    good.then(|| Arc::from(text))
}

fn unpacked(walk: &Walk<'_>, fields: &Fields<'_>) -> Option<u64> {
    let limits = walk.fields(fields.get("limits")?, &language::FILES_LIMITS)?;
    limits.get("unpacked").and_then(|node| size(walk, node))
}

fn documents(source: SourcePlan, (file_names, names_broken): (Vec<Pattern>, bool), unpacked: Option<u64>) -> Documents {
    // The members are not known before the `unzip` step is read; the limit is.
    let unzip = unpacked
        .and_then(|unpacked_limit| Some(Unzip { members: Members::Named(Pattern::parse("*").ok()?), unpacked_limit }));
    Documents { source, file_names, names_broken, unzip, decode: None, outcomes: Vec::new() }
}

fn every(walk: &Walk<'_>, fields: &Fields<'_>, default: Duration) -> Duration {
    let read = |node| walk.read(node, &language::EVERY, scalars::pause);
    fields.get("every").and_then(read).unwrap_or(default)
}

fn size(walk: &Walk<'_>, node: &Node) -> Option<u64> {
    walk.read(node, &language::SIZE, scalars::some_size)
}

/// The patterns, and whether one of them could not be read.
fn file_names(walk: &Walk<'_>, fields: &Fields<'_>, old: Option<&Node>) -> Option<(Vec<Pattern>, bool)> {
    let mut patterns = Vec::new();
    let mut broken = false;
    let required = fields.required("file-names");
    for node in [required, old].into_iter().flatten() {
        let node = walk.value(node);
        if node.text().starts_with("param.") {
            broken = true; // reported where the parameter is
            continue;
        }
        let items = walk.items(node, "`file-names`")?;
        for item in items {
            if is_regex(walk.value(item).text()) {
                let written = batch::bounded(walk.value(item).text());
                let what = format!("`{written}` is a regular expression, and names of files are told by patterns");
                let finding = Diagnostic::new(codes::PATTERN, walk.value(item), what);
                walk.push(finding.remedy(
                    "write `*` for any text, and name what counts: `{date:%Y%m%d}` for a day, `{market:N|P}` for one of \
                     some texts, `{half:[ab]}` for one sign",
                ));
                broken = true;
                continue;
            }
            match walk.pattern(item) {
                Some(pattern) if pattern.text().contains('/') => {
                    let what = format!("`{}` fits no file: a file's name has no `/`", batch::bounded(item.text()));
                    let finding = Diagnostic::new(codes::PATTERN, item, what);
                    walk.push(
                        finding
                            .remedy("name the folder in `path` or `prefix`, and here what stands behind the last `/`"),
                    );
                    broken = true;
                }
                Some(pattern) => patterns.push(pattern),
                None => broken = true,
            }
        }
    }
    required?;
    Some((patterns, broken))
}

/// True for what only a regular expression has: anchors, and escapes of signs and classes. A backslash in the name of a file
/// is possible and nobody's.
fn is_regex(names: &str) -> bool {
    let escape = |(at, _)| names[at + 1..].starts_with(|next: char| "dDwWsSbB.+*?()[]{}|^$\\".contains(next));
    names.starts_with('^') || names.ends_with('$') || names.match_indices('\\').any(escape)
}

fn http(walk: &Walk<'_>, node: &Node) -> Option<Documents> {
    let before = walk.findings.errors();
    let fields = walk.fields(node, &language::HTTP)?;
    let discover_node = fields.required("discover");
    let discover = discover_node.and_then(|node| discover(walk, node));
    let file_names = file_names(walk, &fields, fields.get("old-file-names"));
    if let (Some(node), Some(way), Some((patterns, false))) = (discover_node, &discover, &file_names)
        && walk.findings.errors() == before
    {
        super::parts::are_found(walk, node, way, patterns);
    }
    let limits = fields.get("limits").and_then(|node| walk.fields(node, &language::HTTP_LIMITS));
    let limit = |key: &str| limits.as_ref().and_then(|limits| limits.get(key));
    let size = |node| size(walk, node);
    let rate = limit("rate").and_then(|node| walk.read(node, &language::RATE, scalars::rate));
    let body_limit = limit("body").and_then(size).unwrap_or(500 << 20);
    let unpacked = limit("unpacked").and_then(size);
    let absent = fields.get("absent").and_then(|node| walk.fields(node, &language::ABSENT));
    let status = absent.as_ref().and_then(|absent| absent.get("status"));
    let give_up = absent.as_ref().and_then(|absent| absent.get("give-up-after"));
    let give_up_after = give_up.and_then(|node| walk.read(node, &language::GIVE_UP_AFTER, business_days));
    let contact = fields.get("contact");
    let contact = contact.and_then(|node| walk.choice(node, "value of `contact`", &language::CONTACT));
    let recheck_for = fields.get("recheck").and_then(|node| {
        let fields = walk.fields(node, &language::RECHECK)?;
        if let Some(when) = fields.get("when") {
            walk.choice(when, "condition of `recheck`", &language::RECHECK_WHEN);
        }
        let read = |node| walk.read(node, &language::RECHECK_FOR, scalars::span);
        fields.required("for").and_then(read)
    });
    let plan = HttpPlan {
        every: every(walk, &fields, FIFTEEN_MINUTES),
        rate: rate.unwrap_or(1.0),
        body_limit,
        absent_statuses: status.map_or_else(|| vec![404], |node| statuses(walk, node)),
        give_up_after,
        recheck_for,
        contact_required: contact.unwrap_or(false),
        discover: discover?,
    };
    Some(documents(SourcePlan::Http(Box::new(plan)), file_names?, unpacked))
}

/// Business days count as calendar days, with two more for each five.
fn business_days(text: &str) -> Option<Duration> {
    let Some(number) = text.strip_suffix(" business-days") else { return scalars::duration(text) };
    let days: u64 = number.trim().parse().ok().filter(|days| *days < 10_000)?;
    Some(Duration::from_secs((days + days.div_ceil(5) * 2) * DAY))
}

fn statuses(walk: &Walk<'_>, node: &Node) -> Vec<u16> {
    let single = std::slice::from_ref(node);
    let items = match &node.kind {
        Kind::Sequence(items) => items.as_slice(),
        _ => single,
    };
    let status = |text: &str| text.parse().ok().filter(|status| (100..600).contains(status));
    items.iter().filter_map(|item| walk.read(item, &language::STATUS, status)).collect()
}

fn discover(walk: &Walk<'_>, node: &Node) -> Option<Discover> {
    let fields = walk.fields(node, &language::DISCOVER)?;
    let entry = fields.exactly_one()?;
    if entry.key.text() == "links" {
        if let Some(url) = fields.key("url") {
            let finding = Diagnostic::new(codes::UNKNOWN_FIELD, url, "`url` belongs to `calendar`");
            walk.push(finding.remedy("the page of `links` is its `page`"));
        }
        let fields = walk.fields(&entry.value, &language::LINKS)?;
        let page = fields.required("page").and_then(|node| address(walk, node));
        let matching = fields.required("matching").and_then(|node| walk.pattern(node));
        return Some(Discover::Links { page: page?.text().into(), matching: matching? });
    }
    let url = fields.required("url").and_then(|node| address(walk, node).map(|url| (url, node)));
    let calendar = calendar(walk, &entry.value);
    let (url, url_node) = url?;
    let open = url.fields();
    let date = open.iter().any(|(name, kind)| &**name == "date" && *kind == FieldKind::Date);
    let wrong = open.iter().find(|(name, _)| &**name != "date" && !walk.parameters.is_broken(name));
    if let Some((name, _)) = wrong {
        let finding = Diagnostic::new(codes::PATTERN, url_node, format!("a calendar cannot fill `{{{name}}}`"));
        walk.push(finding.remedy("an address of a calendar has `{date:...}` and the template's parameters"));
    } else if !date {
        let finding = Diagnostic::new(codes::PATTERN, url_node, "the address is the same every day");
        walk.push(finding.remedy("write the day into it, as in `{date:%Y%m%d}`"));
    }
    let (from, to_days_ago, step_days, weekdays_only, zone) = calendar?;
    Some(Discover::Calendar { url, from, to_days_ago, step_days, weekdays_only, zone })
}

fn address(walk: &Walk<'_>, node: &Node) -> Option<Pattern> {
    let pattern = walk.pattern(node)?;
    if pattern.text().starts_with("http://") || pattern.text().starts_with("https://") {
        return Some(pattern);
    }
    let finding = Diagnostic::new(codes::VALUE, node, "this is no web address");
    walk.push(finding.remedy("an address begins with `https://`"));
    None
}

type Calendar = (chrono::NaiveDate, i64, u32, bool, Arc<str>);

fn calendar(walk: &Walk<'_>, node: &Node) -> Option<Calendar> {
    let fields = walk.fields(node, &language::CALENDAR)?;
    let from = fields.required("from");
    let from = from.and_then(|node| walk.read(node, &language::DAY, scalars::day));
    let to = |text: &str| match text {
        "today" => Some(0),
        "yesterday" => Some(1),
        _ => text.strip_suffix(" days ago")?.parse().ok().filter(|days| (0..100_000).contains(days)),
    };
    let to = fields.get("to").map_or(Some(1), |node| walk.read(node, &language::LAST_DAY, to));
    let step = |text: &str| {
        let seconds = scalars::duration(text)?.as_secs();
        u32::try_from(seconds / DAY).ok().filter(|days| *days > 0 && seconds % DAY == 0)
    };
    let step = fields.get("step").map_or(Some(1), |node| walk.read(node, &language::DAY_STEP, step));
    let weekdays = fields.get("days").map_or(Some(false), |node| walk.choice(node, "kind of days", &language::DAYS));
    let zone = |text: &str| text.parse::<chrono_tz::Tz>().ok().map(|_| Arc::<str>::from(text));
    let zone = fields.get("zone").map_or(Some("UTC".into()), |node| walk.read(node, &language::ZONE, zone));
    Some((from?, to?, step?, weekdays?, zone?))
}
