//! One request from the wire to what it says, decoded off the asynchronous workers.

use std::time::Duration;

use crate::api::Reason;
use crate::client::{Beginning, Client, Failure};
use crate::report::{DecodeError, Decoded, Decoder};
use crate::schedule::Request;
use crate::time::{Stopwatch, Timestamp};

/// A piece of up to this many bytes is decoded where it arrives, in some ten microseconds; a larger one beside the
/// asynchronous workers.
const SMALL: usize = 16 * 1024;

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

/// Sends a request and decodes its answer while it arrives.
///
/// No thread waits for bytes: a server that drips into hundreds of operations takes none from the others.
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
    let mut decoder = decoder;
    let read = loop {
        match answer.chunk().await {
            Ok(Some(bytes)) if bytes.len() <= SMALL => {
                if let Err(error) = decoder.push(&bytes) {
                    break Ok(Err(error));
                }
            }
            Ok(Some(bytes)) => {
                let pushed = beside(move || {
                    let pushed = decoder.push(&bytes);
                    (decoder, pushed)
                });
                let pushed = match pushed.await {
                    Some((back, pushed)) => {
                        decoder = back;
                        pushed
                    }
                    None => break Err(Failure::new(Reason::Connect, &"answer ended early")),
                };
                // What is wrong stays wrong, so the rest is not even received.
                if let Err(error) = pushed {
                    break Ok(Err(error));
                }
            }
            Ok(None) => {
                let finished = beside(move || decoder.finish(status, date)).await;
                break finished.ok_or_else(|| Failure::new(Reason::Connect, &"answer ended early"));
            }
            Err(failure) => break Err(failure),
        }
    };
    let (bytes, took) = (answer.received(), answer.elapsed());
    let beginning = answer.into_beginning();
    let result = read.and_then(|decoded| decoded.map_err(|error| classified(&error, &beginning)));
    let in_envelope = result.as_ref().is_ok_and(|decoded| decoded.is_envelope);
    Fetched { result, in_envelope, date, bytes, took }
}

/// Runs work on the blocking pool; a panic in it goes on here. `None` when the runtime is ending.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Some(done),
        Err(error) => match error.try_into_panic() {
            Ok(payload) => std::panic::resume_unwind(payload),
            Err(_) => None,
        },
    }
}

/// What a refusal found by the decoder, or an answer that it cannot read, means for the request.
fn classified(error: &DecodeError, beginning: &Beginning) -> Failure {
    let reason = match error {
        DecodeError::Refused { status, .. } => return beginning.refusal(*status),
        // Less will fit.
        DecodeError::TooLarge { .. } | DecodeError::TooManyRows { .. } => Reason::Truncated,
        error => error.reason().unwrap_or(Reason::Decode),
    };
    Failure::new(reason, error)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::time::Duration;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;
    use crate::api::Report;
    use crate::config::{Config, Denominator};
    use crate::report::IdentityKey;
    use crate::schedule::Purpose;

    #[test]
    fn an_answer_that_drips_holds_no_thread() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let text = format!(
                "operations:\n  - name: a\n    base_url: http://127.0.0.1:{port}/\n    token_env: T\n    timezone: UTC\n"
            );
            let operation = Config::parse(&text, Path::new("."), "test").unwrap().operations.remove(0);
            let env = BTreeMap::from([("T".to_owned(), "t0ken".to_owned())]);
            let mut client = Client::new(&operation, &env, None).unwrap();
            let request = Request {
                report: Report::TokenInfo,
                skill: String::new(),
                window: None,
                slot: 1,
                now: Timestamp::UNIX_EPOCH,
                purpose: Purpose::Present,
                part: (0, 1),
            };
            let key = IdentityKey::new([7; 32]);
            let decoder = Decoder::new(&request, &operation, &key, Denominator::Inbound, request.now);
            let fetching = tokio::spawn(async move { fetch(&mut client, &request, decoder).await });
            let (mut stream, _) = listener.accept().await.unwrap();
            // A beginning, and then a byte at a time; other work that blocks gets its turn after each.
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{").await.unwrap();
            for _ in 0..40 {
                stream.write_all(b" ").await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
                let turn = tokio::time::timeout(Duration::from_secs(30), tokio::task::spawn_blocking(|| 7));
                assert_eq!(turn.await.expect("the one thread is held").unwrap(), 7);
            }
            drop(stream);
            assert_eq!(fetching.await.unwrap().result.unwrap_err().reason, Reason::Decode);
        });
    }
}
