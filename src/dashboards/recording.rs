//! The recorded series: numerators and denominators first, divided last.
//!
//! A ratio is never aggregated again. It is clamped to 1, since a counter that was shown too high stands still
//! until the truth has caught up, and it is blank while the counts of its report were revised down within the window.
//!
//! Counts are those of the last reading: what a window holds is looked at for ten minutes after each, and stands still until
//! the next. A window that has moved on past the last reading says nothing of the centre, whether the next reading is planned
//! later or does not come.

use super::Options;
use super::rule::{Group, Recording, Rule};
use super::words::{
    HELD, Part, Window, base, bounds, finite, grown, is, is_none_of, is_one_of, list, max, recorded, sum,
};
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
    recorded(READING, "wolkvox_report_age", "intervals")
}

/// Seconds since the last successful reading.
pub fn age_seconds() -> String {
    recorded(READING, "wolkvox_report_age", "seconds")
}

/// One report of one operation.
const READING: &[Label] = &[Label::Operation, Label::Report];

/// Seconds after a reading in which windows are looked at: less than the shortest window, so that it still holds the reading.
const FRESH: u32 = 600;

/// A recorded series as it was at the last reading of its report, and a series of its own for what was seen then.
fn hold(rules: &mut Vec<Rule>, report: Option<Report>, name: String, expr: &str) {
    hold_unless(rules, report, name, expr, "");
}

/// The same, with what takes it back at once: what was seen before must not stand in for what is left out now.
fn hold_unless(rules: &mut Vec<Rule>, report: Option<Report>, name: String, expr: &str, unless: &str) {
    let (on, which) = match report {
        Some(report) => (OPERATION, format!("{{{}}}", is(Label::Report, report.code()))),
        None => (READING, String::new()),
    };
    let read = read_name(&name);
    rules.push(record(
        read.clone(),
        format!("{expr}\nand on ({})\n({}{which} < {FRESH})", list(on), age_seconds()),
    ));
    rules.push(record(name, format!("last_over_time({read}[{HELD}]){unless}")));
}

/// The name of what was seen while readings were fresh.
pub fn read_name(name: &str) -> String {
    match name.rsplit_once(':') {
        Some((before, operation)) => format!("{before}:read_{operation}"),
        None => name.to_owned(),
    }
}

/// Something as it was a week ago.
pub fn week_ago(by: &[Label], metric: &str, window: Window) -> String {
    recorded(by, metric, &format!("week_ago{}", window.as_str()))
}

/// Something of a skill as times the greater of the same time in the last two weeks, as far as they are known.
pub fn times_usual(metric: &str, window: Window) -> String {
    recorded(SKILL, metric, &format!("times_usual{}", window.as_str()))
}

/// How often the vendor's own figure of today's calls changed within an hour.
pub fn moved(by: &[Label]) -> String {
    recorded(by, catalogue::TODAY_INBOUND_CALLS.name, "changes1h")
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
    let target = max(WITHIN, &select.held(&catalogue::SERVICE_LEVEL_TARGET));
    rules.push(record(Share::ServiceLevel.budget(), format!("clamp_min(1 - {target}, 0.01)")));
    let target = max(SKILL, &select.held(&catalogue::ABANDON_TARGET));
    rules.push(record(Share::Abandon.budget(), format!("clamp_min({target}, 0.01)")));
    for share in [Share::ServiceLevel, Share::Abandon] {
        let budget = share.budget();
        rules.push(record(share.ceiling(), format!("(1 + {budget}) / (2 * {budget})")));
    }
    let success = max(READING, &select.held(&catalogue::LAST_SUCCESS));
    rules.push(record(age_seconds(), format!("time() - {success}")));
    // Where it becomes shorter at the turn of the quota day, the reading before was planned by the longer one.
    let interval = &catalogue::REPORT_INTERVAL;
    let planned = format!("max_over_time({}[10m])", select.all(interval));
    let interval = max(READING, &select.held_by(interval, &planned));
    rules.push(record(age(), format!("{}\n/ on ({})\n{interval}", age_seconds(), list(READING))));
    Group { name: "wolkvox.expected", rules }
}

