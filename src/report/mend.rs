//! Text that no JSON can hold: half of a surrogate pair, bytes that are no UTF-8, bare control characters.
//!
//! One such character, in a column that nobody asked for, would otherwise cost the whole answer and every one after it for
//! as long as the row is in the window. It is read as U+FFFD, and everything around it as it stands.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// What stands for a character that is none.
const INSTEAD: &str = "\u{fffd}";

/// The value in `bytes`, whatever its characters are.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(bytes).or_else(|error| match mended(bytes) {
        Some(mended) => serde_json::from_slice(&mended),
        None => Err(error),
    })
}

/// The same JSON with U+FFFD for every character that is none; `None` when there is no such character.
pub(super) fn mended(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    let mut in_string = false;
    while let Some((&byte, after)) = rest.split_first() {
        let taken = match byte {
            b'\\' if in_string => match escape(rest) {
                Escape::Other(length) => length,
                Escape::Half => {
                    out.extend(INSTEAD.bytes());
                    rest = &rest[6..];
                    continue;
                }
            },
            0..=0x1f if in_string => {
                out.extend(INSTEAD.bytes());
                rest = after;
                continue;
            }
            b'"' => {
                in_string = !in_string;
                1
            }
            _ => 1,
        };
        let (kept, after) = rest.split_at(taken.min(rest.len()));
        out.extend(kept);
        rest = after;
    }
    // What is replaced is never ASCII, so that no quote and no brace is lost; between values it is broken JSON still.
    let out = match String::from_utf8_lossy(&out) {
        Cow::Borrowed(_) => out,
        Cow::Owned(lossy) => lossy.into_bytes(),
    };
    (out != bytes).then_some(out)
}

/// What stands behind a backslash.
enum Escape {
    /// Half of a surrogate pair, six bytes long.
    Half,
    /// Anything else, so many bytes long; it may be wrong.
    Other(usize),
}

fn escape(rest: &[u8]) -> Escape {
    match (unit(rest), rest.get(6..).and_then(unit)) {
        (None, _) => Escape::Other(2),
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => Escape::Other(12),
        (Some(0xd800..=0xdfff), _) => Escape::Half,
        (Some(_), _) => Escape::Other(6),
    }
}

/// The code unit that `\uXXXX` at the start stands for.
fn unit(rest: &[u8]) -> Option<u16> {
    let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}
