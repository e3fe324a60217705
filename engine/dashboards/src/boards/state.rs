//! What steps remember: how much, and how far it is restored.

use telemetry::list as metrics;

use super::{flows_that_tell, of_processes, spread};
use crate::Feeds;
use crate::board::{Board, Mood, Panel, Section, Unit};
use crate::query::{OF_FLOW, OF_PROCESS, Scope};

/// The labels of a store.
const OF_STORE: &str = "topology, flow, store";
const NAME: &str = "{{flow}} {{store}}";

pub(super) fn board(feeds: &Feeds) -> Board {
    let variables = flows_that_tell(&metrics::STATE_KEYS, feeds);
    let scope = variables.scope();
    Board {
        uid: "spotlight-state",
        title: "Spotlight / State and restore",
        about: "Stores of steps such as dedupe: keys, memory, and how far they are restored after a start.",
        variables,
        sections: vec![
            Section { heading: "Restore", panels: restore(scope) },
            Section { heading: "Stores", panels: stores(scope) },
            Section { heading: "Memory and commits", panels: memory(scope) },
        ],
    }
}

fn restore(scope: Scope) -> Vec<Panel> {
    vec![
        Panel::number(
            "Restored by now",
            "How far the store is that has come least far; at 100 % all are done.",
            Mood::Plain,
        )
        .sized(8, 8)
        .in_unit(Unit::Share)
        .ask(scope.min(&metrics::STATE_RESTORE_RATIO, OF_STORE), NAME),
        Panel::lines("Restored", "Each store, in its partition that is furthest behind.")
            .in_unit(Unit::Share)
            .ask(scope.min(&metrics::STATE_RESTORE_RATIO, OF_STORE), NAME),
        Panel::lines("Records to read", "Records of the changelog that a store reads before its tasks go on.")
            .ask(scope.sum(&metrics::CHANGELOG_LAG, OF_STORE), NAME),
    ]
}

fn stores(scope: Scope) -> Vec<Panel> {
    let (keys, bytes) = (scope.sum(&metrics::STATE_KEYS, OF_STORE), scope.sum(&metrics::STATE_BYTES, OF_STORE));
    vec![
        Panel::lines("Keys", "Keys that a store remembers, in all processes together.").ask(keys.clone(), NAME),
        Panel::lines("Memory", "Memory that a store takes, about, in all processes together.")
            .in_unit(Unit::Bytes)
            .ask(bytes.clone(), NAME),
        Panel::lines("Memory of a key", "What a key takes.")
            .in_unit(Unit::Bytes)
            .ask(format!("{bytes} / {keys}"), NAME),
    ]
}

fn memory(scope: Scope) -> Vec<Panel> {
    vec![
        Panel::lines("Memory of the processes", "Resident memory; stores are a part of it.")
            .in_unit(Unit::Bytes)
            .ask(of_processes(metrics::PROCESS_RESIDENT.name), "{{instance}}"),
        Panel::lines("Memory for rows in work", "Share that is taken; above 1 tasks wait, or work goes to disk.")
            .in_unit(Unit::Share)
            .ask(scope.max(&metrics::MEMORY_FILL, OF_PROCESS), "{{instance}}"),
        spread(
            Panel::lines("Commit", "Time of the transaction that ends a range and keeps what stores have learnt.")
                .in_unit(Unit::Seconds),
            scope,
            &metrics::FLOW_COMMIT_SECONDS,
            OF_FLOW,
            ["{{flow}} middle", "{{flow}} slowest 1 %"],
        ),
    ]
}
