//! What a real registry answers.

use schema_registry_connector::{Class, Compatibility, Kind, RegistryError, SchemaId};

use crate::support::{running, subject};

/// A record whose only field has this name and type; the name makes it another schema than those of other tests.
fn record(name: &str, fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, kind)| format!("{{\"name\":\"{name}\",\"type\":{kind}}}")).collect();
    format!("{{\"type\":\"record\",\"name\":\"{name}\",\"fields\":[{}]}}", fields.join(","))
}

#[test]
fn a_schema_is_registered_once_and_fetched_by_its_id() {
    let service = running();
    let (registry, subject) = (service.client(), subject("registered"));
    let schema = record("Registered", &[("a", "\"long\"")]);
    // Only looked up, it is not there yet, and is not put there.
    let absent = registry.register(&subject, &schema, false).expect_err("not there");
    assert_eq!((absent.code().0, absent.class()), ("E5603", Class::Operator), "{absent}");
    assert_eq!(absent, RegistryError::UnknownSubject { subject: subject.clone() });
    assert_eq!(registry.latest(&subject), Err(RegistryError::UnknownSubject { subject: subject.clone() }));

    let id = registry.register(&subject, &schema, true).expect("registered").id;
    assert_eq!(registry.register(&subject, &schema, true).expect("there").id, id);
    assert_eq!(registry.register(&subject, &schema, false).expect("there").id, id);
    let fetched = registry.schema(id).expect("fetched");
    assert_eq!((fetched.kind.clone(), fetched.text.as_str()), (Kind::Avro, schema.as_str()));
    assert!(fetched.references.is_empty());

    let second = record("Registered", &[("a", "\"long\""), ("b", "[\"null\",\"long\"],\"default\":null")]);
    let other = registry.register(&subject, &second, false).expect_err("another schema");
    assert_eq!(other, RegistryError::NotRegistered { subject: subject.clone() });
    let second_id = registry.register(&subject, &second, true).expect("compatible").id;
    let latest = registry.latest(&subject).expect("there");
    assert_eq!((latest.version, latest.id, latest.schema.text.as_str()), (2, second_id, second.as_str()));
    assert_eq!(registry.version(&subject, 1).expect("there").id, id);
    assert_eq!(registry.version(&subject, 9), Err(RegistryError::UnknownVersion { subject }));
}

#[test]
fn an_id_that_nobody_gave_is_bad_data() {
    let service = running();
    let id = SchemaId(2_000_000_000);
    let error = service.client().schema(id).expect_err("unknown");
    assert_eq!(
        (error.clone(), error.class(), error.code().0),
        (RegistryError::UnknownId { id }, Class::BadData, "E5602")
    );
}

#[test]
fn a_schema_that_does_not_fit_is_refused_with_the_field() {
    let service = running();
    let (registry, subject) = (service.client(), subject("changed"));
    let first = record("Changed", &[("amount", "\"long\"")]);
    let second = record("Changed", &[("amount", "\"string\"")]);
    assert_eq!(registry.compatibility(&subject, &first), Ok(Compatibility::NewSubject));
    registry.register(&subject, &first, true).expect("registered");
    assert_eq!(registry.compatibility(&subject, &first), Ok(Compatibility::Compatible));
    // This registry gives no reasons here, and gives them when it refuses.
    assert_eq!(registry.compatibility(&subject, &second), Ok(Compatibility::Incompatible { reasons: Vec::new() }));
    let refused = registry.register(&subject, &second, true).expect_err("refused");
    assert_eq!((refused.class(), refused.code().0), (Class::Operator, "E5604"));
    let told = refused.to_string();
    assert!(told.contains(&subject) && told.contains("/fields/0") && told.contains("STRING"), "{told}");
}

#[test]
fn what_is_no_schema_is_refused() {
    let service = running();
    let error = service.client().register(&subject("nonsense"), "{nonsense", true).expect_err("refused");
    assert_eq!((error.class(), error.code().0), (Class::Operator, "E5606"), "{error}");
}

#[test]
fn a_wrong_login_is_told_and_not_tried_again() {
    let service = running();
    for password in [Some("wrong"), None] {
        let registry = service.client_as(password);
        for error in [
            registry.schema(SchemaId(1)).expect_err("refused"),
            registry.compatibility("a", "\"long\"").expect_err("refused"),
            registry.register("a", "\"long\"", true).expect_err("refused"),
        ] {
            assert_eq!((error.class(), error.code().0), (Class::Operator, "E5605"), "{error}");
            assert!(!format!("{error:?}{registry:?}").contains("wrong"));
        }
    }
}

#[test]
fn a_subject_may_have_any_name() {
    let service = running();
    let registry = service.client();
    for (number, name) in ["a/b.c", "a b", "50%?x=1#y", "ä/../b", "x%2Fy"].into_iter().enumerate() {
        let subject = subject(name);
        let schema = record(&format!("Named{number}"), &[("a", "\"long\"")]);
        let id = registry.register(&subject, &schema, true).unwrap_or_else(|error| panic!("{subject}: {error}")).id;
        assert_eq!(registry.latest(&subject).unwrap_or_else(|error| panic!("{subject}: {error}")).id, id);
        assert_eq!(registry.compatibility(&subject, &schema), Ok(Compatibility::Compatible), "{subject}");
    }
}

#[test]
fn a_schema_may_be_large() {
    let service = running();
    let (registry, subject) = (service.client(), subject("large"));
    let names: Vec<String> =
        (0..8_000).map(|number| format!("{number:a>100}", number = format!("a{number}"))).collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "\"long\"")).collect();
    let schema = record("Large", &fields);
    assert!(schema.len() > 1_000_000, "{}", schema.len());
    let id = registry.register(&subject, &schema, true).expect("registered").id;
    let fetched = service.client().schema(id).expect("fetched");
    assert!(fetched.text == schema, "{} bytes came back of {}", fetched.text.len(), schema.len());
}
