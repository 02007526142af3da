//! The client against servers that do what they should not.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::config::Config;
use crate::schedule::Purpose;
use crate::time::{Window, civil};

const TOKEN: &str = "9f86d081884c7d6591234567feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f";

fn operation(port: u16) -> Operation {
    let text = format!(
        "operations:\n  - name: a\n    base_url: http://127.0.0.1:{port}/api/v2/\n    token_env: T\n    timezone: UTC\n"
    );
    Config::parse(&text, Path::new("."), "test").unwrap().operations.remove(0)
}

fn client(port: u16, locks: Option<&Path>) -> Client {
    let env = BTreeMap::from([("T".to_owned(), TOKEN.to_owned())]);
    Client::new(&operation(port), &env, locks).unwrap()
}

fn request(skill: &str) -> Request {
    let from = civil::date(2026, 4, 4).at(0, 0, 0, 0);
    Request {
        report: Report::Skill6,
        skill: skill.to_owned(),
        window: Some(Window { from, to: civil::date(2026, 4, 5).at(0, 0, 0, 0) }),
        slot: 1,
        now: Timestamp::UNIX_EPOCH,
        purpose: Purpose::Present,
        part: (0, 1),
    }
}

/// Answers each connection with the next of these bytes and ends; tells what was asked.
async fn server(answers: Vec<Vec<u8>>) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).await.unwrap() == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            asked.push(String::from_utf8(head).unwrap());
            stream.write_all(&answer).await.unwrap();
        }
        asked
    });
    (port, task)
}

fn response(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

async fn asked(answer: Vec<u8>) -> (Result<(u16, Vec<u8>), Failure>, String) {
    let (port, task) = server(vec![answer]).await;
    let result = read(&mut client(port, None)).await;
    (result, task.await.unwrap().remove(0))
}

async fn read(client: &mut Client) -> Result<(u16, Vec<u8>), Failure> {
    let mut answer = client.ask(&request("101")).await?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
    }
    Ok((answer.status, body))
}

#[tokio::test]
async fn a_redirect_is_a_wrong_request_and_the_token_stays_here() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = elsewhere.local_addr().unwrap();
    for body in ["", r#"{"code":"404","error":"NOT FOUND","msg":"Validate dates entered","data":[]}"#] {
        let head = format!("302 Found\r\nLocation: http://{target}/api/v2/reports_manager.php");
        let (result, head) = asked(response(&head, body)).await;
        assert_eq!(result.unwrap_err().reason, Reason::Request);
        assert!(head.contains(&format!("wolkvox-token: {TOKEN}\r\n")), "{head}");
    }
    // Nobody knocked there.
    let knock = elsewhere.accept();
    tokio::pin!(knock);
    assert!(futures_poll(knock.as_mut()).await.is_none());
}

/// One look at a future.
async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn only_json_is_read() {
    for (head, good) in [
        ("200 OK\r\nContent-Type: application/json; charset=UTF-8", true),
        ("200 OK\r\nContent-Type: Application/Problem+JSON", true),
        ("200 OK", true),
        ("200 OK\r\nContent-Type: text/html", false),
        ("200 OK\r\nContent-Type: ", false),
        ("204 No Content", false),
        ("206 Partial Content\r\nContent-Type: application/json", false),
    ] {
        let (result, _) = asked(response(head, r#"{"code":"200","data":[]}"#)).await;
        assert_eq!(result.as_ref().map(|_| ()).map_err(|failure| failure.reason).is_ok(), good, "{head}");
        if let Err(failure) = result {
            assert_eq!(failure.reason, Reason::Decode, "{head}");
        }
    }
}

#[tokio::test]
async fn what_breaks_off_is_a_failure() {
    for (answer, reason) in [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"code\":".to_vec(), Reason::Decode),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"cod".to_vec(), Reason::Decode),
        (b"".to_vec(), Reason::Connect),
        (b"SMTP ready\r\n".to_vec(), Reason::Connect),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd".to_vec(),
            Reason::Decode,
        ),
    ] {
        let words = String::from_utf8_lossy(&answer).into_owned();
        let (result, _) = asked(answer).await;
        let failure = result.unwrap_err();
        assert_eq!(failure.reason, reason, "{words:?}: {failure:?}");
    }
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let mut answer = b"HTTP/1.1 200 OK\r\n".to_vec();
    for number in 0..100_000 {
        answer.extend_from_slice(format!("X-{number}: {}\r\n", "y".repeat(50)).as_bytes());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // The client hangs up on it.
        let _ = stream.write_all(&answer).await;
    });
    assert_eq!(read(&mut client(port, None)).await.unwrap_err().reason, Reason::Connect);
    task.await.unwrap();
}

