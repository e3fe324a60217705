//! The `http:` source: finds addresses, asks for those that are due, and says what became of each.
//!
//! A document that is known is asked for again only within the recheck window, and with the validators of its last
//! answer. Where a known document is answered as absent, nothing is noted: its bytes are kept, and a publisher's
//! clean-up is no withdrawal.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use batch::Code;
use chrono::NaiveDate;
use chrono_tz::Tz;
use connect::{Absent, Discovery, Fields, Found, Known, Source, SourceError, Stop, tell_one_document};
use pattern::Pattern;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, ETAG, LAST_MODIFIED, RETRY_AFTER};
use url::Url;

use crate::answer::{Question, Verdict, is_html, judge};
use crate::body::Body;
use crate::calendar::{Calendar, today, zone};
use crate::candidate::{Candidate, order};
use crate::client::{Client, contact, header};
use crate::explanations::{BAD_SETTING, CONTACT_MISSING, NO_LINKS};
use crate::hosts::Hosts;
use crate::links;
use crate::settings::{Discover, HttpSettings};
use crate::validators::Validators;

/// Transient failures in a row after which a round ends: the publisher is down, and asking on would only add to it.
const FAILURES_IN_A_ROW: u32 = 3;

/// How long what was answered is not asked again while rounds fail, in milliseconds. Longer: a document that may change is
/// seen later while another one fails. Shorter: all of them are asked again for the sake of one.
const ANSWERED_FOR: i64 = 10 * 60 * 1000;

/// Largest page of links in bytes. It is held in memory.
const PAGE_LIMIT: u64 = 16 * 1024 * 1024;

/// What tells documents apart, see [`Candidate::key`].
type Key = (Fields, String);

/// Finds documents on a publisher's web server.
#[derive(Debug)]
pub struct HttpSource {
    settings: HttpSettings,
    place: Place,
    hosts: Arc<Hosts>,
    client: Client,
    interval: Duration,
    unfinished: Unfinished,
}

/// What a round that failed has left to the next ones. It may be lost: then all is asked again.
#[derive(Debug, Default)]
struct Unfinished {
    /// Addresses that failed. They come last, so that those behind them are asked too.
    failed: HashSet<String>,
    /// Addresses that were answered, and when, in milliseconds since 1970 UTC.
    answered: HashMap<String, i64>,
}

impl Unfinished {
    fn is_answered(&self, url: &str, now: i64) -> bool {
        self.answered.get(url).is_some_and(|at| (0..ANSWERED_FOR).contains(&(now - at)))
    }
}

/// Where addresses come from, checked.
#[derive(Debug)]
enum Place {
    Calendar(Calendar, Tz),
    Page(Url, Pattern),
}

/// Why a document was not taken.
enum Trouble {
    /// The document's own; the round goes on.
    Document(SourceError),
    /// The publisher wants rest, or the engine failed; the round ends.
    Round(SourceError),
}

impl HttpSource {
    /// A source with these settings. `hosts` is shared by all sources of the process. Nothing is asked yet.
    ///
    /// # Errors
    /// [`SourceError::Operator`] if a setting cannot work.
    pub fn new(settings: HttpSettings, hosts: Arc<Hosts>) -> Result<Self, SourceError> {
        let interval = Duration::try_from_secs_f64(1.0 / settings.rate)
            .ok()
            .filter(|interval| !interval.is_zero())
            .ok_or_else(|| bad_setting(format!("a rate of {} requests a second cannot work", settings.rate)))?;
        let place = match &settings.discover {
            Discover::Calendar { url, from, to_days_ago, step_days, weekdays_only, zone: zone_name } => {
                let calendar = Calendar {
                    url: url.clone(),
                    from: *from,
                    to_days_ago: *to_days_ago,
                    step_days: *step_days,
                    weekdays_only: *weekdays_only,
                };
                // A pattern that no day can fill is found now, not in the first round.
                calendar.check()?;
                Place::Calendar(calendar, zone(zone_name)?)
            }
            Discover::Links { page, matching } => Place::Page(web_address(page)?, matching.clone()),
        };
        let client = Client::new(&settings)?;
        Ok(Self { settings, place, hosts, client, interval, unfinished: Unfinished::default() })
    }

