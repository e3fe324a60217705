//! Compares a table with the plan, before the first insert.
//!
//! It must be done here: a column that the table lacks is dropped in silence by the format whatever the settings say,
//! a table without a memory of tokens takes them and ignores them, and a table may overrule `async_insert = 0`.
//!
//! Deliberately absent: any change to the table. A verdict carries the statements that would help.

use std::time::Duration;

use batch::RowsMeaning;
use connect::command;
use connect::{FLOW, LeftOver, Preflight};

use crate::client::ClickHouse;
use crate::codes::{ASYNC_INSERT_FORCED, NO_MEMORY_OF_TOKENS, SEVERAL_SERVERS, TABLE_DIFFERS, explained};
use crate::ddl::{TOKENS, Table, partition_column};
use crate::errors::ClickHouseError;
use crate::memory::Window;
use crate::sql::{identifier, literal};

/// What the server says of a table.
#[derive(Clone, Debug, Default)]
struct Found {
    engine: String,
    engine_full: String,
    sorting_key: String,
    partition_key: String,
    /// Name, type, `DEFAULT` or `MATERIALIZED` or `ALIAS` or nothing.
    columns: Vec<(String, String, String)>,
    /// The server's defaults for tables: name and value.
    defaults: Vec<(String, String)>,
    has_rows: bool,
    /// True only where the server knows it: it does not of views and tables that lie elsewhere.
    is_empty: bool,
}

/// One thing in which a table is not as planned.
struct Difference {
    what: String,
    /// What helps, in words that end with a command.
    remedy: String,
    /// Another way out, from behind `; or` on.
    or: String,
    /// True if the remedy makes the table anew, which ends all other differences too.
    anew: bool,
}

/// Differences that are told. Larger: longer holds. Smaller: more turns until all of them are known.
const TOLD: usize = 6;

/// New connections that are made to see whether one server answers. More: a balancer that hands out servers at random
/// is found more surely. Fewer: a quicker start.
const CONNECTIONS: usize = 6;

/// What a landing promises of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// What would break the promise is refused.
    ExactlyOnce,
    /// Repeats do no harm: only what would lose or change rows is refused.
    AtLeastOnce,
}

/// Asks the server, and compares. Beside the verdict: how far back the table remembers inserts.
pub(crate) fn examine(
    client: &ClickHouse,
    table: &Table,
    delivery: Delivery,
) -> Result<(Preflight, Window), ClickHouseError> {
    let servers = if delivery == Delivery::ExactlyOnce { client.servers(CONNECTIONS)?.len() } else { 1 };
    if servers > 1 {
        let different = Preflight::Different {
            code: SEVERAL_SERVERS,
            what: format!("{servers} servers answer at {}", client.address()),
            remedy: explained(SEVERAL_SERVERS),
        };
        return Ok((different, Window::default()));
    }
    let place = format!("database = {} AND", literal(&table.database));
    let name = literal(&table.name);
    let tables: Vec<(String, String, String, String, bool, bool)> = client.rows(&format!(
        "SELECT engine, engine_full, sorting_key, partition_key, coalesce(total_rows, 0) > 0, \
         coalesce(total_rows = 0, false) FROM system.tables WHERE {place} name = {name}"
    ))?;
    let Some((engine, engine_full, sorting_key, partition_key, has_rows, is_empty)) = tables.into_iter().next() else {
        return Ok((Preflight::Missing { statements: table.create() }, Window::default()));
    };
    let columns = client.rows(&format!(
        "SELECT name, type, toString(default_kind) FROM system.columns WHERE {place} table = {name} ORDER BY position"
    ))?;
    let defaults = client.rows(
        "SELECT name, value FROM system.merge_tree_settings WHERE name IN \
         ('non_replicated_deduplication_window', 'replicated_deduplication_window', \
         'replicated_deduplication_window_seconds', 'async_insert')",
    )?;
    let found = Found { engine, engine_full, sorting_key, partition_key, columns, defaults, has_rows, is_empty };
    Ok((compare(table, &found, delivery), found.window()))
}

