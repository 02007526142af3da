//! The web configuration at work: TLS, users, headers and the rate limit, replaceable while serving.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CONNECTION, RETRY_AFTER, TRANSFER_ENCODING, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::config::{RateLimit, WebConfig};
use crate::time::Stopwatch;

use super::ServerError;
use super::auth::{Admission, Auth, Door};
use super::queue::Peer;
use super::tls::Tls;

/// The web configuration in force. Clones share it.
#[derive(Debug, Clone)]
pub struct Web(Arc<Site>);

#[derive(Debug)]
struct Site {
    policy: ArcSwap<Policy>,
    door: Door,
}

/// A web configuration whose files have been opened.
#[derive(Debug)]
pub struct Prepared(Policy);

#[derive(Debug)]
struct Policy {
    tls: Option<Arc<Tls>>,
    auth: Option<Auth>,
    headers: Vec<(HeaderName, HeaderValue)>,
    rate: Option<Bucket>,
}

impl Web {
    /// Opens certificates and keys, and takes the rest as it is.
    pub fn new(config: &WebConfig) -> Result<Web, ServerError> {
        Web::with_door(config, Door::default())
    }

    pub(super) fn with_door(config: &WebConfig, door: Door) -> Result<Web, ServerError> {
        Ok(Web(Arc::new(Site { policy: ArcSwap::from_pointee(Policy::new(config)?), door })))
    }

    /// Opens another configuration without putting it in force, so that nothing has changed when it cannot be opened.
    pub fn prepare(config: &WebConfig) -> Result<Prepared, ServerError> {
        Policy::new(config).map(Prepared)
    }

    /// Puts another configuration in force for the next requests and connections. Users whose hash stays need not be
    /// compared again: else whoever guesses at that moment would keep them out.
    pub fn replace(&self, prepared: Prepared) {
        let now = Arc::new(prepared.0);
        let before = self.0.policy.swap(Arc::clone(&now));
        self.0.door.change(before.auth.as_ref(), now.auth.as_ref());
    }

    pub(super) fn tls(&self) -> Option<Arc<Tls>> {
        self.0.policy.load().tls.clone()
    }
}

impl Policy {
    fn new(config: &WebConfig) -> Result<Policy, ServerError> {
        Ok(Policy {
            tls: config.tls.as_ref().map(Tls::new).transpose()?.map(Arc::new),
            auth: (!config.users.is_empty()).then(|| Auth::new(&config.users)),
            headers: config.headers.clone(),
            rate: config.rate_limit.map(Bucket::new),
        })
    }
}

/// Adds the configured headers to every answer, and that no answer is anything but what it says.
pub(super) async fn headers(State(web): State<Web>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in &web.0.policy.load().headers {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

/// Lets a request in, or says why not: too many, or nobody we know.
pub(super) async fn admit(State(web): State<Web>, request: Request, next: Next) -> Response {
    let policy = web.0.policy.load_full();
    if policy.rate.as_ref().is_some_and(|bucket| !bucket.take()) {
        return (StatusCode::TOO_MANY_REQUESTS, "too many requests\n").into_response();
    }
    let admission = match &policy.auth {
        Some(auth) => {
            let peer = request.extensions().get::<Peer>().copied();
            web.0.door.admits(auth, peer, request.headers().get(AUTHORIZATION)).await
        }
        None => Admission::Granted,
    };
    match admission {
        Admission::Granted => next.run(request).await,
        Admission::Refused => {
            (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Basic")], "Unauthorized\n").into_response()
        }
        Admission::Busy => {
            let later = [(RETRY_AFTER, "1")];
            (StatusCode::SERVICE_UNAVAILABLE, later, "too many logins at once\n").into_response()
        }
    }
}

/// Refuses bodies without a stated length. Nobody needs to send one, and where proxy and server disagree on the end of a
/// body, one request hides another.
pub(super) async fn measured(request: Request, next: Next) -> Response {
    if request.headers().contains_key(TRANSFER_ENCODING) {
        return (StatusCode::LENGTH_REQUIRED, [(CONNECTION, "close")], "a body needs a length\n")
            .into_response();
    }
    next.run(request).await
}

/// A token bucket over all requests.
#[derive(Debug)]
struct Bucket {
    limit: RateLimit,
    started: Stopwatch,
    /// The time, in intervals since the start, that the requests let in so far have used up.
    used: Mutex<f64>,
}

impl Bucket {
    fn new(limit: RateLimit) -> Bucket {
        Bucket { limit, started: Stopwatch::start(), used: Mutex::new(0.0) }
    }

    fn take(&self) -> bool {
        self.take_at(self.started.elapsed().as_secs_f64() / self.limit.interval.as_secs_f64())
    }

    fn take_at(&self, now: f64) -> bool {
        let burst = f64::from(self.limit.burst.get());
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        // What is not used is saved up, but no more than one burst of it.
        let from = used.max(now);
        let room = from + 1.0 <= now + burst;
        if room {
            *used = from + 1.0;
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_per_interval() {
        let burst = NonZeroU32::new(3).unwrap();
        let bucket = Bucket::new(RateLimit { interval: Duration::from_secs(1), burst });
        let passed = |now: f64| (0..10).filter(|_| bucket.take_at(now)).count();
        assert_eq!(passed(0.0), 3);
        assert_eq!(passed(0.5), 0);
        assert_eq!(passed(1.0), 1);
        assert_eq!(passed(3.0), 2);
        assert_eq!(passed(100.0), 3);
    }
}
