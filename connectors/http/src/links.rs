//! The links of an HTML page that look like documents.
//!
//! The page is read by a tokenizer of the HTML standard, so that attributes in any quotes, character references,
//! comments and scripts are what a browser takes them for. Broken HTML is no error: a browser shows it too.

use html5gum::{DefaultEmitter, Token, Tokenizer};
use pattern::Pattern;
use url::Url;

use crate::candidate::{Candidate, last_part};

/// The documents that `page`, fetched from `base`, links to.
pub(crate) fn candidates(page: &[u8], base: &Url, matching: &Pattern) -> Vec<Candidate> {
    let mut base = base.clone();
    let mut has_base = false;
    let mut found = Vec::new();
    let mut emitter = DefaultEmitter::default();
    // What stands in a script is no link.
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(page, emitter) {
        let Ok(Token::StartTag(tag)) = token else { continue };
        let is_base = tag.name.as_slice() == b"base";
        if !is_base && !matches!(tag.name.as_slice(), b"a" | b"area") {
            continue;
        }
        let Some(reference) = tag.attributes.get(b"href".as_slice()) else { continue };
        let Ok(mut address) = base.join(String::from_utf8_lossy(&reference.value).trim()) else { continue };
        if is_base {
            // Only the first one counts, by the standard.
            if !has_base {
                base = address;
                has_base = true;
            }
            continue;
        }
        if !matches!(address.scheme(), "http" | "https") {
            continue;
        }
        address.set_fragment(None);
        let fields = matching.matches(address.as_str()).or_else(|| matching.matches(last_part(address.as_str())));
        if let Some(fields) = fields {
            found.push(Candidate::new(address.into(), matching, fields));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(page: &str, matching: &str) -> Vec<String> {
        let base = Url::parse("https://www.sec.gov/data/page.htm").unwrap();
        let found = candidates(page.as_bytes(), &base, &Pattern::parse(matching).unwrap());
        found.into_iter().map(|candidate| candidate.url).collect()
    }

    #[test]
    fn links_are_what_a_browser_takes_them_for() {
        let page = r##"
            <A HREF="/files/cnsfails202601a.zip">one</A>
            <a class=x href='cnsfails202512b.zip#top'>two</a>
            <a href=https://www.sec.gov/files/cnsfails202512a_0.zip>three</a>
            <a href="//other.example/cnsfails202511b.zip?a=1&amp;b=2">four</a>
            <a href="readme.zip">no</a> <a>none</a> <a href="mailto:cnsfails202512a.zip">no</a>
            <!-- <a href="/cnsfails202510a.zip"> -->
            <script>document.write('<a href="/cnsfails202509a.zip">');</script>
            <p title="<a href='/cnsfails202508a.zip'>"> <a href="http://[broken/cnsfails202507a.zip">
            <a href="/cnsfails202506a.zip"##;
        let expected = [
            "https://www.sec.gov/files/cnsfails202601a.zip",
            "https://www.sec.gov/data/cnsfails202512b.zip",
            "https://www.sec.gov/files/cnsfails202512a_0.zip",
            "https://other.example/cnsfails202511b.zip?a=1&b=2",
        ];
        assert_eq!(urls(page, "*cnsfails{period:%Y%m}{half:[ab]}*.zip*"), expected);
    }

    #[test]
    fn a_pattern_may_mean_the_last_part_only_and_a_base_counts() {
        let page = r#"<base href="https://cdn.example/x/"><base href="https://no.example/"><a href="a2026.csv">"#;
        assert_eq!(urls(page, "a{year}.csv"), ["https://cdn.example/x/a2026.csv"]);
    }
}
