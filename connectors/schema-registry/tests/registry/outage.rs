//! A real registry is killed and started again.

use std::thread::scope;

use schema_registry_connector::{Class, SchemaId};

use crate::support::{alone, subject};

#[test]
fn what_is_known_goes_on_while_the_registry_is_down() {
    let service = alone();
    let (registry, fresh) = (service.client(), service.client());
    let subject = subject("outage");
    let id = registry.register(&subject, "\"long\"", true).expect("registered").id;
    let known = registry.schema(id).expect("fetched");
    service.kill();
    assert_eq!(registry.schema(id), Ok(known.clone()), "known, so nobody is asked");
    for error in [
        fresh.schema(id).expect_err("down"),
        registry.latest(&subject).expect_err("down"),
        registry.compatibility(&subject, "\"long\"").expect_err("down"),
        registry.register(&subject, "\"long\"", true).expect_err("down"),
    ] {
        assert_eq!((error.class(), error.code().0), (Class::Transient, "E5601"), "{error}");
    }
    service.start_again();
    // The same clients go on, and several threads may use one.
    scope(|threads| {
        let asking: Vec<_> = (0..4).map(|_| threads.spawn(|| fresh.schema(id))).collect();
        for thread in asking {
            assert_eq!(thread.join().expect("no panic"), Ok(known.clone()));
        }
    });
    assert_eq!(registry.latest(&subject).expect("up again").id, id);
    assert_eq!(registry.schema(SchemaId(2_000_000_000)).expect_err("unknown").class(), Class::BadData);
}
