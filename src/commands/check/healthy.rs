//! `check --healthy`: asks a running exporter, for the health check of a container.
//!
//! Plain HTTP over one connection by hand: no client library, no runtime, no configuration, so that asking every few
//! seconds costs next to nothing.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http::Uri;

use crate::time::Stopwatch;

/// How long the whole question may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// A status line is shorter than this.
const HEAD: usize = 1024;

/// Fails with one line unless the exporter at this plain HTTP address is healthy.
///
/// An exporter that asks for a password answers, and is healthy: it says so to those who know one.
pub fn ask(url: &Uri) -> Result<()> {
    ask_within(url, PATIENCE)
}

fn ask_within(url: &Uri, patience: Duration) -> Result<()> {
    let started = Stopwatch::start();
    let left = || match patience.checked_sub(started.elapsed()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(io::Error::from(io::ErrorKind::TimedOut)),
    };
    let host = url.host().context("the URL has no host")?;
    let authority = (host.trim_matches(['[', ']']), url.port_u16().unwrap_or(80));
    let addresses: Vec<SocketAddr> =
        authority.to_socket_addrs().with_context(|| format!("cannot resolve {host}"))?.collect();
    let mut refused = io::Error::from(io::ErrorKind::NotFound);
    let mut found = None;
    for address in &addresses {
        match left().and_then(|left| TcpStream::connect_timeout(address, left)) {
            Ok(stream) => {
                found = Some(stream);
                break;
            }
            Err(error) => refused = error,
        }
    }
    let Some(mut stream) = found else {
        return Err(refused).with_context(|| format!("cannot connect to {host}"));
    };
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let host = url.authority().map_or(host, |authority| authority.as_str());
    let question = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let mut head = Vec::new();
    let mut exchange = || -> io::Result<()> {
        stream.set_write_timeout(Some(left()?))?;
        stream.write_all(question.as_bytes())?;
        let mut piece = [0; HEAD];
        while head.len() < HEAD && !head.contains(&b'\n') {
            stream.set_read_timeout(Some(left()?))?;
            match stream.read(&mut piece)? {
                0 => break,
                read => head.extend_from_slice(&piece[..read]),
            }
        }
        Ok(())
    };
    exchange().with_context(|| format!("no answer from {host} within {patience:?}"))?;
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let status = std::str::from_utf8(line).ok().and_then(|line| {
        let (version, rest) = line.split_once(' ')?;
        version.starts_with("HTTP/1.").then(|| rest.get(..3)?.parse::<u16>().ok())?
    });
    match status {
        Some(200 | 401) => Ok(()),
        Some(status) => bail!("{host} answers with status {status}"),
        None => bail!("{host} does not answer in plain HTTP"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A server for one connection, and the address to ask.
    fn server(answer: &'static str) -> Uri {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut piece = [0; HEAD];
            let mut question = Vec::new();
            while !question.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut piece).unwrap();
                question.extend_from_slice(&piece[..read]);
            }
            assert!(question.starts_with(b"GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1:"));
            for byte in answer.bytes() {
                stream.write_all(&[byte]).unwrap();
            }
        });
        format!("http://{address}/-/healthy").parse().unwrap()
    }

    #[test]
    fn the_status_decides() {
        assert!(ask(&server("HTTP/1.1 200 OK\r\n\r\nfine")).is_ok());
        assert!(ask(&server("HTTP/1.1 401 Unauthorized\r\n\r\n")).is_ok());
        let failure = ask(&server("HTTP/1.1 503 Service Unavailable\r\n\r\n")).unwrap_err();
        assert!(failure.to_string().ends_with("answers with status 503"), "{failure:#}");
    }

    #[test]
    fn whatever_is_no_http_is_not_healthy() {
        for answer in ["", "\x15\x03\x03", "SSH-2.0-x\r\n", "HTTP/1.1 2"] {
            let failure = ask(&server(answer)).unwrap_err();
            assert!(
                failure.to_string().ends_with("does not answer in plain HTTP"),
                "{answer:?}: {failure:#}"
            );
        }
    }

    #[test]
    fn silence_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        assert!(ask_within(&url, Duration::from_millis(20)).is_err());
    }

    #[test]
    fn nobody_listening_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        drop(listener);
        let failure = ask(&url).unwrap_err();
        assert!(failure.to_string().starts_with("cannot connect"), "{failure:#}");
    }
}
