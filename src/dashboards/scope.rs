//! What a board asks of Prometheus: series of the catalogue and recorded ones, narrowed by the board's variables.
//!
//! Counts are summed before anything is divided. A variable is added wherever the series has its label, so that a
//! board cannot forget one.

use super::Options;
use super::board::Board;
use super::recording::{NAMED, OPERATION, SKILL, Share, WITHIN, counted, inbound, names, revised};
use super::words::{Part, Window, base, grown, is, list, series, sum};
use crate::api::Report;
use crate::metrics::{Family, Label, catalogue};

/// The job, which a variable stands for.
const JOB: &str = "job";
/// The time that follows the width of a graph.
pub const RATE: &str = "$__rate_interval";
/// The time that the board shows.
pub const RANGE: &str = "$__range";

/// The names and values of a board's variables, applied to series.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// What the customer chose.
    pub options: &'a Options,
    /// The board, which says what variables there are.
    pub board: Board,
}

/// The parts of a selector: the job that it names, if it names one, and its other matchers.
pub fn split(selector: &str) -> (Option<String>, Vec<String>) {
    let mut matchers = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for character in selector.chars() {
        match character {
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => {
                matchers.push(String::new());
                continue;
            }
            _ => {}
        }
        escaped = character == '\\' && !escaped;
        if let Some(last) = matchers.last_mut() {
            last.push(character);
        }
    }
    let mut job = None;
    let mut others = Vec::new();
    for matcher in matchers.iter().map(|matcher| matcher.trim()).filter(|matcher| !matcher.is_empty()) {
        let named = matcher.split_once('=').filter(|(label, _)| label.trim() == JOB);
        match named.map(|(_, value)| value.trim()) {
            Some(value) if value.starts_with('"') => job = Some(value.trim_matches('"').to_owned()),
            _ => others.push(matcher.to_owned()),
        }
    }
    (job, others)
}

