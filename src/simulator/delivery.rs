//! What goes on the wire: an answer in pieces, and how it ends.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use hyper::body::{Frame, SizeHint};
use tokio::time::Sleep;

use super::behaviour::Behaviour;
use super::fault::Fault;
use super::quota::Running;
use crate::time::Timestamp;

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ending {
    /// As announced.
    Whole,
    /// The connection is reset after this share of the body.
    Reset(f64),
    /// There is no answer: the connection closes.
    Closed,
}

/// An answer and how it is handed over.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) status: u16,
    pieces: Vec<Bytes>,
    content_type: String,
    encoding: Option<&'static str>,
    pub(super) date: Option<Timestamp>,
    pub(super) ending: Ending,
    stall: Option<Duration>,
    chunked: bool,
    /// Held until the last byte is handed over.
    pub(super) running: Option<Running>,
}

/// Set on a connection that is to end in a reset; told to the listener through the request's extensions.
#[derive(Debug, Clone, Default)]
pub(super) struct Switch(Arc<AtomicBool>);

impl Switch {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Marks a response that must not be sent: the listener closes the connection instead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unsent;

impl Delivery {
    pub(super) fn new(status: u16, body: Vec<u8>, content_type: &str) -> Delivery {
        Delivery {
            status,
            pieces: vec![Bytes::from(body)],
            content_type: content_type.to_owned(),
            encoding: None,
            date: None,
            ending: Ending::Whole,
            stall: None,
            chunked: false,
            running: None,
        }
    }

    /// A JSON answer in three pieces.
    pub(super) fn json(status: u16, pieces: [Vec<u8>; 3], behaviour: &Behaviour) -> Delivery {
        let mut delivery = Delivery::new(status, Vec::new(), &behaviour.content_type);
        delivery.pieces = pieces.map(Bytes::from).into();
        delivery
    }

    /// No answer at all.
    pub(super) fn closed() -> Delivery {
        Delivery { ending: Ending::Closed, ..Delivery::new(502, Vec::new(), "text/plain") }
    }

    /// Keeps only this share of the body.
    pub(super) fn cut(&mut self, share: f64) {
        let mut left = (self.length() as f64 * share) as usize;
        for piece in &mut self.pieces {
            piece.truncate(left);
            left -= piece.len();
        }
    }

    fn length(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Applies what does not depend on the question.
    pub(super) fn finish(&mut self, behaviour: &Behaviour, fault: &Fault, accepts_gzip: bool) {
        self.chunked = behaviour.chunked;
        if let Some(body) = &fault.body {
            self.pieces = vec![Bytes::from(body.clone().into_bytes())];
        }
        if fault.html && fault.status.is_none() {
            let page = super::desk::page(self.status, fault.message.as_deref().unwrap_or("Error"));
            self.pieces = page.pieces;
            self.content_type = page.content_type;
        }
        if let Some(code) = fault.body_code {
            // Everything else stays: a body that says something else than the status.
            if let Some(status) = fault.status.filter(|_| code == 200) {
                self.status = status;
            } else if fault.status.is_none() {
                let message = fault.message.as_deref().unwrap_or("ERROR");
                self.pieces =
                    vec![Bytes::from(super::wire::envelope(behaviour, code, Some("ERROR"), message, true))];
            }
        }
        if let Some(content_type) = &fault.content_type {
            self.content_type.clone_from(content_type);
        }
        if fault.gzip || (behaviour.gzip && accepts_gzip) {
            self.pieces = vec![Bytes::from(compress(&self.pieces))];
            self.encoding = Some("gzip");
        } else if fault.false_gzip {
            self.encoding = Some("gzip");
        }
        if let Some(share) = fault.cut {
            self.cut(share);
        }
        if let Some(share) = fault.reset {
            self.ending = Ending::Reset(share);
        }
        self.stall = (fault.stall_ms > 0).then(|| Duration::from_millis(fault.stall_ms));
    }

    /// The answer as the web server sends it.
    pub(super) fn into_response(mut self, switch: Option<Switch>) -> Response {
        let total = self.length();
        if self.ending == Ending::Closed {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response.extensions_mut().insert(Unsent);
            return response;
        }
        let reset = match self.ending {
            Ending::Reset(share) => {
                self.cut(share.min(0.999));
                true
            }
            _ => false,
        };
        let announced = (!self.chunked && (total > 0 || !reset)).then_some(total as u64);
        // A stall falls in the middle.
        let mut pieces: VecDeque<Bytes> = self.pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        let mut stall_before = 0;
        if self.stall.is_some() {
            let mut whole = Vec::with_capacity(pieces.iter().map(Bytes::len).sum());
            for piece in &pieces {
                whole.extend_from_slice(piece);
            }
            let mut first = Bytes::from(whole);
            let second = first.split_off(first.len() / 2);
            pieces = VecDeque::from([first, second]);
            stall_before = 1;
        }
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        let body = Pieces {
            pieces,
            left: if reset { announced } else { announced.map(|_| left) },
            reset: reset.then(|| switch.unwrap_or_default()),
            stall: self.stall.map(|stall| (stall_before, stall)),
            sleeping: None,
            running: self.running,
            flushed: false,
        };
        let mut response = Response::new(Body::new(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&self.content_type) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        if let Some(encoding) = self.encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if let Some(value) = self.date.and_then(http_date) {
            headers.insert(header::DATE, value);
        }
        response
    }
}

fn http_date(at: Timestamp) -> Option<HeaderValue> {
    let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()?;
    HeaderValue::from_str(&text).ok()
}

fn compress(pieces: &[Bytes]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for piece in pieces {
        // Invariant: writing to memory does not fail.
        let _ = encoder.write_all(piece);
    }
    encoder.finish().unwrap_or_default()
}

/// A body in pieces that may stall and may break off.
struct Pieces {
    pieces: VecDeque<Bytes>,
    /// Bytes announced and not yet handed over; `None` when nothing is announced.
    left: Option<u64>,
    /// Set when the body breaks off after the last piece.
    reset: Option<Switch>,
    /// Pieces to hand over before a pause, and its length.
    stall: Option<(usize, Duration)>,
    sleeping: Option<Pin<Box<Sleep>>>,
    running: Option<Running>,
    /// Whether a breaking answer has let its bytes go first.
    flushed: bool,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(sleep) = &mut self.sleeping {
            ready!(sleep.as_mut().poll(cx));
            self.sleeping = None;
        }
        match self.stall.take() {
            Some((0, length)) => {
                let mut sleep = Box::pin(tokio::time::sleep(length));
                if sleep.as_mut().poll(cx).is_pending() {
                    self.sleeping = Some(sleep);
                    return Poll::Pending;
                }
            }
            Some((before, length)) => self.stall = Some((before - 1, length)),
            None => {}
        }
        let Some(piece) = self.pieces.pop_front() else {
            self.running = None;
            if self.reset.is_some() && !std::mem::replace(&mut self.flushed, true) {
                // One turn of waiting lets the connection send what it was given.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(self.reset.take().map(|switch| {
                switch.set();
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "the simulator breaks off this answer"))
            }));
        };
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(piece.len() as u64);
        }
        if self.pieces.is_empty() && self.reset.is_none() {
            // Before the client can have read the last byte and asked again.
            self.running = None;
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.reset.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
