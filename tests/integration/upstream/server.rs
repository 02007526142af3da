//! A server that does what no server should, spoken byte by byte; which evil is meant stands first in the path.

use std::io::{BufRead as _, BufReader, Read as _, Result, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A body larger than any machine of ours would like to hold.
pub(super) const ENDLESS: u64 = 10 << 30;

/// What the server has seen and sent.
#[derive(Default)]
pub(super) struct Seen {
    /// Heads of the requests of all connections.
    pub(super) requests: Mutex<Vec<String>>,
    /// Bytes sent.
    pub(super) sent: AtomicU64,
    /// Answers that are dripping now.
    pub(super) dripping: AtomicU64,
}

/// The server; it stops when dropped.
pub(super) struct Hostile {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Hostile {
    /// `elsewhere` is where redirects point to.
    pub(super) fn start(elsewhere: SocketAddr) -> Hostile {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, stop) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let (inside, ending) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ending.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (seen, stop) = (Arc::clone(&inside), Arc::clone(&ending));
                // Ends when the client hangs up, which it does at the latest when its process ends.
                let serve = move || drop(connection(stream, &seen, &stop, elsewhere));
                std::thread::spawn(serve);
            }
        });
        Hostile { address, seen, stop, thread: Some(thread) }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // A last connection wakes the listener.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Counts what is written.
struct Counted<'s> {
    stream: TcpStream,
    seen: &'s Seen,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let written = self.stream.write(bytes)?;
        self.seen.sent.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.flush()
    }
}

/// Evils that take long are tried on the report alone, not on what is asked beside it.
const MUCH: [&str; 6] =
    ["endless_rows", "million_dnis", "tiny_rows", "scalars_for_rows", "many_keys", "gzip_bomb"];

fn connection(stream: TcpStream, seen: &Seen, stop: &AtomicBool, elsewhere: SocketAddr) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut out = Counted { stream, seen };
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let mut evil = head.split('/').nth(1).unwrap_or_default().to_owned();
        if MUCH.contains(&evil.as_str()) && !head.contains("api=skill_6") {
            evil = "nothing".to_owned();
        }
        seen.requests.lock().unwrap().push(head);
        let goes_on = answer(&evil, &mut out, stop, elsewhere)?;
        if !goes_on {
            out.stream.shutdown(Shutdown::Write)?;
            // What the client still says is read, so that closing does not reset what it has not read yet.
            let _ = reader.read_to_end(&mut Vec::new());
            return Ok(());
        }
    }
}

/// A good row of `skill_6`.
pub(super) fn row(dnis: &str) -> String {
    format!(
        r#"{{"dnis":"{dnis}","inbound_calls":"4","answer_calls":"3","abandon_calls":"1","service_level_10seg":"50.00 %","service_level_20seg":"75.00 %","service_level_30seg":"75.00 %","abandon":"25.00 %","asa":"00:00:08","ata":"00:00:21"}}"#
    )
}

fn body(rows: &[String]) -> String {
    format!(
        r#"{{"code":"200","error":null,"msg":"{} records were found","data":[{}]}}"#,
        rows.len(),
        rows.join(",")
    )
}

