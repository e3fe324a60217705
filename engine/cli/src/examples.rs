//! The examples and the small print at the end of each command's help.
//!
//! Every command has examples that can be typed as they stand, in lines that fit 80 columns; the test below sees to it.
//! A paragraph is one line, which the terminal's width wraps.

pub(crate) const PROGRAM: &str = "\
Examples:
  spotlight demo                           see it work, without a network
  spotlight run topologies/sec-ftd.yaml    fetch fails to deliver for ever
  spotlight run topologies/sec-ftd.yaml --documents DIR --once
                                           load the files of a folder and end
  spotlight run topologies/sec-ftd.yaml --documents DIR --dry
                                           show what would land, write nothing
  spotlight sql \"select count() from regsho.fails_to_deliver\"
  spotlight explain E4210                  what a code means and what helps

Exit statuses: 0 fine, 1 tests failed or files differ, 2 a plan is destructive, 3 a document was refused or a flow is on hold, \
4 not reconciled, 64 usage, 65 a topology file is wrong, 69 a service cannot be reached, 70 a bug, \
73 the data folder is in use, 75 start me again, 78 the environment is wrong.";

pub(crate) const RUN: &str = "\
Examples:
  spotlight run topologies/                              fetch for ever
  spotlight run topologies/ --documents DIR --once       load a folder and end
  spotlight run topologies/ --documents DIR --dry        show what would land
  spotlight run topologies/ --listen 127.0.0.1:9500      watch it there
  spotlight run topologies/ --listen 0.0.0.0:9484 --listen-token token.txt

A run without an end answers over HTTP at 127.0.0.1:9484: /live (the process turns), /ready (each flow has its \
assignment and found its destination as planned), /metrics (for Prometheus), /status and /topology (JSON). Where that \
port is taken the run says so and goes on; an address that was named with --listen and cannot be had ends it with 78.

A dry run works on a temporary folder and ends by itself. It reads every document as if it were new, \
and shows the table of a run and the first dead letters. Of several versions of a document in the folder \
the newest counts; what it would withdraw from a table it cannot know. It ends with the statuses of --once.

A folder of --documents with files of which no source reads a single one ends a run with --once or --dry \
with 64; an empty one is no mistake. Where not one of its files is data, such as pages for people, \
the status is 3. Without --documents `files` sources look into their own `path`, and `http` sources ask \
their publishers, at the pace of `every`; files in such a path of which none fits make the status 3 too.

With --once a run ends with 3 if, at its end, the newest content of a document is refused, a flow is \
on hold, or a source could not be read. The column `refused` counts the documents of the lines \
`refused:`, also those that an earlier run refused. One whose file was taken out of its folder counts no \
more, unless rows of an earlier version stay in the table; lines `gone:` name those. A refused version that a newer one has replaced \
counts no more. Without --once a run that is told to stop ends with 0.";

pub(crate) const DLQ_REPLAY: &str = "\
Examples:
  spotlight dlq replay --dry topologies/sec-ftd.yaml   would they pass now?
  spotlight dlq replay topologies/sec-ftd.yaml --code E4101
  spotlight dlq replay topologies/sec-ftd.yaml --id 3/0/17 --id 3/0/18
  spotlight run topologies/sec-ftd.yaml --once        work what was sent back

Where no open dead letter matches it says so and ends with 0; a code that does not exist ends with 64. Of several ids \
each that is none, or belongs to a flow of other files, is told on standard error; where none is left the status is \
64. With --dry rows are judged as a run would judge them now: by the steps with what they remember, by the columns \
of the table, and by the table itself. Many go back in parts: who stops the command in between starts it again.";

pub(crate) const DLQ_GIVE_UP: &str = "\
Examples:
  spotlight dlq give-up sec-ftd/load --code E4102    one flow, one code
  spotlight dlq give-up sec-ftd                      all flows of the topology
  spotlight dlq give-up --id 3/0/17 3/0/18           these two
  spotlight dlq give-up sec-ftd/load --document cnsfails202009a.zip

Where no open dead letter matches it says so and ends with 0; a flow or code that does not exist ends with 64. \
Of several ids each that is none is told on standard error; where none is left the status is 64. \
What is given up is closed, not deleted, and stays so when the same row is read again and fails. Rows of an earlier version of the document that \
waited for it are then removed. A refused document that is given up holds no status and raises no alert any more, and stays \
so while the same bytes are refused for the same reason; what an earlier version of it has in the table stays.";

