//! Settings that cannot be right are told before anything is asked, and certificates are trusted where they are named.

use std::fs;

use connect::RawFailure;
use s3_connector::{S3Error, S3Settings, S3Store};

use crate::minio::{self, MinIo};

#[test]
fn wrong_settings_are_told_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        Some(path)
    };
    type Change = Box<dyn Fn(&mut S3Settings)>;
    let text = |change: fn(&mut S3Settings, String), value: &str| -> Change {
        let value = value.to_owned();
        Box::new(move |settings| change(settings, value.clone()))
    };
    let mut cases: Vec<(&str, Change)> = Vec::new();
    for bucket in ["", "ab", "two words", "a/b", "ünïcode"] {
        cases.push(("bucket", text(|settings, value| settings.bucket = value, bucket)));
    }
    for region in ["", "eu west", "eu/west"] {
        cases.push(("region", text(|settings, value| settings.region = value, region)));
    }
    for prefix in ["a", "/", "/a/", "a//b/", "../a/", "a/./", "a\n/", &format!("{}/", "a".repeat(250))] {
        cases.push(("prefix", text(|settings, value| settings.prefix = value, prefix)));
    }
    for endpoint in ["localhost:9000", "ftp://a", "https://", "http://user:word@host", "http://host/?a=b", "http://a b"]
    {
        cases.push(("endpoint", text(|settings, value| settings.endpoint = Some(value), endpoint)));
    }
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let files = [Some(folder.path().join("none")), file("empty", ""), file("garbage", garbage), file("broken", broken)];
    for path in files {
        cases.push(("authorities", Box::new(move |settings| settings.authorities.clone_from(&path))));
    }
    cases.push(("patience", Box::new(|settings| settings.patience.attempts = 0)));
    for (index, (name, change)) in cases.iter().enumerate() {
        let mut settings = minio::settings("http://127.0.0.1:9", "documents");
        change(&mut settings);
        let error = S3Store::open(&settings, folder.path()).expect_err("a wrong setting");
        let found = S3Error::of(&error).expect("an error of this crate");
        assert!(matches!(found, S3Error::Setting { setting, .. } if setting == name), "{index}: {found:?}");
        assert_eq!((found.code().0, error.failure()), ("E5706", RawFailure::Refused));
    }
}

#[test]
fn a_certificate_is_trusted_where_it_is_named() {
    if !minio::there("a_certificate_is_trusted_where_it_is_named") {
        return;
    }
    let server = MinIo::start("encrypted", &["--tls"]);
    let staging = tempfile::tempdir().expect("a folder");
    let mut settings = minio::settings(&server.address, "documents");
    settings.authorities = Some(server.folder.join("authority.crt"));
    let store = S3Store::open(&settings, staging.path()).expect("opens");
    assert_eq!(store.check().map_err(|error| error.code().0), Err("E5703"), "no bucket, so it was asked");
    settings.authorities = None;
    let store = S3Store::open(&settings, staging.path()).expect("opens");
    let error = store.check().expect_err("nobody knows this certificate");
    assert!(error.code().0 == "E5701" && error.to_string().contains("ertificate"), "{error}");
}