fn compare(table: &Table, found: &Found, delivery: Delivery) -> Preflight {
    let mut differences: Vec<Difference> = engine_differs(table, found).into_iter().collect();
    differences.extend(keys_differ(table, found));
    let mut statements = Vec::new();
    let mut before: Option<&str> = None;
    for column in &table.sent {
        match found.column(&column.name) {
            Some((type_name, kind)) if type_name == column.type_name && matches!(kind, "" | "DEFAULT") => {}
            Some((type_name, kind)) => {
                let wider = holds_all_of(&column.type_name, type_name);
                let is = format!("{kind} {type_name}");
                differences.push(column_differs(table, &column.name, &column.definition(), &is, wider));
            }
            None if is_structural(table, &column.name) => differences.push(column_lacks(table, &column.name)),
            None if found.has_rows && !has_nothing(&column.type_name) => {
                differences.push(would_invent(table, &column.name));
            }
            None => statements.push(table.add_column(&column.definition(), before)),
        }
        before = Some(&column.name);
    }
    for column in &table.set_by_server {
        match found.column(column.name) {
            Some((type_name, kind)) if type_name == column.type_name && kind == column.kind => {}
            Some((type_name, kind)) => {
                let is = format!("{kind} {type_name}");
                differences.push(column_differs(table, column.name, &column.definition(), &is, true));
            }
            None if is_structural(table, column.name) => differences.push(column_lacks(table, column.name)),
            None => statements.push(table.add_column(&column.definition(), before)),
        }
        before = Some(column.name);
    }
    differences.extend(unfilled(table, found));
    if !differences.is_empty() {
        let lacks: Vec<&str> =
            table.sent.iter().map(|column| &*column.name).filter(|name| found.column(name).is_none()).collect();
        return different(table, found, &differences, &lacks);
    }
    let breaks_once = settings_differ(table, found).filter(|_| delivery == Delivery::ExactlyOnce);
    if let Some(different) = breaks_once {
        return different;
    }
    if statements.is_empty() {
        return Preflight::Ready;
    }
    let columns = left_over(table, found);
    Preflight::Behind { statements, left_over: LeftOver { rename: renamed(table, found, &columns), columns } }
}

/// All that a person must settle, at once. `lacks`: columns of the plan that the table does not have; those that can be
/// added are no difference by themselves.
fn different(table: &Table, found: &Found, differences: &[Difference], lacks: &[&str]) -> Preflight {
    let mut what: Vec<&str> = differences.iter().take(TOLD).map(|one| one.what.as_str()).collect();
    let more = differences.len().saturating_sub(TOLD);
    let more = format!("and {more} more {}", if more == 1 { "difference" } else { "differences" });
    if differences.len() > TOLD {
        what.push(&more);
    }
    let mut what = what.join("; ");
    let untold: Vec<&str> =
        lacks.iter().copied().filter(|name| !what.contains(&format!("lacks column `{name}`"))).collect();
    if !untold.is_empty() {
        what.push_str(&format!("; it lacks `{}`", untold.join("`, `")));
    }
    let remedy = if found.is_empty {
        let full = table.full_name();
        let drop = command(&format!("DROP TABLE {full}"));
        format!("{full} is empty: {drop}, and it is made as planned; or change the plan to what the table has")
    } else if let Some(anew) = differences.iter().find(|one| one.anew) {
        format!("{}; or{}", anew.remedy, anew.or)
    } else {
        let told = differences.iter().take(TOLD);
        let remedies: Vec<&str> = told.clone().map(|one| one.remedy.as_str()).collect();
        let mut others: Vec<&str> = told.map(|one| one.or.as_str()).collect();
        others.dedup();
        format!("{}; or{}", remedies.join(" and "), others.join("; or"))
    };
    Preflight::Different { code: TABLE_DIFFERS, what, remedy }
}

