//! From one reading to the next, and after the last one: alerts are neither taken back nor told anew while nothing is read.
//!
//! A reading here moves all counters at once, every 5, 15 or 30 minutes and never quite on time, as it does in a centre.
//! Everything is evaluated every minute with the waits that are shipped. First all is bad for hours; then the API stops
//! answering, or the exporter does, until well after the data is stale.

use std::fmt::Write as _;

use wolkvox_exporter::dashboards::Options;
use wolkvox_exporter::dashboards::recording::{LINE, SKILL, read_name, times_usual, week_ago};
use wolkvox_exporter::dashboards::words::{Part, Window, base, series};
use wolkvox_exporter::metrics::{Family, catalogue};

use super::files::begin;

/// The last minute.
const END: usize = 540;
/// From here on every alert that should fire does.
const FIRES: usize = 300;
/// The last reading is not later than this.
const STOPS: usize = 420;

/// How the readings of an operation come.
struct Reading {
    name: &'static str,
    /// Minutes from one to the next, as planned.
    planned: usize,
    /// Whether the exporter is gone after the last one, or there is no last one.
    ends: Ends,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Never,
    Api,
    Exporter,
}

const READINGS: [Reading; 9] = [
    Reading { name: "every5", planned: 5, ends: Ends::Never },
    Reading { name: "every15", planned: 15, ends: Ends::Never },
    Reading { name: "every30", planned: 30, ends: Ends::Never },
    Reading { name: "stops5", planned: 5, ends: Ends::Api },
    Reading { name: "stops15", planned: 15, ends: Ends::Api },
    Reading { name: "stops30", planned: 30, ends: Ends::Api },
    Reading { name: "gone5", planned: 5, ends: Ends::Exporter },
    Reading { name: "gone15", planned: 15, ends: Ends::Exporter },
    Reading { name: "gone30", planned: 30, ends: Ends::Exporter },
];

impl Reading {
    /// When it was read; now and then up to a minute late, which moves readings across the edges of windows.
    fn at(&self) -> Vec<usize> {
        let every = (2..END).step_by(self.planned).enumerate();
        let late = every.map(|(turn, minute)| minute + usize::from(turn % 3 == 1));
        late.filter(|minute| self.ends == Ends::Never || *minute <= STOPS).collect()
    }

    fn last(&self) -> usize {
        self.at().into_iter().next_back().unwrap()
    }

    /// The last minute at which the exporter was scraped.
    fn scraped(&self) -> usize {
        if self.ends == Ends::Exporter { self.last() + 3 } else { END }
    }

    /// A series that is something of the last reading, and its number.
    fn stepped(&self, of: impl Fn(usize, usize) -> f64) -> String {
        let mut text = String::new();
        let at = self.at();
        for minute in 0..=self.scraped() {
            let turn = at.partition_point(|reading| *reading <= minute);
            let value = turn.checked_sub(1).map_or(0.0, |last| of(turn, at[last]));
            let _ = write!(text, "{value} ");
        }
        text
    }
}

/// Alerts of every kind that hold, with the labels that tell them apart.
const HOLD: [(&str, &str); 9] = [
    ("WolkvoxServiceLevelIntervalMissed", "skill_id=\"101\""),
    ("WolkvoxServiceLevelBurnFast", "skill_id=\"101\""),
    ("WolkvoxServiceLevelBurnSlow", "skill_id=\"101\""),
    ("WolkvoxAbandonBurnFast", "skill_id=\"101\""),
    ("WolkvoxNoInboundCalls", "skill_id=\"102\""),
    ("WolkvoxLineSilent", "skill_id=\"102\""),
    ("WolkvoxTrafficSurge", "skill_id=\"101\""),
    ("WolkvoxCostAnomaly", "skill_id=\"101\""),
    ("WolkvoxCallbackSuccessLow", "skill_id=\"101\""),
];

/// The alerts that say that it is not known.
const UNKNOWN: &str = "WolkvoxDataStale";

/// The file with all claims; rules are found at `below`.
pub(super) fn file(below: &str, options: &Options) -> String {
    let rules = ["wolkvox.rules.yaml", "wolkvox.alerts.yaml"].map(|name| format!("{below}{name}"));
    let mut text = begin(&rules, 1, options);
    // One world for all, since each has an operation of its own.
    text.push_str("- name: 'from one reading to the next'\n  interval: 1m\n  input_series:\n");
    let mut claims = String::from("  promql_expr_test:\n");
    for reading in &READINGS {
        write(&mut text, &mut claims, reading);
    }
    revised(&mut text, &mut claims);
    remembered(&mut text, &mut claims);
    text + &claims
}

