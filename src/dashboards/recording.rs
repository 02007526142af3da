//! The recorded series: numerators and denominators first, divided last.
//!
//! A ratio is never aggregated again. It is clamped to 1, since a counter that was shown too high stands still
//! until the truth has caught up, and it is blank while the counts of its report were revised down within the window.

use super::Options;
use super::rule::{Group, Recording, Rule};
use super::words::{Part, Window, base, bounds, finite, increase, is, is_one_of, list, max, recorded, sum};
use crate::api::Report;
use crate::metrics::{Label, catalogue};

/// One operation.
pub const OPERATION: &[Label] = &[Label::Operation];
/// One skill of one operation.
pub const SKILL: &[Label] = &[Label::Operation, Label::SkillId];
/// One of the seconds in which a skill should answer.
pub const WITHIN: &[Label] = &[Label::Operation, Label::SkillId, Label::Within];

/// A share that has a target: recorded as a ratio, as times its budget, and as its significance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Calls answered in time, of those offered.
    ServiceLevel,
    /// Calls abandoned, of those offered.
    Abandon,
}

impl Share {
    /// The middle of the recorded names.
    pub const fn metric(self) -> &'static str {
        match self {
            Share::ServiceLevel => "wolkvox_service_level",
            Share::Abandon => "wolkvox_abandon",
        }
    }

    /// The labels that name one such share.
    pub const fn by(self) -> &'static [Label] {
        match self {
            Share::ServiceLevel => WITHIN,
            Share::Abandon => SKILL,
        }
    }

    /// The share itself.
    pub fn ratio(self, window: Window) -> String {
        recorded(self.by(), self.metric(), &format!("ratio{}", window.as_str()))
    }

    /// Bad calls as times those allowed.
    pub fn burn(self, window: Window) -> String {
        recorded(self.by(), &format!("{}_burn", self.metric()), &format!("ratio{}", window.as_str()))
    }

    /// Standard deviations by which the bad calls exceed those allowed.
    pub fn significance(self, window: Window) -> String {
        recorded(self.by(), self.metric(), &format!("zscore{}", window.as_str()))
    }

    /// The share of calls that may be bad, at least 1 %.
    pub fn budget(self) -> String {
        recorded(self.by(), &format!("{}_budget", self.metric()), "ratio")
    }

    /// The burn at which half of the calls that need not be bad are.
    pub fn ceiling(self) -> String {
        recorded(self.by(), &format!("{}_burn", self.metric()), "ceiling")
    }
}

/// Calls offered.
pub fn inbound(window: Window) -> String {
    recorded(SKILL, base(&catalogue::INBOUND_CALLS), &format!("increase{}", window.as_str()))
}

/// 1 while the skill is open, or has no hours.
pub fn open() -> String {
    recorded(SKILL, catalogue::BUSINESS_OPEN.name, "max")
}

/// One skill with its name.
pub const NAMED: &[Label] = &[Label::Operation, Label::SkillId, Label::SkillName];

/// The name of every skill that was met, its identifier where none is known; value 1, to join on.
pub fn names() -> String {
    recorded(NAMED, catalogue::SKILL_INFO.name, "max")
}

/// Seconds since the last successful reading, as times its planned interval.
pub fn age() -> String {
    recorded(&[Label::Operation, Label::Report], "wolkvox_report_age", "intervals")
}

/// Counts of a report that went down.
pub fn revised(window: Window) -> String {
    let level = [Label::Operation, Label::Report];
    recorded(&level, "wolkvox_report_revisions_down", &format!("increase{}", window.as_str()))
}

/// Other recorded counts, by the family they come from.
pub fn counted(by: &[Label], metric: &str, window: Window) -> String {
    recorded(by, metric, &format!("increase{}", window.as_str()))
}

/// Calls answered within each of the vendor's seconds.
pub const ANSWERED_WITHIN: &str = "wolkvox_answered_within_calls";

/// All groups.
pub fn groups(options: &Options) -> Vec<Group> {
    vec![expected(options), calls(options), ratios(options), others(options)]
}

fn record(name: String, expr: String) -> Rule {
    Rule::Record(Recording { name, expr })
}

/// `unless` counts of the report were revised down within the window.
pub fn unless_revised(report: Report, window: Window) -> String {
    format!(
        "unless on ({})\n({}{{{}}} > 0)",
        list(OPERATION),
        revised(window),
        is(Label::Report, report.code())
    )
}

