//! The encoder: what a strict reader finds in a body is what was handed over, in both formats, packed or not.
//!
//! The bytes choose operations, families, label values and integers.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use wolkvox_exporter::exposition::{Encoding, Format, OperationBlocks, Pace, Publisher, SelfMetrics};
use wolkvox_exporter::metrics::{Blocks, Family, Kind, Label, catalogue, write_decimal};

use super::openmetrics::{self, Labels};

/// Bytes as choices.
struct Choices<'b>(&'b [u8]);

impl<'b> Choices<'b> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.byte() % 24).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    /// Small numbers mostly, and every size up to the largest.
    fn number(&mut self) -> i64 {
        let length = usize::from(self.byte() % 9).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        i64::try_from(number >> 1).unwrap_or(i64::MAX)
    }
}

/// Name with suffix and labels, to the digits of the value.
type Series = BTreeMap<(String, Labels), String>;

pub fn check(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let families: Vec<&'static Family> =
        catalogue::all().filter(|family| family.labels.first() == Some(&Label::Operation)).collect();
    let mut operations = BTreeMap::new();
    let mut expected = Series::new();
    for _ in 0..=choices.byte() % 3 {
        let name = choices.text();
        let mut blocks = Blocks::of(&name);
        let mut series = Series::new();
        for _ in 0..choices.byte() % 6 {
            let family = families[usize::from(choices.byte()) % families.len()];
            let texts: Vec<String> = family.labels[1..].iter().map(|_| choices.text()).collect();
            let labels: Vec<(Label, &str)> =
                family.labels[1..].iter().copied().zip(texts.iter().map(String::as_str)).collect();
            let mut values: Vec<i64> = (0..family.width()).map(|_| choices.number()).collect();
            if matches!(family.kind, Kind::Histogram(_)) {
                let sum = values.len() - 1;
                values[..sum].sort_unstable();
            }
            blocks.put_whole(family, &labels, &values);
            let all = labels.iter().map(|(label, text)| (label.as_str().to_owned(), (*text).to_owned()));
            let all: Labels = all.chain([("operation".to_owned(), name.clone())]).collect();
            expect(&mut series, family, &all, &values);
        }
        let blocks = vec![Arc::new(blocks.finish())];
        if operations.insert(name, blocks).is_none() {
            expected.extend(series);
        } else {
            // A name stands once; which of the two is shown is not what this is about.
            return;
        }
    }
    for (format, encoding, body) in rendered(operations) {
        let found: Series = openmetrics::read(&body, format == Format::OpenMetrics)
            .into_iter()
            .flat_map(|family| family.samples)
            .filter(|(_, labels, _)| labels.contains_key("operation"))
            .map(|(name, mut labels, value)| {
                if let Some(le) = labels.get_mut("le") {
                    *le = le.strip_suffix(".0").unwrap_or(le).to_owned();
                }
                ((name, labels), value)
            })
            .collect();
        assert_eq!(found, expected, "{format:?} {encoding:?}");
    }
}

fn expect(series: &mut Series, family: &Family, labels: &Labels, values: &[i64]) {
    let mut put = |suffix: &str, le: Option<String>, value: i64, decimals: u32| {
        let mut labels = labels.clone();
        labels.extend(le.map(|le| ("le".to_owned(), le)));
        series.insert((format!("{}{suffix}", family.name), labels), decimal(value, decimals));
    };
    let decimals = family.unit.decimals();
    match family.kind {
        Kind::Counter | Kind::Gauge => put("", None, values[0], decimals),
        Kind::Summary => {
            put("_count", None, values[0], 0);
            put("_sum", None, values[1], decimals);
        }
        Kind::Histogram(bounds) => {
            for (bound, value) in bounds.iter().zip(values) {
                put("_bucket", Some(decimal(*bound, decimals)), *value, 0);
            }
            put("_bucket", Some("+Inf".to_owned()), values[bounds.len()], 0);
            put("_count", None, values[bounds.len()], 0);
            put("_sum", None, values[bounds.len() + 1], decimals);
        }
    }
}

/// Written apart from the encoder where that is short: as digits of the whole and of the rest.
fn decimal(value: i64, decimals: u32) -> String {
    let scale = 10_i128.pow(decimals);
    let text = format!(
        "{}.{:0width$}",
        i128::from(value) / scale,
        i128::from(value) % scale,
        width = decimals as usize
    );
    let text = if decimals == 0 {
        value.to_string()
    } else {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let mut theirs = String::new();
    write_decimal(&mut theirs, value, decimals);
    assert_eq!(text, theirs);
    text
}

/// The bodies of all formats and packings.
fn rendered(
    operations: BTreeMap<String, Vec<Arc<Vec<wolkvox_exporter::metrics::Block>>>>,
) -> Vec<(Format, Encoding, String)> {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    }
    let pace = Pace { least: Duration::ZERO, factor: 0 };
    let publisher = Publisher::with_pace(Arc::new(SelfMetrics::new("0", "0", "0")), pace);
    let operations =
        operations.into_iter().map(|(name, blocks)| OperationBlocks { name: name.into(), blocks });
    publisher.update(1, operations.collect());
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let stop = CancellationToken::new();
            let mut published = publisher.published();
            tokio::select! {
                () = publisher.run(stop.clone()) => {}
                _ = published.wait_for(|number| *number == 1) => {}
            }
            let mut bodies = Vec::new();
            for format in Format::ALL {
                for encoding in [Encoding::Identity, Encoding::Gzip] {
                    let answer = publisher.answer(format, encoding, &[]).await.unwrap();
                    let bytes = [answer.prepared, answer.own].concat();
                    let mut body = String::new();
                    match encoding {
                        Encoding::Identity => body = String::from_utf8(bytes).unwrap(),
                        Encoding::Gzip => {
                            let mut member = flate2::bufread::GzDecoder::new(&bytes[..]);
                            member.read_to_string(&mut body).unwrap();
                            assert!(member.into_inner().is_empty(), "one member and nothing behind it");
                        }
                    }
                    bodies.push((format, encoding, body));
                }
            }
            bodies
        })
    })
}
