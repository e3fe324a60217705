//! Where a run listens, and who may ask there.
//!
//! On the loopback address everybody on the machine may ask; elsewhere only who shows a token. `/live` and `/ready` ask for
//! none, and tell nothing without one but by their status.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::Result;

use crate::arguments::ListenAt;
use crate::environment;
use crate::exit::{Exit, failure};

/// Where a run without an end listens that was told nothing.
pub(crate) const DEFAULT: &str = "127.0.0.1:9484";

/// Fewer letters are guessed too soon.
const LEAST_TOKEN: usize = 16;

/// What those who ask must show. Its letters are never printed.
#[derive(Clone)]
pub(crate) struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}

impl Token {
    fn new(text: &str, from: &str) -> Result<Self> {
        let text = text.trim();
        if text.len() < LEAST_TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(failure(
                Exit::Environment,
                format!("the token in {from} is too short, or holds other signs than letters, digits and the like"),
                format!("give one of at least {LEAST_TOKEN} signs, such as `openssl rand -hex 32` makes"),
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// True for the same letters. How long it takes says nothing of them.
    pub(crate) fn is(&self, shown: &str) -> bool {
        let different = self.0.bytes().zip(shown.bytes()).fold(0, |different, (one, other)| different | (one ^ other));
        self.0.len() == shown.len() && std::hint::black_box(different) == 0
    }
}

/// Where a run listens.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<Token>,
    /// True if somebody named the address: then a run that cannot have it does not start.
    pub(crate) named: bool,
}

impl Listen {
    /// What was typed; `None` if the run is not to listen. A run that ends by itself listens only where it was told to.
    pub(crate) fn of(at: &ListenAt, once: bool) -> Result<Option<Self>> {
        // A variable that is set to nothing says nothing.
        let named = at.listen.as_deref().filter(|named| !named.is_empty());
        let address = match named {
            Some("off") => return Ok(None),
            None if once => return Ok(None),
            named => named.unwrap_or(DEFAULT),
        };
        let address: SocketAddr = address.parse().map_err(|_| {
            let what = format!("`{address}` is no address to listen at");
            failure(Exit::Usage, what, "write IP:PORT, such as --listen 127.0.0.1:9484, or --listen off")
        })?;
        let token = token(at.listen_token.as_deref())?;
        if token.is_none() && !address.ip().is_loopback() {
            return Err(failure(
                Exit::Environment,
                format!("others can reach {address}, and nothing says who may ask there"),
                "name a file that holds a token with --listen-token FILE, or set SPOTLIGHT_LISTEN_TOKEN",
            ));
        }
        Ok(Some(Self { address, token, named: named.is_some() }))
    }
}

fn token(file: Option<&Path>) -> Result<Option<Token>> {
    let Some(file) = file else {
        let name = "SPOTLIGHT_LISTEN_TOKEN";
        return environment::variable(name).map(|text| Token::new(&text, name)).transpose();
    };
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        failure(
            Exit::Environment,
            format!("the token in {shown} cannot be read: {error}"),
            "name a file that holds one",
        )
    })?;
    Token::new(&text, &shown).map(Some)
}

/// True if a request's `Host` names this machine as a person on it would. A page in a browser can be made to ask the
/// loopback address under a name of its own; what it then asks for is not told.
pub(crate) fn is_own_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Listen, Token, is_own_name};
    use crate::arguments::ListenAt;

    #[test]
    fn who_listens_where_others_reach_it_needs_a_token() {
        let at = |listen: &str| ListenAt { listen: Some(listen.to_owned()), listen_token: None };
        let error = Listen::of(&at("0.0.0.0:9484"), false).expect_err("no token").to_string();
        assert!(error.contains("nothing says who may ask"), "{error}");
        assert!(Listen::of(&at("127.0.0.1:0"), true).expect("an address").is_some_and(|listen| listen.named));
        assert!(Listen::of(&at("off"), false).expect("none").is_none());
        assert!(Listen::of(&at(""), true).expect("none").is_none());
        assert!(Listen::of(&at(""), false).expect("the usual one").is_some_and(|listen| !listen.named));
        let nothing = ListenAt { listen: None, listen_token: None };
        assert!(Listen::of(&nothing, true).expect("none").is_none());
        assert!(Listen::of(&nothing, false).expect("the usual one").is_some_and(|listen| !listen.named));
        assert!(Listen::of(&at("9484"), false).is_err());
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "a-token-that-is-long\n").expect("written");
        let with = |text: &str| {
            std::fs::write(file.path(), text).expect("written");
            let at = ListenAt { listen: Some("0.0.0.0:0".to_owned()), listen_token: Some(file.path().to_owned()) };
            Listen::of(&at, false)
        };
        let listen = with("a-token-that-is-long\n").expect("a token").expect("an address");
        assert!(listen.token.as_ref().is_some_and(|token| token.is("a-token-that-is-long")));
        assert!(!format!("{listen:?}").contains("long"), "it is never shown");
        for wrong in ["0f3c\n", "a token with spaces in it"] {
            let error = with(wrong).expect_err("no token").to_string();
            assert!(!error.contains(wrong.trim()), "{error}");
        }
    }

    #[test]
    fn a_token_is_compared_whole() {
        let token = Token("0123456789abcdef".to_owned());
        assert!(token.is("0123456789abcdef"));
        for wrong in ["", "0123456789abcde", "0123456789abcdeg", "0123456789abcdef0"] {
            assert!(!token.is(wrong), "{wrong}");
        }
    }

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        for own in ["localhost", "LocalHost:9484", "127.0.0.1:9484", "[::1]:9484", "127.1.2.3"] {
            assert!(is_own_name(own), "{own}");
        }
        for other in ["", "evil.example", "evil.example:9484", "10.0.0.1:9484", "127.0.0.1.evil.example", "[::2]"] {
            assert!(!is_own_name(other), "{other}");
        }
    }
}
