//! Processes that share the partitions of a Kafka, while a venue writes without a pause.

use std::collections::BTreeSet;

use crate::agent::{Agent, Allocation, seconds};
use crate::program::{now, until};
use crate::told;
use crate::trades::Trades;

fn ids(allocations: &[Allocation]) -> BTreeSet<String> {
    allocations.iter().map(|one| one.id().to_owned()).collect()
}

/// All allocations that run, once there are so many.
#[track_caller]
fn running(agent: &Agent, job: &str, number: usize) -> Vec<Allocation> {
    until(&format!("{number} allocations that run"), || Some(agent.running(job)).filter(|all| all.len() == number))
}

#[test]
fn a_canary_works_beside_the_old_version_and_takes_over() {
    let Some(agent) = Agent::start("a canary works beside the old version and takes over") else { return };
    let mut trades = Trades::new("canary");
    trades.begin();
    trades.run(&agent, &[("count", "2")]).ends(0);
    let first = running(&agent, "canary", 2);
    trades.wait_for_more();
    let quiet = trades.moment();
    trades.wait_for_more();
    told(&format!("longest gap of each partition, two processes at work: {}", trades.gaps(quiet)));

    // The table cannot follow this one: its canary is never ready. The old ones go on.
    let moment = trades.moment();
    trades.write_topology("price");
    let said = trades.run(&agent, &[("count", "2")]);
    assert_ne!(said.status, 0, "{said:?}");
    until("only the old ones", || (ids(&agent.running("canary")) == ids(&first)).then_some(()));
    trades.wait_for_more();
    for one in &first {
        assert_eq!(agent.again(one).restarts(), 0, "{}", agent.said(one));
    }
    let after = trades.moment();
    trades.wait_for_more();
    told(&format!("longest gap of each partition, a canary that is never ready: {}", trades.gaps(moment)));
    told(&format!("longest gap of each partition afterwards: {}", trades.gaps(after)));

    let moment = trades.moment();
    let begun = now();
    trades.write_topology("cast(trim(price) as decimal(18, 2))");
    trades.run(&agent, &[("count", "2")]).ends(0);
    let second = running(&agent, "canary", 2);
    told(&format!("the new version had taken over after {}", seconds(begun.elapsed())));
    assert!(ids(&first).is_disjoint(&ids(&second)));
    trades.wait_for_more();
    let written = trades.end();
    trades.proven(&agent, &second[0]);
    told(&format!(
        "longest gap of each partition, canary and take-over: {}; {written} trades, each once",
        trades.gaps(moment)
    ));
    for one in &first {
        let ended = agent.again(one);
        let (event, _) = ended.event("Terminated").expect("it ended");
        assert_eq!(event["Details"]["exit_code"], "0", "{event}");
    }
}

#[test]
fn processes_come_and_go_by_the_count() {
    let Some(agent) = Agent::start("processes come and go by the count") else { return };
    let mut trades = Trades::new("count");
    trades.begin();
    trades.run(&agent, &[("count", "2")]).ends(0);
    let two = running(&agent, "count", 2);
    trades.wait_for_more();

    let moment = trades.moment();
    trades.run(&agent, &[("count", "3")]).ends(0);
    let three = running(&agent, "count", 3);
    assert!(ids(&three).is_superset(&ids(&two)), "who runs goes on");
    let third = three.iter().find(|one| !ids(&two).contains(one.id())).expect("one more");
    until("work for the third", || agent.said(third).contains("partitions gained").then_some(()));
    trades.wait_for_more();
    told(&format!("longest gap of each partition, a third process: {}", trades.gaps(moment)));

    let moment = trades.moment();
    trades.run(&agent, &[("count", "2")]).ends(0);
    let left = running(&agent, "count", 2);
    trades.wait_for_more();
    told(&format!("longest gap of each partition, back to two: {}", trades.gaps(moment)));

    // A death is mended under the same name.
    let moment = trades.moment();
    left[0].kill();
    let killed = now();
    until("it is started again", || (agent.again(&left[0]).restarts() == 1).then_some(()));
    agent.wait_until_ready("count", &left[0]);
    told(&format!("killed, and ready again after {}", seconds(killed.elapsed())));
    trades.wait_for_more();
    let written = trades.end();
    trades.proven(&agent, &left[0]);
    told(&format!("longest gap of each partition, a death: {}; {written} trades, each once", trades.gaps(moment)));
    assert_eq!(agent.again(&left[1]).restarts(), 0, "nobody fenced it");
}