impl Scope<'_> {
    /// `label=~"$label"` for each of the labels that is a variable of the board and may have several values.
    fn chosen(&self, labels: &[Label]) -> Vec<String> {
        let several = labels.iter().filter(|label| **label != Label::Within);
        let known = several.filter(|label| self.board.variables().contains(label));
        known.map(|label| format!("{0}=~\"${0}\"", label.as_str())).collect()
    }

    /// A series of the catalogue.
    pub fn all(&self, family: &Family) -> String {
        self.part(family, Part::Value, &[])
    }

    /// A series of the catalogue with further matchers.
    pub fn some(&self, family: &Family, matchers: &[String]) -> String {
        self.part(family, Part::Value, matchers)
    }

    /// One kind of series of a histogram or summary.
    pub fn part(&self, family: &Family, part: Part, matchers: &[String]) -> String {
        let mut inside = split(&self.options.selector.0).1;
        inside.push(format!("{JOB}=~\"${JOB}\""));
        inside.extend(self.chosen(family.labels));
        inside.extend_from_slice(matchers);
        format!("{}{{{}}}", series(family, part), inside.join(","))
    }

    /// A series that another library names, which has no label of ours.
    pub fn named(&self, name: &str) -> String {
        let mut inside = split(&self.options.selector.0).1;
        inside.push(format!("{JOB}=~\"${JOB}\""));
        format!("{name}{{{}}}", inside.join(","))
    }

    /// A recorded series of this level. It has no job: the rules take what their selector takes, one exporter for each
    /// operation, and the job that is chosen narrows the operations.
    pub fn recorded(&self, level: &[Label], name: &str, matchers: &[String]) -> String {
        let mut inside = self.chosen(level);
        inside.extend_from_slice(matchers);
        format!("{name}{{{}}}", inside.join(","))
    }

    /// `increase(counter[window])`, summed.
    pub fn grown(&self, by: &[Label], family: &Family, window: &str) -> String {
        self.grown_part(by, family, Part::Value, &[], window)
    }

    /// The same of some series of a family.
    pub fn grown_part(
        &self,
        by: &[Label],
        family: &Family,
        part: Part,
        matchers: &[String],
        window: &str,
    ) -> String {
        let grown = grown(family, part, &self.part(family, part, matchers), window);
        if by.is_empty() { format!("sum({grown})") } else { sum(by, &grown) }
    }

    /// Per hour, over the time that follows the width of the graph.
    pub fn hourly(&self, by: &[Label], family: &Family, matchers: &[String]) -> String {
        // Of several exporters that read the same, one counts.
        let rate =
            format!("max by ({}) (rate({}[{RATE}]))", list(family.labels), self.some(family, matchers));
        let summed = if by.is_empty() { format!("sum({rate})") } else { sum(by, &rate) };
        format!("3600 * {summed}")
    }

    /// The chosen seconds.
    pub fn within() -> String {
        is(Label::Within, "$within")
    }

    /// Calls offered by skill, where none were taken back within the window.
    pub fn offered(&self, window: Window) -> String {
        self.trusted(&self.recorded(SKILL, &inbound(window), &[]), window)
    }

    /// The good or bad calls of a share by skill, where none were taken back within the window.
    pub fn counted(&self, share: Share, window: Window) -> String {
        let counted = match share {
            Share::ServiceLevel => self.recorded(
                WITHIN,
                &counted(WITHIN, super::recording::ANSWERED_WITHIN, window),
                &[Scope::within()],
            ),
            Share::Abandon => {
                self.recorded(SKILL, &counted(SKILL, base(&catalogue::ABANDONED_CALLS), window), &[])
            }
        };
        self.trusted(&counted, window)
    }

    /// Without operations whose counts were taken back within the window. A day is too long for that: something small is
    /// taken back on most days, and it weighs little in a day.
    fn trusted(&self, what: &str, window: Window) -> String {
        if window == Window::D1 {
            return what.to_owned();
        }
        let down = self.recorded(OPERATION, &revised(window), &[is(Label::Report, Report::Skill6.code())]);
        format!("({what} unless on ({}) ({down} > 0))", list(OPERATION))
    }

    /// The fewest calls on which a ratio over the window is shown.
    pub fn fewest(&self, window: Window) -> f64 {
        let thresholds = &self.options.thresholds;
        match window {
            Window::M15 | Window::M30 | Window::H1 | Window::H2 => thresholds.calls_hour,
            Window::H4 | Window::H6 => thresholds.calls_shift,
            Window::D1 => thresholds.calls_day,
        }
    }

    /// What one skill may miss.
    pub fn budget(&self, share: Share) -> String {
        let matchers = if share == Share::ServiceLevel { vec![Scope::within()] } else { vec![] };
        self.recorded(share.by(), &share.budget(), &matchers)
    }

    /// The ratio of each skill, blank on too few calls: the recorded one, and over a day the counts themselves, since the
    /// recorded one is blank for a day after every correction.
    pub fn ratio(&self, share: Share, window: Window) -> String {
        if window == Window::D1 {
            return format!(
                "clamp_max({} / on ({}) ({} >= {}), 1)",
                self.counted(share, window),
                list(SKILL),
                self.offered(window),
                self.fewest(window)
            );
        }
        let matchers = if share == Share::ServiceLevel { vec![Scope::within()] } else { vec![] };
        self.enough(&self.recorded(share.by(), &share.ratio(window), &matchers), window)
    }

    /// Another recorded value of each skill, such as the speed of answer, blank on too few calls.
    pub fn enough(&self, what: &str, window: Window) -> String {
        let calls = self.recorded(SKILL, &inbound(window), &[]);
        format!("{what} and on ({}) ({calls} >= {})", list(SKILL), self.fewest(window))
    }

    /// The share of all chosen skills together: calls are summed, then divided.
    pub fn pooled(&self, share: Share, window: Window) -> String {
        format!(
            "clamp_max(sum({}) / (sum({}) >= {}), 1)",
            self.counted(share, window),
            self.offered(window),
            self.fewest(window)
        )
    }

    /// The bad calls of all chosen skills that have a target, as times those allowed.
    pub fn pooled_burn(&self, share: Share, window: Window) -> String {
        format!("({}) / ({} > 0)", self.bad(share, window), self.allowed(share, window))
    }

    /// The bad calls of all chosen skills that have a target.
    fn bad(&self, share: Share, window: Window) -> String {
        let (on, budget) = (list(SKILL), self.budget(share));
        let counted = format!("sum({} and on ({on}) {budget})", self.counted(share, window));
        match share {
            Share::Abandon => counted,
            Share::ServiceLevel => {
                format!("sum({} and on ({on}) {budget}) - {counted}", self.offered(window))
            }
        }
    }

    /// The bad calls that the targets of the chosen skills allow together.
    fn allowed(&self, share: Share, window: Window) -> String {
        format!("sum({} * on ({}) {})", self.offered(window), list(SKILL), self.budget(share))
    }

    /// What the chosen skills should reach together: their targets, weighted by calls.
    pub fn pooled_target(&self, share: Share, window: Window) -> String {
        let (on, budget) = (list(SKILL), self.budget(share));
        let calls = format!("sum({} and on ({on}) {budget})", self.offered(window));
        let may = format!("{} / ({calls} >= {})", self.allowed(share, window), self.fewest(window));
        if share == Share::ServiceLevel { format!("1 - {may}") } else { may }
    }

    /// The name of each skill, its identifier where none is known.
    pub fn names(&self) -> String {
        self.recorded(NAMED, &names(), &[])
    }

    /// The names of the skills that this knows.
    pub fn names_of(&self, what: &str) -> String {
        format!("{} and on ({}) {what}", self.names(), list(SKILL))
    }

    /// With the name of the skill as a label.
    pub fn with_name(&self, what: &str) -> String {
        format!("({what}) * on ({}) group_left ({}) {}", list(SKILL), Label::SkillName.as_str(), self.names())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_split_into_the_job_and_the_rest() {
        let text = |rest: &[&str]| rest.iter().map(|each| (*each).to_owned()).collect::<Vec<_>>();
        assert_eq!(split(r#"job="wolkvox""#), (Some("wolkvox".to_owned()), text(&[])));
        assert_eq!(split(""), (None, text(&[])));
        assert_eq!(
            split(r#"a="x,\"y", job = "j",b!="z""#),
            (Some("j".to_owned()), text(&[r#"a="x,\"y""#, r#"b!="z""#]))
        );
        assert_eq!(split(r#"job=~"a|b""#), (None, text(&[r#"job=~"a|b""#])));
    }
}
