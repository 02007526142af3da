//! What may be shown: the marks of released series, and the gauges that come from cells.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::books::{Books, Stale};
use super::series::{Hidden, report_of};
use crate::api::Report;
use crate::metrics::{Block, Family, Label, LabelText, Sample, catalogue};

/// The series of one operation as they may be shown now.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// Grows with every change; what a scrape was served is compared with it.
    pub generation: u64,
    /// Families in catalogue order, samples sorted by label text.
    pub blocks: Arc<Vec<Block>>,
}

/// The statuses of callbacks that are always shown for a skill with callbacks.
const STATUSES: [&str; 6] = ["yes", "ok", "fail", "no", "no_user", "stop_new"];

/// Whether a family is made from cells, not from sums.
fn is_gauge(family: &'static Family) -> bool {
    family.is(&catalogue::CALLBACKS) || family.is(&catalogue::CALLBACK_OLDEST_WAITING)
}

impl Books {
    /// The blocks as they may be shown now, made anew when something changed.
    pub(super) fn publish(&mut self) -> Published {
        if !self.stale.is_none() {
            let blocks = self.blocks();
            self.published =
                Published { generation: self.published.generation + 1, blocks: Arc::new(blocks) };
            self.stale = Stale::Families(Vec::new());
        }
        self.published.clone()
    }

    fn blocks(&self) -> Vec<Block> {
        let mut samples: BTreeMap<&'static str, Vec<Sample>> = BTreeMap::new();
        // Agents are people: what was counted while they were labels is kept, and shown no longer than they are.
        let are_agents_shown = self
            .operation
            .as_ref()
            .is_none_or(|operation| operation.reports.cdr_1.is_some_and(|cdr_1| cdr_1.agents));
        let is_kept = |family: &'static Family| !is_gauge(family) && self.stale.spares(family);
        for series in self.series.iter().filter(|series| !is_kept(series.family)) {
            let report = report_of(series.family);
            let is_hidden = report.is_some_and(|report| {
                self.record.hidden.contains(report.code())
                    || self.operation.as_ref().is_some_and(|operation| operation.settings(report).is_none())
            }) || (!are_agents_shown && series.family.labels.contains(&Label::AgentId));
            if series.hidden == Hidden::No && !is_hidden {
                let sample = Sample { labels: series.labels.clone(), values: series.shown() };
                samples.entry(series.family.name).or_default().push(sample);
            }
        }
        self.callbacks(&mut samples);
        let mut blocks = Vec::with_capacity(samples.len());
        for family in catalogue::all() {
            if is_kept(family) {
                blocks.extend(self.published.blocks.iter().find(|block| block.family.is(family)).cloned());
            } else if let Some(mut samples) = samples.remove(family.name) {
                samples.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
                blocks.push(Block { family, samples });
            }
        }
        blocks
    }

    fn callbacks(&self, samples: &mut BTreeMap<&'static str, Vec<Sample>>) {
        let Some(operation) = &self.operation else { return };
        if operation.settings(Report::Diagram3).is_none() {
            return;
        }
        let mut by_skill: BTreeMap<Box<str>, BTreeMap<Box<str>, i64>> = BTreeMap::new();
        let mut oldest = Vec::new();
        for ((skill, status), (count, at)) in self.waiting.total() {
            let statuses = by_skill
                .entry(skill.clone())
                .or_insert_with(|| STATUSES.iter().map(|status| ((*status).into(), 0)).collect());
            if *status == *"yes" {
                let labels =
                    LabelText::new([(Label::Operation, operation.name.as_str()), (Label::SkillId, &skill)]);
                let at = operation.zone.instant(at).as_millisecond();
                oldest.push(Sample { labels, values: [at].into() });
            }
            statuses.insert(status, count);
        }
        let mut counts = Vec::new();
        for (skill, statuses) in &by_skill {
            for (status, count) in statuses {
                let labels = LabelText::new([
                    (Label::Operation, operation.name.as_str()),
                    (Label::SkillId, skill),
                    (Label::Status, status),
                ]);
                counts.push(Sample { labels, values: [*count].into() });
            }
        }
        for (family, gauges) in
            [(&catalogue::CALLBACKS, counts), (&catalogue::CALLBACK_OLDEST_WAITING, oldest)]
        {
            if !gauges.is_empty() {
                samples.insert(family.name, gauges);
            }
        }
    }
}
