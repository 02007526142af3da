//! `plan`: the day's requests of each report against the quota.

use std::io::{self, Write};
use std::time::Duration;

use super::arguments::Plan as Arguments;
use super::table::table;
use crate::api::Grain;
use crate::config::{Config, CountFrom, Operation, Skills};
use crate::schedule::{Assumptions, LimitSource, Plan, PlanLine};
use crate::time::Timestamp;

/// Writes a plan per operation. Sends nothing.
pub fn plan(arguments: &Arguments, config: &Config, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    for (index, operation) in config.operations.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        write(arguments, operation, now, out)?;
    }
    Ok(())
}

fn write(
    arguments: &Arguments,
    operation: &Operation,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    let assumed = Assumptions {
        skills: arguments.skills as usize,
        busy: arguments.busy,
        limit: None,
        past_days: past_days(operation, now),
    };
    let plan = Plan::of(operation, assumed);
    let source = match plan.source {
        LimitSource::Configured => "daily_requests",
        LimitSource::Vendor => "token_info",
        LimitSource::Assumed => "assumed; the running exporter asks token_info, `check --live` shows it",
    };
    writeln!(out, "{}: {} requests a day ({source})", operation.name, plan.limit)?;
    let head = ["REPORT", "INTERVAL", "PLANNED", "READINGS", "SEALS", "A DAY", "PAST"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(plan.lines.iter().map(row));
    let past: f64 = plan.lines.iter().map(|line| line.catch_up).sum();
    let nothing = String::new();
    rows.push([
        "all".to_owned(),
        nothing.clone(),
        nothing.clone(),
        nothing.clone(),
        nothing,
        number(plan.planned),
        number(past),
    ]);
    table(&rows, &[1, 2, 3, 4, 5, 6], out)?;
    match &operation.skills {
        Skills::Discover => writeln!(
            out,
            "assumed: {} skills, whose numbers have moved in {:.0} % of the readings",
            arguments.skills,
            100.0 * arguments.busy
        )?,
        Skills::Named(named) if named.len() >= 3 => {
            writeln!(out, "assumed: numbers have moved in {:.0} % of the readings", 100.0 * arguments.busy)?;
        }
        Skills::Named(_) | Skills::All => {}
    }
    if plan.fits() {
        let share = 100.0 * plan.planned / plan.limit as f64;
        writeln!(out, "fits: {share:.0} % of the quota, 5 % of it is kept for what must be read")
    } else {
        writeln!(
            out,
            "warning: {} requests a day are wanted; all intervals are stretched by {:.1} to stay within the quota",
            number(plan.wanted),
            plan.stretch
        )
    }
}

/// Days that are read before the present, where the operation has not entered a ledger yet.
fn past_days(operation: &Operation, now: Timestamp) -> u32 {
    let CountFrom::Date(date) = operation.count_from else { return 0 };
    let today = operation.zone.bucket(now, Grain::Day).index();
    let first = crate::time::Bucket::day(date).index();
    u32::try_from(today - first).unwrap_or(0)
}

fn row(line: &PlanLine) -> [String; 7] {
    let stretch = line.planned_interval.as_secs_f64() / line.interval.as_secs_f64().max(1.0);
    let a_day = line.present / stretch.max(1.0) + line.seals;
    [
        line.report.code().to_owned(),
        interval(line.interval),
        interval(line.planned_interval),
        number(line.present),
        number(line.seals),
        number(a_day),
        number(line.catch_up),
    ]
}

fn number(requests: f64) -> String {
    format!("{requests:.0}")
}

/// An interval to the second, to the minute from an hour on.
fn interval(interval: Duration) -> String {
    let seconds = interval.as_secs_f64().round() as u64;
    let whole = if seconds >= 3600 { (seconds + 30) / 60 * 60 } else { seconds };
    humantime::format_duration(Duration::from_secs(whole)).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::commands::arguments::{Arguments as Program, Command};

    fn run(text: &str, flags: &[&str]) -> String {
        use clap::Parser as _;

        let config = Config::parse(text, Path::new("."), "test").unwrap();
        let program = ["wolkvox_exporter", "plan"].iter().chain(flags);
        let Command::Plan(arguments) = Program::parse_from(program).into_command() else { panic!("plan") };
        let mut out = Vec::new();
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        plan(&arguments, &config, now, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The rows below `A DAY` and their sum.
    fn a_day(out: &str) -> (Vec<i64>, i64) {
        let lines = out.lines().skip(2).take_while(|line| !line.contains(':'));
        let mut numbers: Vec<i64> =
            lines.map(|line| line.split_whitespace().rev().nth(1).unwrap().parse().unwrap()).collect();
        let sum = numbers.pop().unwrap();
        (numbers, sum)
    }

    #[test]
    fn what_fits_is_said_to_fit() {
        let out = run(
            "operations: [{ name: acme, server: \"0010\", token_env: T, timezone: America/Bogota, daily_requests: 25000 }]",
            &["--skills=4"],
        );
        assert!(out.starts_with("acme: 25000 requests a day (daily_requests)\n"), "{out}");
        assert!(out.contains("\nfits: ") && !out.contains("warning"), "{out}");
        let (lines, sum) = a_day(&out);
        let rounding = lines.len() as i64;
        assert!((lines.iter().sum::<i64>() - sum).abs() <= rounding, "{out}");
    }

    #[test]
    fn what_does_not_fit_is_stretched_and_told() {
        let out = run(
            "operations: [{ name: acme, server: \"0010\", token_env: T, timezone: America/Bogota, count_from: 2026-11-10 }]",
            &["--skills=40", "--busy=1"],
        );
        assert!(out.starts_with("acme: 1000 requests a day (assumed"), "{out}");
        assert!(out.contains("\nwarning: ") && !out.contains("\nfits"), "{out}");
        let (_, sum) = a_day(&out);
        assert!(sum <= 1_000, "{out}");
        assert!(out.contains("400"), "ten days of forty skills are read first: {out}");
    }
}
