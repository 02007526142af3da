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

/// Whether an operation is being read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// Not every enabled report has been read yet, and none has failed.
    #[default]
    Starting,
    /// The last reading of every enabled report succeeded.
    Reading,
    /// The last reading of a report failed.
    Failing,
}

impl State {
    /// Two or three words.
    pub const fn words(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Reading => "reading",
            State::Failing => "not all reports are being read",
        }
    }

    /// The class of the words: good, warn or bad.
    pub const fn mood(self) -> &'static str {
        match self {
            State::Starting => "warn",
            State::Reading => "good",
            State::Failing => "bad",
        }
    }
}

/// Up to how many operations are shown unfolded, whatever their state.
const UNFOLDED: usize = 12;

/// One operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OperationStatus {
    /// Value of the label `operation`.
    pub name: String,
    /// Server, zone and local time in one line.
    pub place: String,
    /// Whether it is being read.
    pub state: State,
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
    /// Offered calls, `1,646`.
    pub inbound: String,
    /// Answered calls.
    pub answered: String,
    /// Abandoned calls.
    pub abandoned: String,
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

impl ReportStatus {
    fn mood(&self) -> &'static str {
        match self.state {
            "ok" => "good",
            "failing" => "bad",
            _ => "warn",
        }
    }
}

impl Status {
    fn count(&self, state: State) -> usize {
        self.operations.iter().filter(|operation| operation.state == state).count()
    }

    /// Everything in one line.
    fn headline(&self) -> String {
        let all = self.operations.len();
        match (self.count(State::Failing), self.count(State::Starting)) {
            _ if all == 0 => "No operation is configured for this process".to_owned(),
            (0, 0) if all == 1 => "Reading".to_owned(),
            (0, 0) => format!("Reading all {all} operations"),
            (0, _) if all == 1 => "Starting".to_owned(),
            (0, starting) => format!("Starting: {starting} of {all} operations have not been read yet"),
            _ if all == 1 => "Not all reports are being read".to_owned(),
            (failing, _) => format!("Not all reports are being read in {failing} of {all} operations"),
        }
    }

