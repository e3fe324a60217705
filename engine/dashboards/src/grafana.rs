//! A dashboard as Grafana's JSON: the classic model, which every Grafana can be provisioned with.
//!
//! The schema is that of Grafana 12 and 13 (`schemaVersion` 42); older ones read it too. The data source is a variable, so
//! the same file serves every Grafana. A dashboard has a stable `uid` and no `id`, which is the server's to give.

use serde_json::{Map, Value, json};
use telemetry::list as metrics;

use crate::board::{Board, Kind, Mood, Panel, Query, Section, Variables};
use crate::query::TROUBLES;

/// Of the model; see the module's prose.
const SCHEMA_VERSION: u32 = 42;
/// Columns of a page.
const COLUMNS: u32 = 24;
/// The dashboard of one feed, to which tables of flows lead.
pub(crate) const FEED: &str = "spotlight-feed";

/// The file.
pub(crate) fn text(board: &Board) -> String {
    // A value has no map with keys that are no text, so it can always be printed.
    let mut text = serde_json::to_string_pretty(&dashboard(board)).unwrap_or_default();
    text.push('\n');
    text
}

fn dashboard(board: &Board) -> Value {
    json!({
        "uid": board.uid,
        "title": board.title,
        "description": board.about,
        "tags": ["spotlight"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": { "from": "now-6h", "to": "now" },
        "timepicker": {},
        "timezone": "browser",
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "annotations": { "list": [] },
        "links": [{
            "type": "dashboards", "title": "Spotlight", "tags": ["spotlight"], "asDropdown": true, "icon": "external link",
            "includeVars": true, "keepTime": true, "targetBlank": false, "tooltip": "", "url": "",
        }],
        "templating": { "list": variables(&board.variables) },
        "panels": panels(&board.sections),
    })
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn variables(variables: &Variables) -> Vec<Value> {
    let source = json!({
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "regex": "",
        "current": {}, "options": [], "hide": 0, "refresh": 1, "multi": false, "includeAll": false,
    });
    let all = || json!({ "text": ["All"], "value": ["$__all"] });
    let info = metrics::TOPOLOGY_INFO.name;
    match variables {
        Variables::None => vec![source],
        Variables::Topologies => {
            let topology = variable("topology", "Topology", &format!("label_values({info}, topology)"), true, all());
            vec![source, topology]
        }
        Variables::Flows { first, told_by } => {
            let first = first.as_ref().map_or_else(|| json!({}), |name| json!({ "text": name, "value": name }));
            let topologies = format!("label_values({told_by}, topology)");
            let flows = format!("label_values({told_by}{{topology=~\"$topology\"}}, flow)");
            let topology = variable("topology", "Topology", &topologies, false, first);
            vec![source, topology, variable("flow", "Flow", &flows, true, all())]
        }
    }
}

/// A variable with the values of a label.
fn variable(name: &str, label: &str, values: &str, several: bool, current: Value) -> Value {
    let mut variable = json!({
        "name": name, "label": label, "type": "query", "datasource": source(), "definition": values,
        "query": { "qryType": 1, "query": values, "refId": "PrometheusVariableQueryEditor-VariableQuery" },
        "regex": "", "sort": 1, "refresh": 2, "hide": 0, "options": [], "multi": several, "includeAll": several,
        "current": current,
    });
    if several {
        variable["allValue"] = json!(".*");
    }
    variable
}

/// All panels with their places: those of a section below its heading, from left to right.
fn panels(sections: &[Section]) -> Vec<Value> {
    let (mut placed, mut id, mut y) = (Vec::new(), 0, 0);
    let mut next = || {
        id += 1;
        id
    };
    for section in sections {
        placed.push(json!({
            "id": next(), "type": "row", "title": section.heading, "collapsed": false, "panels": [],
            "gridPos": { "x": 0, "y": y, "w": COLUMNS, "h": 1 },
        }));
        y += 1;
        let (mut x, mut height) = (0, 0);
        for panel in &section.panels {
            let (columns, rows) = panel.size;
            if x + columns > COLUMNS {
                (x, y, height) = (0, y + height, 0);
            }
            placed.push(drawn(panel, next(), &json!({ "x": x, "y": y, "w": columns, "h": rows })));
            (x, height) = (x + columns, height.max(rows));
        }
        y += height;
    }
    placed
}

fn drawn(panel: &Panel, id: u32, place: &Value) -> Value {
    let (kind, defaults, overrides, options, transformations) = match panel.kind {
        Kind::Lines => ("timeseries", lines(), Vec::new(), lines_options(), Vec::new()),
        Kind::Number(mood) => ("stat", number(mood), Vec::new(), number_options(mood), Vec::new()),
        Kind::Table { by } => ("table", json!({}), columns(panel), table_options(by), merged(panel, by)),
    };
    let mut defaults = defaults;
    defaults["unit"] = json!(panel.unit.word());
    let targets: Vec<Value> =
        panel.queries.iter().enumerate().map(|(index, query)| target(panel.kind, index, query)).collect();
    json!({
        "id": id, "type": kind, "title": panel.title, "description": panel.about, "datasource": source(),
        "gridPos": place, "targets": targets, "fieldConfig": { "defaults": defaults, "overrides": overrides },
        "options": options, "transformations": transformations,
    })
}

/// The letter of a query: A, B and so on.
fn letter(index: usize) -> String {
    char::from(b'A' + u8::try_from(index).unwrap_or(25).min(25)).to_string()
}

fn target(kind: Kind, index: usize, query: &Query) -> Value {
    let over_time = kind == Kind::Lines;
    let format = if matches!(kind, Kind::Table { .. }) { "table" } else { "time_series" };
    json!({
        "refId": letter(index), "datasource": source(), "editorMode": "code", "expr": query.text,
        "legendFormat": query.name, "format": format, "range": over_time, "instant": !over_time,
    })
}

fn lines() -> Value {
    json!({
        "min": 0,
        "custom": {
            "drawStyle": "line", "lineInterpolation": "stepAfter", "lineWidth": 1, "fillOpacity": 8,
            "showPoints": "never", "spanNulls": false,
        },
    })
}

fn lines_options() -> Value {
    json!({
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
        "tooltip": { "mode": "multi", "sort": "desc" },
    })
}

/// How the numbers of [`TROUBLES`] are told. The fraction says nothing to people.
fn troubles() -> Value {
    let range = |(number, word, colour): &(u32, &str, &str)| {
        let (from, to) = (f64::from(*number), f64::from(*number) + 0.99);
        json!({ "type": "range", "options": {
            "from": from, "to": to, "result": { "text": word, "color": colour, "index": number },
        } })
    };
    TROUBLES.iter().map(range).collect()
}

fn number(mood: Mood) -> Value {
    let steps = match mood {
        Mood::Bad => json!([{ "color": "green", "value": null }, { "color": "red", "value": 1 }]),
        Mood::Plain | Mood::Trouble => json!([{ "color": "green", "value": null }]),
    };
    let mappings = if mood == Mood::Trouble { troubles() } else { json!([]) };
    json!({ "thresholds": { "mode": "absolute", "steps": steps }, "mappings": mappings, "noValue": "0" })
}

fn number_options(mood: Mood) -> Value {
    let colour = if mood == Mood::Plain { "none" } else { "value" };
    json!({
        "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
        "colorMode": colour, "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "auto",
        "wideLayout": true,
    })
}

fn table_options(by: &str) -> Value {
    json!({ "showHeader": true, "cellHeight": "sm", "sortBy": [{ "displayName": by, "desc": true }] })
}

/// Units of columns, the words of those that say how a flow stands, and the way from a flow to its dashboard.
fn columns(panel: &Panel) -> Vec<Value> {
    let named = |name: &str, properties: Value| json!({ "matcher": { "id": "byName", "options": name }, "properties": properties });
    let mut columns: Vec<Value> = panel
        .queries
        .iter()
        .map(|query| match query.is_trouble {
            false => named(query.name, json!([{ "id": "unit", "value": query.unit.word() }])),
            true => {
                let background = json!({ "type": "color-background", "mode": "basic" });
                let shown = json!([
                    { "id": "mappings", "value": troubles() },
                    { "id": "custom.cellOptions", "value": background },
                ]);
                named(query.name, shown)
            }
        })
        .collect();
    let feed = format!("/d/{FEED}?var-topology=${{__data.fields.topology}}&var-flow=${{__data.fields.flow}}");
    let link = json!([{ "title": "This flow", "url": feed, "targetBlank": false }]);
    columns.push(named("flow", json!([{ "id": "links", "value": link }])));
    columns
}

/// One table of the answers of all queries: rows of equal labels become one, and values get the names of their queries.
fn merged(panel: &Panel, by: &str) -> Vec<Value> {
    let (mut names, mut order) = (Map::new(), Map::new());
    for (index, query) in panel.queries.iter().enumerate() {
        // Grafana calls the values of a table's only query otherwise.
        let value = if panel.queries.len() == 1 { "Value".to_owned() } else { format!("Value #{}", letter(index)) };
        order.insert(value.clone(), json!(index + 10));
        names.insert(value, json!(query.name));
    }
    for (index, label) in ["topology", "flow", "code", "job", "instance"].iter().enumerate() {
        order.insert((*label).to_owned(), json!(index));
    }
    vec![
        json!({ "id": "merge", "options": {} }),
        json!({ "id": "organize", "options": {
            "excludeByName": { "Time": true }, "renameByName": names, "indexByName": order, "includeByName": {},
        } }),
        json!({ "id": "sortBy", "options": { "fields": {}, "sort": [{ "field": by, "desc": true }] } }),
    ]
}
