//! The web configuration in the schema every Prometheus exporter shares: TLS, users, headers, rate limit.
//!
//! Checked here as far as text can be checked; certificates and keys are opened by the server.

mod tls;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use secrecy::SecretString;

use super::ConfigError;
use super::field;
use super::load::read_text;
use super::mistake::Notes;
use super::node::{Kind, Node, Value};

pub(super) use self::tls::KEYS as TLS_KEYS;
pub use self::tls::{CipherSuite, ClientAuth, Curve, Pem, TlsServer, TlsVersion};

pub(super) const KEYS: [&str; 4] =
    ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];
pub(super) const HTTP_KEYS: [&str; 2] = ["http2", "headers"];
pub(super) const RATE_LIMIT_KEYS: [&str; 2] = ["interval", "burst"];

/// The headers that may be added to responses.
pub(super) const HEADERS: [&str; 5] = [
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
];

/// Cost at which a bcrypt hash takes seconds to compare.
const COST_SLOW: u8 = 15;

/// A web configuration without mistakes. `Debug` shows no hash and no key.
#[derive(Debug, Clone)]
pub struct WebConfig {
    /// TLS; `None` serves plain HTTP.
    pub tls: Option<TlsServer>,
    /// Whether HTTP/2 may be spoken over TLS, where the server can.
    pub http2: bool,
    /// Headers to add to every response.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Users of basic authentication, each with a bcrypt hash of well-formed shape; empty asks nobody.
    pub users: BTreeMap<String, SecretString>,
    /// Requests let through; `None` lets all through.
    pub rate_limit: Option<RateLimit>,
    /// What is allowed but deserves a word, each with the path of its key.
    pub warnings: Vec<String>,
}

impl Default for WebConfig {
    /// Plain HTTP, open to everybody: what no web configuration means.
    fn default() -> WebConfig {
        WebConfig {
            tls: None,
            http2: true,
            headers: Vec::new(),
            users: BTreeMap::new(),
            rate_limit: None,
            warnings: Vec::new(),
        }
    }
}

/// A token bucket over all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// One request is let through per interval.
    pub interval: Duration,
    /// So many may come at once.
    pub burst: NonZeroU32,
}

impl WebConfig {
    /// Reads a web configuration file; its relative paths are relative to it, and its files must exist.
    pub fn load(file: &Path) -> Result<WebConfig, ConfigError> {
        let read = |source| ConfigError::Read { file: file.to_owned(), source };
        let text = read_text(file).map_err(read)?;
        let directory = std::path::absolute(file).map_err(read)?;
        let directory = directory.parent().unwrap_or(Path::new("/"));
        let origin = file.display().to_string();
        let config = WebConfig::parse(&text, directory, &origin)?;
        let mut notes = Notes::default();
        if let Some(tls) = &config.tls {
            tls.check_files(&mut notes);
        }
        notes.finish(&origin, |_| config)
    }

    /// Reads a web configuration from text; `directory` is what its relative paths are relative to.
    pub fn parse(text: &str, directory: &Path, origin: &str) -> Result<WebConfig, ConfigError> {
        let mut notes = Notes::default();
        let mut config = WebConfig::default();
        match Node::parse("", text) {
            // An empty file is a good configuration, as everywhere in this schema.
            Ok(Node { value: Value::Nothing, .. }) => {}
            Ok(root) => document(&root, directory, &mut config, &mut notes),
            Err(what) => notes.mistake("", what),
        }
        notes.finish(origin, |warnings| WebConfig { warnings, ..config })
    }
}

fn document(root: &Node, directory: &Path, config: &mut WebConfig, notes: &mut Notes) {
    if !field::mapping(root, &KEYS, notes) {
        return;
    }
    config.tls = root.child("tls_server_config").and_then(|node| tls::read(node, directory, notes));
    if let Some(node) =
        root.child("http_server_config").filter(|node| field::mapping(node, &HTTP_KEYS, notes))
    {
        config.http2 = node.child("http2").and_then(|node| field::truth(node, notes)).unwrap_or(true);
        if let Some(node) = node.child("headers").filter(|node| field::mapping(node, &HEADERS, notes)) {
            config.headers =
                HEADERS.iter().filter_map(|name| header(name, node.child(name)?, notes)).collect();
        }
    }
    if let Some(node) = root.child("basic_auth_users") {
        config.users = users(node, notes);
    }
    let rate_limit = root.child("rate_limit").filter(|node| field::mapping(node, &RATE_LIMIT_KEYS, notes));
    config.rate_limit = rate_limit.and_then(|node| rate(node, notes));
    if !config.users.is_empty() && config.tls.is_none() && root.child("tls_server_config").is_none() {
        notes.warn(
            "basic_auth_users",
            "without tls_server_config, passwords cross the network readable to everyone",
        );
    }
}