fn whole(out: &mut Counted<'_>, head: &str, body: &[u8]) -> Result<bool> {
    write!(out, "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    out.write_all(body)?;
    Ok(true)
}

const JSON: &str = "200 OK\r\nContent-Type: application/json";

/// Writes a body that has no end, in chunks; it stops when the client hangs up.
fn endless(out: &mut Counted<'_>, start: &[u8], mut piece: impl FnMut(u64) -> Vec<u8>) -> Result<bool> {
    write!(out, "HTTP/1.1 {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    write!(out, "{:x}\r\n", start.len())?;
    out.write_all(start)?;
    out.write_all(b"\r\n")?;
    let mut sent = 0;
    let mut number = 0;
    while sent < ENDLESS {
        let piece = piece(number);
        number += 1;
        sent += piece.len() as u64;
        write!(out, "{:x}\r\n", piece.len())?;
        out.write_all(&piece)?;
        out.write_all(b"\r\n")?;
    }
    out.write_all(b"0\r\n\r\n")?;
    Ok(true)
}

/// One gzip member of `bytes` of these pieces over and over.
fn member(start: &[u8], piece: &[u8], bytes: u64) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(start).unwrap();
    let mut left = bytes;
    while left > 0 {
        packed.write_all(piece).unwrap();
        left = left.saturating_sub(piece.len() as u64);
    }
    packed.finish().unwrap()
}

const ROWS: &[u8] = br#"{"code":"200","data":["#;

/// Answers one request; `false` ends the connection.
fn answer(evil: &str, out: &mut Counted<'_>, stop: &AtomicBool, elsewhere: SocketAddr) -> Result<bool> {
    match evil {
        // --- too much ---
        "endless_rows" => endless(out, ROWS, |number| {
            // A long row each, so that bytes run out before rows do.
            let comment = "y".repeat(200_000);
            format!(r#"{{"dnis":"{}","comment":"{comment}"}},"#, number % 10).into_bytes()
        }),
        "content_length_of_10_gb" => {
            write!(out, "HTTP/1.1 {JSON}\r\nContent-Length: {ENDLESS}\r\n\r\n")?;
            out.write_all(ROWS)?;
            let piece = vec![b'['; 1 << 20];
            loop {
                out.write_all(&piece)?;
            }
        }
        "million_dnis" => endless(out, ROWS, |number| {
            let rows: Vec<String> = (0..1_000).map(|nth| row(&format!("{}", 600_000 + number * 1_000 + nth))).collect();
            format!("{},", rows.join(",")).into_bytes()
        }),
        "tiny_rows" => endless(out, ROWS, |number| {
            let rows = (0..4_000).map(|nth| format!(r#"{{"dnis":"{:x}"}},"#, number * 4_000 + nth));
            rows.collect::<String>().into_bytes()
        }),
        "scalars_for_rows" => endless(out, ROWS, |_| b"1,".repeat(8_192)),
        "one_endless_string" => endless(out, br#"{"code":"200","msg":""#, |_| vec![b'z'; 65_536]),
        "endless_key" => endless(out, br#"{""#, |_| vec![b'k'; 65_536]),
        "many_keys" => endless(out, b"{", |number| {
            let keys = (0..2_000).map(|nth| format!(r#""k{}":"v","#, number * 2_000 + nth));
            keys.collect::<String>().into_bytes()
        }),
        "deep" => endless(out, br#"{"code":"200","data":[{"dnis":"#, |_| vec![b'['; 65_536]),
        "deep_objects" => endless(out, br#"{"code":"200","data":"#, |_| br#"{"a":"#.repeat(8_192)),
        "gzip_bomb" => {
            // 10 GiB in members of 64 MiB, each packed a thousand to one.
            let packed = member(b"", &[b' '; 65_536], 64 << 20);
            let head = format!("HTTP/1.1 {JSON}\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n");
            out.write_all(head.as_bytes())?;
            for _ in 0..160 {
                out.write_all(&packed)?;
            }
            Ok(false)
        }
        "gzip_of_gzip" => {
            let inner = member(ROWS, b"1,", 1 << 20);
            let mut outer = GzEncoder::new(Vec::new(), Compression::fast());
            outer.write_all(&inner)?;
            whole(out, &format!("{JSON}\r\nContent-Encoding: gzip, gzip"), &outer.finish()?)
        }
        "gzip_cut" => {
            let packed = member(ROWS, row("601").as_bytes(), 1 << 16);
            whole(out, &format!("{JSON}\r\nContent-Encoding: gzip"), &packed[..packed.len() / 2])
        }
        "nothing" => whole(out, "404 Not Found", br#"{"code":"404","error":"x","msg":"x","data":[]}"#),
        // --- odd values ---
        "nasty_names" => {
            let asked = out.seen.requests.lock().unwrap().last().cloned().unwrap_or_default();
            if asked.contains("api=skills") {
                let skill = r#"{"skill_id":"101","skill_name":"<script>alert('skill')</script><img src=x onerror=alert(1)>"}"#;
                whole(out, JSON, body(&[skill.to_owned()]).as_bytes())
            } else {
                whole(out, JSON, body(&[row("<script>alert('dnis')</script>")]).as_bytes())
            }
        }
        "nasty_labels" => {
            let nasty = [
                "\\u0000", "\\u001b[31m", "a\\\"b", "a\\\\", "a\\nb", "a\\u2028b", "\\u202eevil", "\\ufeffx", "<script>alert(1)</script>",
                "'; DROP TABLE", "{le=\\\"1\\\"} 9", "# EOF", "\\ud83d\\ude00",
            ];
            let rows: Vec<String> = nasty.iter().map(|dnis| row(dnis)).collect();
            whole(out, JSON, body(&rows).as_bytes())
        }
        "lone_surrogate" => whole(out, JSON, body(&[row("\\ud800")]).as_bytes()),
        "not_utf8" => {
            let mut bytes = body(&[row("PLACE")]).into_bytes();
            let at = bytes.windows(5).position(|window| window == b"PLACE").unwrap_or_default();
            bytes[at..at + 5].copy_from_slice(b"\xff\xfe\xc3\x28\x80");
            whole(out, JSON, &bytes)
        }
        "numbers" => {
            let texts = ["1e999", "18446744073709551616", "NaN", "inf", "-1", "9223372036854775808", "0x10"];
            let rows: Vec<String> =
                texts.iter().enumerate().map(|(nth, text)| row(&format!("7{nth}")).replace(r#""4""#, &format!("{text:?}"))).collect();
            whole(out, JSON, body(&rows).as_bytes())
        }
        "numbers_as_numbers" => {
            whole(out, JSON, body(&[row("71").replace(r#""4""#, "1e308")]).as_bytes())
        }
        "number_too_large_for_json" => whole(out, JSON, body(&[row("71").replace(r#""4""#, "1e999")]).as_bytes()),
        "trailing_garbage" => whole(out, JSON, format!("{}<br>", body(&[row("601")])).as_bytes()),
        // --- odd HTTP ---
        "redirect" => whole(out, &format!("302 Found\r\nLocation: http://{elsewhere}/api/v2/"), b""),
        "permanent_redirect" => whole(out, &format!("308 Permanent Redirect\r\nLocation: http://{elsewhere}/api/v2/"), b""),
        "refresh" => whole(
            out,
            &format!("200 OK\r\nContent-Type: text/html\r\nRefresh: 0; url=http://{elsewhere}/\r\nLink: <http://{elsewhere}/>; rel=preload"),
            b"<html></html>",
        ),
        "alternative_service" => {
            whole(out, &format!("{JSON}\r\nAlt-Svc: h2=\"{elsewhere}\", h3=\"{elsewhere}\""), body(&[row("601")]).as_bytes())
        }
        "cookies" => whole(out, &format!("{JSON}\r\nSet-Cookie: a=b; Path=/\r\nSet-Cookie: c=d"), body(&[row("601")]).as_bytes()),
        "huge_header" => {
            write!(out, "HTTP/1.1 200 OK\r\nX-Huge: ")?;
            let piece = [b'h'; 65_536];
            loop {
                out.write_all(&piece)?;
            }
        }
        "thousand_headers" => {
            let headers: String = (0..1_000).map(|nth| format!("X-{nth}: v\r\n")).collect();
            whole(out, &format!("{JSON}\r\n{}", headers.trim_end()), body(&[row("601")]).as_bytes())
        }
        "shorter_than_said" => {
            write!(out, "HTTP/1.1 {JSON}\r\nContent-Length: 100000\r\n\r\n{}", body(&[row("601")]))?;
            Ok(false)
        }
        "longer_than_said" => {
            write!(out, "HTTP/1.1 {JSON}\r\nContent-Length: 50\r\n\r\n{}", body(&[row("601")]))?;
            Ok(true)
        }
        "two_lengths" => {
            let body = body(&[row("601")]);
            write!(out, "HTTP/1.1 {JSON}\r\nContent-Length: 5\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
            Ok(false)
        }
        "bad_chunk" => {
            write!(out, "HTTP/1.1 {JSON}\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}", body(&[row("601")]))?;
            Ok(false)
        }
        "http_1_0" => {
            write!(out, "HTTP/1.0 {JSON}\r\n\r\n{}", body(&[row("601")]))?;
            Ok(false)
        }
        "http_2" => {
            out.write_all(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00d\x00\x04@\x00\x00\x00")?;
            Ok(false)
        }
        "ssh" => {
            out.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n")?;
            Ok(false)
        }
        "silence" => Ok(false),
        "reset" => {
            write!(out, "HTTP/1.1 {JSON}\r\nContent-Length: 100000\r\n\r\n{{\"code\":")?;
            let socket = socket2::Socket::from(out.stream.try_clone()?);
            socket.set_linger(Some(std::time::Duration::ZERO))?;
            // Closing both handles resets the connection.
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
        "informational_flood" => {
            for _ in 0..50_000 {
                out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            whole(out, JSON, body(&[row("601")]).as_bytes())
        }
        "deep_refusal" => whole(out, "403 Forbidden", "[".repeat(60_000).as_bytes()),
        "endless_refusal" => {
            write!(out, "HTTP/1.1 403 Forbidden\r\nContent-Length: {ENDLESS}\r\n\r\n")?;
            let piece = [b'x'; 65_536];
            loop {
                out.write_all(&piece)?;
            }
        }
        "forged_message" => whole(
            out,
            "403 Forbidden\r\nContent-Type: application/json",
            "{\"code\":\"403\",\"error\":\"x\",\"msg\":\"<script>alert(1)</script>\\u202e\\u001b[2J\\nlevel=info msg=forged\",\"data\":[]}".as_bytes(),
        ),
        "drip" => {
            seen_drip(out, stop, format!("HTTP/1.1 {JSON}\r\nContent-Length: 100000\r\n\r\n{{").as_bytes())
        }
        "drip_of_headers" => seen_drip(out, stop, b"HTTP/1.1 200 OK\r\nX-Slow: "),
        other => {
            let message = format!(r#"{{"code":"500","msg":"no evil called {other}","error":"x"}}"#);
            whole(out, "500 Internal Server Error", message.as_bytes())
        }
    }
}

/// A start, and then a byte now and then, for ever.
fn seen_drip(out: &mut Counted<'_>, stop: &AtomicBool, start: &[u8]) -> Result<bool> {
    out.write_all(start)?;
    out.seen.dripping.fetch_add(1, Ordering::SeqCst);
    let mut dripped = Ok(());
    while dripped.is_ok() && !stop.load(Ordering::SeqCst) {
        std::thread::sleep(std::time::Duration::from_millis(500));
        dripped = out.write_all(b" ");
    }
    out.seen.dripping.fetch_sub(1, Ordering::SeqCst);
    dripped.map(|()| false)
}
