//! A server that says exactly the bytes it is told to, byte for byte, and writes down what it was asked.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wolkvox_exporter::time::civil;

/// A request, as far as an answer may depend on it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The first part of the path: the operation.
    pub(crate) operation: String,
    /// The value of `api`.
    pub(crate) report: String,
    /// The other parameters.
    pub(crate) parameters: BTreeMap<String, String>,
    /// The request as it came.
    pub(crate) head: String,
}

impl Asked {
    /// The middle of the window, as the API writes local times; nothing for questions without one.
    pub(crate) fn middle(&self) -> Option<String> {
        let instant = |name: &str| {
            let digits = self.parameters.get(name)?;
            let part = |from: usize, to: usize| digits.get(from..to)?.parse::<i8>().ok();
            let year = digits.get(0..4)?.parse().ok()?;
            civil::DateTime::new(
                year,
                part(4, 6)?,
                part(6, 8)?,
                part(8, 10)?,
                part(10, 12)?,
                part(12, 14)?,
                0,
            )
            .ok()
        };
        let (from, until) = (instant("date_ini")?, instant("date_end")?);
        let middle = from + until.duration_since(from) / 2;
        Some(middle.strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    fn of(head: &str) -> Option<Asked> {
        let target = head.split(' ').nth(1)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut parameters: BTreeMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Some(Asked {
            operation: path.trim_start_matches('/').split('/').next()?.to_owned(),
            report: parameters.remove("api").unwrap_or_default(),
            parameters,
            head: head.to_owned(),
        })
    }
}

/// The whole answer to a request: status line, header and body.
pub(crate) type Answers = Box<dyn Fn(&Asked) -> Vec<u8> + Send + Sync>;

/// The running server. Its threads end with the process of the test.
pub(crate) struct Upstream {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Upstream {
    /// Listens first, so that answers may name the port.
    pub(crate) fn start(answers: impl FnOnce(u16) -> Answers) -> Upstream {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(answers(port));
        std::thread::spawn({
            let asked = Arc::clone(&asked);
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let (answers, asked) = (Arc::clone(&answers), Arc::clone(&asked));
                    std::thread::spawn(move || one(stream, &answers, &asked));
                }
            }
        });
        Upstream { port, asked }
    }

    pub(crate) fn base_url(&self, operation: &str) -> String {
        format!("http://127.0.0.1:{}/{operation}/api/v2/", self.port)
    }

    /// Everything asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn one(mut stream: TcpStream, answers: &Answers, asked: &Mutex<Vec<Asked>>) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    let Some(request) = Asked::of(&String::from_utf8_lossy(&head)) else { return };
    asked.lock().unwrap().push(request.clone());
    // A client that has heard enough may hang up.
    let _ = stream.write_all(&answers(&request));
}

/// An answer with a length, closing the connection.
pub(crate) fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("\r\n");
    let mut out = out.into_bytes();
    out.extend_from_slice(body);
    out
}

/// The vendor's answer with these rows.
pub(crate) fn rows(rows: &[serde_json::Value]) -> Vec<u8> {
    let body = serde_json::json!({
        "code": "200", "error": null, "msg": format!("{} records were found", rows.len()), "data": rows,
    });
    answer("200 OK", &[("Content-Type", "application/json")], body.to_string().as_bytes())
}

/// The vendor's answer without rows.
pub(crate) fn no_rows() -> Vec<u8> {
    let body = br#"{"code":"404","error":"NOT FOUND","msg":"Validate dates entered","data":[]}"#;
    answer("404 Not Found", &[("Content-Type", "application/json")], body)
}
