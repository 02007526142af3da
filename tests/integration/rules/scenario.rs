//! A stretch of time as Prometheus would have scraped it, and what must be true of the rules then.

use std::fmt::Write as _;

use wolkvox_exporter::dashboards::words::{Part, series};
use wolkvox_exporter::metrics::Family;

/// What a scenario shows of its alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shows {
    /// It fires, with these words.
    Fires,
    /// It is silent while a few calls come at night.
    Night,
    /// It is silent while closed; or fires all the same, where that is its purpose.
    Closed,
    /// It is silent on too few calls.
    Few,
    /// It fires although counters started anew.
    Reset,
    /// It is silent just below its threshold.
    Below,
    /// Anything else.
    Other,
}

/// One sample or stretch of a series.
#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    /// So many steps, growing by so much each.
    Grow(usize, f64),
    /// So many steps at this value.
    Stay(usize, f64),
    /// So many steps, from a first value, growing by so much each.
    Line(usize, f64, f64),
    /// So many steps without a sample.
    Gap(usize),
    /// The counter starts anew from 0.
    Reset,
}

/// What must be true.
#[derive(Debug, Clone)]
pub(super) enum Claim {
    /// These alerts fire at this step: their labels beside the alert's own, and the summary.
    Fires(usize, Vec<(Vec<(&'static str, String)>, String)>),
    /// Some fire, whatever their words.
    Firing(usize),
    /// Some wait for their time, none fires.
    Pending(usize),
    /// Some wait or fire: which of the two depends on the edge of a window, on which versions differ.
    Active(usize),
    /// None fires, none waits.
    Silent(usize),
}

/// A stretch of time and what must be true of one alert.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) alert: &'static str,
    pub(super) shows: Shows,
    pub(super) name: String,
    /// The operation in question.
    pub(super) operation: String,
    /// Minutes between samples.
    pub(super) minutes: usize,
    /// Samples between evaluations.
    pub(super) every: usize,
    pub(super) series: Vec<(String, String)>,
    pub(super) claims: Vec<Claim>,
}

impl Scenario {
    pub(super) fn new(alert: &'static str, shows: Shows, name: &str) -> Scenario {
        let (name, minutes) = (name.to_owned(), 5);
        let operation = "acme".to_owned();
        Scenario { alert, shows, name, operation, minutes, every: 1, series: Vec::new(), claims: Vec::new() }
    }

    /// One that is evaluated at every so-manieth sample only.
    pub(super) fn every(alert: &'static str, shows: Shows, name: &str, every: usize) -> Scenario {
        Scenario { every, ..Scenario::new(alert, shows, name) }
    }

    /// Whether it is about an operation, not about a process.
    pub(super) fn has_operation(&self) -> bool {
        self.series.iter().all(|(series, _)| series.contains("operation=\"acme\"") || self.is_another(series))
            || self.operation != "acme"
    }

    fn is_another(&self, series: &str) -> bool {
        series.contains("operation=\"beta\"") && self.operation == "acme"
    }

    /// The same for another operation.
    pub(super) fn in_operation(&self, name: &str) -> Scenario {
        let mut other = self.clone();
        other.operation = name.to_owned();
        for (series, _) in &mut other.series {
            *series = series
                .replace("operation=\"acme\"", &format!("operation=\"{name}\""))
                .replace("operation=\"beta\"", &format!("operation=\"{name}-beta\""));
        }
        for claim in &mut other.claims {
            if let Claim::Fires(_, fired) = claim {
                for (labels, summary) in fired {
                    labels.iter_mut().filter(|(label, _)| *label == "operation").for_each(|(_, value)| {
                        name.clone_into(value);
                    });
                    *summary = summary.replacen("acme", name, 1);
                }
            }
        }
        other
    }

    /// A series of the exporter.
    pub(super) fn with(self, family: &Family, labels: &str, phases: &[Phase]) -> Scenario {
        self.with_part(family, Part::Value, labels, phases)
    }

    /// One part of a histogram or summary of the exporter.
    pub(super) fn with_part(self, family: &Family, part: Part, labels: &str, phases: &[Phase]) -> Scenario {
        let comma = if labels.is_empty() { "" } else { "," };
        let labels = format!("job=\"wolkvox\",instance=\"exporter:10465\"{comma}{labels}");
        self.with_named(&series(family, part), &labels, phases)
    }

    /// Any series.
    pub(super) fn with_named(mut self, name: &str, labels: &str, phases: &[Phase]) -> Scenario {
        self.series.push((format!("{name}{{{labels}}}"), values(phases)));
        self
    }

    pub(super) fn claim(mut self, claim: Claim) -> Scenario {
        self.claims.push(claim);
        self
    }

    pub(super) fn silent(self, step: usize) -> Scenario {
        self.claim(Claim::Silent(step))
    }

    pub(super) fn firing(self, step: usize) -> Scenario {
        self.claim(Claim::Firing(step))
    }

    /// It is silent before `onset`, waits for its time, then fires with these labels and words.
    pub(super) fn fires_after(
        mut self,
        onset: usize,
        hold_steps: usize,
        labels: &[(&'static str, &str)],
        summary: &str,
    ) -> Scenario {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let before = onset - self.every;
        self = self.silent(before);
        if hold_steps > 0 {
            let pending = onset + (hold_steps - 1) * self.every;
            self = self.claim(Claim::Pending(pending));
        }
        let fires = onset + hold_steps * self.every;
        self.claim(Claim::Fires(fires, vec![(labels, summary.to_owned())]))
    }
}

/// Phases in the notation of promtool. Counters start at 1000, so that no extrapolation meets zero.
fn values(phases: &[Phase]) -> String {
    let mut out = String::new();
    let mut value = 1000.0;
    for phase in phases {
        if !out.is_empty()
            && !matches!(phase, Phase::Reset | Phase::Grow(0, _) | Phase::Stay(0, _) | Phase::Gap(0))
        {
            out.push(' ');
        }
        // Writing to a String cannot fail.
        let _ = match *phase {
            Phase::Reset => {
                value = 0.0;
                Ok(())
            }
            Phase::Grow(0, _) | Phase::Stay(0, _) | Phase::Gap(0) => Ok(()),
            Phase::Grow(steps, by) => {
                let first = value + by;
                #[expect(clippy::cast_precision_loss, reason = "a few hundred steps")]
                let last = value + by * steps as f64;
                value = last;
                write!(out, "{first}+{by}x{}", steps - 1)
            }
            Phase::Line(steps, first, by) => write!(out, "{first}+{by}x{}", steps - 1),
            Phase::Stay(steps, at) => write!(out, "{at}x{}", steps - 1),
            Phase::Gap(steps) => write!(out, "_x{steps}"),
        };
    }
    out
}
