//! One authenticated request: bytes, or a classified failure.
//!
//! The token goes out in a header marked sensitive and nowhere else. Redirects are not followed, errors carry no
//! URL, and one file lock per token, held from the request to the last byte of its answer, keeps our own processes
//! from using it at the same time.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use reqwest::redirect;

use crate::api::{Reason, Report};
use crate::config::{Environment, Operation, Token, TokenReader};
use crate::schedule::Request;
use crate::time::{Stopwatch, Timestamp};

pub mod failure;
pub mod turn;
mod words;

pub use failure::Failure;
use turn::Turn;

/// How long a server may take.
#[derive(Debug, Clone, Copy)]
struct Patience {
    connect: Duration,
    /// Without a byte.
    silence: Duration,
    /// From the request to the last byte.
    whole: Duration,
}

const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(10),
    // Reads longer than the vendor's own limit of 60 s of execution cannot end well.
    silence: Duration::from_secs(75),
    // An answer of 256 MB over a slow line may take minutes; a dripping one must end.
    whole: Duration::from_secs(300),
};

/// The documented weight of a result, after decompression.
const BODY_LIMIT: u64 = 256 * 1024 * 1024;
/// Enough of an error body to find its message.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// Speaks to one operation's server with its token.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    base_url: String,
    token: TokenReader,
    /// Of the token last used, to notice another one.
    fingerprint: Option<String>,
    turn: Option<Turn>,
    /// Whether this base URL has ever answered 200 with the vendor's envelope: only then a bare 404 means no rows.
    known: bool,
}

/// What carries the requests.
#[derive(Debug)]
enum Wire {
    Network(reqwest::Client),
    /// A vendor in the same process, for tests that live through days in a second.
    #[cfg(test)]
    InProcess(InProcess),
}

/// Answers a request with its address; `None` never answers.
#[cfg(test)]
pub(crate) type Vendor =
    Arc<dyn Fn(&Request, &str) -> Option<Result<http::Response<reqwest::Body>, Failure>> + Send + Sync>;

#[cfg(test)]
struct InProcess(Vendor);

#[cfg(test)]
impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess(..)")
    }
}

/// An answer whose head has arrived.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status: 200, or 404 where that may mean that there are no rows.
    pub status: u16,
    /// The `Date` header.
    pub date: Option<Timestamp>,
    body: Body,
    received: u64,
    started: Stopwatch,
    beginning: Beginning,
    _turn: Option<turn::Held>,
}

/// The beginning of a body, kept in case it turns out to be a refusal. Not `Debug`: it may be private.
pub struct Beginning {
    token: Arc<Token>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
enum Body {
    Stream(reqwest::Response),
    Whole(Option<Bytes>),
}

impl Client {
    /// Prepares a client; `locks` is the folder of the token locks, `None` for a ledger in memory.
    pub fn new(
        operation: &Operation,
        env: &dyn Environment,
        locks: Option<&Path>,
    ) -> Result<Client, Failure> {
        Client::with_patience(operation, env, locks, PATIENCE)
    }

    fn with_patience(
        operation: &Operation,
        env: &dyn Environment,
        locks: Option<&Path>,
        patience: Patience,
    ) -> Result<Client, Failure> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("wolkvox_exporter/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(patience.connect)
            .read_timeout(patience.silence)
            .timeout(patience.whole)
            // A connection per question: what a server says too late or twice is never taken for the answer to the next
            // question, which would count one skill's calls as another's.
            .pool_max_idle_per_host(0)
            .http1_only();
        // A proxy in the environment must not receive the token meant for a simulator on this machine.
        let builder = if operation.is_loopback() { builder.no_proxy() } else { builder };
        // Plain HTTP asks for no certificates, so a machine without any can still ask a simulator.
        let builder =
            if operation.base_url.starts_with("http://") { builder.tls_certs_only([]) } else { builder };
        let http = builder.build().map_err(Failure::of_preparation)?;
        Ok(Client {
            wire: Wire::Network(http),
            base_url: operation.base_url.clone(),
            token: TokenReader::new(&operation.token, env),
            fingerprint: None,
            turn: locks.map(Turn::new),
            known: false,
        })
    }

    /// The same client, which asks a vendor in this process.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn in_process(self, vendor: Vendor) -> Client {
        Client { wire: Wire::InProcess(InProcess(vendor)), ..self }
    }

    /// Whether the token is another one than that of the last request; a stopped token is then worth another try.
    pub fn token_changed(&self) -> bool {
        let Ok(token) = self.token.read() else { return false };
        self.fingerprint.as_ref().is_some_and(|last| *last != token.fingerprint())
    }

    /// Remembers that this base URL has answered 200 with the vendor's envelope.
    pub fn recognise(&mut self) {
        self.known = true;
    }

