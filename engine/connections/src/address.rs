//! Addresses: of the web for most services, `host:port` for Kafka. Pure functions.

use topology::declared::{Node, Walk};
use url::{Host, Url};

use crate::codes::{ADDRESS, LOGIN_IN_ADDRESS, finding};

/// An address of the web, without a slash at its end.
pub(crate) fn web(walk: &Walk<'_>, node: &Node, what: &str) -> Option<String> {
    let text = walk.text(node, what)?;
    if holds_login(&text) {
        login(
            walk,
            node,
            "write `login: { user: ..., password: { secret: ... } }` instead of what stands before the `@`",
        );
        return None;
    }
    let refuse = |why: &str, remedy: &str| {
        let shown = batch::bounded(&text);
        walk.push(finding(ADDRESS, node, format!("`{shown}` is no address: {why}"), remedy));
        None
    };
    let form = "write it as in `https://host:8443`";
    if !text.starts_with("https://") && !text.starts_with("http://") {
        return refuse("it does not begin with `https://` or `http://`", form);
    }
    match Url::parse(&text) {
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            refuse("it has a `?` or a `#`", "leave out what begins there; parameters have fields of their own")
        }
        Ok(_) => Some(text.trim_end_matches('/').to_owned()),
        Err(error) => refuse(&error.to_string(), form),
    }
}

/// A server of Kafka.
pub(crate) fn server(walk: &Walk<'_>, node: &Node) -> Option<String> {
    let text = walk.text(node, "a server of Kafka")?;
    if holds_login(&text) || text.contains('@') {
        login(walk, node, "write `login: { mechanism: ..., user: ..., password: { secret: ... } }` below `kafka:`");
        return None;
    }
    let Err((why, remedy)) = judge_server(&text) else { return Some(text.to_string()) };
    let what = format!("`{}` is no server of Kafka: {why}", batch::bounded(&text));
    walk.push(finding(ADDRESS, node, what, remedy));
    None
}

fn judge_server(text: &str) -> Result<(), (&'static str, String)> {
    let form = "write `host:port`, as in `kafka-1:9092`".to_owned();
    if text.contains(',') {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        return Err(("it is several", format!("write `[{}]`", batch::bounded(&parts.join(", ")))));
    }
    if text.contains("://") {
        return Err((
            "a server of Kafka has no scheme",
            "leave out what stands before the host; encryption is `tls:`".to_owned(),
        ));
    }
    let Some((host, port)) = text.rsplit_once(':') else { return Err(("it has no port", form)) };
    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(("its port is no number from 1 to 65535", form));
    }
    let address = host.starts_with('[') || !host.contains(':');
    if host.is_empty() || !address || Host::parse(host).is_err() {
        return Err(("its host is none", form));
    }
    Ok(())
}

/// True if something stands before an `@` in the part that names the host.
fn holds_login(text: &str) -> bool {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    // A password may hold a `/`, which would end the part that names the host; so any `@` is one too many.
    rest.contains('@')
}

fn login(walk: &Walk<'_>, node: &Node, remedy: &str) {
    walk.push(finding(LOGIN_IN_ADDRESS, node, "the address holds a login", remedy));
}

/// True if what is sent there leaves this machine.
pub(crate) fn is_elsewhere(url: &str) -> bool {
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name != "localhost",
        Some(Host::Ipv4(address)) => !address.is_loopback(),
        Some(Host::Ipv6(address)) => !address.is_loopback(),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_elsewhere, judge_server};

    #[test]
    fn servers_have_a_host_and_a_port() {
        for good in ["a:1", "kafka-1.example.org:9092", "127.0.0.1:9092", "[::1]:9092"] {
            assert_eq!(judge_server(good), Ok(()), "{good}");
        }
        for wrong in ["a", "a:", "a:0", "a:70000", ":9092", "kafka://a:1", "a:1,b:1", "::1:9092", "a b:1", "a:1/x"] {
            assert!(judge_server(wrong).is_err(), "{wrong}");
        }
        assert_eq!(judge_server("a:1, b:2").expect_err("several").1, "write `[a:1, b:2]`");
    }

    #[test]
    fn only_loopback_is_this_machine() {
        for (url, elsewhere) in [
            ("http://localhost:1", false),
            ("http://127.0.0.9:1", false),
            ("http://[::1]:1", false),
            ("http://10.0.0.1:1", true),
            ("http://localhost.example.org", true),
        ] {
            assert_eq!(is_elsewhere(url), elsewhere, "{url}");
        }
    }
}
