//! The vocabulary of exposition: families, labels and samples, and the catalogue of all of them.
//!
//! Names, labels, types and units are a contract with dashboards, rules and other people's scripts.
//! This file imports nothing of ours, so the ledger, the exposition and the generated documentation
//! speak the same words. Amounts are integers in the family's raw [`Unit`]; only the exposition
//! writes decimal points.

use std::fmt::Write as _;
use std::sync::Arc;

mod blocks;
pub mod catalogue;

pub use blocks::Blocks;

/// The name of a label of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the label it names, described in the catalogue")]
pub enum Label {
    Operation,
    SkillId,
    Dnis,
    Within,
    Hour,
    Outcome,
    Status,
    Interaction,
    CampaignId,
    HangUp,
    Destination,
    Level,
    CodAct,
    Description,
    AgentId,
    Result,
    Question,
    Answer,
    Feeling,
    Server,
    Timezone,
    Currency,
    SkillName,
    Report,
    Reason,
    Field,
    Direction,
    Check,
    Label,
    Version,
    Revision,
    Rustc,
}

impl Label {
    /// The label's name in the exposition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Label::Operation => "operation",
            Label::SkillId => "skill_id",
            Label::Dnis => "dnis",
            Label::Within => "within",
            Label::Hour => "hour",
            Label::Outcome => "outcome",
            Label::Status => "status",
            Label::Interaction => "interaction",
            Label::CampaignId => "campaign_id",
            Label::HangUp => "hang_up",
            Label::Destination => "destination",
            Label::Level => "level",
            Label::CodAct => "cod_act",
            Label::Description => "description",
            Label::AgentId => "agent_id",
            Label::Result => "result",
            Label::Question => "question",
            Label::Answer => "answer",
            Label::Feeling => "feeling",
            Label::Server => "server",
            Label::Timezone => "timezone",
            Label::Currency => "currency",
            Label::SkillName => "skill_name",
            Label::Report => "report",
            Label::Reason => "reason",
            Label::Field => "field",
            Label::Direction => "direction",
            Label::Check => "check",
            Label::Label => "label",
            Label::Version => "version",
            Label::Revision => "revision",
            Label::Rustc => "rustc",
        }
    }
}

/// What one raw unit of a family's integers is worth in the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things counted: written as they are.
    Count,
    /// Milliseconds: written as seconds with up to three decimals.
    Milliseconds,
    /// Millionths (of a currency unit, of a ratio): written with up to six decimals.
    Millionths,
}

impl Unit {
    /// How many decimals one raw unit stands at.
    pub const fn decimals(self) -> u32 {
        match self {
            Unit::Count => 0,
            Unit::Milliseconds => 3,
            Unit::Millionths => 6,
        }
    }
}

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Never decreases.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets with these upper bounds (in raw units, without `+Inf`), a count and a sum.
    Histogram(&'static [i64]),
    /// A count and a sum, without quantiles.
    Summary,
}

/// All series of one name: the declaration that HELP, TYPE, the documentation and the rules share.
#[derive(Debug)]
pub struct Family {
    /// The whole name, `_total` included for counters.
    pub name: &'static str,
    /// Type, with the bucket bounds of a histogram.
    pub kind: Kind,
    /// What the integers mean. For histograms and summaries it is the unit of the sum and the bounds.
    pub unit: Unit,
    /// Label names in the order they are written; `operation` first wherever there is one.
    pub labels: &'static [Label],
    /// One sentence: what it is, from which report and field, over which window.
    pub help: &'static str,
}

impl PartialEq for Family {
    fn eq(&self, other: &Family) -> bool {
        self.name == other.name
    }
}

impl Eq for Family {}

impl Family {
    /// How many integers one series of the family holds: 1, a summary 2 (count, sum), a histogram its
    /// bounds, then `+Inf` (which is the count), then the sum.
    pub const fn width(&self) -> usize {
        match self.kind {
            Kind::Counter | Kind::Gauge => 1,
            Kind::Summary => 2,
            Kind::Histogram(bounds) => bounds.len() + 2,
        }
    }

    /// Whether the family is of the given name.
    pub fn is(&self, other: &Family) -> bool {
        std::ptr::eq(self, other) || self.name == other.name
    }
}

/// The label pairs of one series in their final text, `operation="acme",skill_id="101"`.
///
/// Escaped once, when a series is first met, since a label never changes and every rendering needs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelText(Arc<str>);

impl LabelText {
    /// Joins names and values; `\`, `"` and line feeds are escaped as both exposition formats want it.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (Label, &'a str)>) -> LabelText {
        let mut text = String::new();
        for (name, value) in pairs {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name.as_str());
            text.push_str("=\"");
            for c in value.chars() {
                match c {
                    '\\' => text.push_str("\\\\"),
                    '"' => text.push_str("\\\""),
                    '\n' => text.push_str("\\n"),
                    c => text.push(c),
                }
            }
            text.push('"');
        }
        LabelText(text.into())
    }

    /// Pairs that were joined and escaped before, for example in an earlier process.
    pub fn from_text(text: &str) -> LabelText {
        LabelText(text.into())
    }

    /// The pairs as they stand between the braces.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One exported series: its labels and its [`Family::width`] integers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The labels, `operation` included.
    pub labels: LabelText,
    /// The integers in the order of [`Family::width`]; histogram buckets are cumulative.
    pub values: Box<[i64]>,
}

/// The series that one source holds of one family, sorted by label text, without duplicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The family.
    pub family: &'static Family,
    /// Its series.
    pub samples: Vec<Sample>,
}

/// Writes an integer that stands at `decimals` decimals, without trailing zeros: `12345` at 3 is `12.345`.
pub fn write_decimal(out: &mut String, raw: i64, decimals: u32) {
    if decimals == 0 {
        // Writing to a String cannot fail.
        let _ = write!(out, "{raw}");
        return;
    }
    let scale = 10_u64.pow(decimals);
    let magnitude = raw.unsigned_abs();
    if raw < 0 {
        out.push('-');
    }
    let _ = write!(out, "{}", magnitude / scale);
    let mut fraction = magnitude % scale;
    if fraction > 0 {
        let mut digits = decimals as usize;
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            digits -= 1;
        }
        let _ = write!(out, ".{fraction:0digits$}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_short() {
        let text = |raw, decimals| {
            let mut out = String::new();
            write_decimal(&mut out, raw, decimals);
            out
        };
        assert_eq!(text(12_345, 3), "12.345");
        assert_eq!(text(12_000, 3), "12");
        assert_eq!(text(-50, 3), "-0.05");
        assert_eq!(text(346_400, 6), "0.3464");
        assert_eq!(text(i64::MIN, 0), "-9223372036854775808");
        assert_eq!(text(1, 6), "0.000001");
    }

    #[test]
    fn labels_are_escaped() {
        let text = LabelText::new([(Label::Operation, "a\"b"), (Label::SkillId, "c\\d\ne")]);
        assert_eq!(text.as_str(), r#"operation="a\"b",skill_id="c\\d\ne""#);
    }
}
