//! Tells a scenario in all the ways that it asks for, and compares what each shows with what is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use batch::Records;
use runtime::{DeadLetterRecord, Progress, Receipt, names};
use telemetry::Counts;
use testkit::Random;
use topology::plan;

use crate::story::{Act, Death, Deaths, Life, Scenario};
use crate::world::{Ended, World};

/// Deaths before one run of a random telling.
const MOST_DEATHS: u64 = 4;
/// Points of a life among which a random death chooses. Later ones than there are let it live.
const POINTS: u64 = 12;
/// Random tellings side by side. A life mostly waits, so there are more than processors.
const TELLERS: u64 = 16;
/// No life has more points; one that does goes round in circles.
const END_OF_POINTS: usize = 1000;

/// Deaths to add before the plain runs of a story and before what is sent back, by their number.
type Added = BTreeMap<usize, Vec<Death>>;

/// All tellings of a scenario; what is wrong with them, nothing if it holds. Gives how many deaths there were.
pub(crate) fn tell(scenario: &Scenario) -> Result<usize, String> {
    let mortal = |act: &&Act| matches!(act, Act::SendBack | Act::Run(Life::Whole));
    let runs = scenario.story.iter().filter(mortal).count();
    let mut died = telling(scenario, &Added::new())?;
    match scenario.deaths {
        Deaths::None => {}
        Deaths::EachPoint => {
            let kinds: [fn(usize) -> Death; 3] = [|at| Death::Arrow(None, at), Death::Before, Death::After];
            for run in 0..runs {
                for kind in kinds {
                    let mut at = 0;
                    while telling(scenario, &Added::from([(run, vec![kind(at)])]))? > 0 {
                        died += 1;
                        at += 1;
                        assert!(at < END_OF_POINTS, "a life without an end");
                    }
                }
            }
        }
        Deaths::Random(tellings) => {
            let told: Vec<Result<usize, String>> = thread::scope(|scope| {
                let tellers: Vec<_> = (0..TELLERS)
                    .map(|teller| {
                        let seeds = (teller..tellings).step_by(TELLERS as usize);
                        scope.spawn(move || seeds.map(|seed| telling(scenario, &random(runs, seed))).sum())
                    })
                    .collect();
                tellers.into_iter().map(|teller| teller.join().expect("no panic")).collect()
            });
            died += told.into_iter().sum::<Result<usize, String>>()?;
        }
    }
    Ok(died)
}

/// Some deaths before each run.
fn random(runs: usize, seed: u64) -> Added {
    let mut random = Random::new(seed);
    let mut added = Added::new();
    for run in 0..runs {
        let deaths = (0..random.below(MOST_DEATHS + 1)).map(|_| {
            let at = random.below(POINTS) as usize;
            match random.below(3) {
                0 => Death::Arrow(None, at),
                1 => Death::Before(at),
                _ => Death::After(at),
            }
        });
        added.insert(run, deaths.collect());
    }
    added
}

/// One telling. Gives how many of the added lives died.
fn telling(scenario: &Scenario, added: &Added) -> Result<usize, String> {
    let (mut run, mut died) = (0, 0);
    let mut world = World::new(scenario)?;
    let told = |what: String| format!("{what}\nwith the deaths {added:?}");
    for (number, act) in scenario.story.iter().enumerate() {
        match act {
            Act::Run(Life::Whole) => {
                for death in added.get(&run).into_iter().flatten() {
                    died += usize::from(world.live(Life::Killed(*death)) == Ended::Died);
                }
                run += 1;
                if world.live(Life::Whole) != Ended::Done {
                    return Err(told(format!("run {run} is on hold: {:?}", world.held)));
                }
            }
            Act::SendBack => {
                for death in added.get(&run).into_iter().flatten() {
                    died += usize::from(world.send_back(Some(*death)) == Ended::Died);
                }
                run += 1;
                world.send_back(None);
            }
            Act::Run(life) => {
                let expected = if matches!(life, Life::Killed(_)) { Ended::Died } else { Ended::Waiting };
                let ended = world.live(*life);
                if ended != expected {
                    return Err(told(format!("{life:?} ended as {ended:?}")));
                }
            }
            Act::Shows(expected) => {
                let came = shown(&world);
                if came != *expected {
                    let number = scenario.story[..number].iter().filter(|act| matches!(act, Act::Shows(_))).count() + 1;
                    let (expected, came) = (expected.join("\n  "), came.join("\n  "));
                    return Err(told(format!("shows {number}: expected\n  {expected}\nbut it shows\n  {came}")));
                }
            }
            act => world.act(act).map_err(told)?,
        }
    }
    Ok(died)
}

