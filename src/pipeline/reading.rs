//! One request from the wire to what it says, decoded off the asynchronous workers.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::api::Reason;
use crate::client::{Beginning, Client, Failure};
use crate::report::{DecodeError, Decoded, Decoder};
use crate::schedule::Request;
use crate::time::{Stopwatch, Timestamp};

/// Chunks on their way to the decoder: enough to keep it busy, few enough to bound memory.
const CHUNKS: usize = 4;

/// What came of a request, with its cost.
#[derive(Debug)]
pub struct Fetched {
    /// The content, or why there is none.
    pub result: Result<Decoded, Failure>,
    /// Whether it was a 200 with the vendor's envelope.
    pub in_envelope: bool,
    /// The answer's `Date`.
    pub date: Option<Timestamp>,
    /// Bytes received after decompression.
    pub bytes: u64,
    /// From sending the request to the end of the answer.
    pub took: Duration,
}

enum Piece {
    Chunk(Bytes),
    End,
}

/// Sends a request and decodes its answer while it arrives.
pub async fn fetch(client: &mut Client, request: &Request, decoder: Decoder) -> Fetched {
    let started = Stopwatch::start();
    let mut answer = match client.ask(request).await {
        Ok(answer) => answer,
        Err(failure) => {
            let took = started.elapsed();
            return Fetched { result: Err(failure), in_envelope: false, date: None, bytes: 0, took };
        }
    };
    let (status, date) = (answer.status, answer.date);
    if status == 404 {
        // The client has read it and knows that it means no rows, whatever else its body says.
        let (bytes, took) = (answer.received(), answer.elapsed());
        let result = decoder.empty(date).map_err(|error| classified(&error, &answer.into_beginning()));
        return Fetched { result, in_envelope: false, date, bytes, took };
    }
    let (pieces, mut inbox) = mpsc::channel(CHUNKS);
    let decoding = tokio::task::spawn_blocking(move || {
        let mut decoder = decoder;
        loop {
            match inbox.blocking_recv() {
                Some(Piece::Chunk(bytes)) => decoder.push(&bytes)?,
                Some(Piece::End) => return decoder.finish(status, date).map(Some),
                // The transport gave up; what has arrived is not an answer.
                None => return Ok(None),
            }
        }
    });
    let transport = loop {
        match answer.chunk().await {
            Ok(Some(bytes)) => {
                // A decoder that has stopped has its reason, which is the result.
                if pieces.send(Piece::Chunk(bytes)).await.is_err() {
                    break Ok(());
                }
            }
            Ok(None) => {
                // As above.
                let _ = pieces.send(Piece::End).await;
                break Ok(());
            }
            Err(failure) => break Err(failure),
        }
    };
    drop(pieces);
    let (bytes, took) = (answer.received(), answer.elapsed());
    let beginning = answer.into_beginning();
    let decoded = match decoding.await {
        Ok(decoded) => decoded,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => std::panic::resume_unwind(payload),
            Err(_) => Ok(None),
        },
    };
    let result = match (transport, decoded) {
        (Err(failure), _) => Err(failure),
        (Ok(()), Ok(Some(decoded))) => Ok(decoded),
        (Ok(()), Ok(None)) => Err(Failure::new(Reason::Connect, &"answer ended early")),
        (Ok(()), Err(error)) => Err(classified(&error, &beginning)),
    };
    let in_envelope = result.as_ref().is_ok_and(|decoded| decoded.is_envelope);
    Fetched { result, in_envelope, date, bytes, took }
}

/// What a refusal found by the decoder, or an answer that it cannot read, means for the request.
fn classified(error: &DecodeError, beginning: &Beginning) -> Failure {
    let reason = match error {
        DecodeError::Refused { status, .. } => return beginning.refusal(*status),
        // Less will fit.
        DecodeError::TooLarge { .. } => Reason::Truncated,
        error => error.reason().unwrap_or(Reason::Decode),
    };
    Failure::new(reason, error)
}