/// Columns that the plan does not fill and that have no way to say so: new rows would get a value that nobody wrote.
fn unfilled(table: &Table, found: &Found) -> Vec<Difference> {
    let names = left_over(table, found);
    let invented = |(name, type_name, kind): &&(String, String, String)| {
        kind.is_empty() && names.contains(name) && !has_nothing(type_name)
    };
    let full = table.full_name();
    let told = |(name, type_name, _): &(String, String, String)| {
        let column = identifier(name);
        let nullable = match type_name.strip_prefix("LowCardinality(") {
            Some(inner) => format!("LowCardinality(Nullable({inner})"),
            None => format!("Nullable({type_name})"),
        };
        let rename = renamed(table, found, &names)
            .unwrap_or_else(|| format!("ALTER TABLE {full} RENAME COLUMN {column} TO the name of now"));
        Difference {
            what: format!(
                "{full} has a column `{name}`, which the plan does not fill and which cannot be null: new rows would get \
                 invented values"
            ),
            remedy: command(&format!("ALTER TABLE {full} MODIFY COLUMN {column} {nullable}")),
            or: format!(", if it was only renamed, {rename}; or fill it"),
            anew: false,
        }
    };
    found.columns.iter().filter(invented).map(told).collect()
}

/// Columns of a table that is as planned, which the plan does not fill and for which the server has no value of its own.
pub(crate) fn filled_no_more(client: &ClickHouse, table: &Table) -> Result<Vec<String>, ClickHouseError> {
    let columns: Vec<(String, String, String)> = client.rows(&format!(
        "SELECT name, type, toString(default_kind) FROM system.columns WHERE database = {} AND table = {} \
         ORDER BY position",
        literal(&table.database),
        literal(&table.name)
    ))?;
    let found = Found { columns, ..Found::default() };
    let has_no_default = |name: &String| found.column(name).is_some_and(|(_, kind)| kind.is_empty());
    Ok(left_over(table, &found).into_iter().filter(has_no_default).collect())
}

/// Columns that are filled by inserts and not by those of this plan.
fn left_over(table: &Table, found: &Found) -> Vec<String> {
    let ours = |name: &str| {
        table.sent.iter().any(|column| column.name == name)
            || table.set_by_server.iter().any(|column| column.name == name)
    };
    let others = found.columns.iter().filter(|(name, _, kind)| matches!(kind.as_str(), "" | "DEFAULT") && !ours(name));
    others.map(|(name, ..)| name.clone()).collect()
}

/// The command that renames a column, where one column alone is missing, one alone is left over, and both are of one type.
fn renamed(table: &Table, found: &Found, left_over: &[String]) -> Option<String> {
    let mut missing = table.sent.iter().filter(|column| found.column(&column.name).is_none());
    let (Some(now), None, [before]) = (missing.next(), missing.next(), left_over) else { return None };
    let same = found.column(before).is_some_and(|(type_name, _)| type_name == now.type_name);
    let (full, before, now) = (table.full_name(), identifier(before), identifier(&now.name));
    same.then(|| command(&format!("ALTER TABLE {full} RENAME COLUMN {before} TO {now}")))
}

/// True for a column that the engine, the sorting key or the partition needs: adding it would not mend them.
fn is_structural(table: &Table, name: &str) -> bool {
    let version = match &table.meaning {
        RowsMeaning::Append => false,
        RowsMeaning::ByKey { version } => name == version.as_deref().unwrap_or("_version"),
        RowsMeaning::ByDocument => matches!(name, "_document" | "_version" | "_deleted"),
    };
    version || table.sorting_key.iter().any(|key| key == name) || partition_column(&table.partition) == Some(name)
}

fn engine_differs(table: &Table, found: &Found) -> Option<Difference> {
    let wanted = table.engine();
    let (family, arguments) = wanted.split_once('(').unwrap_or((&wanted, ""));
    // A replicated or shared table is of the same family; its first two arguments are where it keeps its log.
    let plain = found.engine.strip_prefix("Replicated").or_else(|| found.engine.strip_prefix("Shared"));
    let same_family = plain.unwrap_or(&found.engine) == family;
    let inside = found.engine_full.strip_prefix(&format!("{}(", found.engine)).and_then(|rest| rest.split_once(')'));
    let have = list(inside.map_or("", |(inside, _)| inside));
    let want = list(arguments.trim_end_matches(')'));
    let same_arguments = if plain.is_some() { have.ends_with(&want) } else { have == want };
    if same_family && same_arguments {
        return None;
    }
    let what = format!("the engine of {} is {}, not {wanted}", table.full_name(), shown_engine(found));
    Some(rebuild(table, what))
}