pub(crate) const RELEASE: &str = "\
Examples:
  spotlight release sec-ftd                       all its held flows try again
  spotlight release sec-ftd/load                  one flow
  spotlight release sec-ftd/load --from earliest  read all documents again
  spotlight release sec-ftd/load --from 17 --partition 3
                                                  from one document on
  spotlight release sec-ftd --keep-rows           rows of before may stay

--from says of each partition that it moves where it stood and where it goes on. An offset means another record in \
each partition, so it needs --partition or --all-partitions where there are several.

Where nothing is on hold it says so and ends with 0; a name that no flow has ends with 64.

A changed topology is not applied to documents that are loaded already. The next run after \
--from earliest reads them again by the file as it is then. The page topologies/LANGUAGE.md \
(Changing a feed) says what to do with the rows that have landed before.";

pub(crate) const TAP: &str = "\
Examples:
  spotlight tap sec-ftd/load                      rows as they leave the flow
  spotlight tap sec-ftd/load.select-3 --limit 5   before and after a step
  spotlight tap sec-ftd/load --format json | jq .row
  spotlight tap --topic swaps.conflicts           what an output holds
  spotlight tap --topic swaps.unique --limit 10   what is in a topic
  spotlight tap --topic swaps.unique --from end   what comes into it from now on
  spotlight tap --topics                          which topics there are
  spotlight tap --topics --all                    those of the engine too

A step without a name is called by its verb and place, as spotlight plan shows. A tap shows what \
the steps make of rows, also of documents that are refused in the end; each row once. Rows that come \
back from the dead letters are marked `replayed`. It never slows \
a run: what comes faster than it can be shown is let go, and counted. Ctrl-C ends it.";

pub(crate) const TRANSFORM: &str = "\
Examples:
  spotlight transform my-list.yaml --name list_20260105.txt < list_20260105.txt
  curl -s URL | spotlight transform topologies/sec-ftd.yaml \\
    --name cnsfails202009a.zip --format csv > rows.csv

The document is proven whole before its first row is written. Of a refused document, or a page instead \
of one, nothing is written; the reason is told on standard error, and the status is 3. Dead rows of a document \
that is accepted are told on standard error, a line each, and the status is 0, as that of a run is; all other rows \
are written. They are those \
that leave the flow that reads the document: further flows, which read topics, take no part.";

pub(crate) const DEMO: &str = "\
Examples:
  spotlight demo                        in ./spotlight-data
  spotlight demo --data demonstration   in another folder";

pub(crate) const CHECK: &str = "\
Examples:
  spotlight check topologies/
  spotlight check my-list.yaml --format json
  spotlight check my-list.yaml --live --clickhouse http://localhost:8123
  spotlight check my-list.yaml --live --format json
  spotlight check topologies/ --live --connections connections.yaml
  spotlight check --connections connections.yaml
  spotlight check --connections connections.yaml --secrets /run/secrets

With --live a line says of each service whether a run would find what it needs. The status is 69 if one \
cannot be reached, else 78 if a table, a right or a folder is not as it must be. The embedded ClickHouse \
is asked only where a run has used the data folder: the first run makes it. With Kafka in the file of \
connections, topics and the registry's schemas are held to what is there.

A file of connections that is wrong, or a secret that is not there, gives 78. \
connections.example.yaml shows every key.";

pub(crate) const TEST: &str = "\
Examples:
  spotlight test topologies/
  spotlight test my-list.yaml
  spotlight test my-list.yaml --only trailer   those whose names contain it";

pub(crate) const PLAN: &str = "\
Examples:
  spotlight plan topologies/ --offline   the plan, and what makes its tables
  spotlight plan topologies/             what the tables lack
  spotlight plan topologies/ --apply     make them

While a run is going on with the same data folder, that run is asked. Without --apply nothing is made: where \
no run has used the data folder yet, all tables are missing, unless a ClickHouse of your own is named.";

pub(crate) const GRAPH: &str = "\
Examples:
  spotlight graph topologies/
  spotlight graph topologies/swaps.yaml --format dot | dot -Tsvg > swaps.svg

What leaves a flow beside its rows, dead letters and receipts, is dotted. Flows that meet in a topic are drawn \
together where their files are named together.";

pub(crate) const MAN: &str = "\
Examples:
  spotlight man --out ~/.local/share/man/man1
  spotlight man --out man && man man/spotlight-run.1";

