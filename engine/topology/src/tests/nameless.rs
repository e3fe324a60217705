//! Cells that a publisher gives no name.

use super::{files, loaded, rendered};
use crate::describe::describe;
use crate::plan::From;

const FILE: &str = r#"topology: feed
about: Rows.
flows:
  load:
    from: { files: { path: in, file-names: ["{date:%Y%m%d}.txt"] } }
    steps:
      - decode:
          delimited:
            layouts: { one: { header: HEADER } }
            names: NAMES
            spill: SPILL
    to: { topic: feed.days, key: [day] }
"#;

#[test]
fn a_cell_without_a_name_is_no_column() {
    let found = |header: &str, names: &str, spill: &str| {
        let text = FILE.replace("HEADER", header).replace("NAMES", names).replace("SPILL", spill);
        loaded(
            &files(&text, super::TABLE, super::USER, super::TEMPLATE)
                .with("r/headers/one.txt", "day\n\"\"\nnote\n\"\"\n"),
        )
    };
    for names in ["as-published", "snake_case"] {
        for header in [r#"[day, "", note, " "]"#, "headers/one.txt"] {
            let good = found(header, names, "note");
            assert_eq!(rendered(&good), "");
            let topology = good.topologies.iter().find(|one| &*one.name == "feed").expect("the feed");
            let plan = describe(topology);
            assert_eq!(plan.matches(" is no column").count(), 2, "{plan}");
            let From::Documents(documents) = &topology.flows[0].from else { panic!("a flow of documents") };
            let columns = documents.decode.columns(&documents.decode.layouts[0]);
            assert_eq!(columns.keys().map(|name| &**name).collect::<Vec<_>>(), ["day", "note"]);
        }
    }
    // Under a name it is one, and what is joined to it would be lost without.
    let header = |given: &str| format!(r#"[day, ""], as: {{ "": {given} }}"#);
    let named = found(&header("rest"), "as-published", "rest");
    assert_eq!(rendered(&named), "");
    let said = rendered(&found(r#"[day, ""]"#, "as-published", r#""""#));
    assert!(said.contains("`spill` names no column of the layout `one`"), "{said}");
    let said = rendered(&found(&header(r#""""#), "as-published", "day"));
    assert!(said.contains("a column without a name"), "{said}");
}
