//! What boards share: variables, marks, the row of trust, judged tiles and links.

use crate::api::Report;
use crate::dashboards::board::Board;
use crate::dashboards::grafana::panel::{Color, Mapping, Panel, Unit, about, stat, words};
use crate::dashboards::grafana::target::{Target, instant};
use crate::dashboards::grafana::variable::{Values, Variable};
use crate::dashboards::grafana::{Annotation, Line, Section};
use crate::dashboards::recording::{Share, age};
use crate::dashboards::scope::{Scope, split};
use crate::dashboards::words::{Window, is_one_of, list, max};
use crate::metrics::{Family, Label, catalogue};

/// When the process started: the `prometheus` crate names it.
pub(super) const PROCESS_START: &str = "process_start_time_seconds";
/// The firing alerts of ours, as Prometheus records them.
const ALERTS: &str = "ALERTS";

pub(super) fn variables(scope: Scope<'_>) -> Vec<Variable> {
    let (job, others) = split(&scope.options.selector.0);
    let hidden = scope.board == Board::Wallboard;
    let braces = if others.is_empty() { String::new() } else { format!("{{{}}}", others.join(",")) };
    let any = |name, label, values| Variable { name, label, values, all: Some(".+"), current: None, hidden };
    let mut all = vec![
        Variable { all: None, ..any("datasource", "Data source", Values::Datasource) },
        Variable {
            current: job,
            ..any("job", "Job", Values::Label(format!("{}{braces}", catalogue::BUILD_INFO.name), "job"))
        },
    ];
    for label in scope.board.variables() {
        let of = |family: &Family| Values::Label(scope_without(scope, *label, family), label.as_str());
        all.push(match label {
            // All are those of the chosen jobs: this is how the job reaches recorded series, which have none.
            Label::Operation => {
                Variable { all: Some(""), ..any("operation", "Operation", of(&catalogue::OPERATION_INFO)) }
            }
            Label::SkillId => any("skill_id", "Skill", skills(scope)),
            Label::Dnis => Variable { all: Some(".*"), ..any("dnis", "DNIS", of(&catalogue::INBOUND_CALLS)) },
            Label::Question => any("question", "Question", of(&catalogue::SURVEY_ANSWERS)),
            Label::Report => any("report", "Report", of(&catalogue::REPORT_UP)),
            _ => Variable {
                all: None,
                current: Some("20s".to_owned()),
                ..any("within", "Threshold", Values::Fixed(&["10s", "20s", "30s"]))
            },
        });
    }
    all
}

/// The series, narrowed by the variables before this one: those after it are filled in later.
fn scope_without(scope: Scope<'_>, label: Label, family: &Family) -> String {
    let later = scope.board.variables().iter().skip_while(|other| **other != label);
    later.fold(scope.all(family), |series, later| {
        series.replace(&format!(",{0}=~\"${0}\"", later.as_str()), "")
    })
}

/// Skills by name, valued by identifier; those without a known name by that.
fn skills(scope: Scope<'_>) -> Values {
    let by = [Label::SkillId];
    let without = |family| max(&by, &scope_without(scope, Label::SkillId, family));
    let named = max(
        &[Label::SkillId, Label::SkillName],
        &scope_without(scope, Label::SkillId, &catalogue::SKILL_INFO),
    );
    let expr = format!(
        "{named} or on ({0}) {1} or on ({0}) {2}",
        list(&by),
        without(&catalogue::INBOUND_CALLS),
        without(&catalogue::CDR_CALLS)
    );
    Values::Query(expr, r#"/skill_id="(?<value>[^"]*)"(?:.*skill_name="(?<text>[^"]+)")?/"#)
}

pub(super) fn annotations(scope: Scope<'_>) -> Vec<Annotation> {
    vec![
        Annotation {
            name: "Alerts",
            expr: format!(
                "max by (alertname, operation, skill_id) \
                 ({ALERTS}{{alertname=~\"Wolkvox.*\",alertstate=\"firing\",operation=~\"$operation|\"}})"
            ),
            color: "dark-red",
            title: "{{alertname}}",
            text: "{{operation}} {{skill_id}}",
        },
        Annotation {
            name: "Exporter restarts",
            expr: format!("max by (instance) (changes({}[5m])) > 0", scope.named(PROCESS_START)),
            color: "purple",
            title: "The exporter started",
            text: "{{instance}}",
        },
        Annotation {
            name: "Data gaps",
            expr: format!(
                "max by (operation, report) ({} == 0)",
                scope.some(&catalogue::REPORT_UP, &[is_one_of(Label::Report, &five())])
            ),
            color: "orange",
            title: "A report could not be read",
            text: "{{operation}} {{report}}",
        },
    ]
}

fn five() -> Vec<&'static str> {
    Report::FIVE.map(Report::code).to_vec()
}