    fn check_contact(&self) -> Result<(), SourceError> {
        if self.settings.contact_required && contact(&self.settings).is_none() {
            return Err(SourceError::Operator {
                code: CONTACT_MISSING,
                what: format!("{} wants clients to name a contact", self.describe()),
                remedy: "start the run with `--contact you@example.org`; `spotlight check --live` takes it too"
                    .to_owned(),
            });
        }
        Ok(())
    }

    fn candidates(&self, discovery: &dyn Discovery) -> Result<Vec<Candidate>, SourceError> {
        let now = discovery.now();
        let (mut candidates, today): (Vec<Candidate>, NaiveDate) = match &self.place {
            Place::Calendar(calendar, zone) => {
                let today = today(*zone, now);
                (calendar.candidates(today)?, today)
            }
            Place::Page(page, matching) => (self.linked(discovery, page, matching)?, today(Tz::UTC, now)),
        };
        order(&mut candidates, today, self.settings.recheck_for);
        Ok(candidates)
    }

    fn linked(&self, discovery: &dyn Discovery, page: &Url, matching: &Pattern) -> Result<Vec<Candidate>, SourceError> {
        let response = self.send(discovery, page.as_str(), &Validators::default())?;
        match self.judge(discovery, page.as_str(), &response, &[], false) {
            Verdict::Data => {}
            Verdict::Rest(error) | Verdict::Failed(error) => return Err(error),
            // Neither can come without validators and statuses to count as absent.
            Verdict::NotModified | Verdict::Absent(_) => return Ok(Vec::new()),
        }
        let base = self.client.base(page, &response);
        let limit = self.settings.body_limit.min(PAGE_LIMIT);
        let bytes = Body::open(&self.client, page.as_str(), response, limit)?.read_whole()?;
        let candidates = links::candidates(&bytes, &base, matching);
        if candidates.is_empty() {
            return Err(SourceError::Operator {
                code: NO_LINKS,
                what: format!("{page}: no link matches `{}`", matching.text()),
                remedy: "open the page, look at the links of its documents, and correct `page:` or `matching:`"
                    .to_owned(),
            });
        }
        Ok(candidates)
    }

    /// Waits for the host's turn and sends one request.
    fn send(&self, discovery: &dyn Discovery, url: &str, known: &Validators) -> Result<Response, SourceError> {
        let wait = self.hosts.reserve(&host_of(url), self.interval, discovery.now());
        if !wait.is_zero() {
            discovery.wait(wait).map_err(|Stop| SourceError::Stopping)?;
        }
        if discovery.stopping() {
            return Err(SourceError::Stopping);
        }
        self.client.ask(url, known)
    }

    fn judge(
        &self,
        discovery: &dyn Discovery,
        url: &str,
        response: &Response,
        absent_statuses: &[u16],
        conditional: bool,
    ) -> Verdict {
        let now = discovery.now();
        let has_contact = contact(&self.settings).is_some();
        let question = Question { url, absent_statuses, conditional, has_contact, now };
        let verdict = judge(response.status().as_u16(), header(response, RETRY_AFTER), question);
        if let Verdict::Rest(SourceError::Transient { retry_after: Some(rest), .. }) = &verdict {
            self.hosts.rest(&host_of(url), *rest, now);
        }
        verdict
    }

    /// True if a document should be asked for: it is new, or may still change.
    fn is_due(&self, candidate: &Candidate, known: Option<&Known>, now: i64) -> bool {
        let Some(known) = known else { return true };
        let Some(recheck_for) = self.settings.recheck_for else { return false };
        candidate.is_within(recheck_for, now).unwrap_or_else(|| {
            let remembered = known.validators.as_deref().map(Validators::parse).unwrap_or_default();
            let first_seen = remembered.first_seen.unwrap_or(known.fetched_at);
            let window = i64::try_from(recheck_for.as_millis()).unwrap_or(i64::MAX);
            now < first_seen.saturating_add(window)
        })
    }

    /// True if the address will be asked when its turn comes.
    fn is_asked(&self, discovery: &dyn Discovery, candidate: &Candidate) -> bool {
        let (url, now) = (candidate.url.as_str(), discovery.now());
        let due = || self.is_due(candidate, discovery.known(url).as_ref(), now);
        !self.unfinished.is_answered(url, now) && !discovery.given_up(url) && due()
    }

