//! `explain`: what a code means, offline.

use anyhow::Result;
use batch::Explanation;

use crate::arguments::Explain;
use crate::exit::{Exit, failure};
use crate::show;

/// All codes of all crates.
pub(crate) fn explanations() -> Vec<&'static Explanation> {
    let mut all: Vec<&Explanation> = [
        topology::EXPLANATIONS,
        expression::EXPLANATIONS,
        codec::EXPLANATIONS,
        operators::EXPLANATIONS,
        runtime::EXPLANATIONS,
        log::EXPLANATIONS,
        clickhouse_connector::EXPLANATIONS,
        file_connector::EXPLANATIONS,
        http_connector::EXPLANATIONS,
    ]
    .into_iter()
    .flatten()
    .collect();
    all.sort_by_key(|explanation| explanation.code);
    all
}

pub(crate) fn explain(arguments: &Explain) -> Result<Exit> {
    let all = explanations();
    let Some(code) = &arguments.code else {
        for explanation in all {
            show::line(&format!("{}  {}", explanation.code, explanation.title));
        }
        return Ok(Exit::Fine);
    };
    let wanted = code.trim().to_ascii_uppercase();
    let Some(found) = all.iter().find(|explanation| explanation.code.0 == wanted) else {
        return Err(failure(Exit::Usage, format!("there is no code `{code}`"), "spotlight explain lists all codes"));
    };
    show::line(&format!("{}: {}\n\n{}\n\nWhat to do: {}", found.code, found.title, found.why, found.remedy));
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests {
    use super::explanations;

    #[test]
    fn every_code_is_explained_once() {
        let all = explanations();
        for pair in all.windows(2) {
            assert!(
                pair[0].code != pair[1].code,
                "{} is explained twice: {} / {}",
                pair[0].code,
                pair[0].title,
                pair[1].title
            );
        }
        for explanation in &all {
            assert!(!explanation.why.is_empty() && !explanation.remedy.is_empty(), "{}", explanation.code);
        }
    }
}
