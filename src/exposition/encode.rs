//! Families and samples as lines of the text format and of OpenMetrics.

use std::fmt::Write as _;

use crate::metrics::{Family, Kind, Sample, write_decimal};

use super::Format;

/// The suffixes of a name that OpenMetrics declares as a unit.
const UNITS: [&str; 3] = ["seconds", "bytes", "ratio"];

/// What stands at the end of a body.
pub(super) const fn end(format: Format) -> &'static str {
    match format {
        Format::Text => "",
        Format::OpenMetrics => "# EOF\n",
    }
}

/// Writes the lines that stand before the samples of a family: HELP, TYPE and, in OpenMetrics, UNIT.
pub(super) fn head(out: &mut String, format: Format, name: &str, kind: &str, help: &str) {
    let name = match format {
        Format::OpenMetrics if kind == "counter" => name.strip_suffix("_total").unwrap_or(name),
        _ => name,
    };
    out.push_str("# HELP ");
    out.push_str(name);
    out.push(' ');
    for c in help.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if format == Format::OpenMetrics => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out.push_str("\n# TYPE ");
    out.push_str(name);
    out.push(' ');
    out.push_str(kind);
    out.push('\n');
    if format == Format::OpenMetrics
        && let Some((_, unit)) = name.rsplit_once('_')
        && UNITS.contains(&unit)
    {
        let _ = writeln!(out, "# UNIT {name} {unit}");
    }
}

/// The TYPE word of a family.
pub(super) const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
        Kind::Summary => "summary",
    }
}

/// How many lines one sample of a family takes.
pub(super) const fn lines(family: &Family) -> usize {
    match family.kind {
        Kind::Histogram(bounds) => bounds.len() + 3,
        _ => family.width(),
    }
}

/// Writes the samples of one family; what every line shares is put together once.
#[derive(Debug)]
pub(super) struct Writer {
    family: &'static Family,
    /// `,le="10"} ` for each bucket, the last for `+Inf`; empty unless a histogram.
    buckets: Vec<String>,
}

impl Writer {
    pub(super) fn new(family: &'static Family, format: Format) -> Writer {
        let mut buckets = Vec::new();
        if let Kind::Histogram(bounds) = family.kind {
            for bound in bounds {
                let mut le = String::new();
                write_decimal(&mut le, *bound, family.unit.decimals());
                if format == Format::OpenMetrics && !le.contains('.') {
                    le.push_str(".0");
                }
                buckets.push(format!("le=\"{le}\"}} "));
            }
            buckets.push("le=\"+Inf\"} ".to_owned());
        }
        Writer { family, buckets }
    }

    /// Writes HELP, TYPE and UNIT.
    pub(super) fn head(&self, out: &mut String, format: Format) {
        head(out, format, self.family.name, kind_word(self.family.kind), self.family.help);
    }

    /// Writes one line per value of each sample.
    pub(super) fn samples(&self, out: &mut String, samples: &[Sample]) {
        let name = self.family.name;
        let decimals = self.family.unit.decimals();
        for Sample { labels, values } in samples {
            let labels = labels.as_str();
            debug_assert_eq!(values.len(), self.family.width(), "{name} has another number of values");
            match self.family.kind {
                Kind::Counter | Kind::Gauge => {
                    let [value] = **values else { continue };
                    line(out, name, "", labels, value, decimals);
                }
                Kind::Summary => {
                    let [count, sum] = **values else { continue };
                    line(out, name, "_sum", labels, sum, decimals);
                    line(out, name, "_count", labels, count, 0);
                }
                Kind::Histogram(_) => {
                    let Some((sum, counts)) = values.split_last() else { continue };
                    let Some(count) = counts.last() else { continue };
                    for (count, le) in counts.iter().zip(&self.buckets) {
                        out.push_str(name);
                        out.push_str("_bucket{");
                        if !labels.is_empty() {
                            out.push_str(labels);
                            out.push(',');
                        }
                        out.push_str(le);
                        write_decimal(out, *count, 0);
                        out.push('\n');
                    }
                    line(out, name, "_sum", labels, *sum, decimals);
                    line(out, name, "_count", labels, *count, 0);
                }
            }
        }
    }
}

fn line(out: &mut String, name: &str, suffix: &str, labels: &str, value: i64, decimals: u32) {
    out.push_str(name);
    out.push_str(suffix);
    if !labels.is_empty() {
        out.push('{');
        out.push_str(labels);
        out.push('}');
    }
    out.push(' ');
    write_decimal(out, value, decimals);
    out.push('\n');
}
