//! One process with its log in its data folder: its first run, its deaths, its updates, and what happens around it.

use std::time::Duration;

use crate::agent::{Agent, seconds, shown};
use crate::lists::Lists;
use crate::program::scrape::get;
use crate::program::{now, signal, until};
use crate::told;

#[test]
fn a_feed_runs_as_a_job_and_its_rows_land() {
    let Some(agent) = Agent::start("a feed runs as a job and its rows land") else { return };
    let lists = Lists::embedded("plain");
    lists.publish(1, 500);
    let allocation = lists.run(&agent, &[]);
    lists.proven(&agent, &allocation, 500);
    lists.publish(2, 300);
    lists.proven(&agent, &allocation, 800);

    // Who asks Nomad for its services finds it, and what Prometheus needs to know of it.
    let services = agent.ask("service/plain");
    assert_eq!(services[0]["Tags"], serde_json::json!(["spotlight", "prometheus"]), "{services}");
    let address = agent.wait_until_ready("plain", &allocation);
    assert!(shown(&address, "/metrics").is(200).body.contains("spotlight_records_in_total"));
    get(&address, "/metrics", "").is(401);
    get(&address, "/live", "").is(200);
    lists.holds_no_secret(&agent.ask("job/plain").to_string());
    lists.holds_no_secret(&agent.said(&allocation));
    agent.stop("plain");
    let ended = agent.again(&allocation);
    let (event, _) = ended.event("Terminated").expect("it ended");
    assert_eq!(event["Details"]["exit_code"], "0", "{event}");
}

#[test]
fn a_run_that_is_killed_is_started_again_and_loses_nothing() {
    let Some(agent) = Agent::start("a run that is killed is started again and loses nothing") else { return };
    let lists = Lists::with_clickhouse("killed");
    let allocation = lists.run(&agent, &[]);
    let mut wanted = 0;
    for death in 1..=3_u64 {
        let first = u32::try_from(death).expect("small") * 10;
        (first..first + 10).for_each(|day| lists.publish(day - 9, 30_000));
        lists.wait_for_rows(&agent, &allocation, wanted + 4_000);
        let rows = lists.rows(&agent, &allocation);
        allocation.kill();
        let killed = now();
        wanted += 300_000;
        assert!(rows < wanted, "it was done before it was killed");
        until("it is started again", || (agent.again(&allocation).restarts() >= death).then_some(()));
        agent.wait_until_ready("killed", &allocation);
        told(&format!("killed with {rows} of {wanted} rows; ready again after {}", seconds(killed.elapsed())));
    }
    lists.proven(&agent, &allocation, wanted);
    assert_eq!(agent.again(&allocation).restarts(), 3);
    lists.holds_no_secret(&agent.ask("job/killed").to_string());
    lists.holds_no_secret(&agent.said(&allocation));
}

#[test]
fn an_update_that_does_not_get_ready_is_taken_back() {
    let Some(agent) = Agent::start("an update that does not get ready is taken back") else { return };
    let lists = Lists::with_clickhouse("update");
    lists.publish(1, 1_000);
    let first = lists.run(&agent, &[]);
    lists.proven(&agent, &first, 1_000);

    // A good one: the data folder goes with it.
    lists.write_topology(&[("trim(symbol)", "upper(trim(symbol))")]);
    let second = lists.run(&agent, &[]);
    assert_ne!(first.id(), second.id());
    lists.publish(2, 1_000);
    lists.proven(&agent, &second, 2_000);
    assert!(!agent.data(&first).exists(), "the data folder has moved");

    // The table cannot follow this one: the flow is on hold, so that the run is never ready.
    lists.write_topology(&[("cast(quantity as bigint)", "quantity")]);
    let begun = now();
    let said = agent.run(&lists.print_job(&[]), &crate::lists::variables_of_trials());
    assert_ne!(said.status, 0, "{said:?}");
    until("the update has failed", || (agent.deployment("update")["Status"] != "running").then_some(()));
    let third = until("the version before runs again", || {
        let running = agent.running("update");
        running.into_iter().find(|one| one.id() != second.id() && one.0["JobVersion"].as_u64() >= Some(3))
    });
    agent.wait_until_ready("update", &third);
    told(&format!("not ready: taken back and ready after {}", seconds(begun.elapsed())));
    lists.publish(3, 1_000);
    lists.proven(&agent, &third, 3_000);

    // This one ends at once, with 65.
    lists.write_topology(&[("trim(symbol)", "trimm(symbol)")]);
    let file = lists.path("update.nomad.hcl");
    let begun = now();
    let said = agent.run(&file, &crate::lists::variables_of_trials());
    assert_ne!(said.status, 0, "{said:?}");
    let fourth = until("the version before runs again", || {
        agent.running("update").into_iter().find(|one| one.0["JobVersion"].as_u64() >= Some(5))
    });
    agent.wait_until_ready("update", &fourth);
    told(&format!("wrong file: taken back and ready after {}", seconds(begun.elapsed())));
    lists.publish(4, 1_000);
    lists.proven(&agent, &fourth, 4_000);
}

