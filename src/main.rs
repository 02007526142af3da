//! Parses the command line, runs the command, and turns what came of it into an exit status.
//!
//! 0 is good, 1 a failure with a line that says what and where, 2 wrong usage (by the parser itself).

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use wolkvox_exporter::commands::arguments::{Arguments, CONFIG_FILE, Check, Command};
use wolkvox_exporter::commands::{
    backfill, check, dashboards, demo, failure, logging, metrics, once, plan, serve, simulate,
};
use wolkvox_exporter::config::{Config, ProcessEnvironment};
use wolkvox_exporter::time::Clock;

/// How long the end waits for work that cannot be called off.
const FAREWELL: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let command = Arguments::read(&ProcessEnvironment).into_command();
    match run(&command) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wolkvox_exporter {}: {}", command.name(), failure::line(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    logging::start(command.logging()).context("cannot start logging")?;
    match command {
        Command::Check(arguments) => check(arguments),
        Command::Serve(arguments) => block_on(serve::serve(arguments.clone(), Arc::new(ProcessEnvironment))),
        Command::Demo(arguments) => block_on(demo::demo(arguments.clone(), Arc::new(ProcessEnvironment))),
        Command::Simulate(arguments) => block_on(simulate::simulate(arguments.clone())),
        Command::Once(arguments) => block_on(once::once(arguments.clone(), Arc::new(ProcessEnvironment))),
        Command::Plan(arguments) => {
            let file = arguments.configuration.file.as_deref();
            let config = Config::find(file, Path::new(CONFIG_FILE), &ProcessEnvironment)?;
            plan::plan(arguments, &config, Clock::real().now(), &mut io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Backfill(arguments) => {
            block_on(backfill::backfill(arguments.clone(), Arc::new(ProcessEnvironment)))
        }
        Command::Metrics(arguments) => {
            io::stdout().lock().write_all(metrics::catalogue(arguments.format).as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Dashboards(arguments) => {
            dashboards::dashboards(arguments, &mut io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(arguments: &Check) -> Result<ExitCode> {
    if let Some(url) = &arguments.healthy {
        check::healthy::ask(url)?;
        return Ok(ExitCode::SUCCESS);
    }
    let found =
        check::check(arguments, &ProcessEnvironment, &mut io::stdout().lock(), &mut io::stderr().lock())?;
    let Some(config) = found else { return Ok(ExitCode::FAILURE) };
    if !arguments.live {
        return Ok(ExitCode::SUCCESS);
    }
    let mut all = true;
    block_on(async {
        let env = Arc::new(ProcessEnvironment);
        all = check::live::ask(&config, env, &arguments.storage.path, &mut io::stdout()).await?;
        Ok(())
    })?;
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let done = runtime.block_on(work);
    // Without it the end would wait for a commit for as long as a slow disk holds it. A commit that is cut off leaves
    // the ledger as it was before.
    runtime.shutdown_timeout(FAREWELL);
    done?;
    Ok(ExitCode::SUCCESS)
}

/// Whether a reader such as `head` has seen enough, which is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
