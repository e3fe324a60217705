//! The text of a job holds what it is given, whatever that looks like.

use super::{BRACKETS, Form, Job, TEMPLATE, quoted};

fn job(form: Form) -> Job {
    Job {
        name: "trades".to_owned(),
        form,
        flows: vec!["trades/load lands in venue.trades".to_owned()],
        command: ["spotlight", "nomad-job", "trades.yaml"].map(str::to_owned).into(),
        feeds: ".".to_owned(),
        topologies: vec!["trades.yaml".to_owned()],
        files: vec!["trades.yaml".to_owned()],
        rooted: false,
        contact: false,
        connections: None,
        stored: ["kafka/password", "clickhouse/password"].map(str::to_owned).into(),
        variables: ["PASSWORD".to_owned()].into(),
    }
}

#[test]
fn a_text_stays_what_it_is_between_quotes() {
    let cases = [
        ("a", r#""a""#),
        (r#"a"b\c"#, r#""a\"b\\c""#),
        ("${a}", r#""$${a}""#),
        ("%{a}", r#""%%{a}""#),
        ("$a {b} 5%", r#""$a {b} 5%""#),
        ("a\nb\tc\rd", r#""a\nb\tc\rd""#),
    ];
    for (text, written) in cases {
        assert_eq!(quoted(text), written, "{text:?}");
    }
}

#[test]
fn each_place_is_filled_and_what_fills_it_is_left_alone() {
    for form in [Form::Embedded, Form::Shared { count: 3 }] {
        let mut job = job(form);
        job.flows = vec!["an address such as a@name@b".to_owned()];
        let text = job.text();
        assert!(text.contains("such as a@name@b"), "{text}");
        let places = text.lines().filter(|line| line.contains('@') && !line.contains("a@name@b"));
        assert_eq!(places.collect::<Vec<_>>(), Vec::<&str>::new());
        assert!(!text.contains("#?"), "{text}");
        assert!(text.contains(&format!("left_delimiter  = \"{}\"", BRACKETS[0])), "{text}");
    }
}

#[test]
fn sections_of_the_template_are_those_that_are_known() {
    let named = TEMPLATE.lines().filter_map(|line| line.strip_prefix("#? "));
    let named: std::collections::BTreeSet<&str> = named.collect();
    let mut embedded = job(Form::Embedded);
    (embedded.contact, embedded.rooted, embedded.connections) = (true, true, Some("connections.yaml".to_owned()));
    let shared = Job { form: Form::Shared { count: 2 }, ..embedded.clone() };
    let known = &embedded.sections() | &shared.sections();
    assert_eq!(named, known);
}

#[test]
fn only_the_shared_form_has_names_of_instances_and_canaries() {
    let (embedded, shared) = (job(Form::Embedded).text(), job(Form::Shared { count: 3 }).text());
    assert!(!embedded.contains("--instance") && !embedded.contains("auto_promote"), "{embedded}");
    assert!(embedded.contains("canary = 0") && embedded.contains("count = 1"), "{embedded}");
    assert!(shared.contains("\"trades-${local.version}-${NOMAD_ALLOC_INDEX}\""), "{shared}");
    assert!(shared.contains("canary       = var.canaries") && shared.contains("default     = 3"), "{shared}");
}

#[test]
fn secrets_that_would_have_one_name_are_found() {
    let mut job = job(Form::Embedded);
    assert_eq!(job.alike(), None);
    assert!(job.text().contains("    \"clickhouse/password\" = \"clickhouse_password\"\n"), "{}", job.text());
    job.stored.insert("kafka-password".to_owned());
    assert_eq!(job.alike(), Some(("kafka-password", "kafka/password")));
    job.stored = ["listen/token".to_owned()].into();
    assert!(job.alike().is_some(), "the listener has a token of that name");
}

#[test]
fn a_long_command_is_broken_so_that_a_shell_reads_it_as_one() {
    let mut job = job(Form::Embedded);
    assert!(job.text().contains("#   spotlight nomad-job trades.yaml\n#\n"), "{}", job.text());
    job.command.extend((0..40).map(|number| format!("feeds/number-{number}.yaml")));
    let text = job.text();
    let lines = text.lines().skip_while(|line| !line.contains("spotlight nomad-job")).take_while(|line| *line != "#");
    let command: Vec<&str> = lines.map(|line| line.trim_start_matches(['#', ' '])).collect();
    assert!(command.len() > 3 && command.iter().all(|line| line.len() <= 115), "{command:?}");
    assert_eq!(command.join("\n").replace(" \\\n", " "), job.command.join(" "));
}
