//! Parses the command line, runs the command, and turns what came of it into an exit status.
//!
//! 0 is good, 1 a failure with a line that says what and where, 2 wrong usage (by the parser itself).

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use wolkvox_exporter::commands::arguments::{Arguments, Command};
use wolkvox_exporter::commands::{check, dashboards, demo, logging, once, serve, simulate};
use wolkvox_exporter::config::ProcessEnvironment;

fn main() -> ExitCode {
    let command = Arguments::read(&ProcessEnvironment).into_command();
    match run(&command) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wolkvox_exporter {}: {error:#}", command.name());
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    logging::start(command.logging()).context("cannot start logging")?;
    match command {
        Command::Check(arguments) => {
            if arguments.live {
                bail!("--live is not part of this build");
            }
            let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
            let config = check::check(arguments, &ProcessEnvironment, &mut out, &mut err)?;
            Ok(if config.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Serve(arguments) => block_on(serve::serve(arguments.clone(), Arc::new(ProcessEnvironment))),
        Command::Demo(arguments) => block_on(demo::demo(arguments.clone(), Arc::new(ProcessEnvironment))),
        Command::Simulate(arguments) => block_on(simulate::simulate(arguments.clone())),
        Command::Once(arguments) => block_on(once::once(arguments.clone(), Arc::new(ProcessEnvironment))),
        Command::Dashboards(arguments) => {
            dashboards::dashboards(arguments, &mut io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("this command is not part of this build"),
    }
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    runtime.block_on(work)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether a reader such as `head` has seen enough, which is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