fn header(name: &'static str, node: &Node, notes: &mut Notes) -> Option<(HeaderName, HeaderValue)> {
    let text = field::text(node, "the value of a header", notes)?;
    let allowed: &[&str] = match name {
        "X-Frame-Options" => &["deny", "sameorigin"],
        "X-Content-Type-Options" => &["nosniff"],
        _ => &[],
    };
    if text.is_empty() {
        return None;
    }
    if !allowed.is_empty() && !allowed.contains(&text) {
        notes.mistake(&node.at, format!("one of {} is needed", allowed.join(", ")));
        return None;
    }
    match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(text)) {
        (Ok(name), Ok(value)) => Some((name, value)),
        _ => {
            notes.mistake(&node.at, "holds characters that cannot stand in a header");
            None
        }
    }
}

fn users(node: &Node, notes: &mut Notes) -> BTreeMap<String, SecretString> {
    let Value::Map(entries) = &node.value else {
        notes.mistake(&node.at, "a mapping of user names to bcrypt hashes is needed");
        return BTreeMap::new();
    };
    let mut users = BTreeMap::new();
    for (name, node) in entries {
        let Some(name) = name
            .as_deref()
            .filter(|name| !name.is_empty() && !name.contains(':') && !name.chars().any(char::is_control))
        else {
            notes.mistake(&node.at, "not a user name; text without a colon is needed");
            continue;
        };
        let hash = match &node.value {
            Value::Scalar(Kind::Text, hash) => cost(hash).map(|cost| (cost, hash)),
            _ => None,
        };
        let Some((cost, hash)) = hash else {
            notes.mistake(
                &node.at,
                "not a bcrypt hash; make one with: htpasswd -nBC 10 \"\" | tr -d ':\\n' (if a password stands \
                 here in clear, change it)",
            );
            continue;
        };
        if cost >= COST_SLOW {
            notes.warn(&node.at, "a cost of 15 or more makes every first login take seconds; 10 is enough");
        }
        if users.insert(name.to_owned(), SecretString::from(hash.as_str())).is_some() {
            notes.mistake(&node.at, "given twice; keep one");
        }
    }
    users
}

/// The cost of a well-formed bcrypt hash.
fn cost(hash: &str) -> Option<u8> {
    let rest = ["$2a$", "$2b$", "$2x$", "$2y$"].iter().find_map(|prefix| hash.strip_prefix(prefix))?;
    let (cost, rest) = rest.split_once('$')?;
    let cost = (cost.len() == 2)
        .then(|| cost.parse::<u8>().ok())
        .flatten()
        .filter(|cost| (4..=31).contains(cost))?;
    let good = rest.len() == 53 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'/');
    good.then_some(cost)
}

fn rate(node: &Node, notes: &mut Notes) -> Option<RateLimit> {
    let interval = match node.child("interval") {
        Some(Node { value: Value::Scalar(_, text), .. }) if text == "0" => None,
        Some(node) => {
            let most = Duration::from_secs(3600);
            field::duration(node, Duration::ZERO, most, notes).filter(|interval| !interval.is_zero())
        }
        None => None,
    };
    let burst = node.child("burst").and_then(|node| field::number(node, 0, u64::from(u32::MAX), notes));
    let interval = interval?;
    // Invariant: at most u32::MAX by its range.
    let burst = burst.and_then(|burst| NonZeroU32::new(burst as u32));
    if burst.is_none() {
        notes.mistake(
            &format!("{}.burst", node.at),
            "with an interval, at least 1 is needed; 0 refuses every request",
        );
    }
    Some(RateLimit { interval, burst: burst? })
}

#[cfg(test)]
mod tests;
