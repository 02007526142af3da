//! The page for people: can the numbers be trusted, and how is today going.
//!
//! One HTML document without script or external asset. It is rendered from a [`Status`] value alone; every text from
//! upstream or the configuration is escaped by the template.

use askama::Template;

/// Everything the page shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// Version and revision of the exporter.
    pub version: String,
    /// Where the metrics are.
    pub telemetry_path: String,
    /// Whether the process is a demonstration without a real upstream.
    pub demo: bool,
    /// What is wrong with the ledger, in words.
    pub ledger: Vec<String>,
    /// What the configuration warns about.
    pub warnings: Vec<String>,
    /// The operations, sorted by name.
    pub operations: Vec<OperationStatus>,
}

/// One operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OperationStatus {
    /// Value of the label `operation`.
    pub name: String,
    /// Server, zone and local time in one line.
    pub place: String,
    /// Whether the last reading of every enabled report succeeded.
    pub up: bool,
    /// `3,210 of 25,000 requests used today, forecast 9,800`.
    pub quota: String,
    /// Whether the forecast passes the limit.
    pub quota_short: bool,
    /// Today by skill.
    pub skills: Vec<SkillStatus>,
    /// The reports.
    pub reports: Vec<ReportStatus>,
    /// What an operator should know or do, in plain words.
    pub notes: Vec<String>,
}

/// Today of one skill.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SkillStatus {
    /// `skill_id`.
    pub id: String,
    /// `skill_name`, or empty.
    pub name: String,
    /// Offered, answered and abandoned calls.
    pub inbound: i64,
    /// Answered calls.
    pub answered: i64,
    /// Abandoned calls.
    pub abandoned: i64,
    /// `84.2 % in 20s (target 80 %)`.
    pub service_level: String,
    /// Whether a target is set and missed.
    pub service_level_missed: bool,
    /// `4.1 % (target 5 %)`.
    pub abandon: String,
    /// Whether a target is set and missed.
    pub abandon_missed: bool,
}

/// One report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportStatus {
    /// The API's code.
    pub code: &'static str,
    /// What it is, in three words.
    pub title: &'static str,
    /// `ok`, `failing`, `catching up`, `waiting`.
    pub state: &'static str,
    /// How long ago it was last read with success, or `never`.
    pub last_success: String,
    /// How old the newest data is.
    pub data_age: String,
    /// Rows of the last answer.
    pub rows: String,
    /// Buckets past their settle and not sealed.
    pub owed: u64,
    /// When the next reading is planned.
    pub next: String,
    /// From when its counters count, in local time.
    pub counting_since: String,
    /// The last failure in words, with its age.
    pub last_failure: String,
}

impl Status {
    /// The page as HTML.
    pub fn page(&self) -> String {
        // Invariant: the template writes only to a String, which cannot fail.
        Page { status: self }.render().unwrap_or_default()
    }
}

#[derive(Template)]
#[template(
    ext = "html",
    escape = "html",
    source = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="15">
<title>wolkvox_exporter</title>
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --line: #d9dee3; --ground: #fff; --card: #f6f8fa;
  --good: #116329; --bad: #a40e26; --warn: #7a4b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --line: #30363d; --ground: #0d1117;
  --card: #161b22; --good: #56d364; --bad: #ff7b72; --warn: #e3b341; } }
body { margin: 0 auto; padding: 1rem; max-width: 72rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--ground); }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.15rem; margin: 0; } h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
p { margin: .25rem 0; } a { color: inherit; } .soft { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 1rem 0; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.good, .bad, .warn { font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 500; white-space: nowrap; } td.number, th.number { text-align: right; }
nav a { margin-right: 1rem; }
</style>
</head>
<body>
<header>
<h1>wolkvox_exporter</h1>
<p class="soft">{{ status.version }}{% if status.demo %} · demonstration with a simulated contact centre{% endif %}</p>
<nav><a href="{{ status.telemetry_path }}">Metrics</a> <a href="/-/healthy">Health</a> <a href="/-/ready">Readiness</a></nav>
</header>
<main>
{% for line in status.ledger %}<p class="bad" role="alert">{{ line }}</p>{% endfor %}
{% for line in status.warnings %}<p class="warn">{{ line }}</p>{% endfor %}
{% for operation in status.operations %}
<section aria-label="{{ operation.name }}">
<h2>{{ operation.name }} {% if operation.up %}<span class="good">reading</span>{% else %}<span class="bad">not all reports are being read</span>{% endif %}</h2>
<p class="soft">{{ operation.place }}</p>
<p{% if operation.quota_short %} class="warn"{% endif %}>{{ operation.quota }}</p>
{% for note in operation.notes %}<p class="warn">{{ note }}</p>{% endfor %}
<h3>Today by skill</h3>
{% if operation.skills.is_empty() %}<p class="soft">No reading of today yet.</p>{% else %}
<div class="wide" tabindex="0"><table>
<thead><tr><th scope="col">Skill</th><th scope="col" class="number">Offered</th><th scope="col" class="number">Answered</th><th scope="col" class="number">Abandoned</th><th scope="col">Service level</th><th scope="col">Abandon rate</th></tr></thead>
<tbody>
{% for skill in operation.skills %}<tr><th scope="row">{{ skill.id }} {{ skill.name }}</th><td class="number">{{ skill.inbound }}</td><td class="number">{{ skill.answered }}</td><td class="number">{{ skill.abandoned }}</td><td{% if skill.service_level_missed %} class="bad"{% endif %}>{{ skill.service_level }}</td><td{% if skill.abandon_missed %} class="bad"{% endif %}>{{ skill.abandon }}</td></tr>
{% endfor %}</tbody>
</table></div>{% endif %}
<h3>Reports</h3>
<div class="wide" tabindex="0"><table>
<thead><tr><th scope="col">Report</th><th scope="col">State</th><th scope="col">Last success</th><th scope="col">Data age</th><th scope="col" class="number">Rows</th><th scope="col" class="number">Owed</th><th scope="col">Next</th><th scope="col">Counts since</th><th scope="col">Last failure</th></tr></thead>
<tbody>
{% for report in operation.reports %}<tr><th scope="row">{{ report.code }}<br>{{ report.title }}</th><td{% if report.state == "ok" %} class="good"{% else if report.state == "failing" %} class="bad"{% else %} class="warn"{% endif %}>{{ report.state }}</td><td>{{ report.last_success }}</td><td>{{ report.data_age }}</td><td class="number">{{ report.rows }}</td><td class="number">{{ report.owed }}</td><td>{{ report.next }}</td><td>{{ report.counting_since }}</td><td>{{ report.last_failure }}</td></tr>
{% endfor %}</tbody>
</table></div>
</section>
{% endfor %}
</main>
</body>
</html>
"##
)]
struct Page<'a> {
    status: &'a Status,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_upstream_says_is_text_on_the_page() {
        let nasty = "<script>alert(1)</script>\"'&";
        let skill = SkillStatus { id: nasty.into(), name: nasty.into(), ..SkillStatus::default() };
        let report = ReportStatus { last_failure: nasty.into(), ..ReportStatus::default() };
        let operation = OperationStatus {
            name: nasty.into(),
            place: nasty.into(),
            notes: vec![nasty.into()],
            skills: vec![skill],
            reports: vec![report],
            ..OperationStatus::default()
        };
        let page = Status { operations: vec![operation], ..Status::default() }.page();
        assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"), "{page}");
        assert!(!page.contains("<script"));
    }
}
