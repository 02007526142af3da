//! Rules as values, and how they are written.

use serde_json::{Value, json};

use super::{Board, Options};
use crate::api::Report;
use crate::metrics::Label;

/// Rules that are evaluated together, in order.
#[derive(Debug, Clone)]
pub struct Group {
    /// Unique within its file.
    pub name: &'static str,
    /// Recorded series or alerts.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone)]
pub enum Rule {
    /// A series computed ahead.
    Record(Recording),
    /// A condition that somebody should hear of.
    Alert(Box<Alert>),
}

/// A series computed ahead.
#[derive(Debug, Clone)]
pub struct Recording {
    /// `level:metric:operation`.
    pub name: String,
    /// What it is, in PromQL.
    pub expr: String,
}

/// How loud an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Customers suffer now: somebody is called.
    Critical,
    /// Somebody should act within the shift.
    Warning,
    /// Something to know and plan with.
    Info,
}

impl Severity {
    /// The value of the label `severity`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// The contact centre: for those who run it.
    Kpi,
    /// The exporter and what it reads: for those who run that.
    Exporter,
}

impl Category {
    /// The value of the label `category`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Category::Kpi => "kpi",
            Category::Exporter => "exporter",
        }
    }
}

/// When an alert may fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hours {
    /// Only while the skill is open.
    Open,
    /// At any hour, for the reason given.
    Any(&'static str),
}

/// What the runbook says of an alert.
#[derive(Debug, Clone)]
pub struct Runbook {
    /// What has happened, in one or two sentences.
    pub meaning: &'static str,
    /// Who suffers, and how.
    pub impact: &'static str,
    /// What each query shows, and the query.
    pub diagnosis: Vec<(&'static str, String)>,
    /// What to do, in order.
    pub action: &'static [&'static str],
    /// When to silence it, and when not.
    pub silence: &'static str,
}

/// A condition that somebody should hear of.
#[derive(Debug, Clone)]
pub struct Alert {
    /// `Wolkvox..`.
    pub name: &'static str,
    /// How loud.
    pub severity: Severity,
    /// For whom.
    pub category: Category,
    /// The report whose staleness makes this alert meaningless, as a label to inhibit by.
    pub report: Option<Report>,
    /// The labels of its subject, beside the ones it sets.
    pub by: Vec<Label>,
    /// The value that the alert shows.
    pub signal: String,
    /// What must hold beside it, each with its `and on (..)` or `unless on (..)`.
    pub guards: Vec<String>,
    /// How long it must hold, in minutes.
    pub hold_minutes: u32,
    /// The numbers, in one line; a template.
    pub summary: String,
    /// What it means, in one or two sentences.
    pub description: String,
    /// Where to look.
    pub board: Board,
    /// When it may fire.
    pub hours: Hours,
    /// The section of the runbook.
    pub runbook: Runbook,
}

impl Alert {
    /// The whole condition.
    pub fn expr(&self) -> String {
        let mut expr = self.signal.clone();
        for guard in &self.guards {
            expr.push('\n');
            expr.push_str(guard);
        }
        expr
    }

    /// Its labels.
    pub fn labels(&self) -> Vec<(&'static str, &'static str)> {
        let mut labels = vec![("severity", self.severity.as_str()), ("category", self.category.as_str())];
        if let Some(report) = self.report {
            labels.push((Label::Report.as_str(), report.code()));
        }
        labels
    }

    /// Its annotations, templates not yet filled.
    pub fn annotations(&self, options: &Options) -> Vec<(&'static str, String)> {
        vec![
            ("summary", self.summary.clone()),
            ("description", self.description.clone()),
            ("runbook_url", format!("{}#{}", options.runbook_url, anchor(self.name))),
            ("dashboard_url", self.board.url(&options.grafana_url, &self.by)),
        ]
    }
}

/// The anchor that GitHub and others give to a heading.
pub fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}

/// A rule file in YAML.
pub fn yaml(about: &str, groups: &[Group], options: &Options) -> String {
    let mut out = String::new();
    for line in about.lines() {
        out.push_str("# ");
        out.push_str(line);
        out.push('\n');
    }
    out.push_str("groups:\n");
    for group in groups {
        out.push_str(&format!("- name: {}\n  interval: 1m\n  rules:\n", group.name));
        for rule in &group.rules {
            match rule {
                Rule::Record(rule) => {
                    out.push_str(&format!("  - record: {}\n", rule.name));
                    write_expr(&mut out, &rule.expr);
                }
                Rule::Alert(alert) => write_alert(&mut out, alert, options),
            }
        }
    }
    out
}

fn write_alert(out: &mut String, alert: &Alert, options: &Options) {
    out.push_str(&format!("  - alert: {}\n", alert.name));
    write_expr(out, &alert.expr());
    if alert.hold_minutes > 0 {
        out.push_str(&format!("    for: {}m\n", alert.hold_minutes));
    }
    out.push_str("    labels:\n");
    for (name, value) in alert.labels() {
        out.push_str(&format!("      {name}: {value}\n"));
    }
    out.push_str("    annotations:\n");
    for (name, value) in alert.annotations(options) {
        // A JSON string is a YAML string.
        out.push_str(&format!("      {name}: {}\n", Value::from(value)));
    }
}

fn write_expr(out: &mut String, expr: &str) {
    out.push_str("    expr: |-\n");
    for line in expr.lines() {
        out.push_str(&format!("      {line}\n"));
    }
}

/// The same rules as a JSON value, for jsonnet: its YAML reader is younger than many installations.
pub fn as_json(groups: &[Group], options: &Options) -> Value {
    let rule = |rule: &Rule| match rule {
        Rule::Record(rule) => json!({ "record": rule.name, "expr": rule.expr }),
        Rule::Alert(alert) => {
            let labels: serde_json::Map<_, _> =
                alert.labels().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            let annotations: serde_json::Map<_, _> = alert
                .annotations(options)
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            let mut value = json!({
                "alert": alert.name, "expr": alert.expr(), "labels": labels, "annotations": annotations,
            });
            if alert.hold_minutes > 0 {
                value["for"] = format!("{}m", alert.hold_minutes).into();
            }
            value
        }
    };
    let groups: Vec<_> = groups
        .iter()
        .map(|group| {
            let rules: Vec<_> = group.rules.iter().map(rule).collect();
            json!({ "name": group.name, "interval": "1m", "rules": rules })
        })
        .collect();
    json!({ "groups": groups })
}