/// The row that says whether the numbers below can be trusted.
pub(super) fn trust(scope: Scope<'_>, reports: &[Report]) -> Section {
    let panels = trust_tiles(scope, reports).into_iter().map(|panel| (4, panel)).collect();
    Section { title: "Can these numbers be trusted?", lines: vec![Line { height: 3, panels }] }
}

/// Data age, failing reads, catching up, owed buckets, quota, alerts: six tiles.
pub(super) fn trust_tiles(scope: Scope<'_>, reports: &[Report]) -> Vec<Panel> {
    let codes: Vec<_> = reports.iter().map(|report| report.code()).collect();
    let of = |family| scope.some(family, &[is_one_of(Label::Report, &codes)]);
    let by = [Label::Operation, Label::Report];
    let old = format!("topk(1, clamp_min(time() - max by (report) ({}), 0))", of(&catalogue::DATA_THROUGH));
    let late = format!(
        "(max((time() - {}) / on ({}) {}) > {})",
        max(&by, &of(&catalogue::LAST_SUCCESS)),
        list(&by),
        max(&by, &of(&catalogue::REPORT_INTERVAL)),
        scope.options.thresholds.stale_intervals
    );
    let open = exporter_board();
    let nothing = "no data";
    let count = |title, what, formula, expr: String, zero, bad| {
        stat(title, about(what, formula, "the exporter's own account of its reading"))
            .ask(instant(expr, ""))
            .decimals(0)
            .below(Color::Good, &[(1.0, bad)])
            .said(&[Mapping(Some(0.0), Some(0.0), zero, Color::Good)])
            .empty(nothing)
            .link("Exporter health", open.clone())
    };
    let firing = format!(
        "count({ALERTS}{{alertname=~\"Wolkvox.*\",alertstate=\"firing\",operation=~\"$operation|\"}}) or \
         max(0 * {})",
        scope.recorded(&by, &age(), &[])
    );
    vec![
        stat(
            "Data age",
            about(
                "Everything before this long ago has been read, for the report of this board that is \
                 furthest behind. \
                 It turns red when a report has missed three planned readings. Accelerated demonstrations \
                 show 0: their \
                 clock is ahead.",
                "now minus wolkvox_report_data_through_timestamp_seconds, the greatest",
                &format!("the exporter's own account of {}", codes.join(", ")),
            ),
        )
        .ask(instant(format!("{old} unless on () {late}"), "{{report}}").color(Color::Good))
        .ask(instant(format!("{old} and on () {late}"), "{{report}}").color(Color::Bad))
        .unit(Unit::Seconds)
        .decimals(0)
        .named()
        .empty("nothing read yet")
        .link("Exporter health", open.clone()),
        count(
            "Reads failing",
            "Reports of this board whose last reading failed. Their numbers stand still until it \
             succeeds, those of skill_6 for all skills of the operation when one cannot be read; nothing is lost.",
            "number of wolkvox_report_up that are 0",
            format!("sum({} == bool 0)", of(&catalogue::REPORT_UP)),
            "none",
            Color::Bad,
        ),
        count(
            "Catching up",
            "Reports of this board that are reading older hours or days now: what they bring looks like \
             traffic of now.",
            "sum of wolkvox_report_catching_up",
            format!("sum({})", of(&catalogue::REPORT_CATCHING_UP)),
            "no, up to date",
            Color::Watch,
        ),
        count(
            "Buckets owed",
            "Hours or days that should be settled and are not yet: their last corrections are still to \
             come.",
            "sum of wolkvox_report_buckets_owed",
            format!("sum({})", of(&catalogue::REPORT_BUCKETS_OWED)),
            "none",
            Color::Watch,
        ),
        stat(
            "Quota at day's end",
            about(
                "Requests expected by the end of the quota day, of those allowed, for the operation \
                 nearest its limit. \
                 Requests: sent today, and allowed, are on the board of the exporter.",
                "wolkvox_token_requests_forecast / wolkvox_token_requests_limit, the greatest",
                "token_info, and the exporter's own plan",
            ),
        )
        .ask(instant(
            format!(
                "max({} / on (operation) {})",
                max(&[Label::Operation], &scope.all(&catalogue::TOKEN_REQUESTS_FORECAST)),
                max(&[Label::Operation], &scope.all(&catalogue::TOKEN_REQUESTS_LIMIT))
            ),
            "",
        ))
        .unit(Unit::Ratio)
        .unbounded()
        .decimals(0)
        .below(Color::Good, &[(0.9, Color::Watch), (1.0, Color::Bad)])
        .empty("not known yet")
        .link("Exporter health", open.clone()),
        stat(
            "Alerts firing",
            about(
                "Alerts of these operations that are firing in Prometheus, whoever they were sent to. \
                 Tells as well whether \
                 Prometheus has loaded the recording rules, which most of this board needs.",
                "number of ALERTS that are firing; 0 as long as anything is recorded",
                "the rules delivered with the exporter",
            ),
        )
        .ask(instant(firing, ""))
        .decimals(0)
        .below(Color::Good, &[(1.0, Color::Bad)])
        .said(&[Mapping(Some(0.0), Some(0.0), "none", Color::Good)])
        .empty("rules not loaded")
        .link("Alerts in Grafana", "/alerting/list?search=Wolkvox".to_owned()),
    ]
}

