//! `test`: runs the tests that stand in topology files.

use anyhow::Result;
use driver::TestOutcome;

use super::check::{counted, load_without_warnings};
use crate::arguments::Test;
use crate::exit::{Exit, failure};
use crate::show;

pub(crate) fn test(arguments: &Test) -> Result<Exit> {
    let (mut passed, mut failed, mut others) = (0, 0, Vec::new());
    let topologies = load_without_warnings(&arguments.files)?;
    for topology in &topologies {
        if topology.tests.is_empty() && arguments.only.is_none() {
            show::line(&format!("{}: no tests", topology.name));
        }
        for test in &topology.tests {
            if arguments.only.as_ref().is_some_and(|only| !test.name.contains(only.as_str())) {
                others.push(&*test.name);
                continue;
            }
            match driver::run_test(topology, test) {
                TestOutcome::Passed => {
                    passed += 1;
                    show::line(&format!("ok      {}: {}", topology.name, test.name));
                }
                TestOutcome::Failed(differences) => {
                    failed += 1;
                    show::line(&format!("FAILED  {}: {}", topology.name, test.name));
                    show::line(&format!("        {}:{}", test.at.file, test.at.line));
                    for difference in differences {
                        show::line(&format!("        {difference}"));
                    }
                    let (file, name) = (show::argument(&topology.file), show::argument(&test.name));
                    show::line(&format!("        alone: spotlight test {file} --only {name}"));
                }
            }
        }
    }
    if let (Some(only), 0) = (&arguments.only, passed + failed) {
        let what = format!("no test has a name that contains `{only}`{}", show::meant(only, &others));
        return Err(failure(Exit::Usage, what, "without --only all run"));
    }
    show::line(&format!("{} passed, {failed} failed", counted(passed, "test", "tests")));
    Ok(if failed == 0 { Exit::Fine } else { Exit::TestsFailed })
}