fn shown_engine(found: &Found) -> &str {
    let full = found.engine_full.as_str();
    let end =
        [" PARTITION BY", " ORDER BY", " PRIMARY KEY", " SETTINGS"].iter().filter_map(|word| full.find(word)).min();
    full.get(..end.unwrap_or(full.len())).filter(|text| !text.is_empty()).unwrap_or(&found.engine)
}

fn keys_differ(table: &Table, found: &Found) -> Vec<Difference> {
    let mut differences = Vec::new();
    let partition = table.partition_expression();
    if bare(&partition) != bare(&found.partition_key) {
        let what = format!(
            "{} is partitioned by `{}`, not by `{partition}`: an insert for one partition would land in several",
            table.full_name(),
            found.partition_key,
        );
        differences.push(rebuild(table, what));
    }
    // Where rows replace each other the sorting key says which; in a plain table it only decides how fast queries are.
    let sorting = table.sorting_key.join(",");
    if table.meaning != RowsMeaning::Append && bare(&sorting) != bare(&found.sorting_key) {
        let what = format!(
            "rows of {} replace each other by `{}`, not by `{}`",
            table.full_name(),
            found.sorting_key,
            table.sorting_key.join(", "),
        );
        differences.push(rebuild(table, what));
    }
    differences
}

fn settings_differ(table: &Table, found: &Found) -> Option<Preflight> {
    let (window, name) = (found.window_setting(), table.full_name());
    if found.setting(window) == "0" {
        return Some(Preflight::Different {
            code: NO_MEMORY_OF_TOKENS,
            what: format!("{name} does not remember which inserts it has seen: {window} is 0"),
            remedy: command(&format!("ALTER TABLE {name} MODIFY SETTING {window} = {TOKENS}")),
        });
    }
    if !matches!(found.setting("async_insert"), "0" | "false" | "") {
        return Some(Preflight::Different {
            code: ASYNC_INSERT_FORCED,
            what: format!("{name} turns every insert into an asynchronous one: its setting async_insert is 1"),
            remedy: command(&format!("ALTER TABLE {name} MODIFY SETTING async_insert = 0")),
        });
    }
    None
}

/// `keeps` says that every value of the table is one of the plan's type too. Of others the server would make something
/// else without a word: it wraps whole numbers, cuts digits and makes nulls of what it cannot read.
fn column_differs(table: &Table, name: &str, wanted: &str, is: &str, keeps: bool) -> Difference {
    let full = table.full_name();
    let change = if keeps {
        command(&format!("ALTER TABLE {full} MODIFY COLUMN {wanted}"))
    } else {
        format!(
            "fill a table of the new type from what is stored, as the values that stand there may not fit: spotlight \
             rebuild {FLOW}, or, where that is refused, name another table in the topology"
        )
    };
    Difference {
        what: format!("column `{name}` of {full} is {}, the plan wants {wanted}", is.trim()),
        remedy: change,
        or: " change the plan to what the table has".to_owned(),
        anew: !keeps,
    }
}

/// True if each value of the type `from` is one of `to`, by the names that the server has for types.
fn holds_all_of(to: &str, from: &str) -> bool {
    let ((to, to_null), (from, from_null)) = (plain(to), plain(from));
    if from_null && !to_null {
        return false;
    }
    let whole = |name: &str| {
        let (signed, bits) = match name.strip_prefix("UInt") {
            Some(bits) => (false, bits),
            None => (true, name.strip_prefix("Int")?),
        };
        Some((signed, bits.parse::<u32>().ok()?))
    };
    let decimal = |name: &str| {
        let (precision, scale) = name.strip_prefix("Decimal(")?.strip_suffix(')')?.split_once(',')?;
        Some((precision.trim().parse::<u32>().ok()?, scale.trim().parse::<u32>().ok()?))
    };
    if let (Some((to_signed, to_bits)), Some((signed, bits))) = (whole(to), whole(from)) {
        return (to_signed == signed && to_bits >= bits) || (to_signed && to_bits > bits);
    }
    if let (Some((to_precision, to_scale)), Some((precision, scale))) = (decimal(to), decimal(from)) {
        return to_scale >= scale && to_precision.saturating_sub(to_scale) >= precision.saturating_sub(scale);
    }
    to == from || (to == "Date32" && from == "Date") || (to == "String" && whole(from).is_some())
}

