//! Samples of the past, with their timestamps, in OpenMetrics.

use crate::metrics::{Family, LabelText, Sample};
use crate::time::Timestamp;

use super::Format;
use super::encode::{self, Writer};

/// Writes a family whose series have a value at each of several instants, in whole seconds.
///
/// A series stands in one piece, its instants in order.
pub fn write_history<'a, S>(
    out: &mut String,
    family: &'static Family,
    series: impl IntoIterator<Item = (&'a LabelText, S)>,
) where
    S: IntoIterator<Item = (Timestamp, Box<[i64]>)>,
{
    let writer = Writer::new(family, Format::OpenMetrics);
    writer.head(out, Format::OpenMetrics);
    let mut lines = String::new();
    for (labels, values) in series {
        for (at, values) in values {
            lines.clear();
            writer.samples(&mut lines, &[Sample { labels: labels.clone(), values }]);
            let at = at.as_second().to_string();
            for line in lines.lines() {
                out.push_str(line);
                out.push(' ');
                out.push_str(&at);
                out.push('\n');
            }
        }
    }
}

/// What stands at the end of a file of OpenMetrics.
pub const fn history_end() -> &'static str {
    encode::end(Format::OpenMetrics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Label, catalogue};

    #[test]
    fn every_line_of_a_sample_has_its_instant() {
        let labels = LabelText::new([(Label::Operation, "a")]);
        let at = |second| Timestamp::from_second(second).unwrap();
        let values: [(Timestamp, Box<[i64]>); 2] =
            [(at(100), Box::new([0, 0])), (at(200), Box::new([2, 1_500]))];
        let mut out = String::new();
        write_history(&mut out, &catalogue::SURVEY_DURATION, [(&labels, values)]);
        out.push_str(history_end());
        let samples: Vec<&str> = out.lines().filter(|line| !line.starts_with("# HELP")).collect();
        assert_eq!(
            samples,
            [
                "# TYPE wolkvox_survey_duration_seconds summary",
                "# UNIT wolkvox_survey_duration_seconds seconds",
                "wolkvox_survey_duration_seconds_sum{operation=\"a\"} 0 100",
                "wolkvox_survey_duration_seconds_count{operation=\"a\"} 0 100",
                "wolkvox_survey_duration_seconds_sum{operation=\"a\"} 1.5 200",
                "wolkvox_survey_duration_seconds_count{operation=\"a\"} 2 200",
                "# EOF",
            ]
        );
    }
}