#[tokio::test]
async fn what_drips_or_falls_silent_ends() {
    // Silence has one limit and the whole has another; the one that is not meant is out of reach.
    let (soon, never) = (Duration::from_millis(600), Duration::from_secs(3600));
    let starts: [(&[u8], bool); 5] = [
        (b"", false),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", true),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{", true),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{", false),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100", false),
    ];
    for (start, drips) in starts {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            assert!(stream.read(&mut head).await.unwrap() > 0);
            stream.write_all(start).await.unwrap();
            // Until the client hangs up.
            while drips && stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        let (silence, whole) = if drips { (never, soon) } else { (soon, never) };
        let patience = Patience { connect: never, silence, whole };
        let env = BTreeMap::from([("T".to_owned(), TOKEN.to_owned())]);
        let mut client = Client::with_patience(&operation(port), &env, None, patience).unwrap();
        let result = tokio::time::timeout(Duration::from_secs(60), read(&mut client)).await;
        let failure = result.expect("it waits for ever").unwrap_err();
        assert_eq!(failure.reason, Reason::Timeout, "{start:?}: {failure:?}");
        task.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_said_twice_is_no_answer_to_the_next_question() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut connections = 0;
        let mut answer = async |body: &str| {
            let (mut stream, _) = listener.accept().await.unwrap();
            connections += 1;
            let mut head = [0; 4096];
            assert!(stream.read(&mut head).await.unwrap() > 0);
            let once = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(once.as_bytes()).await.unwrap();
            (stream, once)
        };
        let (mut first, once) = answer("[1]").await;
        // The next question has come on a connection of its own, so this late echo reaches nobody.
        let (second, _) = answer("[2]").await;
        let _ = first.write_all(once.as_bytes()).await;
        drop((first, second));
        connections
    });
    let mut client = client(port, None);
    assert_eq!(read(&mut client).await.unwrap().1, b"[1]");
    let next = tokio::time::timeout(Duration::from_secs(30), read(&mut client)).await;
    assert_eq!(next.expect("it asked on the old connection").unwrap().1, b"[2]");
    assert_eq!(task.await.unwrap(), 2);
}

