//! The runbook: a section per alert, whose heading is the anchor that the alert links to.

use super::Options;
use super::alerts;
use super::rule::{Alert, Hours, anchor};

/// The whole page in Markdown.
pub(super) fn markdown(options: &Options) -> String {
    let mut out = String::from(
        "# Runbooks\n\n\
         <!-- Written by `wolkvox_exporter dashboards`; do not edit. -->\n\n\
         One section per alert: what it means, who suffers, what to look at, what to do. Alerts of category `kpi` are for\n\
         those who run the contact centre, alerts of category `exporter` for those who run the exporter. The former are\n\
         silent while their skill is closed, on too few calls, while counts of their window were revised down, and while\n\
         older data is being read; where an alert differs, its section says so.\n\n\
         Windows are looked at for ten minutes after each reading of a report, and stand until the next one, for at most six\n\
         hours: at any planned interval a short window holds the last reading, and an alert that fires is not taken back\n\
         because nothing is read. Revisions are known by operation and report: one that is of a single skill blanks the\n\
         shares of all skills of its operation for as long as the window holds it.\n\n\
         | alert | severity | category | holds for |\n| --- | --- | --- | --- |\n",
    );
    let alerts = alerts::all(options);
    for alert in &alerts {
        out.push_str(&format!(
            "| [{0}](#{1}) | {2} | {3} | {4} m |\n",
            alert.name,
            anchor(alert.name),
            alert.severity.as_str(),
            alert.category.as_str(),
            alert.hold_minutes
        ));
    }
    for alert in &alerts {
        section(&mut out, alert);
    }
    out
}

fn section(out: &mut String, alert: &Alert) {
    let Alert { runbook, .. } = alert;
    out.push_str(&format!("\n## {}\n\n{}\n\n", alert.name, alert.description));
    out.push_str(&format!("**Meaning.** {}\n\n**Impact.** {}\n\n", runbook.meaning, runbook.impact));
    out.push_str("**Diagnosis.**\n\n");
    for (what, query) in &runbook.diagnosis {
        out.push_str(&format!("- {what}:\n\n  ```promql\n"));
        for line in query.lines() {
            out.push_str(&format!("  {line}\n"));
        }
        out.push_str("  ```\n\n");
    }
    out.push_str("**Action.**\n\n");
    for (at, step) in runbook.action.iter().enumerate() {
        out.push_str(&format!("{}. {step}\n", at + 1));
    }
    out.push_str(&format!("\n**Silence.** {}\n", runbook.silence));
    if let Hours::Any(reason) = alert.hours {
        out.push_str(&format!("\nIt also fires while skills are closed: {reason}.\n"));
    }
}