pub(crate) const EVAL: &str = "\
Examples:
  spotlight eval \"trim(name)\" --with name=\" A \"
  spotlight eval \"cast(replace(a, ',', '') as decimal(18, 2))\" --with a=1,000.50
  spotlight eval \"quantity + 1\" --with quantity:bigint=12
  spotlight eval --functions                         all functions
  spotlight eval --functions parse_date              one of them";

pub(crate) const SQL: &str = "\
Examples:
  spotlight sql \"select count() from regsho.fails_to_deliver\"
  spotlight sql \"select * from spotlight.receipts\" --format CSV > receipts.csv
  spotlight sql \"select * except '^_' from regsho.fails_to_deliver limit 5\"
  spotlight sql \"show tables from regsho\" --clickhouse http://localhost:8123

Columns whose names begin with `_` are the engine's own: they say where a row came from. \
`* except '^_'` leaves them out.";

pub(crate) const STATUS: &str = "\
Examples:
  spotlight status
  spotlight status sec-ftd/load
  spotlight status --format json | jq .holds

`waiting` are the documents or records that a flow has not done yet. Without a run it also says what the data \
folder knows: which dead letters are open, and what was on hold when the last run ended, unless that run was \
killed.";

pub(crate) const TOP: &str = "\
Examples:
  spotlight top                    drawn anew every 2 seconds; Ctrl-C ends it
  spotlight top --every 10
  spotlight top --once | head -5   what is in the worst state

Flows that are on hold stand first, then those that do not work yet, are late or behind, have refused documents \
or open dead letters, or are paused. `behind` are the records or documents that are not done, `oldest` says how long \
the first of them has been there. Without a run it says so and ends with 69.";

pub(crate) const PAUSE: &str = "\
Examples:
  spotlight pause sec-ftd/load     one flow
  spotlight pause sec-ftd          all flows of the topology
  spotlight resume sec-ftd/load

A paused flow ends what it is at as a run does that is told to stop, keeps its place and its positions, and reads \
nothing more; its source does not look what is offered. The command answers once it is so, or after 10 seconds that it \
will be. The pause is written into the log: it lasts over restarts, and on Kafka it is so for every process. \
Where it is so already that is said, and the status is 0; a name that no flow has ends with 64. A run with --once \
that has a paused flow ends with 3.";

pub(crate) const REBUILD: &str = "\
Examples:
  spotlight rebuild sec-ftd/load           by the mapping as it is now
  spotlight rebuild                        how far they are
  spotlight rebuild sec-ftd/load --cancel
  spotlight rebuild sec-ftd/load --accept-refused    rows it refuses go

For a mapping that was mended: what the flow has read it reads again from its beginning, from the raw store or its topic, \
into a table beside the live one, with what processors the others leave. Live rows go on landing meanwhile. Once the \
table beside has all that the live one has, the flow stands still for a moment, the two are exchanged in one step \
and the flow goes on: who reads has all rows of before or all rows of after, under the same name. The table of before is \
kept beside until you drop it.

A run without an end begins at once, by its topology as it was when it started; else the next run does, and one with \
--once exchanges the tables at its end. The wish is written into the log and lasts over restarts; a file that is mended \
again has it begin anew. Where the mapping of now refuses a document whose rows are in the live table, nothing is exchanged \
until the file is mended, the rebuild is taken back or --accept-refused lets those rows go; a run with --once ends with 3. \
Refused, with 64: a flow that lands in no table, or in one that also holds rows of others; \
one whose topic has lost its beginning; one that is being rebuilt already; any on Kafka. What only a run finds out, such as \
records that the schema of now cannot read, it says, and `spotlight rebuild` too.";

pub(crate) const RESUME: &str = "\
Examples:
  spotlight resume sec-ftd/load    one flow
  spotlight resume sec-ftd         all flows of the topology

The flow goes on where it stood.";

pub(crate) const RECEIPTS: &str = "\
Examples:
  spotlight receipts
  spotlight receipts --refused   whose newest version is refused, and why
  spotlight receipts --all       those of earlier versions too
  spotlight receipts --absent    those that their publisher does not have

The newest of each document, the last one last, with the topology's revision that worked it, or rows of it \
that came back, last.";

