//! The pages lead to each other and to files that are there, and show nothing that no test runs.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

use crate::pages;
use crate::program::root;

/// Languages of blocks, and who looks at them: `sh` and `yaml` are run by the test `commands`, `mermaid` is made by this
/// one, `text` is what a program answers or what is done on another machine.
const LANGUAGES: [&str; 4] = ["sh", "yaml", "mermaid", "text"];

/// The place of a title within its page, as GitHub makes it.
fn anchor(title: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    title.trim().to_lowercase().chars().filter(kept).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

fn anchors(page: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(page).expect("a page");
    text.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("an expression");
    let (mut wrong, mut count) = (Vec::new(), 0);
    for page in pages() {
        let text = std::fs::read_to_string(root().join(&page)).expect("a page");
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.starts_with("https://") {
                continue;
            }
            count += 1;
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let folder = page.parent().expect("a folder");
            let file = if file.is_empty() { root().join(&page) } else { root().join(folder).join(file) };
            if !file.exists() || (!place.is_empty() && !anchors(&file).contains(place)) {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere: {wrong:#?}");
    assert!(count > 150, "only {count} links");
}

#[test]
fn every_block_has_a_language_that_somebody_looks_at() {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(root().join(&page)).expect("a page");
        let fences: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("```")).collect();
        assert!(fences.len().is_multiple_of(2), "{}: a block is not closed", page.display());
        for opened in fences.iter().step_by(2) {
            let language = opened.trim_start().trim_start_matches('`');
            if !LANGUAGES.contains(&language) {
                wrong.push(format!("{}: {opened}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// What the rules of Prometheus call an alert has a section of that name, with what it means, what to look at, commands,
/// and when it goes away; the shipped rules and the page know the same ones.
#[test]
fn each_alert_has_its_section() {
    let page = std::fs::read_to_string(root().join("docs/alerts.md")).expect("docs/alerts.md");
    let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
    let mut named = BTreeSet::new();
    for section in sections {
        let (title, text) = section.split_once('\n').expect("a section");
        if !title.starts_with("Spotlight") {
            continue;
        }
        for part in ["**Means.**", "**Look at.**", "**Do.**", "**Goes away.**", "```sh\n"] {
            assert!(text.contains(part), "{title} has no {part}");
        }
        named.insert(title.to_owned());
    }
    for known in ["SpotlightFlowHeld", "SpotlightFeedLate", "SpotlightLagNotDraining", "SpotlightOpenRangeOld"] {
        assert!(named.contains(known), "{named:?}");
    }
    let rules = root().join("dashboards/prometheus/alerts.yaml");
    if rules.exists() {
        let text = std::fs::read_to_string(rules).expect("the rules");
        let alert = Regex::new(r"alert: (\w+)").expect("an expression");
        let ruled: BTreeSet<String> = alert.captures_iter(&text).map(|found| found[1].to_owned()).collect();
        assert_eq!(named, ruled, "docs/alerts.md and the rules know different alerts");
    }
}
