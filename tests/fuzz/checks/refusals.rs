//! Bodies of refusals: the first byte chooses the status, the second whether the server is known, the rest is the body.
//!
//! What becomes of them is short, one line, without a long number, and never shows the token, whatever a server echoes.

use wolkvox_exporter::client::Failure;
use wolkvox_exporter::config::Token;

/// The token of all these requests; the corpus has bodies that echo it, whole, cut, and in capitals.
pub const TOKEN: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A piece this long is an echo.
const TELLING: usize = 8;

pub fn check(bytes: &[u8]) {
    let &[status, known, ref body @ ..] = bytes else { return };
    let status = [200, 204, 301, 302, 400, 401, 403, 404, 408, 429, 500, 502, 503, 504, 599, 100]
        [usize::from(status % 16)];
    let token = Token::new(TOKEN).unwrap();
    let Some(failure) = Failure::of_answer(status, body, known % 2 == 1, &token) else {
        // Only a 404 may mean an empty answer, and a failing server never does.
        assert!(!(300..400).contains(&status) && status < 500);
        return;
    };
    let words = failure.to_string();
    assert!(words.chars().count() <= 400, "{words}");
    assert!(
        !words.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}')),
        "{words:?}"
    );
    let mut run = 0;
    let long = words.chars().any(|c| {
        run = if c.is_numeric() { run + 1 } else { 0 };
        run >= 7
    });
    assert!(!long, "{words}");
    let words = words.to_ascii_lowercase();
    assert!(!TOKEN.as_bytes().windows(TELLING).any(|piece| contains(words.as_bytes(), piece)), "{words}");
}

fn contains(words: &[u8], piece: &[u8]) -> bool {
    words.windows(piece.len()).any(|window| window == piece)
}
