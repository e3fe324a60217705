//! Where a secret is, and the secret itself, which nobody is shown.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::path::{Component, Path};

use topology::Diagnostic;
use topology::declared::{Node, Walk};

use crate::codes::{NO_SECRET, PLAIN, SECRET_NAME, finding};
use crate::language;
use crate::places::Connections;

/// Most bytes of a secret. A larger file was not meant; private keys are files of their own.
const LARGEST: usize = 64 * 1024;

/// A secret that no message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Where a secret is. A user and the name of a key may stand in the file itself.
#[derive(Clone)]
pub struct Origin {
    from: Kept,
    node: Node,
}

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Text(String),
    File(String),
    Variable(String),
}

impl fmt::Debug for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// For people: the text where it is none of a secret, else where the secret is.
impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Kept::Text(text) => formatter.write_str(text),
            Kept::File(name) => write!(formatter, "*** (secret {name})"),
            Kept::Variable(name) => write!(formatter, "*** (variable {name})"),
        }
    }
}

/// Reads a file below the folder of secrets, by its path from there.
pub type ReadSecret<'a> = dyn Fn(&Path) -> io::Result<Vec<u8>> + 'a;

/// From where secrets are fetched.
pub struct Vault<'a> {
    /// Reads a file below the folder of secrets, by its path from there; `None` if no folder is known. The path has no
    /// `..` and is not absolute; whether a link leads out of the folder is for the reader to see.
    pub file: Option<&'a ReadSecret<'a>>,
    /// A variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Connections<Origin> {
    /// Puts in the secrets. All that are missing are told at once.
    ///
    /// # Errors
    /// Findings, each at the place of the secret in the file.
    pub fn resolve(&self, vault: &Vault<'_>) -> Result<Connections<Secret>, Vec<Diagnostic>> {
        let findings = RefCell::new(Vec::new());
        let resolved = self.map(&mut |origin| match origin.fetch(vault) {
            Ok(secret) => secret,
            Err(finding) => {
                findings.borrow_mut().push(*finding);
                Secret(String::new())
            }
        });
        let findings = findings.into_inner();
        if findings.is_empty() { Ok(resolved) } else { Err(findings) }
    }
}

