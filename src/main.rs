//! Parses the command line, runs the command, and turns what came of it into an exit status.
//!
//! 0 is good, 1 a failure with a line that says what and where, 2 wrong usage (by the parser itself).

use std::io;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use wolkvox_exporter::commands::arguments::{Arguments, Command};
use wolkvox_exporter::commands::{check, logging};
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
        _ => bail!("this command is not part of this build"),
    }
}

/// Whether a reader such as `head` has seen enough, which is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