fn expected(options: &Options) -> Group {
    let select = &options.selector;
    let mut rules = Vec::new();
    let target = max(WITHIN, &select.all(&catalogue::SERVICE_LEVEL_TARGET));
    rules.push(record(Share::ServiceLevel.budget(), format!("clamp_min(1 - {target}, 0.01)")));
    let target = max(SKILL, &select.all(&catalogue::ABANDON_TARGET));
    rules.push(record(Share::Abandon.budget(), format!("clamp_min({target}, 0.01)")));
    for share in [Share::ServiceLevel, Share::Abandon] {
        let budget = share.budget();
        rules.push(record(share.ceiling(), format!("(1 + {budget}) / (2 * {budget})")));
    }
    // Without hours in the configuration a skill is always open.
    let hours = max(SKILL, &select.all(&catalogue::BUSINESS_OPEN));
    let met = max(SKILL, &select.all(&catalogue::INBOUND_CALLS));
    rules.push(record(open(), format!("{hours}\nor\n{met} * 0 + 1")));
    // One name each, whatever several exporters remember; call detail knows skills that no total by skill does.
    let known = max(NAMED, &select.all(&catalogue::SKILL_INFO));
    let called = max(SKILL, &select.all(&catalogue::CDR_CALLS));
    rules.push(record(
        names(),
        format!(
            "topk by ({skill}) (1, {known})\nor on ({skill})\nlabel_replace({} * 0 + 1 or {called} * 0 + 1, \
             \"{}\", \"$1\", \"{}\", \"(.*)\")",
            open(),
            Label::SkillName.as_str(),
            Label::SkillId.as_str(),
            skill = list(SKILL)
        ),
    ));
    let report = [Label::Operation, Label::Report];
    let success = max(&report, &select.all(&catalogue::LAST_SUCCESS));
    let interval = max(&report, &select.all(&catalogue::REPORT_INTERVAL));
    rules.push(record(age(), format!("(time() - {success})\n/ on ({})\n{interval}", list(&report))));
    Group { name: "wolkvox.expected", rules }
}

fn calls(options: &Options) -> Group {
    let select = &options.selector;
    let mut rules = Vec::new();
    let within = select.part(&catalogue::ANSWER_WAIT, Part::Bucket, &[finite(&catalogue::ANSWER_WAIT)]);
    let down = select.some(&catalogue::REPORT_REVISIONS, &[is(Label::Direction, "down")]);
    for window in Window::RECORDED {
        for family in [&catalogue::INBOUND_CALLS, &catalogue::ANSWERED_CALLS, &catalogue::ABANDONED_CALLS] {
            let increase = increase(&select.all(family), window);
            rules.push(record(counted(SKILL, base(family), window), sum(SKILL, &increase)));
        }
        // The bound of the bucket becomes the label of the target: 20 and 20.0 are `20s`.
        let renamed = format!(
            "label_replace({}, \"{}\", \"${{1}}s\", \"le\", \"([0-9]+)(\\\\.0)?\")",
            increase(&within, window),
            Label::Within.as_str()
        );
        rules.push(record(counted(WITHIN, ANSWERED_WITHIN, window), sum(WITHIN, &renamed)));
        let report = [Label::Operation, Label::Report];
        rules.push(record(revised(window), sum(&report, &increase(&down, window))));
    }
    Group { name: "wolkvox.calls", rules }
}

fn ratios(options: &Options) -> Group {
    let select = &options.selector;
    let mut rules = Vec::new();
    for window in Window::RECORDED {
        let blank = unless_revised(Report::Skill6, window);
        let offered = format!("({} > 0)", inbound(window));
        let level = format!(
            "clamp_max(\n  {}\n  / on ({}) group_left ()\n  {offered},\n  1\n)\n{blank}",
            counted(WITHIN, ANSWERED_WITHIN, window),
            list(SKILL)
        );
        rules.push(record(Share::ServiceLevel.ratio(window), level));
        let abandoned = counted(SKILL, base(&catalogue::ABANDONED_CALLS), window);
        rules.push(record(
            Share::Abandon.ratio(window),
            format!("clamp_max({abandoned} / {offered}, 1)\n{blank}"),
        ));
        for share in [Share::ServiceLevel, Share::Abandon] {
            let (ratio, budget, on) = (share.ratio(window), share.budget(), list(share.by()));
            let bad = if share == Share::ServiceLevel { format!("(1 - {ratio})") } else { ratio };
            rules.push(record(share.burn(window), format!("{bad} / on ({on}) {budget}")));
            let burn = share.burn(window);
            rules.push(record(
                share.significance(window),
                format!(
                    "({burn} - 1)\n* on ({}) group_left ()\nsqrt({})\n* on ({on})\nsqrt({budget} / (1 - {budget}))",
                    list(SKILL),
                    inbound(window)
                ),
            ));
        }
        for (family, metric) in [
            (&catalogue::ANSWER_WAIT, "wolkvox_asa_seconds"),
            (&catalogue::ABANDON_WAIT, "wolkvox_ata_seconds"),
        ] {
            let of = |part| sum(SKILL, &increase(&select.part(family, part, &[]), window));
            rules.push(record(
                recorded(SKILL, metric, &format!("mean{}", window.as_str())),
                format!("{}\n/\n({} > 0)\n{blank}", of(Part::Sum), of(Part::Count)),
            ));
        }
    }
    Group { name: "wolkvox.ratios", rules }
}

