//! Where the API of an operation is: a server number, or a base URL.

use super::field::{self, missing};
use super::mistake::Notes;
use super::node::{Node, Value};

/// The base URL with a slash at its end, and the value of the label `server`.
pub(super) struct Address {
    pub(super) base_url: String,
    pub(super) server: String,
}

/// The base URL of a server number.
pub(super) fn of_number(number: &str) -> String {
    format!("https://wv{number}.wolkvox.com/api/v2/")
}

fn is_number(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Reads `server` or `base_url` of an operation.
pub(super) fn read(node: &Node, notes: &mut Notes) -> Option<Address> {
    match (node.child("server"), node.child("base_url")) {
        (Some(server), None) => {
            // `0010` is text to YAML and `1234` a number; both hold the digits as written.
            if let Value::Scalar(_, number) = &server.value
                && is_number(number)
            {
                return Some(Address { base_url: of_number(number), server: number.clone() });
            }
            notes.mistake(
                &server.at,
                "a server number is four digits in quotes, zeros included, such as \"0010\"; it stands in the \
                 address of the Manager after login (for any other address use base_url)",
            );
            None
        }
        (None, Some(base_url)) => {
            let text = field::text(base_url, "a URL", notes)?;
            match parse(text) {
                Ok(address) => {
                    warn(base_url, &address, notes);
                    Some(address)
                }
                Err(complaint) => {
                    notes.mistake(&base_url.at, complaint);
                    None
                }
            }
        }
        (Some(server), Some(_)) => {
            notes.mistake(&server.at, "server and base_url exclude each other; keep one");
            None
        }
        (None, None) => {
            missing(node, "server", "give the server number, such as \"0010\" (or base_url)", notes);
            None
        }
    }
}

fn parse(text: &str) -> Result<Address, &'static str> {
    const WANTED: &str = "not a base URL; one such as https://wv0010.wolkvox.com/api/v2/ is needed";
    let lower = text.to_ascii_lowercase();
    if lower.contains("/ipdialbox") {
        return Err("this is the address of the legacy API (ipdialbox), which is not read; the v2 API is \
                    needed, such as https://wv0010.wolkvox.com/api/v2/");
    }
    if text.contains(['?', '#']) {
        return Err("a base URL has no query and no fragment; end it after /api/v2/");
    }
    // Anywhere, since a secret with a slash in it ends the authority early and would pass for host and port.
    if text.contains('@') {
        return Err("a base URL carries no user and no password");
    }
    let uri: http::Uri = text.parse().map_err(|_| WANTED)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(WANTED) };
    if !matches!(scheme, "http" | "https") {
        return Err("a base URL begins with https:// or http://");
    }
    if authority.host().is_empty() {
        return Err(WANTED);
    }
    // What stands behind the host is a port or nothing: it goes into a label.
    if authority.as_str() != authority.host() && authority.port_u16().is_none_or(|port| port == 0) {
        return Err("the port of a base URL lies between 1 and 65535");
    }
    if uri.path().ends_with(".php") {
        return Err("a base URL ends before the name of a PHP file; end it after /api/v2/");
    }
    let path = uri.path().trim_end_matches('/');
    let authority = authority.as_str().to_ascii_lowercase();
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(default_port).unwrap_or(&authority);
    let base_url = format!("{scheme}://{authority}{path}/");
    // The same server has one name however its address is written, since a ledger is bound to it.
    let number = authority.strip_prefix("wv").and_then(|rest| rest.strip_suffix(".wolkvox.com"));
    let server = number.filter(|number| is_number(number)).unwrap_or(authority).to_owned();
    Ok(Address { base_url, server })
}

fn warn(node: &Node, address: &Address, notes: &mut Notes) {
    let is_loopback = super::is_loopback(&address.base_url);
    if address.base_url.starts_with("http://") && !is_loopback {
        notes.warn(&node.at, "plain http sends the token readable to everyone on the way; use https");
    }
    if address.base_url.matches('/').count() == 3 && !is_loopback {
        notes.warn(&node.at, "has no path; the API of a Wolkvox server lies under /api/v2/");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_host_and_port_never_becomes_a_server() {
        for text in [
            "http://user:secret@host/api/v2/",
            "http://user:sec/ret@host/api/v2/",
            "http://user:sec+ret/api/v2/",
            "http://host:/api/v2/",
            "http://host:0/api/v2/",
            "http://host:65536/api/v2/",
            "http:///api/v2/",
            "ftp://host/",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        for (text, server) in [("http://[::1]:9/api/v2", "[::1]:9"), ("https://Host:443/", "host")] {
            assert_eq!(parse(text).map(|address| address.server), Ok(server.to_owned()), "{text}");
        }
    }
}