    /// Sends one request and waits for the head of its answer.
    pub async fn ask(&mut self, request: &Request) -> Result<Answer, Failure> {
        let token = self.token.read().map_err(|error| Failure::new(Reason::Auth, &error))?;
        let fingerprint = token.fingerprint();
        let held = match &self.turn {
            Some(turn) => Some(turn.take(&fingerprint).await?),
            None => None,
        };
        self.fingerprint = Some(fingerprint);
        let started = Stopwatch::start();
        let response = self.send(request, &token).await?;

        let status = response.status();
        let date = date_of(response.headers());
        if status == StatusCode::OK {
            if !speaks_json(response.headers()) {
                return Err(Failure::new(Reason::Decode, &"answer is not JSON by its content type"));
            }
            return Ok(Answer {
                status: 200,
                date,
                body: Body::Stream(response),
                received: 0,
                started,
                beginning: Beginning { token, bytes: Vec::new() },
                _turn: held,
            });
        }
        let body = beginning(response).await;
        match Failure::of_answer(status.as_u16(), &body, self.known, &token) {
            None => Ok(Answer {
                status: 404,
                date,
                received: body.len() as u64,
                body: Body::Whole(Some(body)),
                started,
                beginning: Beginning { token, bytes: Vec::new() },
                _turn: held,
            }),
            Some(failure) => Err(failure),
        }
    }

    async fn send(&self, request: &Request, token: &Token) -> Result<reqwest::Response, Failure> {
        #[cfg(test)]
        if let Wire::InProcess(InProcess(vendor)) = &self.wire {
            return match vendor(request, &self.url(request)) {
                Some(answer) => answer.map(Into::into),
                None => std::future::pending().await,
            };
        }
        #[cfg_attr(not(test), expect(irrefutable_let_patterns, reason = "tests know another wire"))]
        let Wire::Network(http) = &self.wire else { unreachable!("there is no other") };
        http.get(self.url(request))
            .header("wolkvox-token", token.header_value())
            .header(header::ACCEPT, "application/json")
            .send()
            .await
            .map_err(Failure::of_transport)
    }

    fn url(&self, request: &Request) -> String {
        let mut url = format!("{}{}?api={}", self.base_url, request.report.endpoint(), request.report.code());
        if matches!(request.report, Report::Skill6 | Report::Skill1) {
            url.push_str("&skill_id=");
            for byte in request.skill.bytes() {
                if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                    url.push(char::from(byte));
                } else {
                    url.push_str(&format!("%{byte:02X}"));
                }
            }
        }
        if let Some(window) = request.window {
            url.push_str(&format!("&date_ini={}&date_end={}", window.date_ini(), window.date_end()));
        }
        url
    }
}

impl Answer {
    /// The next piece of the body, after decompression; `None` at its end.
    ///
    /// A body past 256 MB fails as `truncated`, so that the window is split.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let chunk = match &mut self.body {
            Body::Whole(bytes) => bytes.take(),
            Body::Stream(response) => response.chunk().await.map_err(Failure::of_transport)?,
        };
        if let (Some(bytes), Body::Stream(_)) = (&chunk, &self.body) {
            self.received += bytes.len() as u64;
            self.beginning.take(bytes);
            if self.received > BODY_LIMIT {
                return Err(Failure::new(Reason::Truncated, &"answer is larger than 256 MiB"));
            }
        }
        Ok(chunk)
    }

    /// Bytes received so far, after decompression.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Real time since the request was sent.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ends the answer, and with it the turn of the token, but for the beginning of its body.
    pub fn into_beginning(self) -> Beginning {
        self.beginning
    }
}

impl Beginning {
    fn take(&mut self, bytes: &[u8]) {
        let room = ERROR_BODY_LIMIT.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// What a body that refuses under a good status means; `status` is its own code.
    pub fn refusal(&self, status: u16) -> Failure {
        Failure::of_answer(status, &self.bytes, true, &self.token)
            .unwrap_or_else(|| Failure::new(Reason::Decode, &format!("status {status} in the body")))
    }
}

impl fmt::Debug for Beginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beginning").field("bytes", &self.bytes.len()).finish()
    }
}

fn date_of(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

fn speaks_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return true };
    let Ok(text) = content_type.to_str() else { return false };
    let media = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || media == "text/json" || media.ends_with("+json")
}

/// Reads an error body up to the limit; the rest of a longer one is of no interest.
async fn beginning(mut response: reqwest::Response) -> Bytes {
    let mut body = Vec::new();
    while body.len() < ERROR_BODY_LIMIT {
        // The status has been read; a body that breaks off does not change what it means.
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    body.truncate(ERROR_BODY_LIMIT);
    body.into()
}

#[cfg(test)]
mod tests;
