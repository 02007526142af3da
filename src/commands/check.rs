//! `check`: is what the operator wrote good, and what does it amount to.

pub mod healthy;
pub mod live;

use std::io::{self, Write};
use std::path::Path;

use super::arguments::{CONFIG_FILE, Check};
use super::table::table;
use crate::config::{Config, CountFrom, Environment, Operation, Skills, WebConfig};
use crate::server::Web;
use crate::time::Clock;

/// Validates configuration, tokens and web configuration, and writes what was found.
///
/// Mistakes go to `err`, one a line, and the answer is no configuration; everything else goes to `out`.
/// Does not ask the API; [`live::ask`] goes on with the configuration returned.
pub fn check(
    arguments: &Check,
    env: &dyn Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Option<Config>> {
    let config = Config::find(arguments.configuration.file.as_deref(), Path::new(CONFIG_FILE), env);
    let web = arguments.web_config_file.as_deref().map(WebConfig::load).transpose();
    // Both files are read before anything is said, so that one run shows all mistakes of both.
    let mut good = true;
    if let Err(error) = &config {
        writeln!(err, "{error}")?;
        good = false;
    }
    if let Err(error) = &web {
        writeln!(err, "{error}")?;
        good = false;
    }
    if let Ok(config) = &config {
        let tokens = config.check_tokens(env);
        for mistake in config.check_dates(Clock::real().now()).iter().chain(&tokens.mistakes) {
            writeln!(err, "{mistake}")?;
            good = false;
        }
        for warning in config.warnings.iter().chain(&tokens.warnings) {
            writeln!(err, "warning: {warning}")?;
        }
    }
    if let Ok(Some(web)) = &web {
        // Certificates and keys are opened as `serve` would, so that what passes here can be served.
        if let Err(error) = Web::new(web) {
            writeln!(err, "{error}")?;
            good = false;
        }
        for warning in &web.warnings {
            writeln!(err, "warning: {warning}")?;
        }
    }
    let (true, Ok(config)) = (good, config) else { return Ok(None) };
    if arguments.effective {
        out.write_all(config.effective().as_bytes())?;
    } else {
        summary(&config, web.ok().flatten().as_ref(), out)?;
    }
    Ok(Some(config))
}

fn summary(config: &Config, web: Option<&WebConfig>, out: &mut dyn Write) -> io::Result<()> {
    let count = config.operations.len();
    write!(out, "ok: {count} operation{}", if count == 1 { "" } else { "s" })?;
    match web {
        Some(web) if web.tls.is_some() => write!(out, ", TLS, {} users", web.users.len())?,
        Some(web) => write!(out, ", plain HTTP, {} users", web.users.len())?,
        None => {}
    }
    writeln!(out)?;
    let head = ["OPERATION", "SERVER", "TIME ZONE", "SKILLS", "REPORTS", "COUNTS FROM", "REQUESTS A DAY"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(config.operations.iter().map(row));
    table(&rows, &[], out)
}

fn row(operation: &Operation) -> [String; 7] {
    let skills = match &operation.skills {
        Skills::Discover => "discover".to_owned(),
        Skills::All => "all".to_owned(),
        Skills::Named(ids) => format!("{} named", ids.len()),
    };
    let reports: Vec<&str> = operation.enabled().map(|report| report.code()).collect();
    let reports = if reports.len() == 5 { "all".to_owned() } else { reports.join(" ") };
    let from = match operation.count_from {
        CountFrom::Now => "now".to_owned(),
        CountFrom::Date(date) => date.to_string(),
    };
    let requests = operation.daily_requests.map_or_else(|| "ask".to_owned(), |requests| requests.to_string());
    let zone = operation.zone.name().to_owned();
    [operation.name.clone(), operation.server.clone(), zone, skills, reports, from, requests]
}

#[cfg(test)]
mod tests;