fn write(text: &mut String, claims: &mut String, reading: &Reading) {
    let operation = format!("operation=\"{}\"", reading.name);
    let target = format!("job=\"wolkvox\",instance=\"{}\"", reading.name);
    let mut stated = |name: &str, labels: &str, values: &str| {
        let _ = writeln!(text, "  - series: '{name}{{{labels}}}'\n    values: '{}'", values.trim_end());
    };
    let (scraped, after) = (reading.scraped(), END - reading.scraped());
    let up = if after > 0 { format!("1x{scraped} 0x{}", after - 1) } else { format!("1x{scraped}") };
    stated("up", &target, &up);
    let skill = format!("{operation},skill_id=\"101\"");
    let silent = format!("{operation},skill_id=\"102\"");
    let mut shown = |family: &Family, part: Part, labels: &str, values: &str| {
        // After its last scrape a series is marked as gone.
        let mark = if after > 0 { "stale" } else { "" };
        stated(&series(family, part), &format!("{target},{labels}"), &format!("{values} {mark}"));
    };
    let constant = |value: f64| format!("{value}x{scraped}");
    #[expect(clippy::cast_precision_loss, reason = "a few hundred readings")]
    let growing =
        |per_minute: f64| reading.stepped(|turn, _| 1000.0 + per_minute * (turn * reading.planned) as f64);
    for (family, part, labels, per_minute) in [
        (&catalogue::INBOUND_CALLS, Part::Value, "dnis=\"601\"", 4.0),
        (&catalogue::ANSWERED_CALLS, Part::Value, "dnis=\"601\"", 2.0),
        (&catalogue::ABANDONED_CALLS, Part::Value, "dnis=\"601\"", 2.0),
        (&catalogue::ANSWER_WAIT, Part::Bucket, "dnis=\"601\",le=\"20\"", 0.6),
        (&catalogue::CDR_COST, Part::Value, "campaign_id=\"1\"", 90.0),
        (&catalogue::CDR_CALLS, Part::Value, "campaign_id=\"1\"", 2.0),
        (&catalogue::CALLBACK_OUTCOMES, Part::Value, "outcome=\"ok\"", 0.2),
        (&catalogue::CALLBACK_OUTCOMES, Part::Value, "outcome=\"fail\"", 0.4),
    ] {
        shown(family, part, &format!("{skill},{labels}"), &growing(per_minute));
    }
    shown(&catalogue::INBOUND_CALLS, Part::Value, &format!("{silent},dnis=\"602\""), &constant(1000.0));
    shown(&catalogue::TODAY_INBOUND_CALLS, Part::Value, &format!("{silent},dnis=\"602\""), &constant(20.0));
    shown(&catalogue::SERVICE_LEVEL_TARGET, Part::Value, &format!("{skill},within=\"20s\""), &constant(0.8));
    shown(&catalogue::ABANDON_TARGET, Part::Value, &skill, &constant(0.05));
    for skill in [&skill, &silent] {
        shown(&catalogue::BUSINESS_OPEN, Part::Value, skill, &constant(1.0));
    }
    #[expect(clippy::cast_precision_loss, reason = "a day of seconds")]
    for report in ["skill_6", "cdr_1", "diagram_3"] {
        let labels = format!("{operation},report=\"{report}\"");
        shown(&catalogue::LAST_SUCCESS, Part::Value, &labels, &reading.stepped(|_, at| (at * 60) as f64));
        shown(&catalogue::REPORT_INTERVAL, Part::Value, &labels, &constant((reading.planned * 60) as f64));
        shown(&catalogue::REPORT_CATCHING_UP, Part::Value, &labels, &constant(0.0));
    }
    // What was usual is the same all day.
    for (name, labels, value) in [
        (week_ago(SKILL, base(&catalogue::INBOUND_CALLS), Window::H1), silent.clone(), 25.0),
        (week_ago(LINE, base(&catalogue::INBOUND_CALLS), Window::H1), format!("{silent},dnis=\"602\""), 25.0),
        (times_usual(base(&catalogue::INBOUND_CALLS), Window::M30), skill.clone(), 3.0),
        (times_usual(base(&catalogue::CDR_COST), Window::H1), skill.clone(), 3.0),
    ] {
        stated(&read_name(&name), &labels, &format!("{value}x{END}"));
    }
    let mut expect = |expr: &str, at: usize, value: Option<usize>| {
        let samples = value.map_or_else(String::new, |value| format!("{{ value: {value} }}"));
        let _ = writeln!(claims, "  - expr: '{expr}'\n    eval_time: {at}m\n    exp_samples: [{samples}]");
    };
    let minutes = |alert: &str, labels: &str, state: &str, length: usize| {
        let labels = format!("alertname=\"{alert}\",alertstate=\"{state}\",{operation},{labels}");
        format!("sum(count_over_time(ALERTS{{{labels}}}[{length}m]))")
    };
    // The window of a count begins half a minute after a sample: versions differ on its edge.
    let length = END - FIRES;
    for (alert, labels) in HOLD {
        let each = format!(
            "sum(count_over_time(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\",{operation},{labels}}}[{}s]))",
            60 * length - 30
        );
        expect(&each, END, Some(length));
        expect(&minutes(alert, labels, "pending", length), END, None);
    }
    for report in ["skill_6", "cdr_1", "diagram_3"] {
        let labels = format!("report=\"{report}\"");
        let firing = format!(
            "count(ALERTS{{alertname=\"{UNKNOWN}\",alertstate=\"firing\",{operation},{labels}}}) or vector(0)"
        );
        let stale = reading.last() + 3 * reading.planned;
        if reading.ends == Ends::Never {
            expect(&minutes(UNKNOWN, &labels, "firing", END), END, None);
        } else {
            expect(&firing, stale, Some(0));
            expect(&firing, stale + 1, Some(1));
            expect(&firing, END, Some(1));
        }
    }
}