/// What committed readers see of each flow: its rows, named outputs, drops, dead letters, hold and position.
fn shown(world: &World) -> Vec<String> {
    let mut lines = Vec::new();
    let topology = &world.topology;
    for flow in &topology.flows {
        let name = format!("{}/{}", topology.name, flow.name);
        match &flow.to {
            plan::To::Topic(topic) => {
                lines.extend(world.rows_of(topic).iter().map(|row| format!("{}: {row}", topic.topic)));
            }
            plan::To::Table(write) => {
                let table = &world.tables[&write.table.name];
                table.settle();
                assert!(table.repeats().is_empty(), "rows landed twice: {:?}", table.repeats());
                lines.extend(table.visible().iter().map(|row| format!("{}: {row}", write.table.name)));
            }
        }
        for topic in flow.outputs.values() {
            lines.extend(world.rows_of(topic).iter().map(|row| format!("{}: {row}", topic.topic)));
        }
        if world.log.topic(&names::ledger(&topology.name, &flow.name)).expect("the log works").is_none() {
            continue;
        }
        let mut counts = Counts::default();
        for entry in runtime::ledger(world.log.as_ref(), &topology.name, &flow.name).expect("a ledger") {
            assert!(entry.counts.balanced(), "rows are not accounted for: {entry:?}");
            counts.add(&entry.counts);
        }
        lines.extend(receipts(world, &flow.name).into_iter().map(|receipt| format!("{name} receipt {receipt}")));
        lines.extend(counts.dropped.iter().map(|(reason, count)| format!("{name} dropped {reason}: {count}")));
        lines.extend(dead(world, &flow.name).into_iter().map(|letter| format!("{name} dead {letter}")));
        lines
            .extend(world.held.iter().filter(|(flow, _)| *flow == name).map(|(_, code)| format!("{name} held {code}")));
        lines.extend(positions(world, flow).into_iter().map(|position| format!("{name} at {position}")));
    }
    lines
}

/// Every dead letter that was written, in order of offsets, and what became of it.
fn dead(world: &World, flow: &str) -> Vec<String> {
    let topology = &world.topology.name;
    let marks = runtime::dead_letters(world.log.as_ref(), topology).expect("the log works");
    let blocks = world.log.read(&names::dead_letters(topology), 0, 0, usize::MAX).expect("the log works");
    let mut letters: Vec<_> = blocks
        .iter()
        .flat_map(Records::iter)
        .filter_map(|record| match DeadLetterRecord::read(&record) {
            Some(DeadLetterRecord::Letter(letter)) if letter.flow == flow => Some(letter),
            _ => None,
        })
        .collect();
    letters.sort_by_key(|letter| (letter.partition, letter.offset, letter.attempt));
    let shown = letters.iter().map(|letter| {
        let field = if letter.field.is_empty() { String::new() } else { format!(" in {}", letter.field) };
        let mark = marks.get(&letter.id).and_then(|(_, mark)| mark.as_ref()).map(|mark| format!(", {mark}"));
        format!("{} at {}{field}{}", letter.code, letter.offset, mark.unwrap_or_default())
    });
    shown.collect()
}

/// What became of each version of each document.
fn receipts(world: &World, flow: &str) -> Vec<String> {
    let entries = runtime::ledger(world.log.as_ref(), &world.topology.name, flow).expect("a ledger");
    let shown = runtime::receipts(entries).into_iter().map(|receipt| {
        let Receipt { name, version, outcome, code, counts, withdrawn, .. } = receipt;
        let code = if code.is_empty() { code } else { format!(" {code}") };
        let (rows, dead) = (counts.landed, counts.dead);
        format!("{name} version {version}: {outcome}{code}, {rows} rows, {dead} dead, {withdrawn} withdrawn")
    });
    shown.collect()
}

/// Next offset and end of each partition of a flow's input.
fn positions(world: &World, flow: &plan::Flow) -> Vec<String> {
    let topic = match &flow.from {
        plan::From::Topic(read) => Arc::clone(&read.topic),
        plan::From::Documents(_) => names::documents(&world.topology.name, &flow.name),
    };
    let group = names::group(&world.topology.name, &flow.name);
    let shown = (0..world.partitions).map(|partition| {
        let position = world.log.position(&group, &topic, partition).expect("the log works");
        let open = position.as_ref().and_then(|position| Progress::read(position).ok()?.open);
        let open = if open.is_some() { ", a range is open" } else { "" };
        let end = world.log.end(&topic, partition).expect("the log works");
        format!("{} of {end}{open}", position.map_or(0, |position| position.offset))
    });
    shown.collect()
}
