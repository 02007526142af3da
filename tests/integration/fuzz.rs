//! The corpus of the fuzz targets, and mutations of it that are the same in every run, through the same checks.
//!
//! `tests/fuzz` holds the targets for libFuzzer; what it has found lies in `tests/fuzz/corpus` and is tried here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

#[path = "../fuzz/checks/lib.rs"]
#[expect(unreachable_pub, reason = "they are a library to the fuzz targets")]
pub(crate) mod checks;

/// Larger inputs show nothing that smaller ones do not.
const LONGEST: usize = 16 * 1024;

/// Numbers, words and bytes that parsers stumble over.
const PIECES: [&[u8]; 24] = [
    b"\0",
    b"\xff\xfe",
    b"\xc3",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xae",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"\\u0000",
    b"\"",
    b"\\",
    b"\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"1e999",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"NaN",
    b"TOTAL",
    b"3001234567",
];

/// Files of a corpus in the order of their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap())
        .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// One to four changes: bits, bytes, pieces, cuts, repeats and splices.
fn mutated(random: &mut ChaCha8Rng, corpus: &[(String, Vec<u8>)]) -> Vec<u8> {
    let any = |random: &mut ChaCha8Rng| corpus[random.random_range(0..corpus.len())].1.clone();
    let mut input = any(random);
    for _ in 0..random.random_range(1..=4) {
        let length = input.len();
        let at = random.random_range(0..=length);
        let end = random.random_range(at..=length.min(at + 64));
        match random.random_range(0..8) {
            0 if at < length => input[at] ^= 1 << random.random_range(0..8),
            1 if at < length => input[at] = random.random(),
            2 => drop(input.splice(at..at, PIECES[random.random_range(0..PIECES.len())].iter().copied())),
            3 => drop(input.splice(at..end, PIECES[random.random_range(0..PIECES.len())].iter().copied())),
            4 => input.truncate(at),
            5 => drop(input.drain(at..end)),
            6 => {
                let again = input[at..end].to_vec();
                drop(input.splice(at..at, again));
            }
            _ => {
                let other = any(random);
                input.truncate(at);
                input.extend_from_slice(&other[random.random_range(0..=other.len())..]);
            }
        }
    }
    input.truncate(LONGEST);
    input
}

fn replay(target: &str, mutations: usize) {
    let (_, check) = checks::ALL.into_iter().find(|(name, _)| *name == target).unwrap();
    let corpus = corpus(target);
    assert!(corpus.len() >= 20, "the corpus of {target} is gone");
    let attempt = |what: &str, input: &[u8]| {
        if catch_unwind(AssertUnwindSafe(|| check(input))).is_err() {
            panic!("{target} fails on {what}: \"{}\"", input.escape_ascii());
        }
    };
    for (name, input) in &corpus {
        attempt(name, input);
    }
    let mut random = ChaCha8Rng::seed_from_u64(0x0077_6f6c_6b76_6f78);
    for number in 0..mutations {
        attempt(&format!("mutation {number}"), &mutated(&mut random, &corpus));
    }
    println!("{target}: {} files of the corpus and {mutations} mutations", corpus.len());
}

#[test]
fn every_target_has_its_check_and_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let names = |folder: &Path| {
        let files = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let mut checked = checks::ALL.map(|(name, _)| name.to_owned());
    checked.sort();
    assert_eq!(names(&folder.join("targets")), checked);
    assert_eq!(names(&folder.join("corpus")), checked);
}

#[test]
fn answers() {
    replay("answers", 4_000);
}

#[test]
fn fields() {
    replay("fields", 6_000);
}

#[test]
fn refusals() {
    replay("refusals", 20_000);
}

#[test]
fn configurations() {
    replay("configurations", 3_000);
}

#[test]
fn web_configurations() {
    replay("web_configurations", 6_000);
}

#[test]
fn requests() {
    replay("requests", 4_000);
}

#[test]
fn expositions() {
    replay("expositions", 1_000);
}