/// A downward revision after which the counter of a line stands still for four hours, while calls come.
fn revised(text: &mut String, claims: &mut String) {
    let target = "job=\"wolkvox\",instance=\"waits\",operation=\"waits\"";
    let line = format!("{target},skill_id=\"101\",dnis=\"601\"");
    let skill = "operation=\"waits\",skill_id=\"101\"";
    let mut stated = |name: &str, labels: &str, values: String| {
        let _ = writeln!(text, "  - series: '{name}{{{labels}}}'\n    values: '{values}'");
    };
    stated(catalogue::INBOUND_CALLS.name, &line, format!("1000+1x{} 1240x239 1240+1x{}", 239, END - 480));
    // The vendor takes back four hours of calls and goes on from there.
    stated(catalogue::TODAY_INBOUND_CALLS.name, &line, format!("1000+1x239 1000+1x{}", END - 240));
    stated(
        catalogue::REPORT_REVISIONS.name,
        &format!("{target},report=\"skill_6\",direction=\"down\""),
        format!("0x239 3x{}", END - 240),
    );
    stated(catalogue::LAST_SUCCESS.name, &format!("{target},report=\"skill_6\""), format!("0+60x{END}"));
    stated(catalogue::REPORT_INTERVAL.name, &format!("{target},report=\"skill_6\""), format!("300x{END}"));
    for (by, labels) in [(SKILL, skill.to_owned()), (LINE, format!("{skill},dnis=\"601\""))] {
        let name = week_ago(by, base(&catalogue::INBOUND_CALLS), Window::H1);
        stated(&read_name(&name), &labels, format!("60x{END}"));
    }
    for alert in ["WolkvoxNoInboundCalls", "WolkvoxLineSilent"] {
        let _ = writeln!(
            claims,
            "  - expr: 'count_over_time(ALERTS{{alertname=\"{alert}\",operation=\"waits\"}}[{END}m])'\n    eval_time: {END}m\n    exp_samples: []"
        );
    }
}

/// What can be seen for a while only: the exporter is gone for a working day, and the one refusal that ends the quota day.
fn remembered(text: &mut String, claims: &mut String) {
    let target = "job=\"wolkvox\",instance=\"remembered\"";
    let operation = "operation=\"remembered\"";
    let spent = "job=\"wolkvox\",instance=\"spent\",operation=\"spent\"";
    let refused = format!("{spent},report=\"skill_6\",reason=\"quota\"");
    for (name, labels, values) in [
        ("up", target.to_owned(), format!("1x59 0x{}", END - 60)),
        (catalogue::UP.name, format!("{target},{operation}"), "1x59 stale".to_owned()),
        (catalogue::UP.name, spent.to_owned(), format!("1x59 0x{}", END - 60)),
        (catalogue::REPORT_READ_FAILURES.name, refused, format!("0x59 1x{}", END - 60)),
    ] {
        let _ = writeln!(text, "  - series: '{name}{{{labels}}}'\n    values: '{values}'");
    }
    for (alert, operation, first, last) in [
        ("WolkvoxExporterDown", operation, 70, END),
        ("WolkvoxAPIQuotaSpent", "operation=\"spent\"", 62, END),
    ] {
        let labels = format!("alertname=\"{alert}\",alertstate=\"firing\",{operation}");
        let minutes = last - first;
        let _ = writeln!(
            claims,
            "  - expr: 'sum(count_over_time(ALERTS{{{labels}}}[{}s]))'\n    eval_time: {last}m\n    exp_samples: [{{ value: {minutes} }}]",
            60 * minutes - 30
        );
    }
}
