//! The suite of the landing's contract, run on the table in memory; and that table's own misbehaviours.

use batch::{RowsMeaning, TableDefinition};
use connect::{Landing, RowPosition};
use testkit::landing_suite::{self, TableUnderTest};
use testkit::{ModelRow, ModelTable};

struct Model(ModelTable, RowsMeaning);

impl TableUnderTest for Model {
    fn landing(&self) -> &dyn Landing {
        &self.0
    }

    fn count(&self) -> u64 {
        self.0.rows().len() as u64
    }

    fn visible(&self) -> Vec<String> {
        self.0.visible()
    }

    fn start_slow(&self, query: &str) {
        let row = ModelRow {
            landing: "slow".into(),
            partition: 0,
            position: RowPosition { offset: 0, row: 0 },
            cells: vec!["slow".into(), "x".into(), "1".into()],
            document: (self.1 == RowsMeaning::ByDocument).then(|| ("slow".into(), 1)),
            deleted: false,
        };
        self.0.start(query, row);
    }

    fn wait_for_slow(&self) {
        self.0.settle();
    }
}

fn model(definition: &TableDefinition) -> Box<dyn TableUnderTest> {
    Box::new(Model(ModelTable::new(definition.clone()), definition.rows.clone()))
}

#[test]
fn the_table_in_memory_keeps_the_contract() {
    landing_suite::run(&model);
}