/// Offered and finished callbacks, IVR, cost and surveys.
fn others(options: &Options) -> Group {
    let select = &options.selector;
    let mut rules = Vec::new();
    let mut count = |by: &[Label], metric: &str, what: String, window| {
        rules.push(record(counted(by, metric, window), sum(by, &increase(&what, window))));
    };
    let outcomes =
        |values: &[&str]| select.some(&catalogue::CALLBACK_OUTCOMES, &[is_one_of(Label::Outcome, values)]);
    count(SKILL, CALLBACKS_REACHED, outcomes(&["ok"]), Window::H4);
    count(SKILL, CALLBACKS_TRIED, outcomes(&["ok", "fail", "no_user"]), Window::H4);
    let bucket = |bound| {
        let matcher = bounds(&catalogue::CALLBACK_WAIT, &[bound]);
        select.part(&catalogue::CALLBACK_WAIT, Part::Bucket, &[matcher])
    };
    count(SKILL, CALLBACKS_SOON, bucket(1_800_000), Window::H4);
    count(SKILL, CALLBACKS_MADE, select.part(&catalogue::CALLBACK_WAIT, Part::Count, &[]), Window::H4);
    count(OPERATION, base(&catalogue::IVR_CALLS), select.all(&catalogue::IVR_CALLS), Window::H4);
    count(OPERATION, base(&catalogue::IVR_SECONDS), select.all(&catalogue::IVR_SECONDS), Window::H4);
    count(OPERATION, base(&catalogue::INBOUND_CALLS), select.all(&catalogue::INBOUND_CALLS), Window::H4);
    count(SKILL, base(&catalogue::CDR_COST), select.all(&catalogue::CDR_COST), Window::H1);
    count(SKILL, base(&catalogue::CDR_CALLS), select.all(&catalogue::CDR_CALLS), Window::H1);
    let answers =
        |values: &[&str]| select.some(&catalogue::SURVEY_ANSWERS, &[is_one_of(Label::Answer, values)]);
    count(QUESTION, ANSWERS_SATISFIED, answers(&["4", "5"]), Window::D1);
    count(QUESTION, ANSWERS_SCALED, answers(&["1", "2", "3", "4", "5"]), Window::D1);
    let line: &[Label] = LINE;
    count(line, base(&catalogue::INBOUND_CALLS), select.all(&catalogue::INBOUND_CALLS), Window::H1);
    let blank = |report| unless_revised(report, Window::H4);
    let calls = counted(OPERATION, base(&catalogue::IVR_CALLS), Window::H4);
    let offered = counted(OPERATION, base(&catalogue::INBOUND_CALLS), Window::H4);
    let seconds = counted(OPERATION, base(&catalogue::IVR_SECONDS), Window::H4);
    rules.push(record(
        recorded(OPERATION, IVR_PASSED, "ratio4h"),
        format!("{offered} / ({calls} > 0)\n{}\n{}", blank(Report::Skill6), blank(Report::Diagram12)),
    ));
    rules.push(record(
        recorded(OPERATION, IVR_MEAN, "mean4h"),
        format!("{seconds} / ({calls} > 0)\n{}", blank(Report::Diagram12)),
    ));
    for (metric, now) in [
        (IVR_PASSED, recorded(OPERATION, IVR_PASSED, "ratio4h")),
        (IVR_MEAN, recorded(OPERATION, IVR_MEAN, "mean4h")),
    ] {
        rules.push(record(
            recorded(OPERATION, metric, "change1w"),
            format!("{now} / ({now} offset 1w > 0) - 1"),
        ));
    }
    Group { name: "wolkvox.others", rules }
}

/// One question of the surveys of a skill.
pub const QUESTION: &[Label] = &[Label::Operation, Label::SkillId, Label::Question];
/// One line (DNIS) of a skill.
pub const LINE: &[Label] = &[Label::Operation, Label::SkillId, Label::Dnis];
/// Callbacks that reached the customer.
pub const CALLBACKS_REACHED: &str = "wolkvox_callbacks_reached";
/// Callbacks that were tried to the end.
pub const CALLBACKS_TRIED: &str = "wolkvox_callbacks_tried";
/// Successful callbacks within half an hour.
pub const CALLBACKS_SOON: &str = "wolkvox_callbacks_soon";
/// Successful callbacks.
pub const CALLBACKS_MADE: &str = "wolkvox_callbacks_made";
/// Answers 4 and 5.
pub const ANSWERS_SATISFIED: &str = "wolkvox_survey_answers_satisfied";
/// Answers 1 to 5.
pub const ANSWERS_SCALED: &str = "wolkvox_survey_answers_scaled";
/// Calls offered to skills, of those that entered the IVR; may exceed 1, since calls may be transferred.
pub const IVR_PASSED: &str = "wolkvox_ivr_passed";
/// Mean time in the IVR.
pub const IVR_MEAN: &str = "wolkvox_ivr_seconds_per_call";