impl Origin {
    /// Reads where a secret is. A text is refused, with what to write instead; `example` is a good name of this secret.
    pub(crate) fn secret(walk: &Walk<'_>, node: &Node, what: &str, example: &str) -> Option<Self> {
        let variable = node.text().trim_matches(['$', '{', '}', ' ']);
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
        };
        if node.is_scalar() && node.text().starts_with('$') && is_name(variable) {
            let what = format!("{what} is a text; nothing is replaced in texts");
            walk.push(finding(PLAIN, node, what, format!("write `{{ env: {variable} }}`")));
            return None;
        }
        if node.is_scalar() && !node.text().is_empty() {
            let remedy = format!(
                "put it into the file `{example}` below the folder of secrets and write `{{ secret: {example} }}`, or \
                 into a variable of the environment and write `{{ env: {} }}`; and change it, as it stood here",
                example.replace(['/', '-'], "_").to_uppercase()
            );
            walk.push(
                finding(PLAIN, node, format!("{what} stands here as plain text"), remedy).label("for all to read"),
            );
            return None;
        }
        let fields = walk.fields(node, &language::SECRET)?;
        let entry = fields.exactly_one()?;
        if entry.key.text() == "env" {
            let variable =
                walk.read(&entry.value, &language::VARIABLE, |text| is_name(text).then(|| text.to_owned()))?;
            return Some(Self { from: Kept::Variable(variable), node: entry.value.clone() });
        }
        let name = walk.text(&entry.value, "the name of a secret")?;
        if let Some(why) = leaves(&name) {
            let what = format!("`{}` is no name of a secret: {why}", batch::bounded(&name));
            let remedy = format!("name the file by its path below the folder of secrets, as in `{example}`");
            walk.push(finding(SECRET_NAME, &entry.value, what, remedy));
            return None;
        }
        Some(Self { from: Kept::File(name.to_string()), node: entry.value.clone() })
    }

    /// Reads a text that may stand in the file, or where it is.
    pub(crate) fn text_or_secret(walk: &Walk<'_>, node: &Node, what: &str, example: &str) -> Option<Self> {
        if !node.is_scalar() {
            return Self::secret(walk, node, what, example);
        }
        let text = walk.text(node, what)?;
        if text.starts_with('$') {
            return Self::secret(walk, node, what, example);
        }
        Some(Self { from: Kept::Text(text.to_string()), node: node.clone() })
    }

    fn fetch(&self, vault: &Vault<'_>) -> Result<Secret, Box<Diagnostic>> {
        let missing = |what: String, remedy: &str| Box::new(finding(NO_SECRET, &self.node, what, remedy));
        match &self.from {
            Kept::Text(text) => Ok(Secret(text.clone())),
            Kept::Variable(name) => match (vault.variable)(name) {
                Some(value) if !value.is_empty() => Ok(Secret(value)),
                _ => Err(missing(
                    format!("the variable `{name}` of the environment is not set"),
                    "set it where the program is started",
                )),
            },
            Kept::File(name) => {
                let read = vault.file.ok_or_else(|| {
                    missing(
                        format!("nobody says in which folder the secret `{name}` is"),
                        "add `secrets: DIR` to the file, or give `--secrets DIR`",
                    )
                })?;
                let bytes = read(Path::new(name)).map_err(|error| {
                    missing(format!("the secret `{name}` cannot be read: {error}"), "put it there, or name another")
                })?;
                content(bytes).map(Secret).map_err(|why| {
                    missing(format!("the secret `{name}` {why}"), "write the secret, and nothing else, into its file")
                })
            }
        }
    }
}

/// The secret in a file: all of it but one line end at its end.
fn content(bytes: Vec<u8>) -> Result<String, &'static str> {
    if bytes.len() > LARGEST {
        return Err("is larger than 64 KiB");
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    let cut = text.strip_suffix('\n').map_or(text.as_str(), |cut| cut.strip_suffix('\r').unwrap_or(cut));
    if cut.is_empty() { Err("is empty") } else { Ok(cut.to_owned()) }
}

/// Why a name is no path below the folder.
fn leaves(name: &str) -> Option<&'static str> {
    if name.contains(['\\', '\0']) {
        return Some("a path has `/` only");
    }
    if name.starts_with('/') {
        return Some("it begins at the root of the machine");
    }
    let good = |part: &str| !part.is_empty() && part != ".";
    if Path::new(name).components().any(|part| matches!(part, Component::ParentDir)) {
        return Some("`..` leaves the folder");
    }
    (!name.split('/').all(good)).then_some("a part of the path is empty")
}

#[cfg(test)]
mod tests {
    use super::{content, leaves};

    #[test]
    fn a_file_holds_the_secret_and_one_line_end() {
        let cases: [(&[u8], Result<&str, &str>); 8] = [
            (b"abc\n", Ok("abc")),
            (b"abc\r\n", Ok("abc")),
            (b"abc", Ok("abc")),
            (b"abc\n\n", Ok("abc\n")),
            (b" a b ", Ok(" a b ")),
            (b"\n", Err("is empty")),
            (b"", Err("is empty")),
            (b"\xff\n", Err("is not UTF-8")),
        ];
        for (bytes, expected) in cases {
            assert_eq!(content(bytes.to_vec()), expected.map(str::to_owned), "{bytes:?}");
        }
        assert!(content(vec![b'a'; 65_537]).is_err());
    }

    #[test]
    fn names_stay_in_the_folder() {
        for good in ["password", "kafka/password", "a.b/..c", "x y"] {
            assert_eq!(leaves(good), None, "{good}");
        }
        for wrong in ["/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\\b", "..", "a\0"] {
            assert!(leaves(wrong).is_some(), "{wrong}");
        }
    }
}