/// A type without what says that it may be null or is kept as a dictionary, and whether it may be null.
fn plain(name: &str) -> (&str, bool) {
    let inside = |name: &'_ str, outer: &str| -> Option<usize> {
        (name.starts_with(outer) && name.ends_with(')')).then_some(outer.len())
    };
    let name = inside(name, "LowCardinality(").map_or(name, |at| &name[at..name.len() - 1]);
    inside(name, "Nullable(").map_or((name, false), |at| (&name[at..name.len() - 1], true))
}

fn column_lacks(table: &Table, name: &str) -> Difference {
    let what = format!("{} lacks column `{name}`, which its engine or one of its keys needs", table.full_name());
    rebuild(table, what)
}

/// True for types that have a value for "there is none": rows that are there already can have the column.
fn has_nothing(type_name: &str) -> bool {
    ["Nullable(", "LowCardinality(Nullable(", "Array(", "Map("].iter().any(|nothing| type_name.starts_with(nothing))
}

fn would_invent(table: &Table, name: &str) -> Difference {
    let full = table.full_name();
    Difference {
        what: format!(
            "{full} has rows and lacks column `{name}`, which cannot be null: its old rows would get invented values"
        ),
        remedy: format!("declare `{name}` as nullable and add it with spotlight plan FILE --apply"),
        or: format!(
            " fill a new table from the stored documents: spotlight rebuild {FLOW}; where that is refused, name another \
             table in the topology"
        ),
        anew: false,
    }
}

fn rebuild(table: &Table, what: String) -> Difference {
    let full = table.full_name();
    let remedy = format!(
        "make it anew from what is stored, beside this one: spotlight rebuild {FLOW}; where that is refused, rename it \
         with {}, make it anew with spotlight plan FILE --apply, and copy the rows",
        command(&format!(
            "RENAME TABLE {full} TO {}.{}",
            identifier(&table.database),
            identifier(&format!("{}_old", table.name))
        )),
    );
    Difference { what, remedy, or: " change the plan to what the table has".to_owned(), anew: true }
}

/// The parts of a list between commas, bare.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(bare).filter(|part| !part.is_empty()).collect()
}

/// A key or an engine's arguments without quotes, spaces and outer brackets.
fn bare(expression: &str) -> String {
    let text: String = expression.chars().filter(|character| !matches!(character, '`' | ' ')).collect();
    let inside = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    inside.map_or_else(|| text.clone(), ToOwned::to_owned)
}

impl Found {
    fn column(&self, name: &str) -> Option<(&str, &str)> {
        let found = self.columns.iter().find(|(column, _, _)| column == name);
        found.map(|(_, type_name, kind)| (type_name.as_str(), kind.as_str()))
    }

    fn replicated(&self) -> bool {
        self.engine.starts_with("Replicated") || self.engine.starts_with("Shared")
    }

