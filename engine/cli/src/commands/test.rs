//! `test`: runs the tests that stand in topology files.

use anyhow::Result;
use driver::TestOutcome;

use super::check::{counted, load};
use crate::arguments::Files;
use crate::exit::Exit;
use crate::show;

pub(crate) fn test(arguments: &Files) -> Result<Exit> {
    let (mut passed, mut failed) = (0, 0);
    for topology in load(&arguments.files)? {
        if topology.tests.is_empty() {
            show::line(&format!("{}: no tests", topology.name));
        }
        for test in &topology.tests {
            match driver::run_test(&topology, test) {
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
                }
            }
        }
    }
    show::line(&format!("{} passed, {failed} failed", counted(passed, "test", "tests")));
    Ok(if failed == 0 { Exit::Fine } else { Exit::TestsFailed })
}