pub(crate) const DLQ: &str = "\
Examples:
  spotlight dlq ls
  spotlight dlq ls --all
  spotlight dlq show 3/0/17
  spotlight dlq replay topologies/sec-ftd.yaml --dry";

pub(crate) const DLQ_LS: &str = "\
Examples:
  spotlight dlq ls
  spotlight dlq ls --all                            each with its id
  spotlight dlq ls --flow sec-ftd/load --code E4101
  spotlight dlq ls --format json | jq '.[].message'

State `open`: spotlight dlq replay sends it back. State `waiting`: it was sent back, and a run of its \
topology works it.";

pub(crate) const DLQ_SHOW: &str = "\
Examples:
  spotlight dlq show 3/0/17   the end of an id, if it is the only one
  spotlight dlq show 3/0/17 --format json";

pub(crate) const RECONCILE: &str = "\
Examples:
  spotlight reconcile
  spotlight reconcile --format json   with the first differences of each table

Below the differences stands what can have caused them, and the command that helps.";

pub(crate) const DASHBOARDS: &str = "\
Examples:
  spotlight dashboards topologies/ --out dashboards
  spotlight dashboards topologies/ --out dashboards --check

Writes grafana/*.json (dashboards to be provisioned), prometheus/recording.yaml and prometheus/alerts.yaml (rules), \
and two examples: prometheus/prometheus.yaml and alertmanager/alertmanager.yaml. Other files of the folder stay as \
they are. Equal topologies give equal files.";

pub(crate) const EXPLAIN: &str = "\
Examples:
  spotlight explain E4210
  spotlight explain                       all codes";

pub(crate) const NOMAD_JOB: &str = "\
Examples:
  spotlight nomad-job topologies/sec-ftd.yaml > sec-ftd.nomad.hcl
  spotlight nomad-job my-list.yaml | nomad job run -
  spotlight nomad-job topologies/swaps.yaml topologies/dtcc-*.yaml \\
    --name swaps > swaps.nomad.hcl              several feeds, one process
  spotlight nomad-job topologies/sec-ftd.yaml --connections kafka.yaml \\
    --count 3 > sec-ftd.nomad.hcl               three processes on Kafka

The job carries the text of the topologies and of all files that they refer to, so a revert brings them back too. Run \
it from the folder where it was printed: its paths start there. Secrets that the file of connections names come from a variable of Nomad. \
The page nomad/README.md says how such a job is run, updated and watched.";

pub(crate) const COMPLETION: &str = "\
Examples:
  spotlight completion bash > /etc/bash_completion.d/spotlight
  spotlight completion zsh > ~/.zfunc/_spotlight
  spotlight completion fish > ~/.config/fish/completions/spotlight.fish";

pub(crate) const STATE: &str = "\
Examples:
  spotlight state get swaps/unique.seen DTCC CFTC IR 56000000101
  spotlight state get swaps/unique.seen DTCC CFTC IR 56000000101 --format json

Says when a row of the key made it known, the fingerprint of its content where content counts, and until \
when a row of the key is a repeat. It shows what was committed, with or without a run.";

pub(crate) const SCHEMA_JSON: &str = "\
Examples:
  spotlight schema-json > spotlight.schema.json
  spotlight schema-json --connections > connections.schema.json

An editor with the YAML language server takes it for a file whose first line is
  # yaml-language-server: $schema=spotlight.schema.json
(the path is relative to the file), or for all files of a folder in its settings (yaml.schemas).";

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use crate::arguments::Arguments;

    fn look(command: &Command, path: &str) {
        let name = format!("{path} {}", command.get_name()).trim_start().to_owned();
        let told = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(told.starts_with("Examples:\n  "), "{name} has no examples");
        let long = told.lines().find(|line| line.starts_with(' ') && line.chars().count() > 80);
        assert_eq!(long, None, "{name}: an example is too long");
        // What is read beside a text, and in a terminal of the usual width.
        let help = command.clone().render_long_help().to_string();
        let wide = help.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{name}: the help is too wide");
        let own = told.lines().filter(|line| line.contains(&format!("{name} ")) || line.ends_with(&name));
        assert!(own.count() > 0, "no example of {name} uses it: {told}");
        let parts = command.get_subcommands().filter(|part| !part.is_hide_set() && part.get_name() != "help");
        parts.for_each(|part| look(part, &name));
    }

    #[test]
    fn every_command_has_examples() {
        let mut all = Arguments::command();
        all.build();
        look(&all, "");
    }
}
