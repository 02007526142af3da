//! The words of PromQL, spelt from the catalogue: a family that is renamed is renamed here as well.

use std::fmt::Write as _;
use std::time::Duration;

use crate::metrics::{Family, Kind, Label, Unit, catalogue};

/// A stretch of time that rules look back over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the stretch it names")]
pub enum Window {
    M15,
    M30,
    H1,
    H2,
    H4,
    H6,
    D1,
}

impl Window {
    /// The windows over which every ratio is recorded.
    pub const RECORDED: [Window; 5] = [Window::M15, Window::M30, Window::H1, Window::H4, Window::D1];

    /// As PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Window::M15 => "15m",
            Window::M30 => "30m",
            Window::H1 => "1h",
            Window::H2 => "2h",
            Window::H4 => "4h",
            Window::H6 => "6h",
            Window::D1 => "1d",
        }
    }

    /// As people say it.
    pub const fn words(self) -> &'static str {
        match self {
            Window::M15 => "15 minutes",
            Window::M30 => "30 minutes",
            Window::H1 => "1 hour",
            Window::H2 => "2 hours",
            Window::H4 => "4 hours",
            Window::H6 => "6 hours",
            Window::D1 => "1 day",
        }
    }

    /// How long it is.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Window::M15 => 900,
            Window::M30 => 1800,
            Window::H1 => 3600,
            Window::H2 => 7200,
            Window::H4 => 14_400,
            Window::H6 => 21_600,
            Window::D1 => 86_400,
        })
    }
}

/// Which part of a family: a plain sample, or a series of a histogram or summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the suffix it names")]
pub enum Part {
    Value,
    Bucket,
    Count,
    Sum,
}

impl Part {
    const fn suffix(self) -> &'static str {
        match self {
            Part::Value => "",
            Part::Bucket => "_bucket",
            Part::Count => "_count",
            Part::Sum => "_sum",
        }
    }
}

/// The name of one kind of series of a family.
///
/// # Panics
///
/// When the family has no such part: a wrong word in a rule, which every test of the rules meets.
pub fn series(family: &Family, part: Part) -> String {
    let fits = match (family.kind, part) {
        (Kind::Counter | Kind::Gauge, Part::Value) => true,
        (Kind::Histogram(_), part) => part != Part::Value,
        (Kind::Summary, part) => matches!(part, Part::Count | Part::Sum),
        _ => false,
    };
    assert!(fits, "{} has no {part:?}", family.name);
    format!("{}{}", family.name, part.suffix())
}

/// A family's name without what its type adds: the middle of a recorded name.
pub fn base(family: &Family) -> &'static str {
    family.name.strip_suffix("_total").unwrap_or(family.name)
}

/// How long what was read last stands in for what cannot be read.
pub const HELD: &str = "6h";

/// How series of this exporter are chosen.
#[derive(Debug, Clone)]
pub struct Selector(pub String);

impl Selector {
    /// `name{selector}`.
    pub fn all(&self, family: &Family) -> String {
        self.part(family, Part::Value, &[])
    }

    /// `name{selector,label="value"}`; matchers are written as given.
    pub fn some(&self, family: &Family, matchers: &[String]) -> String {
        self.part(family, Part::Value, matchers)
    }

    /// `name_part{selector,..}`.
    pub fn part(&self, family: &Family, part: Part, matchers: &[String]) -> String {
        self.named(&series(family, part), matchers)
    }

    /// A gauge, as it last was while its exporter does not answer: a scrape that failed is no news of a target, of opening
    /// hours or of a reading. A gauge that its exporter no longer shows is gone, and where another exporter reads the
    /// operation, that one has the word.
    pub fn held(&self, family: &Family) -> String {
        self.held_by(family, &self.all(family))
    }

    /// The same with another expression for what is there now.
    pub fn held_by(&self, family: &Family, now: &str) -> String {
        format!(
            "{now} or last_over_time({}[{HELD}]) and on (job, instance) {} == 0 unless on ({}) {}",
            self.all(family),
            self.named("up", &[]),
            Label::Operation.as_str(),
            self.all(&catalogue::UP)
        )
    }

    /// The same of a series that another library names, such as `process_start_time_seconds`.
    pub fn named(&self, name: &str, matchers: &[String]) -> String {
        let mut inside: Vec<&str> = Vec::new();
        if !self.0.trim().is_empty() {
            inside.push(self.0.trim());
        }
        inside.extend(matchers.iter().map(String::as_str));
        if inside.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", inside.join(",")) }
    }
}

/// `label="value"`.
pub fn is(label: Label, value: &str) -> String {
    format!("{}=\"{value}\"", label.as_str())
}

/// `label=~"a|b"`.
pub fn is_one_of(label: Label, values: &[&str]) -> String {
    format!("{}=~\"{}\"", label.as_str(), values.join("|"))
}

/// `label!~"a|b"`.
pub fn is_none_of(label: Label, values: &[&str]) -> String {
    format!("{}!~\"{}\"", label.as_str(), values.join("|"))
}

