//! Series: the sums behind each exported series, with an undo for a transaction that fails.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;
use std::time::Duration;

use super::LedgerError;
use super::cell::{Numbered, add};
use super::codec::{Reader, Writer};
use crate::api::Report;
use crate::metrics::{Family, Kind, Label, LabelText, catalogue};
use crate::report::Amount;

/// One series. It is never removed: a counter that vanished could not come back without a reset.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) family: &'static Family,
    pub(super) labels: LabelText,
    /// Sealed, live and mark, each as wide as the family.
    sums: Box<[i64]>,
    /// What is shown until the release, from the birth on.
    pub(super) held: Option<Box<[i64]>>,
    /// Why it is not shown at all.
    pub(super) hidden: Hidden,
}

/// The farthest that a counter moves in one transaction, in units of its family: two million years of waiting, or
/// 72,000 million of a currency. A sum that took more would soon have no room for the calls that come after it.
const FARTHEST: i64 = 1 << 56;

/// Why a series is kept but not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hidden {
    /// It is shown.
    No,
    /// A value of its labels was unused for long.
    Retired,
    /// Its DNIS turned out to be a caller's number.
    Withdrawn,
}

/// Which of the sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Of sealed buckets.
    Sealed,
    /// Of the cells of unsealed buckets, less the openings.
    Live,
}

impl Series {
    fn width(&self) -> usize {
        self.family.width()
    }

    pub(super) fn sealed(&self) -> &[i64] {
        &self.sums[..self.width()]
    }

    pub(super) fn live(&self) -> &[i64] {
        &self.sums[self.width()..2 * self.width()]
    }

    /// The elementwise highest sum ever committed.
    pub(super) fn mark(&self) -> &[i64] {
        &self.sums[2 * self.width()..]
    }

    /// What a scrape may see: the held value, else the mark. The marks of a cumulative histogram are in order
    /// as long as its sums are; an opening subtracted from a reading that moved calls between buckets can
    /// break that order, so a bucket never shows more than the ones above it.
    pub(super) fn shown(&self) -> Box<[i64]> {
        let mut values: Box<[i64]> = match &self.held {
            Some(held) => held.clone(),
            None => self.mark().into(),
        };
        if let Kind::Histogram(bounds) = self.family.kind {
            for place in (0..bounds.len()).rev() {
                values[place] = values[place].min(values[place + 1]);
            }
        }
        values
    }

    fn raise_mark(&mut self) -> Result<(), LedgerError> {
        let width = self.width();
        for place in 0..width {
            let overflow = LedgerError::Overflow { family: self.family.name };
            let sum = self.sums[place].checked_add(self.sums[width + place]).ok_or(overflow)?;
            self.sums[2 * width + place] = sum.max(self.sums[2 * width + place]);
        }
        Ok(())
    }

    /// Whether a counter has grown by more since `before` than any reading can tell of.
    fn has_leapt(&self, before: Option<&Series>) -> bool {
        let marks = self.mark().iter().enumerate();
        let known = |place| before.map_or(0, |before: &Series| before.mark()[place]);
        marks.into_iter().any(|(place, mark)| mark.saturating_sub(known(place)) > FARTHEST)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.text(self.family.name);
        out.text(self.labels.as_str());
        out.unsigned(match self.hidden {
            Hidden::No => 0,
            Hidden::Retired => 1,
            Hidden::Withdrawn => 2,
        });
        for value in &self.sums {
            out.signed(*value);
        }
        out.unsigned(u64::from(self.held.is_some()));
        for value in self.held.iter().flatten() {
            out.signed(*value);
        }
        out.0
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Series, LedgerError> {
        let mut input = Reader(bytes);
        let name = input.text()?;
        let family = catalogue::find(name)
            .ok_or_else(|| LedgerError::Damaged(format!("no family is called {name}")))?;
        let labels = LabelText::from_text(input.text()?);
        let hidden = match input.unsigned()? {
            0 => Hidden::No,
            1 => Hidden::Retired,
            2 => Hidden::Withdrawn,
            _ => return Err(LedgerError::Damaged("a series has no state".into())),
        };
        let sums = (0..3 * family.width()).map(|_| input.signed()).collect::<Result<_, _>>()?;
        let held = match input.unsigned()? {
            0 => None,
            _ => Some((0..family.width()).map(|_| input.signed()).collect::<Result<_, _>>()?),
        };
        input.end()?;
        Ok(Series { family, labels, sums, held, hidden })
    }
}

/// When a held series became visible in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Birth {
    /// The generation that shows it first.
    pub(super) generation: u64,
    /// Uptime at which the hold began to run.
    pub(super) uptime: Option<Duration>,
}