#[tokio::test]
async fn a_connection_that_died_is_replaced() {
    let good = |body: &str| response("200 OK\r\nContent-Type: application/json", body);
    let (port, task) =
        server(vec![good("[1]"), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[".to_vec(), good("[2]")])
            .await;
    let mut client = client(port, None);
    assert_eq!(read(&mut client).await.unwrap().1, b"[1]");
    assert!(read(&mut client).await.is_err());
    assert_eq!(read(&mut client).await.unwrap().1, b"[2]");
    assert_eq!(task.await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_404_is_no_rows_in_the_envelope_or_where_it_is_known() {
    let bare = response("404 Not Found\r\nContent-Type: text/html", "<h1>Not Found</h1>");
    let other = response("404 Not Found", r#"{"code":404,"message":"HTTP 404 Not Found"}"#);
    let vendor = response(
        "404 Not Found",
        r#"{"code":"404","error":"NOT FOUND","msg":"Validate dates entered","data":[]}"#,
    );
    let (port, task) = server(vec![bare.clone(), other.clone(), vendor, bare.clone(), bare, other]).await;
    let mut client = client(port, None);
    for wanted in [false, false, true, false] {
        let result = read(&mut client).await;
        assert_eq!(result.as_ref().is_ok_and(|(status, _)| *status == 404), wanted, "{result:?}");
        if let Err(failure) = result {
            assert_eq!(failure.reason, Reason::Request);
        }
    }
    client.recognise();
    for _ in 0..2 {
        assert_eq!(read(&mut client).await.unwrap().0, 404);
    }
    task.await.unwrap();
}

#[tokio::test]
async fn the_date_of_an_answer_is_read_where_there_is_one() {
    let at = |header: &'static str| async move {
        let (port, task) = server(vec![response(&format!("200 OK{header}"), "[]")]).await;
        let date = client(port, None).ask(&request("101")).await.unwrap().date;
        task.await.unwrap();
        date
    };
    let wanted: Timestamp = "2026-04-04T10:20:30Z".parse().unwrap();
    assert_eq!(at("\r\nDate: Sat, 04 Apr 2026 10:20:30 GMT").await, Some(wanted));
    for header in ["", "\r\nDate: yesterday", "\r\nDate: Sat, 99 Apr 2026 10:20:30 GMT", "\r\nDate: \u{fc}"] {
        assert_eq!(at(header).await, None, "{header}");
    }
}

#[tokio::test]
async fn an_id_cannot_leave_its_parameter() {
    let (port, task) = server(vec![response("200 OK", "[]")]).await;
    let skill = "1&api=cdr_1#\"\r\nx-evil: 1,\u{e1}";
    client(port, None).ask(&request(skill)).await.unwrap();
    let head = task.await.unwrap().remove(0);
    let line = head.lines().next().unwrap();
    assert_eq!(
        line,
        "GET /api/v2/reports_manager.php?api=skill_6&skill_id=1%26api%3Dcdr_1%23%22%0D%0Ax-evil%3A%201%2C%C3%A1\
         &date_ini=20260404000000&date_end=20260404235959 HTTP/1.1"
    );
    assert!(!head.to_lowercase().contains("\r\nx-evil"), "{head}");
}

#[tokio::test]
async fn one_token_is_used_for_one_request_at_a_time_by_all_clients() {
    let folder = tempfile::tempdir().unwrap();
    let (port, task) = server(vec![response("200 OK", "[]"), response("200 OK", "[]")]).await;
    let (mut serve, mut once) = (client(port, Some(folder.path())), client(port, Some(folder.path())));
    let answer = serve.ask(&request("101")).await.unwrap();
    let second = request("102");
    let waiting = once.ask(&second);
    tokio::pin!(waiting);
    assert!(futures_poll(waiting.as_mut()).await.is_none(), "the first answer is not over");
    drop(answer);
    waiting.await.unwrap();
    assert_eq!(task.await.unwrap().len(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn without_a_lock_nothing_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    // A folder that cannot be made is as good as one that cannot be written, also for root.
    let failure = client(1, Some(&file.join("locks"))).ask(&request("101")).await.unwrap_err();
    assert!(failure.is_of_storage());
    assert!(failure.detail.contains("could not lock the token"), "{failure}");
}

/// What an echo of the token may look like.
fn echoes() -> impl Strategy<Value = String> {
    let piece = (0..TOKEN.len() - 12, 12..=TOKEN.len()).prop_map(|(from, length)| {
        let to = (from + length).min(TOKEN.len());
        TOKEN[from..to].to_owned()
    });
    (piece, any::<bool>(), "[ -~\u{e1}]{0,190}", "[ -~]{0,30}").prop_map(|(piece, upper, before, after)| {
        let piece = if upper { piece.to_uppercase() } else { piece };
        format!("{before}{piece}{after}")
    })
}

fn reveals(words: &str) -> Option<String> {
    let (words, token) = (words.to_lowercase(), TOKEN.to_lowercase());
    let found = token.as_bytes().windows(6).find(|piece| {
        let piece = String::from_utf8_lossy(piece);
        words.contains(&*piece)
    });
    found.map(|piece| String::from_utf8_lossy(piece).into_owned())
}

proptest! {
    #[test]
    fn an_echoed_token_is_never_repeated(echo in echoes(), status in prop::sample::select(vec![400_u16, 401, 403, 404, 500])) {
        // What the server says by itself is no part of the token.
        let body = serde_json::json!({ "code": status.to_string(), "error": "FORBIDDEN", "msg": echo }).to_string();
        let token = Arc::new(Token::new(TOKEN).unwrap());
        let failure = Failure::of_answer(status, body.as_bytes(), false, &token);
        if let Some(failure) = failure {
            prop_assert_eq!(reveals(&failure.detail), None, "{}", failure);
        }
        let mut beginning = Beginning { token, bytes: Vec::new() };
        for chunk in body.as_bytes().chunks(7) {
            beginning.take(chunk);
        }
        let failure = beginning.refusal(status);
        prop_assert_eq!(reveals(&failure.detail), None, "{}", failure);
        let shown = format!("{beginning:?}");
        prop_assert!(!shown.contains("FORBIDDEN"));
    }

    #[test]
    fn any_answer_is_classified_and_described_in_short(status in 100..600_u16, body in prop::collection::vec(any::<u8>(), 0..300), known in any::<bool>()) {
        let token = Token::new(TOKEN).unwrap();
        match Failure::of_answer(status, &body, known, &token) {
            None => prop_assert!(status == 404 && known || status < 300 || (400..500).contains(&status)),
            Some(failure) => {
                prop_assert!(failure.detail.chars().count() <= 220 && !failure.detail.chars().any(char::is_control));
                prop_assert!(status < 500 || matches!(failure.reason, Reason::Server | Reason::Timeout));
            }
        }
    }
}

#[test]
fn the_kinds_of_403_are_told_apart_by_their_words() {
    let token = Token::new(TOKEN).unwrap();
    let reason = |body: &[u8]| Failure::of_answer(403, body, false, &token).unwrap().reason;
    for (msg, wanted) in [
        ("PLEASE VALIDATE TOKEN", Reason::Auth),
        ("Token Limit Exceeded", Reason::Quota),
        ("EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)", Reason::Concurrency),
        ("BACKUP IN PROGRESS", Reason::Maintenance),
        ("", Reason::Maintenance),
    ] {
        for code in ["\"403\"", "403", "\"\"", "\" 403 \""] {
            for key in ["msg", "MSG", " Msg "] {
                let body = format!(r#"{{"code":{code},"error":"FORBIDDEN","{key}":"{msg}","data":[]}}"#);
                assert_eq!(reason(body.as_bytes()), wanted, "{body}");
            }
        }
        let mut latin = b"{\"code\":\"403\",\"error\":\"ACCI\xd3N\",\"msg\":\"".to_vec();
        latin.extend_from_slice(msg.as_bytes());
        latin.extend_from_slice(b" \xd3\"}");
        assert_eq!(reason(&latin), wanted, "{msg} in an old encoding");
    }
    assert_eq!(reason(b"<html>403</html>"), Reason::Maintenance);
}

#[test]
fn a_failing_server_is_never_a_silent_night() {
    let token = Token::new(TOKEN).unwrap();
    for status in [500, 502, 503] {
        for body in
            [r#"{"code":"404","error":"NOT FOUND","msg":"x"}"#, r#"{"code":"200","msg":"x","data":[]}"#]
        {
            let failure = Failure::of_answer(status, body.as_bytes(), true, &token).unwrap();
            assert_eq!(failure.reason, Reason::Server, "{status} {body}");
        }
    }
}
