//! Answers with fewer rows than they say: cut, or from a server that counts differently?
//!
//! Such an answer is asked for again in pieces. Only when all pieces show the same difference as the whole does this
//! server count differently; the difference is then remembered for the report, and the pieces stand.

use std::collections::BTreeMap;

use crate::api::Report;
use crate::report::Decoded;
use crate::schedule::Request;
use crate::time::Window;

/// The differences of one operation.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    learned: BTreeMap<Report, u64>,
    open: Option<Doubt>,
}

#[derive(Debug)]
struct Doubt {
    report: Report,
    skill: String,
    slot: u64,
    whole: Window,
    missing: u64,
    held: Vec<(Request, Decoded)>,
}

/// What to do with an answer, and with those held back before it.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    /// Held back until now, and cut as it turns out: to be asked for again in pieces.
    pub(super) cut: Vec<(Request, Decoded)>,
}

/// What to do with an answer.
#[derive(Debug)]
pub(super) enum Verdict {
    /// These answers are complete: the one judged, and those held back before it.
    Sound(Vec<(Request, Decoded)>),
    /// Kept until its other pieces have been seen.
    Held,
    /// Rows are missing; ask in pieces. The answer comes back, should there be no smaller piece.
    Incomplete(Box<Decoded>),
}

impl Doubts {
    /// Judges an answer that misses `missing` of the rows it says it has.
    pub(super) fn judge(&mut self, request: &Request, missing: u64, decoded: Decoded) -> Judgement {
        let nothing_held = |verdict| Judgement { verdict, cut: Vec::new() };
        let Some(window) = request.window else {
            return nothing_held(Verdict::Sound(vec![(request.clone(), decoded)]));
        };
        let about = self.open.take_if(|doubt| doubt.is_about(request, window));
        if missing == 0 || self.learned.get(&request.report) == Some(&missing) {
            // A complete piece refutes the doubt: what was held back was cut.
            let cut = about.map(|doubt| doubt.held).unwrap_or_default();
            return Judgement { verdict: Verdict::Sound(vec![(request.clone(), decoded)]), cut };
        }
        match about {
            Some(mut doubt) if doubt.whole != window && doubt.missing == missing => {
                doubt.held.push((request.clone(), decoded));
                if doubt.is_whole() {
                    self.learned.insert(request.report, missing);
                    return nothing_held(Verdict::Sound(doubt.held));
                }
                self.open = Some(doubt);
                nothing_held(Verdict::Held)
            }
            about => {
                let cut = about.map(|doubt| doubt.held).unwrap_or_default();
                let (report, skill, slot) = (request.report, request.skill.clone(), request.slot);
                self.open = Some(Doubt { report, skill, slot, whole: window, missing, held: Vec::new() });
                Judgement { verdict: Verdict::Incomplete(Box::new(decoded)), cut }
            }
        }
    }
}

impl Doubt {
    fn is_about(&self, request: &Request, window: Window) -> bool {
        self.report == request.report
            && self.skill == request.skill
            && self.slot == request.slot
            && self.whole.covers(&window)
    }

    /// Whether the pieces held back follow each other from one end of the whole to the other.
    fn is_whole(&self) -> bool {
        let windows = self.held.iter().filter_map(|(request, _)| request.window);
        let end =
            windows.fold(self.whole.from, |end, window| if window.from == end { window.to } else { end });
        end >= self.whole.to
    }
}

#[cfg(test)]
mod tests;