/// All series of an operation.
#[derive(Debug, Default)]
pub(super) struct SeriesTable {
    all: Vec<Series>,
    index: HashMap<(usize, LabelText), u32>,
    /// Series changed in the open transaction as they were before; `None` for new ones.
    touched: Numbered<u32, Option<Series>>,
    /// Held series of this process.
    pub(super) births: BTreeMap<u32, Birth>,
}

fn place_of(family: &'static Family) -> usize {
    family.name.as_ptr() as usize
}

impl SeriesTable {
    /// A table from the store; the first generation of the process shows what is still held.
    pub(super) fn load(all: Vec<Series>) -> SeriesTable {
        let mut table = SeriesTable::default();
        for (id, series) in all.iter().enumerate() {
            table.index.insert((place_of(series.family), series.labels.clone()), id as u32);
            if series.held.is_some() {
                table.births.insert(id as u32, Birth { generation: 1, uptime: None });
            }
        }
        table.all = all;
        table
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Series> {
        self.all.iter()
    }

    pub(super) fn get(&self, id: u32) -> Result<&Series, LedgerError> {
        self.all.get(id as usize).ok_or_else(|| LedgerError::Damaged("a cell names no series".into()))
    }

    pub(super) fn find(&self, family: &'static Family, labels: &LabelText) -> Option<u32> {
        self.index.get(&(place_of(family), labels.clone())).copied()
    }

    /// The series with these labels, born or returning now. `released` series are shown at once.
    pub(super) fn meet(&mut self, family: &'static Family, labels: LabelText, released: bool) -> u32 {
        if let Some(id) = self.find(family, &labels) {
            if self.all[id as usize].hidden == Hidden::Retired {
                let series = self.touch(id);
                series.hidden = Hidden::No;
                // The stored value is shown first, so that the growth on return is seen by PromQL.
                series.held = (!released).then(|| series.mark().into());
            }
            return id;
        }
        let id = self.all.len() as u32;
        let width = family.width();
        self.index.insert((place_of(family), labels.clone()), id);
        self.all.push(Series {
            family,
            labels,
            sums: vec![0; 3 * width].into(),
            held: (!released).then(|| vec![0; width].into()),
            hidden: Hidden::No,
        });
        self.touched.insert(id, None);
        id
    }

    /// The series, remembered as it was for an undo.
    pub(super) fn touch(&mut self, id: u32) -> &mut Series {
        let series = &mut self.all[id as usize];
        self.touched.entry(id).or_insert_with(|| Some(series.clone()));
        series
    }

    /// Adds a contribution to one of the sums.
    pub(super) fn add(
        &mut self,
        id: u32,
        part: Part,
        amount: &Amount,
        base: Option<&[i64]>,
        sign: i64,
    ) -> Result<(), LedgerError> {
        self.get(id)?;
        let series = self.touch(id);
        let width = series.width();
        let to = match part {
            Part::Sealed => &mut series.sums[..width],
            Part::Live => &mut series.sums[width..2 * width],
        };
        add(series.family, amount, base, sign, to)
    }

    /// Raises the marks of what the transaction touched, and forgets what ended as it began.
    pub(super) fn conclude(&mut self) -> Result<(), LedgerError> {
        let ids: Vec<u32> = self.touched.keys().copied().collect();
        for id in ids {
            let series = &mut self.all[id as usize];
            series.raise_mark()?;
            if series.has_leapt(self.touched[&id].as_ref()) {
                return Err(LedgerError::Overflow { family: series.family.name });
            }
            if self.touched[&id].as_ref().is_some_and(|before| *before == self.all[id as usize]) {
                self.touched.remove(&id);
            }
        }
        Ok(())
    }

    /// What a commit has to write.
    pub(super) fn changed(&self) -> impl Iterator<Item = (u32, &Series)> {
        self.touched.keys().map(|id| (*id, &self.all[*id as usize]))
    }

    pub(super) fn is_changed(&self) -> bool {
        !self.touched.is_empty()
    }

    /// After the commit: notes births, and says which families show something new.
    pub(super) fn settle(&mut self, next_generation: u64) -> Vec<&'static Family> {
        let mut families: Vec<&'static Family> = Vec::new();
        for (id, before) in std::mem::take(&mut self.touched) {
            let series = &self.all[id as usize];
            if series.held.is_some() {
                if before.as_ref().is_none_or(|before| before.held.is_none()) {
                    self.births.insert(id, Birth { generation: next_generation, uptime: None });
                }
            } else {
                self.births.remove(&id);
            }
            let shown = |series: &Series| (series.hidden == Hidden::No).then(|| series.shown());
            let moved = before.as_ref().is_none_or(|before| before.labels != series.labels)
                || before.as_ref().and_then(shown) != shown(series);
            if moved && !families.iter().any(|family| family.is(series.family)) {
                families.push(series.family);
            }
        }
        families
    }