    fn take(&self, discovery: &mut dyn Discovery, candidate: &Candidate) -> Result<(), Trouble> {
        let url = candidate.url.as_str();
        let known = discovery.known(url);
        if discovery.given_up(url) || !self.is_due(candidate, known.as_ref(), discovery.now()) {
            return Ok(());
        }
        let remembered =
            known.as_ref().and_then(|known| known.validators.as_deref()).map(Validators::parse).unwrap_or_default();
        let response = self.send(discovery, url, &remembered).map_err(Trouble::of)?;
        let conditional = remembered.etag.is_some() || remembered.last_modified.is_some();
        match self.judge(discovery, url, &response, &self.settings.absent_statuses, conditional) {
            Verdict::Data => {}
            Verdict::NotModified => return discovery.unchanged(url).map_err(Trouble::Round),
            Verdict::Absent(reason) => return self.absent(discovery, candidate, known.is_some(), reason),
            Verdict::Rest(error) => return Err(Trouble::Round(error)),
            Verdict::Failed(error) => return Err(Trouble::Document(error)),
        }
        let content_type = header(&response, CONTENT_TYPE).map(str::to_owned);
        let mut validators = Validators {
            etag: header(&response, ETAG).map(str::to_owned),
            last_modified: header(&response, LAST_MODIFIED).map(str::to_owned),
            first_seen: None,
        };
        if candidate.date.is_none() {
            validators.first_seen = Some(remembered.first_seen.unwrap_or_else(|| discovery.now()));
        }
        let mut body = Body::open(&self.client, url, response, self.settings.body_limit).map_err(Trouble::Document)?;
        if is_html(content_type.as_deref(), body.head()) {
            let reason = "an HTML page instead of data".to_owned();
            return self.absent(discovery, candidate, known.is_some(), reason);
        }
        let found = discovery.found(Found {
            name: candidate.name.clone(),
            url: candidate.url.clone(),
            fields: candidate.fields.clone(),
            validators: validators.text(),
            instead_of: None,
            content: &mut body,
        });
        match (found, body.failure) {
            (Err(_), Some(failure)) => Err(Trouble::Document(failure)),
            (Err(error), None) => Err(Trouble::Round(error)),
            (Ok(_), _) => Ok(()),
        }
    }

    fn absent(
        &self,
        discovery: &mut dyn Discovery,
        candidate: &Candidate,
        is_known: bool,
        reason: String,
    ) -> Result<(), Trouble> {
        if is_known {
            return Ok(());
        }
        let now = discovery.now();
        let asked_again = self.settings.give_up_after.is_none_or(|time| candidate.is_within(time, now).unwrap_or(true));
        let absent = Absent {
            name: candidate.name.clone(),
            url: candidate.url.clone(),
            fields: candidate.fields.clone(),
            reason,
            asked_again,
        };
        discovery.absent(absent).map_err(Trouble::Round)
    }
}

/// What went wrong in a round.
#[derive(Default)]
struct Troubles {
    gravest: Option<SourceError>,
    failed: u64,
    in_a_row: u32,
    /// Documents of which a new version failed. Later ones wait for it: taken first, they would be replaced by it.
    held_up: HashSet<Key>,
    waiting: u64,
}

impl Troubles {
    fn note(&mut self, error: SourceError) {
        let is_transient = matches!(error, SourceError::Transient { .. });
        self.in_a_row += u32::from(is_transient);
        self.failed += 1;
        // A person's matter comes before what mends itself.
        let graver = matches!(self.gravest, Some(SourceError::Transient { .. })) && !is_transient;
        if self.gravest.is_none() || graver {
            self.gravest = Some(error);
        }
    }

    /// The result of the round. One trouble is told; who mends it is not to think that it was the only one. `rest`:
    /// addresses that were not asked.
    fn finish(mut self, rest: usize) -> Result<(), SourceError> {
        let (failed, waiting) = (self.failed, self.waiting);
        if let Some(SourceError::Transient { what, .. } | SourceError::Operator { what, .. }) = &mut self.gravest {
            if failed > 1 {
                what.push_str(&format!("; {} failed in this round too", batch::counted(failed - 1, "other document")));
            }
            if waiting > 0 {
                let wait = if waiting == 1 { "waits" } else { "wait" };
                let later = batch::counted(waiting, "later version");
                what.push_str(&format!("; {later} of a document that failed {wait} for it"));
            }
        }
        if let Some(SourceError::Transient { what, .. }) = &mut self.gravest
            && rest > 0
        {
            let are = if rest == 1 { "is" } else { "are" };
            what.push_str(&format!("; {rest} more {are} asked next time"));
        }
        self.gravest.map_or(Ok(()), Err)
    }
}

