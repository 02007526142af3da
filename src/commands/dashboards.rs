//! `dashboards`: writes boards, rules, alerts and what goes with them to a folder.

use std::fs;
use std::io::Write;

use anyhow::{Context, Result};

use super::arguments;
use crate::dashboards::words::Selector;
use crate::dashboards::{self, Options};

/// Writes every document below the folder and says what it wrote. Files that are not ours are left alone.
///
/// # Errors
///
/// When a threshold is unknown or no number above 0, or a file cannot be written.
pub fn dashboards(arguments: &arguments::Dashboards, out: &mut dyn Write) -> Result<()> {
    let mut options = Options {
        selector: Selector(arguments.selector.clone()),
        runbook_url: arguments.runbook_url.clone(),
        grafana_url: arguments.grafana_url.trim_end_matches('/').to_owned(),
        ..Options::default()
    };
    for (name, value) in &arguments.threshold {
        let number = value.parse().with_context(|| format!("threshold {name}: {value:?} is no number"))?;
        options.thresholds.set(name, number)?;
    }
    for document in dashboards::documents(&options) {
        let path = arguments.out.join(document.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&path, document.text).with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}