    fn mood(&self) -> &'static str {
        match (self.count(State::Failing), self.count(State::Starting)) {
            (0, 0) if !self.operations.is_empty() => State::Reading.mood(),
            (0, _) => State::Starting.mood(),
            _ => State::Failing.mood(),
        }
    }

    /// Whether an operation is shown unfolded: where there are many, only those in trouble.
    fn is_open(&self, operation: &OperationStatus) -> bool {
        self.operations.len() <= UNFOLDED || operation.state == State::Failing
    }

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
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="15">
<link rel="icon" href="data:,">
<title>{{ status.headline() }} - wolkvox_exporter</title>
<style>
:root { --ink: #1b1f24; --soft: #57606a; --line: #d9dee3; --ground: #fff; --card: #f6f8fa;
  --good: #116329; --bad: #a40e26; --warn: #7a4b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --line: #30363d; --ground: #0d1117;
  --card: #161b22; --good: #56d364; --bad: #ff7b72; --warn: #e3b341; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--ground); overflow-wrap: break-word; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.15rem; margin: 0; display: inline; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: .25rem 0; } a { color: inherit; } .soft, small { color: var(--soft); } small { display: block; font-size: .875rem; font-weight: 400; }
details { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 1rem 0; }
summary { cursor: pointer; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.good, .bad, .warn { font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--soft); font-weight: 500; white-space: nowrap; } tbody th { font-weight: 600; }
td { white-space: nowrap; } td.long { white-space: normal; min-width: 14rem; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; }
nav { margin-top: .25rem; } nav a { display: inline-block; margin-right: 1rem; padding: .25rem 0; }
@media (max-width: 68rem) {
  body { padding: .75rem; } details { padding: .75rem; }
  table, tbody, tr, th, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { border-bottom: 1px solid var(--line); padding: .5rem 0; }
  th, td, td.number { border: 0; padding: .1rem 0; text-align: left; white-space: normal; }
  td { display: flex; gap: .75rem; } td.long { min-width: 0; } th { overflow-wrap: anywhere; }
  td::before { content: attr(data-name); flex: 0 0 7.5rem; color: var(--soft); font-weight: 400; }
}
</style>
</head>
<body>
<header>
<h1>wolkvox_exporter</h1>
<p class="{{ status.mood() }}" role="status">{{ status.headline() }}</p>
<p class="soft">{{ status.version }}{% if status.demo %} · demonstration with a simulated contact centre; the times below are its own{% endif %}</p>
<nav aria-label="Pages"><a href="{{ status.telemetry_path }}">Metrics</a><a href="/-/healthy">Health</a><a href="/-/ready">Readiness</a></nav>
</header>
<main>
{%- for line in status.ledger %}
<p class="bad" role="alert">{{ line }}</p>
{%- endfor %}
{%- for line in status.warnings %}
<p class="warn">{{ line }}</p>
{%- endfor %}
{%- for operation in status.operations %}
<details{% if status.is_open(operation) %} open{% endif %}>
<summary><h2>{{ operation.name }}</h2> <span class="{{ operation.state.mood() }}">{{ operation.state.words() }}</span></summary>
<p class="soft">{{ operation.place }}</p>
<p{% if operation.quota_short %} class="warn"{% endif %}>{{ operation.quota }}</p>
{%- for note in operation.notes %}
<p class="warn">{{ note }}</p>
{%- endfor %}
<h3>Today by skill</h3>
{%- if operation.skills.is_empty() %}
<p class="soft">No fresh reading of today. It appears with the first answer, and disappears when it grows stale.</p>
{%- else %}
<table role="table" aria-label="{{ operation.name }}: today by skill">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Skill</th><th role="columnheader" scope="col">Service level</th><th role="columnheader" scope="col">Abandon rate</th><th role="columnheader" scope="col" class="number">Offered</th><th role="columnheader" scope="col" class="number">Answered</th><th role="columnheader" scope="col" class="number">Abandoned</th></tr></thead>
<tbody role="rowgroup">
{%- for skill in operation.skills %}
<tr role="row"><th role="rowheader" scope="row">{{ skill.id }} {{ skill.name }}</th><td role="cell" data-name="Service level"><span{% if skill.service_level_missed %} class="bad"{% endif %}>{{ skill.service_level }}</span></td><td role="cell" data-name="Abandon rate"><span{% if skill.abandon_missed %} class="bad"{% endif %}>{{ skill.abandon }}</span></td><td role="cell" class="number" data-name="Offered">{{ skill.inbound }}</td><td role="cell" class="number" data-name="Answered">{{ skill.answered }}</td><td role="cell" class="number" data-name="Abandoned">{{ skill.abandoned }}</td></tr>
{%- endfor %}
</tbody>
</table>
{%- endif %}
<h3>Reports</h3>
<table role="table" aria-label="{{ operation.name }}: reports">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Report</th><th role="columnheader" scope="col">State</th><th role="columnheader" scope="col">Last success</th><th role="columnheader" scope="col">Data age</th><th role="columnheader" scope="col" class="number">Rows</th><th role="columnheader" scope="col" class="number">Owed</th><th role="columnheader" scope="col">Next</th><th role="columnheader" scope="col">Counts since</th><th role="columnheader" scope="col">Last failure</th></tr></thead>
<tbody role="rowgroup">
{%- for report in operation.reports %}
<tr role="row"><th role="rowheader" scope="row">{{ report.code }}<small>{{ report.title }}</small></th><td role="cell" data-name="State"><span class="{{ report.mood() }}">{{ report.state }}</span></td><td role="cell" data-name="Last success">{{ report.last_success }}</td><td role="cell" data-name="Data age">{{ report.data_age }}</td><td role="cell" class="number" data-name="Rows">{{ report.rows }}</td><td role="cell" class="number" data-name="Owed"><span{% if report.owed > 0 %} class="warn"{% endif %}>{{ report.owed }}</span></td><td role="cell" data-name="Next">{{ report.next }}</td><td role="cell" data-name="Counts since">{{ report.counting_since }}</td><td role="cell"{% if report.last_failure.len() > 20 %} class="long"{% endif %} data-name="Last failure">{{ report.last_failure }}</td></tr>
{%- endfor %}
</tbody>
</table>
</details>
{%- endfor %}
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
        let report =
            ReportStatus { last_failure: nasty.into(), rows: nasty.into(), ..ReportStatus::default() };
        let operation = OperationStatus {
            name: nasty.into(),
            place: nasty.into(),
            notes: vec![nasty.into()],
            skills: vec![skill],
            reports: vec![report],
            ..OperationStatus::default()
        };
        let status = Status {
            version: nasty.into(),
            telemetry_path: nasty.into(),
            ledger: vec![nasty.into()],
            warnings: vec![nasty.into()],
            operations: vec![operation],
            ..Status::default()
        };
        let page = status.page();
        assert!(!page.contains(nasty) && !page.contains("\"'"), "{page}");
        assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"), "{page}");
        assert!(!page.contains("<script"));
    }

    #[test]
    fn the_page_loads_nothing_from_anywhere() {
        let page = Status { operations: vec![OperationStatus::default()], ..Status::default() }.page();
        for word in ["http://", "https://", "src=", "@import", "url(", "<script"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn where_there_are_many_operations_only_those_in_trouble_are_unfolded() {
        let operation = |state| OperationStatus { state, ..OperationStatus::default() };
        let mut operations = vec![operation(State::Reading); UNFOLDED];
        let open = |operations: &[OperationStatus]| {
            Status { operations: operations.to_vec(), ..Status::default() }
                .page()
                .matches("<details open>")
                .count()
        };
        assert_eq!(open(&operations), UNFOLDED);
        operations.push(operation(State::Failing));
        assert_eq!(open(&operations), 1);
    }

    #[test]
    fn the_headline_tells_the_worst_first() {
        let of = |states: &[State]| {
            let operations =
                states.iter().map(|state| OperationStatus { state: *state, ..OperationStatus::default() });
            let status = Status { operations: operations.collect(), ..Status::default() };
            (status.headline(), status.mood())
        };
        use State::{Failing, Reading, Starting};
        assert_eq!(of(&[]).1, "warn");
        assert_eq!(of(&[Reading]), ("Reading".to_owned(), "good"));
        assert_eq!(of(&[Reading, Starting]).1, "warn");
        let (headline, mood) = of(&[Reading, Starting, Failing]);
        assert_eq!((headline.contains("1 of 3"), mood), (true, "bad"), "{headline}");
    }
}
