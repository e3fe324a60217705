//! One page of what lies in a folder of the bucket.
//!
//! A key may hold any character, also such as XML cannot carry: one of them would make the whole page unreadable. So
//! keys are asked for encoded as in an address, and decoded here, to bytes that need not be UTF-8.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;

use crate::client::Bucket;
use crate::errors::{S3Error, explain};

/// What a page says.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Objects that lie in the folder itself.
    pub(crate) objects: Vec<Listing>,
    /// Names of the folders in it.
    pub(crate) folders: Vec<Vec<u8>>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<String>,
}

/// What a page says of an object.
#[derive(Debug)]
pub(crate) struct Listing {
    /// What stands behind the folder in its key. Never empty, and without `/`.
    pub(crate) name: Vec<u8>,
    /// Its entity tag, without quotes.
    pub(crate) tag: Option<String>,
    pub(crate) size: u64,
    /// Seconds since 1970 UTC and nanoseconds.
    pub(crate) changed: Option<(i64, u32)>,
}

/// Asks for a page of a folder, which is empty or ends with `/`. `None` if somebody wanted the end before it came.
pub(crate) fn page(
    bucket: &Bucket,
    folder: &str,
    from: Option<&str>,
    stopping: &dyn Fn() -> bool,
) -> Result<Option<Page>, S3Error> {
    let prefix = bucket.key(folder);
    let ask = bucket.client.list_objects_v2().bucket(&bucket.name).delimiter("/").encoding_type(EncodingType::Url);
    let ask = ask.set_prefix((!prefix.is_empty()).then(|| prefix.clone()));
    let asked = ask.set_continuation_token(from.map(str::to_owned)).send();
    let Some(answer) = bucket.wait_unless(stopping, asked) else { return Ok(None) };
    match answer.map_err(|error| explain(&bucket.place(folder), &error)) {
        Ok(answer) => {
            let page = read(&answer, &prefix, from);
            Ok(Some(page.map_err(|why| S3Error::Refused { place: bucket.place(folder), why })?))
        }
        // A list is of the bucket: nothing else can be missing.
        Err(S3Error::Missing { place }) => Err(S3Error::NoBucket { place }),
        Err(error) => Err(error),
    }
}

fn read(answer: &ListObjectsV2Output, prefix: &str, from: Option<&str>) -> Result<Page, String> {
    let encoded = answer.encoding_type() == Some(&EncodingType::Url);
    let below = |key: &str| {
        let key = if encoded { decoded(key) } else { key.as_bytes().to_vec() };
        key.strip_prefix(prefix.as_bytes()).map(<[u8]>::to_vec)
    };
    let mut page = Page::default();
    for object in answer.contents() {
        // The folder itself may be an object, which some programs make. A store that knows no folders gives what lies in
        // those below too.
        let name = object.key().and_then(below).filter(|name| !name.is_empty() && !name.contains(&b'/'));
        let Some(name) = name else { continue };
        page.objects.push(Listing {
            name,
            tag: object.e_tag().map(|tag| tag.trim_matches('"').to_owned()).filter(|tag| !tag.is_empty()),
            size: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            changed: object.last_modified().map(|time| (time.secs(), time.subsec_nanos())),
        });
    }
    for folder in answer.common_prefixes() {
        let name = folder.prefix().and_then(below).map(|name| name.strip_suffix(b"/").unwrap_or(&name).to_vec());
        page.folders.extend(name.filter(|name| !name.is_empty()));
    }
    if answer.is_truncated() == Some(true) {
        let next = answer.next_continuation_token().filter(|next| Some(*next) != from);
        page.next = Some(next.ok_or("it says that there is more, and not where")?.to_owned());
    }
    Ok(page)
}

/// The bytes of a text in which signs stand as in an address: `%2F`, and `+` for a blank.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let (mut at, mut found) = (0, Vec::with_capacity(bytes.len()));
    while let Some(byte) = bytes.get(at) {
        let hexadecimal = match byte {
            b'%' => digit(bytes.get(at + 1)).zip(digit(bytes.get(at + 2))),
            _ => None,
        };
        let (sign, length) = match (byte, hexadecimal) {
            (_, Some((high, low))) => (u8::try_from(high * 16 + low).unwrap_or(b'%'), 3),
            (b'+', None) => (b' ', 1),
            (other, None) => (*other, 1),
        };
        found.push(sign);
        at += length;
    }
    found
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::{CommonPrefix, Object};

    use super::*;

    #[test]
    fn keys_are_decoded_as_they_were() {
        let cases: [(&str, &[u8]); 8] = [
            ("a.csv", b"a.csv"),
            ("a+b%2Bc", b"a b+c"),
            ("%25", b"%"),
            ("100%", b"100%"),
            ("%zz%4", b"%zz%4"),
            ("%0A%1b", b"\n\x1b"),
            ("%FF", b"\xff"),
            ("\u{e9}%C3%A9", "\u{e9}\u{e9}".as_bytes()),
        ];
        for (text, bytes) in cases {
            assert_eq!(decoded(text), bytes, "{text}");
        }
    }

    fn answer(keys: &[&str], folders: &[&str]) -> ListObjectsV2Output {
        let objects = keys.iter().map(|key| Object::builder().key(*key).e_tag("\"t\"").size(3).build());
        let folders = folders.iter().map(|folder| CommonPrefix::builder().prefix(*folder).build());
        ListObjectsV2Output::builder()
            .encoding_type(EncodingType::Url)
            .set_contents(Some(objects.collect()))
            .set_common_prefixes(Some(folders.collect()))
            .build()
    }

    #[test]
    fn only_what_lies_in_the_folder_itself_is_an_object() {
        let keys = ["in/", "in/a.csv", "in/..", "in/b%2Fc", "out/a.csv", "in%2Fd+e"];
        let page = read(&answer(&keys, &["in/sub/", "in//", "out/"]), "in/", None).unwrap();
        let names: Vec<_> = page.objects.iter().map(|object| String::from_utf8_lossy(&object.name)).collect();
        assert_eq!(names, ["a.csv", "..", "d e"]);
        assert_eq!(page.objects[0].tag.as_deref(), Some("t"));
        assert_eq!(page.folders, [b"sub"]);
    }

    #[test]
    fn a_page_that_leads_nowhere_ends_the_round() {
        let more = |next: Option<&str>| {
            let answer = ListObjectsV2Output::builder().is_truncated(true);
            read(&answer.set_next_continuation_token(next.map(str::to_owned)).build(), "", Some("one"))
        };
        assert_eq!(more(Some("two")).unwrap().next.as_deref(), Some("two"));
        for next in [None, Some("one")] {
            assert_eq!(more(next).unwrap_err(), "it says that there is more, and not where");
        }
    }
}