#[test]
fn a_node_that_is_drained_lets_the_run_end_in_order() {
    let Some(agent) = Agent::start("a node that is drained lets the run end in order") else { return };
    let lists = Lists::with_clickhouse("drained");
    // Where no other node can take it, what Nomad starts later has no predecessor, and gets none of its disk.
    let data = agent.own_folder();
    let first = lists.run(&agent, &[("data", data.to_str().expect("text"))]);
    (1..=20).for_each(|day| lists.publish(day, 15_000));
    lists.wait_for_rows(&agent, &first, 4_000);
    let node = agent.node();
    agent.say(&["node", "drain", "-enable", "-yes", "-detach", &node]).ends(0);
    let ended = until("the run to end", || {
        let now = agent.again(&first);
        now.event("Terminated").is_some().then_some(now)
    });
    let rows = lists.rows(&agent, &first);
    let ((event, over), (_, begun)) =
        (ended.event("Terminated").expect("seen"), ended.event("Killing").expect("an end"));
    assert_eq!(event["Details"]["exit_code"], "0", "{event}");
    let took = Duration::from_nanos(over - begun);
    told(&format!("told to end with {rows} of 300000 rows, ended with 0 after {}", seconds(took)));
    assert!(rows < 300_000, "it was done before the node was drained");
    agent.say(&["node", "drain", "-disable", "-yes", &node]).ends(0);
    let second =
        until("the next allocation", || agent.running("drained").into_iter().find(|one| one.id() != first.id()));
    lists.proven(&agent, &second, 300_000);
}

/// How often the listener is asked while ClickHouse is away: for some rounds of Nomad's own checks.
const ROUNDS: u32 = 40;

#[test]
fn a_clickhouse_that_is_away_starts_nothing_again() {
    let Some(agent) = Agent::start("a ClickHouse that is away starts nothing again") else { return };
    let lists = Lists::with_clickhouse("away");
    lists.publish(1, 1_000);
    let allocation = lists.run(&agent, &[]);
    lists.proven(&agent, &allocation, 1_000);
    let address = agent.wait_until_ready("away", &allocation);
    let process = allocation.process();

    let clickhouse = lists.clickhouse().process().expect("it runs");
    assert!(signal(clickhouse, "KILL"), "it runs");
    let away = now();
    lists.publish(2, 1_000);
    let lag = || shown(&address, "/status").is(200).json()["lags"]["away/load"]["records"].as_i64();
    until("the lag to be told", || lag().filter(|records| *records > 0));
    told(&format!("a lag is told {} after ClickHouse has gone", seconds(away.elapsed())));
    for _ in 0..ROUNDS {
        get(&address, "/live", "").is(200);
        get(&address, "/ready", "").is(200);
        std::thread::sleep(Duration::from_secs(1));
    }
    told(&format!("live and ready in each of {ROUNDS} questions within {}", seconds(away.elapsed())));
    assert!(lists.clickhouse().ensure_alive().expect("it starts again"), "it was dead");
    lists.proven(&agent, &allocation, 2_000);
    assert_eq!((agent.again(&allocation).restarts(), allocation.process()), (0, process));
}

#[test]
fn a_run_outlives_the_agents_of_nomad() {
    let Some(agent) = Agent::start("a run outlives the agents of Nomad") else { return };
    let lists = Lists::with_clickhouse("outlives");
    let node = agent.ask("nodes")[0]["Name"].as_str().expect("a name").to_owned();
    let data = agent.own_folder();
    let place = data.to_str().expect("text");
    let allocation = lists.run(&agent, &[("data", place), ("node", &node)]);
    let process = allocation.process();
    for (number, role) in (1..).zip(["client", "server"]) {
        agent.kill(role);
        lists.publish(number, 1_000);
        lists.proven(&agent, &allocation, u64::from(number) * 1_000);
        agent.start_again();
        let found = agent.the_one("outlives");
        assert_eq!((found.id(), found.process(), found.restarts()), (allocation.id(), process, 0), "{role}");
    }
}