fn calls(options: &Options) -> Group {
    let select = &options.selector;
    let mut rules = Vec::new();
    let waits = &catalogue::ANSWER_WAIT;
    let within = select.part(waits, Part::Bucket, &[finite(waits)]);
    let revisions = &catalogue::REPORT_REVISIONS;
    let down = select.some(revisions, &[is(Label::Direction, "down")]);
    let skill_6 = Some(Report::Skill6);
    for window in Window::RECORDED {
        let over = window.as_str();
        for family in [&catalogue::INBOUND_CALLS, &catalogue::ANSWERED_CALLS, &catalogue::ABANDONED_CALLS] {
            let increase = grown(family, Part::Value, &select.all(family), over);
            hold(&mut rules, skill_6, counted(SKILL, base(family), window), &sum(SKILL, &increase));
        }
        // The bound of the bucket becomes the label of the target: 20 and 20.0 are `20s`.
        let renamed = format!(
            "label_replace({}, \"{}\", \"${{1}}s\", \"le\", \"([0-9]+)(\\\\.0)?\")",
            grown(waits, Part::Bucket, &within, over),
            Label::Within.as_str()
        );
        hold(&mut rules, skill_6, counted(WITHIN, ANSWERED_WITHIN, window), &sum(WITHIN, &renamed));
        let increase = grown(revisions, Part::Value, &down, over);
        hold(&mut rules, None, revised(window), &sum(READING, &increase));
    }
    // Without hours in the configuration a skill is always open.
    let hours = max(SKILL, &select.held(&catalogue::BUSINESS_OPEN));
    rules.push(record(open(), format!("{hours}\nor\n{} * 0 + 1", inbound(Window::M15))));
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
            let of =
                |part| sum(SKILL, &grown(family, part, &select.part(family, part, &[]), window.as_str()));
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
    let mut count = |report, by: &[Label], metric: &str, family, part, what: &str, window: Window| {
        let increase = sum(by, &grown(family, part, what, window.as_str()));
        hold(&mut rules, Some(report), counted(by, metric, window), &increase);
    };
    let outcomes = &catalogue::CALLBACK_OUTCOMES;
    for (metric, values) in [(CALLBACKS_REACHED, &["ok"][..]), (CALLBACKS_TRIED, &["ok", "fail", "no_user"])]
    {
        let what = select.some(outcomes, &[is_one_of(Label::Outcome, values)]);
        count(Report::Diagram3, SKILL, metric, outcomes, Part::Value, &what, Window::H4);
    }
    let waits = &catalogue::CALLBACK_WAIT;
    let soon = select.part(waits, Part::Bucket, &[bounds(waits, &[1_800_000])]);
    count(Report::Diagram3, SKILL, CALLBACKS_SOON, waits, Part::Bucket, &soon, Window::H4);
    let made = select.part(waits, Part::Count, &[]);
    count(Report::Diagram3, SKILL, CALLBACKS_MADE, waits, Part::Count, &made, Window::H4);
    for (report, by, family, window) in [
        (Report::Diagram12, OPERATION, &catalogue::IVR_CALLS, Window::H4),
        (Report::Diagram12, OPERATION, &catalogue::IVR_SECONDS, Window::H4),
        (Report::Skill6, OPERATION, &catalogue::INBOUND_CALLS, Window::H4),
        (Report::Skill6, LINE, &catalogue::INBOUND_CALLS, Window::H1),
        (Report::Cdr1, SKILL, &catalogue::CDR_COST, Window::H1),
        (Report::Cdr1, SKILL, &catalogue::CDR_CALLS, Window::H1),
    ] {
        count(report, by, base(family), family, Part::Value, &select.all(family), window);
    }
    // Where somebody answered outside of the scale, the question has another one, on which a 4 is no praise.
    let answers = &catalogue::SURVEY_ANSWERS;
    let of = |matcher| grown(answers, Part::Value, &select.some(answers, &[matcher]), Window::D1.as_str());
    for (metric, values) in [(ANSWERS_SATISFIED, SATISFIED), (ANSWERS_SCALED, SCALE)] {
        let unless =
            format!("\nunless on ({})\n({} > 0)", list(QUESTION), of(is_none_of(Label::Answer, SCALE)));
        let name = counted(QUESTION, metric, Window::D1);
        let given = sum(QUESTION, &of(is_one_of(Label::Answer, values)));
        hold_unless(&mut rules, Some(Report::Diagram4), name, &given, &unless);
    }
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
    for (metric, now, reports) in [
        (IVR_PASSED, recorded(OPERATION, IVR_PASSED, "ratio4h"), &[Report::Skill6, Report::Diagram12][..]),
        (IVR_MEAN, recorded(OPERATION, IVR_MEAN, "mean4h"), &[Report::Diagram12]),
    ] {
        let change = format!("{now} / ({now} offset 1w > 0) - 1");
        let unless: String = reports.iter().map(|report| format!("\n{}", blank(*report))).collect();
        let name = recorded(OPERATION, metric, "change1w");
        hold_unless(&mut rules, Some(Report::Diagram12), name, &change, &unless);
    }
    weeks(options, &mut rules);
    Group { name: "wolkvox.others", rules }
}

/// What now is compared with: it stands still with what it is compared with, lest last week's noon be held against this
/// week's morning while nothing is read.
fn weeks(options: &Options, rules: &mut Vec<Rule>) {
    for (report, by, family, window) in [
        (Report::Skill6, SKILL, &catalogue::INBOUND_CALLS, Window::H1),
        (Report::Skill6, LINE, &catalogue::INBOUND_CALLS, Window::H1),
        (Report::Diagram12, OPERATION, &catalogue::IVR_CALLS, Window::H4),
    ] {
        let before = format!("{} offset 1w", counted(by, base(family), window));
        hold(rules, Some(report), week_ago(by, base(family), window), &before);
    }
    for (report, family, window) in [
        (Report::Skill6, &catalogue::INBOUND_CALLS, Window::M30),
        (Report::Cdr1, &catalogue::CDR_COST, Window::H1),
    ] {
        let now = counted(SKILL, base(family), window);
        let times = format!(
            "{now}\n/\n(\n  {now} offset 1w >= {now} offset 2w\n  or\n  {now} offset 2w\n  or\n  {now} offset 1w\n)"
        );
        hold(rules, Some(report), times_usual(base(family), window), &times);
    }
    let today = options.selector.all(&catalogue::TODAY_INBOUND_CALLS);
    for by in [SKILL, LINE] {
        hold(rules, Some(Report::Skill6), moved(by), &max(by, &format!("changes({today}[1h])")));
    }
}

/// The best answers.
pub const SATISFIED: &[&str] = &["4", "5"];
/// The scale on which they are.
pub const SCALE: &[&str] = &["1", "2", "3", "4", "5"];
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
