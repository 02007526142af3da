//! Answers that are wrong in every way we know, with canaries wherever a server may put words.

use serde_json::json;

use super::planted::Planter;
use super::upstream::answer;

/// An operation that always gets the same answer.
pub(super) struct Fault {
    pub(super) operation: String,
    pub(super) token: String,
    pub(super) answer: Vec<u8>,
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Words as a server might quote them: a caller, a call, a customer, the token.
struct Words<'p> {
    planter: &'p mut Planter,
    fault: String,
    token: String,
}

impl Words<'_> {
    fn phone(&mut self, place: &str) -> String {
        self.planter.phone(&format!("{}, {place}", self.fault))
    }

    fn word(&mut self, place: &str) -> String {
        self.planter.word(&format!("{}, {place}", self.fault))
    }

    fn call_id(&mut self, place: &str) -> String {
        self.planter.call_id(&format!("{}, {place}", self.fault))
    }

    fn all(&mut self, place: &str) -> String {
        format!("{} {} {} {}", self.phone(place), self.word(place), self.call_id(place), self.token)
    }
}

/// All faults; `port` is that of the server, to which redirects lead.
pub(super) fn all(planter: &mut Planter, port: u16) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |name: &str, make: &mut dyn FnMut(&mut Words<'_>) -> Vec<u8>| {
        let token = planter.token(&format!("{name}, token"));
        let mut words = Words { planter: &mut *planter, fault: name.to_owned(), token: token.clone() };
        let answer = make(&mut words);
        faults.push(Fault { operation: name.replace([' ', '_'], "-"), token, answer });
    };
    for status in [
        "400 Bad", "401 No", "403 No", "404 No", "408 Late", "409 No", "418 Tea", "429 Slow", "500 Ill",
        "503 Ill", "504 Late",
    ] {
        fault(&format!("status {}", &status[..3]), &mut |words| {
            let body = json!({
                "code": &status[..3],
                "error": words.all("error"),
                "msg": format!("PLEASE LOOK AT {}", words.all("msg")),
                "data": [{ "comment": words.all("data") }],
                words.word("key"): words.word("value"),
            });
            answer(status, &[JSON], body.to_string().as_bytes())
        });
    }
    for (name, msg) in [
        ("refused token", "PLEASE VALIDATE TOKEN"),
        ("spent quota", "TOKEN LIMIT EXCEEDED"),
        ("simultaneous", "EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)"),
    ] {
        fault(name, &mut |words| {
            let body =
                json!({ "code": 403, "error": "FORBIDDEN", "msg": format!("{msg} {}", words.all("msg")) });
            // Under a good status, so that the decoder is the one who meets it.
            answer("200 OK", &[JSON], body.to_string().as_bytes())
        });
    }
    fault("status in words", &mut |words| {
        let reason = words.word("reason phrase");
        answer(&format!("500 {reason}"), &[("Content-Type", "text/plain")], words.all("body").as_bytes())
    });
    fault("web page", &mut |words| {
        let page = format!("<html><title>{}</title>{}</html>", words.all("title"), words.all("body"));
        answer("200 OK", &[("Content-Type", "text/html")], page.as_bytes())
    });
    fault("content type", &mut |words| {
        let media = format!("application/{}; q=\"{}\"", words.word("subtype"), words.phone("parameter"));
        answer("200 OK", &[("Content-Type", &media)], b"{}")
    });
    fault("redirect", &mut |words| {
        let location =
            format!("http://127.0.0.1:{port}/elsewhere/{}?token={}", words.word("Location"), words.token);
        answer("302 Found", &[("Location", &location)], words.all("body").as_bytes())
    });
    fault("redirect of the scheme", &mut |words| {
        let location = format!("https://127.0.0.1:{port}/elsewhere/{}", words.word("Location"));
        answer("308 Moved", &[("Location", &location), ("Refresh", &words.all("Refresh"))], b"")
    });
    fault("headers", &mut |words| {
        let headers = [
            "Set-Cookie",
            "Server",
            "X-Powered-By",
            "WWW-Authenticate",
            "Retry-After",
            "Date",
            "Warning",
            "Link",
        ]
        .map(|name| (name, words.all(name)));
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        answer("401 Unauthorized", &headers, b"")
    });
    fault("status line", &mut |words| format!("HTTP/1.1 {}\r\n\r\n", words.all("status line")).into_bytes());
    fault("no HTTP", &mut |words| format!("{}\r\n\r\n", words.all("first line")).into_bytes());
    fault("name of a header", &mut |words| {
        format!("HTTP/1.1 200 OK\r\n{} x\r\n\r\n", words.all("header")).into_bytes()
    });
    fault("length in words", &mut |words| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{{}}", words.word("Content-Length"))
            .into_bytes()
    });
    fault("two lengths", &mut |words| {
        let number = words.phone("Content-Length");
        format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: {number}\r\n\r\n{{}}").into_bytes()
    });
    fault("chunk in words", &mut |words| {
        let chunk = words.all("size of a chunk");
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}\r\n").into_bytes()
    });
    fault("coding in words", &mut |words| {
        answer("200 OK", &[JSON, ("Content-Encoding", &words.word("Content-Encoding"))], b"{}")
    });
    fault("no gzip", &mut |words| {
        answer("200 OK", &[JSON, ("Content-Encoding", "gzip")], words.all("body").as_bytes())
    });
    fault("cut body", &mut |words| {
        let body = format!(
            "{{\"code\":\"200\",\"data\":[{{\"comment\":\"{}\"}},{{\"comment\":\"",
            words.all("body")
        );
        let mut cut = answer("200 OK", &[JSON], body.as_bytes());
        let said = format!("Content-Length: {}", body.len());
        let more = format!("Content-Length: {}", body.len() + 5_000);
        cut = String::from_utf8(cut).unwrap().replace(&said, &more).into_bytes();
        cut
    });
    let bodies: [(&str, &str); 16] = [
        ("text", "WORDS"),
        ("JSON text", "\"WORDS\""),
        ("unfinished", "{\"code\":\"200\",\"data\":[{\"comment\":\"WORDS"),
        ("unquoted", "{\"code\":\"200\",\"data\":[{\"comment\": WORDS }]}"),
        ("unquoted name", "{\"code\":\"200\",\"data\":[{ WORDS : 1 }]}"),
        ("wrong escape", "{\"code\":\"200\",\"data\":[{\"comment\":\"\\q WORDS\"}]}"),
        ("control in text", "{\"code\":\"200\",\"data\":[{\"comment\":\"\u{1}WORDS\"}]}"),
        ("number in words", "{\"code\":\"200\",\"data\":[{\"cost\": 1e WORDS }]}"),
        ("followed", "{\"code\":\"200\",\"data\":[]} WORDS"),
        ("preceded", "WORDS {\"code\":\"200\",\"data\":[]}"),
        ("data in words", "{\"code\":\"200\",\"msg\":\"WORDS\",\"data\":\"WORDS\"}"),
        ("data as object", "{\"code\":\"200\",\"data\":{\"comment\":\"WORDS\"}}"),
        ("code in words", "{\"code\":\"WORDS\",\"error\":\"WORDS\",\"msg\":\"WORDS\"}"),
        ("error under 200", "{\"code\":\"200\",\"error\":\"WORDS\",\"msg\":\"WORDS\",\"data\":null}"),
        (
            "envelope of another",
            "{\"error\":{\"message\":\"WORDS\",\"detail\":[\"WORDS\"]},\"WORDS\":\"WORDS\"}",
        ),
        (
            "rows missing",
            "{\"code\":\"200\",\"msg\":\"27 records were found WORDS\",\"data\":[{\"comment\":\"WORDS\"}]}",
        ),
    ];
    for (name, body) in bodies {
        fault(name, &mut |words| {
            let body = body.replace("WORDS", &words.all("body"));
            answer("200 OK", &[JSON], body.as_bytes())
        });
    }
    fault("not UTF-8", &mut |words| {
        let mut body = b"{\"code\":\"200\",\"data\":[{\"comment\":\"\xff\xfe ".to_vec();
        body.extend_from_slice(words.all("body").as_bytes());
        body.extend_from_slice(b"\"}]}");
        answer("200 OK", &[JSON], &body)
    });
    fault("long row", &mut |words| {
        let words = words.all("body");
        let body = format!("{{\"code\":\"200\",\"data\":[{{\"comment\":\"{}\"}}]}}", words.repeat(20_000));
        answer("200 OK", &[JSON], body.as_bytes())
    });
    faults
}