/// A matcher of histogram bounds, true of both spellings: `20` is stored as `20.0` by Prometheus 3.
///
/// # Panics
///
/// When the histogram has no such bound.
pub fn bounds(family: &Family, wanted: &[i64]) -> String {
    let Kind::Histogram(all) = family.kind else { panic!("{} is no histogram", family.name) };
    assert!(wanted.iter().all(|bound| all.contains(bound)), "{} lacks a bound", family.name);
    let scale = 10_i64.pow(Unit::decimals(family.unit));
    assert!(wanted.iter().all(|bound| bound % scale == 0), "{}: a bound is no whole number", family.name);
    let text: Vec<_> = wanted.iter().map(|bound| (bound / scale).to_string()).collect();
    match text.as_slice() {
        [one] => format!("le=~\"{one}(\\\\.0)?\""),
        several => format!("le=~\"({})(\\\\.0)?\"", several.join("|")),
    }
}

/// A matcher of all finite bounds of a histogram.
///
/// # Panics
///
/// When the family is no histogram.
pub fn finite(family: &Family) -> String {
    let Kind::Histogram(all) = family.kind else { panic!("{} is no histogram", family.name) };
    bounds(family, all)
}

/// `sum by (a, b) (what)`.
pub fn sum(by: &[Label], what: &str) -> String {
    format!("sum by ({}) ({what})", list(by))
}

/// `max by (a, b) (what)`.
pub fn max(by: &[Label], what: &str) -> String {
    format!("max by ({}) ({what})", list(by))
}

/// `increase(..)` of a counter as one exporter shows it: of several that read the same operation, the greatest counts,
/// and not their sum.
pub fn grown(family: &Family, part: Part, what: &str, window: &str) -> String {
    let le = if part == Part::Bucket { ", le" } else { "" };
    format!("max by ({}{le}) (increase({what}[{window}]))", list(family.labels))
}

/// `increase(what[window])`.
pub fn increase(what: &str, window: Window) -> String {
    format!("increase({what}[{}])", window.as_str())
}

/// `a, b`.
pub fn list(labels: &[Label]) -> String {
    labels.iter().map(|label| label.as_str()).collect::<Vec<_>>().join(", ")
}

/// A name in the fashion `level:metric:operation`.
pub fn recorded(level: &[Label], metric: &str, operation: &str) -> String {
    let mut name = String::new();
    for label in level {
        if !name.is_empty() {
            name.push('_');
        }
        name.push_str(label.as_str());
    }
    // Writing to a String cannot fail.
    let _ = write!(name, ":{metric}:{operation}");
    name
}

/// A label's value within an annotation.
pub fn value_of(label: Label) -> String {
    format!("{{{{ $labels.{} }}}}", label.as_str())
}

/// A query within an annotation: the value of a recorded series with the labels of the alert, or `?`.
pub fn looked_up(name: &str, labels: &[Label], show: &str) -> String {
    queried(name, "", labels, show)
}

/// The same, as it was a week ago.
pub fn week_ago(name: &str, labels: &[Label], show: &str) -> String {
    queried(name, " offset 1w", labels, show)
}

fn queried(name: &str, offset: &str, labels: &[Label], show: &str) -> String {
    let matchers: Vec<_> = labels.iter().map(|label| format!("{}=%q", label.as_str())).collect();
    let values: Vec<_> = labels.iter().map(|label| format!("$labels.{}", label.as_str())).collect();
    let query = format!("printf \"{name}{{{}}}{offset}\" {}", matchers.join(","), values.join(" "));
    format!("{{{{ with {query} | query }}}}{{{{ . | first | value | {show} }}}}{{{{ else }}}}?{{{{ end }}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::catalogue;

    #[test]
    fn bounds_are_matched_in_both_spellings() {
        assert_eq!(bounds(&catalogue::CALLBACK_WAIT, &[1_800_000]), r#"le=~"1800(\\.0)?""#);
        assert_eq!(bounds(&catalogue::ANSWER_WAIT, &[10_000, 20_000]), r#"le=~"(10|20)(\\.0)?""#);
    }

    #[test]
    #[should_panic(expected = "lacks a bound")]
    fn a_bound_that_no_bucket_has_is_refused() {
        let _ = bounds(&catalogue::ANSWER_WAIT, &[15_000]);
    }

    #[test]
    #[should_panic(expected = "has no Sum")]
    fn a_part_that_a_family_lacks_is_refused() {
        let _ = series(&catalogue::INBOUND_CALLS, Part::Sum);
    }

    #[test]
    fn an_empty_selector_leaves_no_comma() {
        let all = Selector(String::new());
        assert_eq!(all.all(&catalogue::UP), "wolkvox_up");
        assert_eq!(all.some(&catalogue::UP, &[is(Label::Operation, "a")]), "wolkvox_up{operation=\"a\"}");
    }
}