    /// After a failure: everything as it was.
    pub(super) fn undo(&mut self) {
        let mut touched: Vec<_> = std::mem::take(&mut self.touched).into_iter().collect();
        touched.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
        for (id, before) in touched {
            match before {
                Some(before) => {
                    let now = &self.all[id as usize];
                    if now.labels != before.labels {
                        self.index.remove(&(place_of(now.family), now.labels.clone()));
                        self.index.insert((place_of(before.family), before.labels.clone()), id);
                    }
                    self.all[id as usize] = before;
                }
                None => {
                    // New series have the highest ids, and the highest is taken back first.
                    if let Some(series) = self.all.pop() {
                        self.index.remove(&(place_of(series.family), series.labels));
                    }
                }
            }
        }
    }

    /// Gives a series other labels, keeping its sums.
    pub(super) fn rename(&mut self, id: u32, labels: LabelText) {
        let family = self.all[id as usize].family;
        let old = std::mem::replace(&mut self.touch(id).labels, labels.clone());
        self.index.remove(&(place_of(family), old));
        self.index.insert((place_of(family), labels), id);
    }
}

/// The report whose counters a family belongs to; `None` for the families that no cell feeds.
pub(super) fn report_of(family: &'static Family) -> Option<Report> {
    static REPORTS: LazyLock<HashMap<&'static str, Report>> = LazyLock::new(|| {
        Report::FIVE
            .into_iter()
            .flat_map(|report| families_of(report).iter().map(move |family| (family.name, report)))
            .collect()
    });
    REPORTS.get(family.name).copied()
}

/// The families of a report, in catalogue order.
pub(super) fn families_of(report: Report) -> &'static [&'static Family] {
    let section = catalogue::SECTIONS
        .iter()
        .find(|section| section.title.strip_prefix(report.code()).is_some_and(|rest| rest.starts_with(':')));
    section.map_or(&[], |section| section.families)
}

/// Whether a label text holds this pair. Quotes inside values are escaped, so the text of a pair cannot
/// appear inside another value.
pub(super) fn has_pair(labels: &LabelText, label: Label, value: &str) -> bool {
    let pair = LabelText::new([(label, value)]);
    let text = labels.as_str();
    text.match_indices(pair.as_str()).any(|(at, _)| at == 0 || text.as_bytes()[at - 1] == b',')
}

/// The raw (escaped) value of a label in a label text.
pub(super) fn value_in(labels: &LabelText, label: Label) -> Option<&str> {
    let text = labels.as_str();
    let head = format!("{}=\"", label.as_str());
    let at = text.match_indices(&head).find(|(at, _)| *at == 0 || text.as_bytes()[at - 1] == b',')?.0;
    let rest = &text[at + head.len()..];
    let mut escaped = false;
    for (end, c) in rest.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Some(&rest[..end]),
            _ => escaped = false,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_report_of_the_five_has_a_section_of_families() {
        for report in Report::FIVE {
            assert!(!families_of(report).is_empty(), "{report}");
            for family in families_of(report) {
                assert_eq!(report_of(family), Some(report));
            }
        }
        assert!(families_of(Report::Skill1).is_empty());
    }

    #[test]
    fn pairs_are_found_only_where_they_are_pairs() {
        let text = LabelText::new([(Label::SkillId, "x,dnis=\"1\""), (Label::Dnis, "2\\")]);
        assert!(!has_pair(&text, Label::Dnis, "1"));
        assert!(has_pair(&text, Label::Dnis, "2\\"));
        assert_eq!(value_in(&text, Label::Dnis), Some("2\\\\"));
        assert_eq!(value_in(&text, Label::SkillId), Some("x,dnis=\\\"1\\\""));
        assert_eq!(value_in(&text, Label::Answer), None);
    }

    #[test]
    fn an_undone_transaction_leaves_nothing_behind() {
        let mut table = SeriesTable::default();
        let labels = |value| LabelText::new([(Label::Operation, value)]);
        let id = table.meet(&catalogue::IVR_CALLS, labels("a"), true);
        table.add(id, Part::Live, &Amount::Count(3), None, 1).unwrap();
        table.conclude().unwrap();
        table.settle(1);
        let before = table.get(id).unwrap().clone();
        table.add(id, Part::Live, &Amount::Count(4), None, 1).unwrap();
        table.meet(&catalogue::IVR_CALLS, labels("b"), true);
        table.conclude().unwrap();
        table.undo();
        assert_eq!((table.len(), table.get(id).unwrap()), (1, &before));
        assert_eq!(table.find(&catalogue::IVR_CALLS, &labels("b")), None);
    }
}
