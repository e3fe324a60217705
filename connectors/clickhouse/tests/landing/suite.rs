//! The suite of the landing's contract, run on a real ClickHouse.

use std::sync::Mutex;
use std::thread::{Builder, JoinHandle};

use batch::{RowsMeaning, TableDefinition};
use clickhouse_connector::{ClickHouse, ClickHouseLanding};
use connect::Landing;
use testkit::landing_suite::{self, TableUnderTest};

use crate::support::{ask, client, server};

struct Real {
    landing: ClickHouseLanding,
    name: String,
    rows: RowsMeaning,
    slow: Mutex<Option<JoinHandle<()>>>,
}

impl TableUnderTest for Real {
    fn landing(&self) -> &dyn Landing {
        &self.landing
    }

    fn count(&self) -> u64 {
        ask(&format!("SELECT count() FROM {}", self.name)).parse().expect("a number")
    }

    fn visible(&self) -> Vec<String> {
        let newest = if self.rows == RowsMeaning::Append { "" } else { "FINAL" };
        let sql = format!(
            "SELECT concat(key, '|', part, '|', toString(value)) AS row FROM {} {newest} ORDER BY row",
            self.name
        );
        ask(&sql).lines().map(ToOwned::to_owned).collect()
    }

    fn start_slow(&self, query: &str) {
        let settings = server().client_settings();
        let id = query.to_owned();
        let sql = format!(
            "INSERT INTO {} (key, part, value, _landing, _partition, _offset, _row) \
             SELECT 'slow', 'x', toInt64(sleepEachRow(1)), 'slow', 0, number, 0 FROM numbers(3) SETTINGS max_block_size = 1",
            self.name
        );
        let work = move || {
            let client = ClickHouse::new(&settings).expect("a client");
            // It may be ended: then it fails, which is what the suite wants to see.
            let _ended = client.execute(&sql, &[("query_id", &id), ("async_insert", "0")]);
        };
        let thread = Builder::new().spawn(work).expect("a thread");
        let running = format!("SELECT count() FROM system.processes WHERE query_id = '{}'", query.replace('\'', "\\'"));
        while ask(&running) != "1" {
            assert!(!thread.is_finished(), "the insert ended by itself");
        }
        *self.slow.lock().expect("no panic") = Some(thread);
    }

    fn wait_for_slow(&self) {
        if let Some(thread) = self.slow.lock().expect("no panic").take() {
            thread.join().expect("no panic");
        }
    }
}

fn real(definition: &TableDefinition) -> Box<dyn TableUnderTest> {
    let landing = ClickHouseLanding::new(client(), definition).expect("a name");
    Box::new(Real { landing, name: definition.name.to_string(), rows: definition.rows.clone(), slow: Mutex::default() })
}

#[test]
fn a_real_table_keeps_the_contract() {
    landing_suite::run(&real);
}