impl HttpSource {
    /// Puts documents that failed in the last round behind all others, with all their addresses: versions stay in order.
    fn failed_last(&self, candidates: &mut [Candidate]) {
        let failed = candidates.iter().filter(|candidate| self.unfinished.failed.contains(&candidate.url));
        let failed: HashSet<Key> = failed.map(Candidate::key).collect();
        if !failed.is_empty() {
            candidates.sort_by_cached_key(|candidate| failed.contains(&candidate.key()));
        }
    }

    /// Takes one candidate, or notes why not.
    fn try_one(
        &mut self,
        discovery: &mut dyn Discovery,
        candidate: Candidate,
        troubles: &mut Troubles,
    ) -> Result<(), SourceError> {
        let is_new = discovery.known(&candidate.url).is_none() && !discovery.given_up(&candidate.url);
        if is_new && !troubles.held_up.is_empty() && troubles.held_up.contains(&candidate.key()) {
            troubles.waiting += 1;
            return Ok(());
        }
        match self.take(discovery, &candidate) {
            Ok(()) => {
                troubles.in_a_row = 0;
                self.unfinished.failed.remove(&candidate.url);
                self.unfinished.answered.insert(candidate.url, discovery.now());
            }
            Err(Trouble::Round(error)) => return Err(error),
            Err(Trouble::Document(error)) => {
                if is_new {
                    troubles.held_up.insert(candidate.key());
                }
                self.unfinished.failed.insert(candidate.url);
                troubles.note(error);
            }
        }
        Ok(())
    }
}

impl Source for HttpSource {
    fn round(&mut self, discovery: &mut dyn Discovery) -> Result<(), SourceError> {
        self.check_contact()?;
        let mut candidates = self.candidates(discovery)?;
        self.failed_last(&mut candidates);
        let several = several(&candidates);
        let (mut troubles, mut candidates) = (Troubles::default(), candidates.into_iter());
        for candidate in candidates.by_ref() {
            if discovery.stopping() {
                return Err(SourceError::Stopping);
            }
            if self.unfinished.is_answered(&candidate.url, discovery.now()) {
                continue;
            }
            self.try_one(discovery, candidate, &mut troubles)?;
            if troubles.in_a_row >= FAILURES_IN_A_ROW {
                break;
            }
        }
        for (name, fields, urls) in &several {
            tell_one_document(discovery, name, fields, urls);
        }
        if troubles.gravest.is_none() {
            self.unfinished = Unfinished::default();
        }
        let rest = candidates.filter(|candidate| self.is_asked(discovery, candidate)).count();
        troubles.finish(rest)
    }

    fn describe(&self) -> Arc<str> {
        match &self.settings.discover {
            Discover::Calendar { url, .. } => url.text().into(),
            Discover::Links { page, .. } => Arc::clone(page),
        }
    }
}

/// Documents that have several addresses: name of the last, fields, addresses in their order.
fn several(candidates: &[Candidate]) -> Vec<(String, Fields, Vec<String>)> {
    let alike = candidates.chunk_by(|left, right| left.key() == right.key()).filter(|alike| alike.len() > 1);
    let told = alike.filter_map(|alike| {
        let last = alike.last()?;
        let urls = alike.iter().map(|one| one.url.clone()).collect();
        Some((last.name.clone(), last.fields.clone(), urls))
    });
    told.collect()
}

impl Trouble {
    fn of(error: SourceError) -> Self {
        if matches!(error, SourceError::Stopping) { Self::Round(error) } else { Self::Document(error) }
    }
}

fn host_of(url: &str) -> String {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

fn web_address(text: &str) -> Result<Url, SourceError> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| bad_setting(format!("`{text}` is no address of the web")))
}

fn bad_setting(what: String) -> SourceError {
    let code: Code = BAD_SETTING;
    SourceError::Operator { code, what, remedy: "correct the setting in the topology file".to_owned() }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
