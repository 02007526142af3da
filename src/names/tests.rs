use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::Config;

fn operation() -> Operation {
    let text = "operations:\n  - name: a\n    base_url: http://127.0.0.1:1/\n    token_env: T\n    timezone: UTC\n    \
                labels: { max: 5 }\n    targets: [{ skills: [\"*\"], abandon: 5% }, { skills: [\"900\"], abandon: 3% }]\n";
    Config::parse(text, Path::new("."), "test").unwrap().operations.remove(0)
}

fn labels(blocks: &[Block], family: &'static crate::metrics::Family) -> Vec<String> {
    let block = blocks.iter().find(|block| block.family.is(family));
    let samples = block.into_iter().flat_map(|block| &block.samples);
    samples.map(|sample| sample.labels.as_str().to_owned()).collect()
}

proptest! {
    /// Whatever ids come from upstream: at most `labels.max` skills are shown, and all that have a series are.
    #[test]
    fn skills_are_bounded_and_those_with_a_series_come_first(
        ids in prop::collection::btree_set("[0-9a-z,\"\n]{1,9}", 0..60),
        kept in 0..=5_usize,
    ) {
        let operation = operation();
        let mut names = Names::default();
        for id in &ids {
            names.skill(id, "NAME");
        }
        let fit: Vec<&String> = ids.iter().filter(|id| *report::shown_id(id) == ***id).collect();
        let skills: BTreeSet<Box<str>> = fit.iter().rev().take(kept).map(|id| id.as_str().into()).collect();
        let shown = Shown { skills: skills.clone(), activities: BTreeSet::new() };
        let blocks = names.blocks(&operation, &shown, Timestamp::UNIX_EPOCH);
        let info = labels(&blocks, &catalogue::SKILL_INFO);
        prop_assert_eq!(info.len(), fit.len().min(5));
        for skill in &skills {
            let text = crate::metrics::LabelText::new([(Label::SkillId, &**skill)]);
            let text = text.as_str().trim_matches(['{', '}']).to_owned();
            prop_assert!(info.iter().any(|labels| labels.contains(&text)), "{} in {:?}", text, info);
        }
        // Every skill shown has its target, and so has the one that the configuration names.
        let has_900 = usize::from(!info.iter().any(|labels| labels.contains("skill_id=\"900\"")));
        prop_assert_eq!(labels(&blocks, &catalogue::ABANDON_TARGET).len(), info.len() + has_900);
    }
}

#[test]
fn an_id_that_could_be_a_persons_number_is_never_shown() {
    let mut names = Names::default();
    names.skill("3001234567", "ANA");
    assert_eq!(names.skill_name("3001234567"), None);
    let blocks = names.blocks(&operation(), &Shown::default(), Timestamp::UNIX_EPOCH);
    assert!(!format!("{blocks:?}").contains("3001234567"));
}

#[test]
fn names_without_end_are_not_kept() {
    let mut names = Names::default();
    for number in 0..MOST + 100 {
        names.skill(&format!("s{number}"), "A");
        names.activity(&format!("c{number}"), "B");
    }
    assert_eq!((names.skills.len(), names.activities.len()), (MOST, MOST));
    names.activity("c5", "C");
    assert_eq!(&*names.activities["c5"], "C", "what is known still changes");
}
