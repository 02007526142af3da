//! Values of flags: addresses, shards, speeds, durations, dates.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use crate::time::{Zone, civil};

/// An address to listen on, in the form that Go programs take: `:10465`, `host:10465`, `[::1]:10465`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    /// A name or an address; `None` is every address of the machine.
    host: Option<String>,
    port: u16,
}

impl ListenAddress {
    /// The port; 0 takes a free one.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The addresses to try in order, of which the first that can be bound is enough; empty when a name is to
    /// be resolved.
    ///
    /// `:port` is every address: `[::]` serves both families where the machine has both, `0.0.0.0` where it
    /// has no IPv6.
    pub fn candidates(&self) -> Vec<SocketAddr> {
        match &self.host {
            None => vec![
                SocketAddr::from((Ipv6Addr::UNSPECIFIED, self.port)),
                SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.port)),
            ],
            Some(host) => {
                host.parse::<IpAddr>().map(|ip| SocketAddr::from((ip, self.port))).into_iter().collect()
            }
        }
    }

    /// The name to resolve, when the host is one.
    pub fn name(&self) -> Option<&str> {
        self.host.as_deref().filter(|host| host.parse::<IpAddr>().is_err())
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<ListenAddress, String> {
        let wanted = "an address such as :10465, 127.0.0.1:10465 or [::1]:10465 is needed";
        let (host, port) = text.rsplit_once(':').ok_or(wanted)?;
        let port = port.parse().map_err(|_| wanted)?;
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']').ok_or(wanted)) {
            Some(bracketed) => {
                let bracketed = bracketed?;
                bracketed.parse::<Ipv6Addr>().map_err(|_| wanted)?;
                bracketed
            }
            None => host,
        };
        // A bare IPv6 address is ambiguous with its port.
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !text.starts_with('[') && !host.chars().all(named) {
            return Err(wanted.to_owned());
        }
        Ok(ListenAddress { host: (!host.is_empty()).then(|| host.to_owned()), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or_default();
        if host.contains(':') {
            write!(f, "[{host}]:{}", self.port)
        } else {
            write!(f, "{host}:{}", self.port)
        }
    }
}

/// Which of `of` processes this one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0; below `of`.
    pub index: u32,
    /// At least 1.
    pub of: u32,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if index < of => Ok(Shard { index, of }),
            _ => Err("i/n is needed with 0 <= i < n, such as 0/3".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// How many times faster than real time a simulated centre runs: 0.01 to 10,000.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed(f64);

impl Speed {
    /// Seconds of the centre in one real second.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Speed, String> {
        let speed = text.parse().ok().filter(|speed| (0.01..=10_000.0).contains(speed));
        speed.map(Speed).ok_or_else(|| "a number between 0.01 and 10000 is needed".to_owned())
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let day = Duration::from_secs(24 * 3600);
    let parsed = humantime::parse_duration(text).ok().filter(|duration| *duration <= day);
    parsed.ok_or_else(|| "a duration of at most a day is needed, such as 30s or 2m".to_owned())
}

pub(super) fn date(text: &str) -> Result<civil::Date, String> {
    let parsed = (text.len() == 10).then(|| text.parse().ok()).flatten();
    parsed.ok_or_else(|| "a date is needed, such as 2026-10-01".to_owned())
}

pub(super) fn zone(text: &str) -> Result<Zone, String> {
    Zone::named(text).map_err(|_| "an IANA zone is needed, such as America/Bogota".to_owned())
}

pub(super) fn path(text: &str) -> Result<String, String> {
    let good = text.len() > 1
        && text.starts_with('/')
        && !text.ends_with('/')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b))
        && !text.starts_with("/-/");
    if good {
        Ok(text.to_owned())
    } else {
        Err("a path is needed, such as /metrics (/-/ is taken)".to_owned())
    }
}

pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(key, value)| !key.is_empty() && !value.is_empty());
    let parts = parts.map(|(key, value)| (key.to_owned(), value.to_owned()));
    parts.ok_or_else(|| "key=value is needed".to_owned())
}

pub(super) fn share(text: &str) -> Result<f64, String> {
    let parsed = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    parsed.ok_or_else(|| "a share between 0 and 1 is needed".to_owned())
}

pub(super) fn plain_url(text: &str) -> Result<http::Uri, String> {
    let parsed = text.parse::<http::Uri>().ok();
    let plain = |url: &http::Uri| url.scheme_str() == Some("http") && url.host().is_some();
    parsed.filter(plain).ok_or_else(|| "a URL such as http://127.0.0.1:10465/-/healthy is needed".to_owned())
}
