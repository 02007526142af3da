//! `/metrics`: the right bytes for each scraper, and the note that it got them.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};

use crate::exposition::{Answer, AnswerError, Encoding, Publisher, Receipt};

use super::negotiation;

pub(super) async fn metrics(
    State(publisher): State<Publisher>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let format = negotiation::format(&headers);
    let encoding = negotiation::encoding(&headers);
    let operation = |(key, value): (String, String)| (key == "operation").then_some(value);
    let operations: Vec<String> = query.into_iter().filter_map(operation).collect();
    let answer = match publisher.answer(format, encoding, &operations).await {
        Ok(answer) => answer,
        Err(error @ AnswerError::UnknownOperation(_)) => {
            return (StatusCode::NOT_FOUND, format!("{error}\n")).into_response();
        }
        Err(error @ AnswerError::Busy) => {
            return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], format!("{error}\n"))
                .into_response();
        }
        Err(error @ AnswerError::Rendering) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response();
        }
    };
    let mut response = Response::new(Body::new(Parts::new(answer)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if encoding == Encoding::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// The two parts of an answer as a body of known length. The receipt is delivered with the last part, so
/// neither `HEAD` nor a scraper that goes away early counts as having seen anything.
struct Parts {
    /// The parts still to come, the next one last.
    parts: Vec<Bytes>,
    receipt: Option<Receipt>,
}

impl Parts {
    fn new(answer: Answer) -> Parts {
        let mut parts = vec![answer.own, answer.prepared];
        parts.retain(|part| part.has_remaining());
        Parts { parts, receipt: Some(answer.receipt) }
    }
}

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.parts.pop();
        if self.parts.is_empty()
            && let Some(receipt) = self.receipt.take()
        {
            receipt.deliver();
        }
        Poll::Ready(next.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.parts.iter().map(|part| part.len() as u64).sum())
    }
}