/// The board of the exporter, with what is chosen here.
fn exporter_board() -> String {
    format!(
        "/d/{}?${{datasource:queryparam}}&${{job:queryparam}}&${{operation:queryparam}}&${{__url_time_range}}",
        Board::Exporter.uid()
    )
}

/// The board of a skill, from a row or a series that has these labels.
pub(super) fn skill_board(from_row: bool, with_line: bool) -> String {
    let label = |label: Label| {
        if from_row {
            format!("${{__data.fields.{}:percentencode}}", label.as_str())
        } else {
            format!("${{__field.labels.{}:percentencode}}", label.as_str())
        }
    };
    let mut url = format!(
        "/d/{}?${{datasource:queryparam}}&${{job:queryparam}}&${{within:queryparam}}&var-operation={}&var-skill_id={}",
        Board::Skill.uid(),
        label(Label::Operation),
        label(Label::SkillId)
    );
    if with_line {
        url.push_str(&format!("&var-dnis={}", label(Label::Dnis)));
    }
    url.push_str("&${__url_time_range}");
    url
}

/// The words of a share over a window, for titles and descriptions.
pub(super) struct Told {
    pub(super) what: String,
    pub(super) formula: String,
    pub(super) source: &'static str,
}

pub(super) fn told(scope: Scope<'_>, share: Share, window: Window) -> Told {
    let fewest = scope.fewest(window);
    let (what, formula, source) = match share {
        Share::ServiceLevel => (
            format!(
                "Share of the calls offered over {} that were answered within the chosen threshold; calls \
                 abandoned early count \
                 against it.",
                window.words()
            ),
            "calls answered within the threshold / calls offered, each summed over skills and lines first",
            "skill_6 (service_level_10seg, _20seg, _30seg, inbound_calls)",
        ),
        Share::Abandon => (
            format!(
                "Share of the calls offered over {} whose caller hung up before an agent answered.",
                window.words()
            ),
            "calls abandoned / calls offered, each summed over skills and lines first",
            "skill_6 (abandon_calls, inbound_calls)",
        ),
    };
    Told {
        what: match window {
            Window::D1 => format!("{what} Blank on fewer than {fewest} calls."),
            _ => format!(
                "{what} Blank on fewer than {fewest} calls, and without operations whose counts were \
                 corrected downwards in that time."
            ),
        },
        formula: formula.to_owned(),
        source,
    }
}

/// A share of all chosen skills, in the colour and with the words of its target.
///
/// Grafana's own thresholds are fixed numbers. Targets are series, so there is a query for each verdict and only one of them
/// returns a value.
pub(super) fn judged(scope: Scope<'_>, share: Share, window: Window) -> Vec<Target> {
    let (value, burn) = (scope.pooled(share, window), scope.pooled_burn(share, window));
    let thresholds = &scope.options.thresholds;
    let far = match share {
        Share::ServiceLevel => thresholds.service_level_interval_burn,
        Share::Abandon => thresholds.abandon_interval_burn,
    };
    let (missed, far_missed) = match share {
        Share::ServiceLevel => ("below target", "far below target"),
        Share::Abandon => ("above target", "far above target"),
    };
    let (good, watch) = match scope.board {
        Board::Wallboard => (Color::FilledGood, Color::FilledWatch),
        _ => (Color::Good, Color::Watch),
    };
    let verdict = |bounds: &str, name, color| {
        instant(format!("{value} and on () ({burn} {bounds})"), name).color(color)
    };
    vec![
        verdict("<= 1", "on target", good),
        verdict(&format!("> 1 <= {far}"), missed, watch),
        verdict(&format!("> {far}"), far_missed, Color::Bad),
        instant(format!("{value} unless on () ({burn})"), "no target for this threshold").color(Color::Plain),
    ]
}

/// The target of the chosen skills together.
pub(super) fn target_of(scope: Scope<'_>, share: Share, window: Window) -> Target {
    instant(scope.pooled_target(share, window), "target").color(Color::Plain)
}

/// What a reader should know of this board.
pub(super) fn notes(height: u32, text: &str) -> Section {
    Section {
        title: "How to read this board",
        lines: vec![Line { height, panels: vec![(24, words("", text))] }],
    }
}

/// What stands below every board that shows recorded series.
pub(super) const RULES_NOTE: &str = "**Needs the recording rules** `rules/wolkvox.rules.yaml`: they sum \
                                     the calls of each skill over fixed windows, and the \
     alerts are computed from the same series. Without them most panels are empty and *Alerts firing* \
     says so. ";
