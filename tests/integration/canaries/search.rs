//! Looks for canaries in whatever the program gives out: as planted, in pieces, and in every usual disguise.

use std::collections::HashMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::planted::Canary;

/// A shorter piece would be found by accident.
const PIECE: usize = 9;
/// What the table of needles is keyed by.
const HEAD: usize = 8;

/// Every form in which a canary could be recognised again.
pub(super) struct Search {
    needles: HashMap<[u8; HEAD], Vec<Needle>>,
    /// Whether any needle starts with these two bytes.
    starts: Vec<bool>,
}

struct Needle {
    bytes: Vec<u8>,
    place: String,
    form: &'static str,
}

impl Search {
    pub(super) fn of<'c>(canaries: impl IntoIterator<Item = &'c Canary>) -> Search {
        let mut search = Search { needles: HashMap::new(), starts: vec![false; 1 << 16] };
        for canary in canaries {
            for (form, bytes) in forms(&canary.core) {
                search.add(Needle { bytes: bytes.to_ascii_lowercase(), place: canary.place.clone(), form });
            }
        }
        search
    }

    fn add(&mut self, needle: Needle) {
        let head: [u8; HEAD] = needle.bytes[..HEAD].try_into().unwrap();
        self.starts[usize::from(u16::from_be_bytes([head[0], head[1]]))] = true;
        self.needles.entry(head).or_default().push(needle);
    }

    /// The canaries in some bytes, each with its place and form.
    pub(super) fn found(&self, haystack: &[u8]) -> Vec<String> {
        let haystack = haystack.to_ascii_lowercase();
        let mut found = Vec::new();
        for (at, window) in haystack.windows(HEAD).enumerate() {
            if !self.starts[usize::from(u16::from_be_bytes([window[0], window[1]]))] {
                continue;
            }
            for needle in self.needles.get(window).into_iter().flatten() {
                if haystack[at..].starts_with(&needle.bytes) {
                    let from = at.saturating_sub(60);
                    let around = &haystack[from..haystack.len().min(at + 60)];
                    let around = String::from_utf8_lossy(around).escape_debug().to_string();
                    found.push(format!("{} ({}): ...{around}...", needle.place, needle.form));
                }
            }
        }
        found.sort();
        found.dedup_by(|a, b| a.split(" (").next() == b.split(" (").next());
        found
    }

    /// Fails when any of these outputs holds a canary; says which, where from, and where to.
    pub(super) fn assert_clean(&self, outputs: &[(String, Vec<u8>)]) {
        let leaks: Vec<String> = outputs
            .iter()
            .flat_map(|(name, bytes)| {
                self.found(bytes).into_iter().map(move |leak| format!("{name} shows {leak}"))
            })
            .collect();
        assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    }
}

/// A text in disguise. Letters are compared without their case.
fn forms(core: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = core.as_bytes();
    let mut forms: Vec<(&'static str, Vec<u8>)> = vec![
        ("whole", bytes.to_vec()),
        ("its beginning", bytes[..PIECE].to_vec()),
        ("its end", bytes[bytes.len() - PIECE..].to_vec()),
        ("backwards", bytes.iter().rev().copied().collect()),
        ("in hex", hex(bytes)),
        ("as UTF-16", core.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        (
            "with JSON escapes",
            bytes
                .iter()
                .fold(String::new(), |mut out, byte| {
                    write!(out, "\\u{byte:04x}").unwrap();
                    out
                })
                .into_bytes(),
        ),
        (
            "with URL escapes",
            bytes
                .iter()
                .fold(String::new(), |mut out, byte| {
                    write!(out, "%{byte:02X}").unwrap();
                    out
                })
                .into_bytes(),
        ),
    ];
    // The middle of base64 does not depend on what stands before and after, but on where it starts.
    for shift in 0..3 {
        let mut shifted = vec![b'x'; shift];
        shifted.extend_from_slice(bytes);
        let text = STANDARD.encode(shifted).trim_end_matches('=').to_owned();
        forms.push(("in base64", text.as_bytes()[usize::from(shift > 0) * 4..text.len() - 2].to_vec()));
    }
    if let Ok(number) = core.parse::<u64>() {
        forms.push(("as an integer", number.to_le_bytes().to_vec()));
        forms.push(("as an integer", number.to_be_bytes().to_vec()));
        forms.push(("as a float", (number as f64).to_le_bytes().to_vec()));
    }
    forms
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()
}

#[test]
fn a_canary_is_found_in_every_disguise_and_nothing_else_is() {
    let mut planter = super::planted::Planter::default();
    let planted =
        [planter.phone("phone"), planter.word("word"), planter.call_id("call"), planter.token("token")];
    let search = Search::of(&planter.canaries);
    for (core, place) in planted.iter().zip(["phone", "word", "call", "token"]) {
        let disguises = [
            format!("tel {core}."),
            core[..PIECE].to_owned(),
            core.to_uppercase(),
            format!("x%20{core}%20"),
            core.chars().rev().collect(),
            String::from_utf8(hex(core.as_bytes())).unwrap(),
            STANDARD.encode(format!("user:{core}!!!")),
            STANDARD.encode(format!("users:{core}!!!")),
            STANDARD.encode(format!("a user:{core}!!!")),
        ];
        for disguise in disguises {
            let found = search.found(format!("before {disguise} after").as_bytes());
            assert!(found.iter().any(|leak| leak.starts_with(place)), "{place}: {disguise}: {found:?}");
        }
    }
    let number: u64 = planted[0].parse().unwrap();
    assert!(!search.found(&number.to_le_bytes()).is_empty());
    let innocent = "wolkvox_inbound_calls_total{operation=\"acme\"} 1763646605 2026-11-20T12:00:00.123Z";
    assert_eq!(search.found(innocent.as_bytes()), Vec::<String>::new());
}
