use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::{Config, Denominator};
use crate::report::{Decoder, IdentityKey};
use crate::schedule::Purpose;
use crate::time::{SignedDuration, Timestamp, civil, shift};

fn window(from: i64, to: i64) -> Window {
    let start = civil::date(2026, 4, 4).at(0, 0, 0, 0);
    let at = |seconds| shift(start, SignedDuration::from_secs(seconds));
    Window { from: at(from), to: at(to) }
}

fn request(report: Report, slot: u64, window: Window) -> Request {
    let (skill, now, purpose) = (String::new(), Timestamp::UNIX_EPOCH, Purpose::Present);
    Request { report, skill, window: Some(window), slot, now, purpose, part: (0, 1) }
}

fn decoded(request: &Request) -> Decoded {
    let text =
        "operations:\n  - name: a\n    base_url: http://127.0.0.1:1/\n    token_env: T\n    timezone: UTC\n";
    let operation = Config::parse(text, Path::new("."), "test").unwrap().operations.remove(0);
    let key = IdentityKey::new([7; 32]);
    let mut decoder = Decoder::new(request, &operation, &key, Denominator::Inbound, request.now);
    decoder.push(br#"{"code":"200","msg":"","data":[]}"#).unwrap();
    decoder.finish(200, None).unwrap()
}

/// Asks a window of a server, in pieces where it must, as the schedule does; tells which windows counted.
fn read(
    doubts: &mut Doubts,
    slot: u64,
    whole: Window,
    missing: &impl Fn(Window) -> u64,
) -> (Vec<Window>, usize) {
    let mut queue = vec![whole];
    let mut counted = vec![];
    let mut asked = 0;
    while let Some(next) = queue.pop() {
        asked += 1;
        let request = request(Report::Cdr1, slot, next);
        let halves = |queue: &mut Vec<Window>, window: Window| {
            let middle = shift(window.from, SignedDuration::from_secs(window.seconds() / 2));
            queue.push(Window { from: middle, to: window.to });
            queue.push(Window { from: window.from, to: middle });
        };
        let Judgement { verdict, cut } = doubts.judge(&request, missing(next), decoded(&request));
        match verdict {
            Verdict::Held => {}
            Verdict::Sound(answers) => {
                counted.extend(answers.iter().filter_map(|(request, _)| request.window))
            }
            Verdict::Incomplete(_) if request.is_indivisible() => counted.push(next),
            Verdict::Incomplete(_) => halves(&mut queue, next),
        }
        for (held, _) in cut.into_iter().rev() {
            let window = held.window.unwrap();
            if held.is_indivisible() {
                counted.push(window);
            } else {
                halves(&mut queue, window);
            }
        }
    }
    counted.sort();
    (counted, asked)
}

fn covers(counted: &[Window], whole: Window) -> bool {
    let next = |end, window: &Window| (window.from == end).then_some(window.to);
    counted.iter().try_fold(whole.from, next) == Some(whole.to)
}

proptest! {
    /// Wherever rows are lost, everything else counts, once, and what was lost costs no more than the way down to it.
    #[test]
    fn what_is_held_back_is_never_forgotten(
        seconds in 1..20_000_i64,
        lost in prop::collection::vec(0..20_000_i64, 0..4),
        everywhere in 0..3_u64,
    ) {
        let whole = window(0, seconds);
        let lost: Vec<_> = lost.into_iter().filter(|at| *at < seconds).map(|at| window(at, at + 1)).collect();
        let missing = |asked: Window| {
            everywhere + lost.iter().filter(|lost| asked.covers(lost)).count() as u64
        };
        let mut doubts = Doubts::default();
        for slot in 1..4 {
            let (counted, asked) = read(&mut doubts, slot, whole, &missing);
            prop_assert!(covers(&counted, whole), "{:?}", counted);
            prop_assert!(asked <= 3 + 36 * (lost.len() + usize::from(everywhere > 0)), "{} asked", asked);
        }
    }

    /// A server that counts differently is learned at the first doubt.
    #[test]
    fn a_difference_shown_by_all_pieces_is_learned(seconds in 2..20_000_i64, difference in 1..5_u64) {
        let mut doubts = Doubts::default();
        let whole = window(0, seconds);
        prop_assert_eq!(read(&mut doubts, 1, whole, &|_| difference).1, 3);
        let (counted, asked) = read(&mut doubts, 2, whole, &|_| difference);
        prop_assert_eq!((counted, asked), (vec![whole], 1));
    }
}

#[test]
fn a_doubt_is_of_one_slot_report_and_skill() {
    let mut doubts = Doubts::default();
    let whole = request(Report::Cdr1, 1, window(0, 100));
    assert!(matches!(doubts.judge(&whole, 1, decoded(&whole)).verdict, Verdict::Incomplete(_)));
    let first = request(Report::Cdr1, 1, window(0, 50));
    assert!(matches!(doubts.judge(&first, 1, decoded(&first)).verdict, Verdict::Held));
    for other in [
        request(Report::Cdr1, 2, window(50, 100)),
        request(Report::Diagram4, 1, window(50, 100)),
        Request { skill: "101".to_owned(), ..request(Report::Cdr1, 1, window(50, 100)) },
    ] {
        let judgement = doubts.judge(&other, 0, decoded(&other));
        assert!(matches!(judgement.verdict, Verdict::Sound(answers) if answers.len() == 1));
        assert!(judgement.cut.is_empty(), "it says nothing about the doubt");
    }
    let second = request(Report::Cdr1, 1, window(50, 100));
    let judgement = doubts.judge(&second, 0, decoded(&second));
    assert_eq!(judgement.cut.iter().map(|(request, _)| request).collect::<Vec<_>>(), [&first]);
}