    /// The setting that says how many inserts the table remembers.
    fn window_setting(&self) -> &'static str {
        if self.replicated() { "replicated_deduplication_window" } else { "non_replicated_deduplication_window" }
    }

    /// How far back the table remembers inserts. Zero means that it remembers none.
    fn window(&self) -> Window {
        let number = |name: &str| self.setting(name).parse::<u64>().ok();
        let inserts = number(self.window_setting());
        let seconds = self.replicated().then(|| number("replicated_deduplication_window_seconds")).flatten();
        let time = seconds.filter(|seconds| *seconds > 0 && inserts != Some(0)).map(Duration::from_secs);
        Window { inserts, time }
    }

    /// The value of a setting: the table's own, else the server's default.
    fn setting(&self, name: &str) -> &str {
        let settings = self.engine_full.rsplit_once(" SETTINGS ").map_or("", |(_, settings)| settings);
        let own = settings.split(", ").find_map(|setting| setting.strip_prefix(name)?.strip_prefix(" = "));
        let default = || self.defaults.iter().find(|(setting, _)| setting == name).map(|(_, value)| value.as_str());
        own.or_else(default).unwrap_or("").trim_matches('\'')
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, bare, command, holds_all_of};

    #[test]
    fn only_types_that_hold_all_values_are_offered() {
        for (to, from) in [
            ("Int64", "Int32"),
            ("Int64", "UInt32"),
            ("Nullable(Int64)", "Int64"),
            ("Nullable(Decimal(20, 6))", "Decimal(18, 4)"),
            ("String", "LowCardinality(String)"),
            ("LowCardinality(Nullable(String))", "String"),
            ("Date32", "Date"),
            ("String", "Int64"),
        ] {
            assert!(holds_all_of(to, from), "{from} to {to}");
        }
        for (to, from) in [
            ("Int32", "Int64"),
            ("Int32", "UInt32"),
            ("UInt64", "Int32"),
            ("Int64", "Nullable(Int64)"),
            ("Decimal(18, 2)", "Decimal(18, 4)"),
            ("Decimal(18, 6)", "Decimal(18, 4)"),
            ("Int32", "String"),
            ("Int32", "Decimal(18, 4)"),
            ("Float64", "Int64"),
            ("Date", "Date32"),
        ] {
            assert!(!holds_all_of(to, from), "{from} to {to}");
        }
    }

    #[test]
    fn a_statement_is_told_so_that_a_shell_hands_it_over_as_it_is() {
        let told = command("ALTER TABLE `a b`.c MODIFY COLUMN d DateTime64(3, 'UTC')");
        assert_eq!(told, r"spotlight sql 'ALTER TABLE `a b`.c MODIFY COLUMN d DateTime64(3, '\''UTC'\'')'");
    }

    #[test]
    fn settings_of_the_table_come_before_the_servers() {
        let defaults = vec![("async_insert".to_owned(), "0".to_owned()), ("window".to_owned(), "7".to_owned())];
        let engine_full = "MergeTree ORDER BY a SETTINGS async_insert = 1, index_granularity = 8192".to_owned();
        let found = Found { engine_full, defaults, ..Found::default() };
        assert_eq!(found.setting("async_insert"), "1");
        assert_eq!(found.setting("window"), "7");
        assert_eq!(found.setting("granularity"), "");
    }

    #[test]
    fn a_replicated_table_remembers_for_a_time_and_a_plain_one_so_many() {
        let defaults = [
            ("non_replicated_deduplication_window", "0"),
            ("replicated_deduplication_window", "10000"),
            ("replicated_deduplication_window_seconds", "3600"),
        ];
        let defaults: Vec<(String, String)> = defaults.map(|(name, value)| (name.into(), value.into())).into();
        let found = |engine: &str, settings: &str| {
            let engine_full = format!("{engine} ORDER BY a SETTINGS {settings}");
            let window =
                Found { engine: engine.to_owned(), engine_full, defaults: defaults.clone(), ..Found::default() };
            (window.window().inserts, window.window().time.map(|time| time.as_secs()))
        };
        let plain = found("MergeTree", "non_replicated_deduplication_window = 7");
        assert_eq!(plain, (Some(7), None));
        assert_eq!(found("ReplicatedMergeTree", "index_granularity = 8192"), (Some(10_000), Some(3600)));
        assert_eq!(found("SharedMergeTree", "replicated_deduplication_window_seconds = 60"), (Some(10_000), Some(60)));
        assert_eq!(found("ReplicatedMergeTree", "replicated_deduplication_window = 0"), (Some(0), None));
    }

    #[test]
    fn keys_are_compared_without_their_dress() {
        assert_eq!(bare("(`a`, b)"), bare("a,b"));
        assert_eq!(bare("toYear(`a`)"), "toYear(a)");
        assert_ne!(bare("a, b"), bare("b, a"));
    }
}
