//! What may stand on the command line, and the environment variable beside every flag.
//!
//! Pure values: parsing touches neither files nor sockets.

mod manual;
mod refusal;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use super::version;
use crate::config::Environment;
use crate::time::civil;

pub use self::values::{ListenAddress, Shard, Speed};

const LONG_ABOUT: &str = "\
wolkvox_exporter reads the Wolkvox Reports Manager API in the background, within its quota, and serves \
service level, abandonment, IVR, callbacks, cost and surveys as exact counters on /metrics.

Without a command it serves. `wolkvox_exporter demo` shows everything without an account.";

/// Prometheus exporter for the Wolkvox Reports Manager API.
#[derive(Debug, Parser)]
#[command(
    name = "wolkvox_exporter",
    // With the comma the first line reads as that of every Prometheus program.
    display_name = "wolkvox_exporter,",
    version = version::BLOCK,
    long_about = LONG_ABOUT,
    after_long_help = manual::SERVE,
    after_help = "`--help` says more: environment, files, signals, exit status, examples.",
    args_conflicts_with_subcommands = true,
    subcommand_precedence_over_arg = true,
    max_term_width = 100
)]
pub struct Arguments {
    /// What to do; serve when not given.
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

impl Arguments {
    /// Parses the command line of this process; prints and exits when it is wrong, or asks for help.
    pub fn read(env: &dyn Environment) -> Arguments {
        let matches = Arguments::definition(env).try_get_matches();
        let mut matches = matches.unwrap_or_else(|error| refusal::discreet(error).exit());
        match Arguments::from_arg_matches_mut(&mut matches) {
            Ok(arguments) => arguments,
            Err(error) => error.format(&mut Arguments::definition(env)).exit(),
        }
    }

    /// All commands and flags. A variable that is set to nothing is as good as not set, as Compose files and
    /// `docker run -e NAME=` leave it.
    pub fn definition(env: &dyn Environment) -> clap::Command {
        let settle = |argument: clap::Arg| {
            let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
            let empty =
                variable.is_some_and(|name| env.variable(&name).is_some_and(|value| value.is_empty()));
            // Help names the variables; what they hold is the operator's business.
            let argument = argument.hide_env_values(true);
            if empty { argument.env(clap::builder::Resettable::Reset) } else { argument }
        };
        Arguments::command().mut_args(settle).mut_subcommands(|command| command.mut_args(settle))
    }

    /// The command, `serve` when none is given.
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

/// What may be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the operations and serve their metrics (the default).
    ///
    /// A background collector reads the reports within the quota, a ledger under --storage.path turns them into
    /// counters, and --web.telemetry-path serves them. The status page is at /.
    #[command(after_long_help = manual::SERVE)]
    Serve(Serve),
    /// Run a simulated contact centre and the exporter in one process; no account needed.
    ///
    /// The centre opens at 11:00 of its local time and runs 60 times faster than real time. The exporter counts
    /// from local midnight, releases new series after a short hold, and keeps its ledger in a temporary directory
    /// unless --storage.path is given. The addresses to open are printed. Ctrl-C ends it.
    #[command(after_long_help = manual::DEMO)]
    Demo(Demo),
    /// Run the simulator of the API alone.
    ///
    /// Prints the base URL and the token of every operation, and answers like the API until it is ended.
    /// `/truth` says what really happened in a day, and no exporter asks for it.
    #[command(after_long_help = manual::SIMULATE)]
    Simulate(Simulate),
    /// Validate the configuration and the web configuration; ask the API whether it answers.
    ///
    /// Prints every mistake with the path of its key and exits 1, or prints what is configured and exits 0.
    /// Tokens are read to see that they can be, and that no two operations share one. With --live each operation
    /// is asked for its quota, which costs one request. With --healthy a running exporter is asked instead.
    #[command(after_long_help = manual::CHECK)]
    Check(Check),
    /// Show the day's requests of each report against the quota.
    ///
    /// Sends nothing. What the configuration asks for is compared with the quota of the day; where it does not
    /// fit, the factor by which all intervals are stretched is shown, with the intervals that result.
    #[command(after_long_help = manual::PLAN)]
    Plan(Plan),
    /// Run one cycle, without a ledger on disk, and write the exposition to standard output.
    ///
    /// Counts from local midnight. Costs the requests of one cycle, and waits for its turn where another process
    /// on the same --storage.path uses the token.
    #[command(after_long_help = manual::ONCE)]
    Once(Once),
    /// Read the past and write it as OpenMetrics for Prometheus.
    ///
    /// The file is for `promtool tsdb create-blocks-from openmetrics`.
    #[command(after_long_help = manual::BACKFILL)]
    Backfill(Backfill),
    /// Write the catalogue of metrics.
    ///
    /// Every family that /metrics may hold: name, type, labels, unit, meaning, bounds of histograms.
    #[command(after_long_help = manual::METRICS)]
    Metrics(Metrics),
    /// Write boards for Grafana, recording rules, alerts and their runbook to a folder.
    ///
    /// Files that are not of the exporter are left alone.
    #[command(after_long_help = manual::DASHBOARDS)]
    Dashboards(Dashboards),
}

impl Command {
    /// How this command logs.
    pub fn logging(&self) -> &Logging {
        match self {
            Command::Serve(command) => &command.logging,
            Command::Demo(command) => &command.logging,
            Command::Simulate(command) => &command.logging,
            Command::Check(command) => &command.logging,
            Command::Plan(command) => &command.logging,
            Command::Once(command) => &command.logging,
            Command::Backfill(command) => &command.logging,
            Command::Metrics(command) => &command.logging,
            Command::Dashboards(command) => &command.logging,
        }
    }

    /// The command's word on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Serve(_) => "serve",
            Command::Demo(_) => "demo",
            Command::Simulate(_) => "simulate",
            Command::Check(_) => "check",
            Command::Plan(_) => "plan",
            Command::Once(_) => "once",
            Command::Backfill(_) => "backfill",
            Command::Metrics(_) => "metrics",
            Command::Dashboards(_) => "dashboards",
        }
    }
}

/// How the program logs, to standard error.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logging")]
pub struct Logging {
    /// Least severity that is logged.
    #[arg(id = "log_level", long = "log.level", env = "WOLKVOX_LOG_LEVEL", value_enum, default_value_t = Level::Info, value_name = "LEVEL")]
    pub level: Level,
    /// Shape of a line.
    #[arg(id = "log_format", long = "log.format", env = "WOLKVOX_LOG_FORMAT", value_enum, default_value_t = Format::Logfmt, value_name = "FORMAT")]
    pub format: Format,
}

/// Severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Each request and its outcome.
    Debug,
    /// Starts, stops, reloads, and what came of slow work.
    Info,
    /// What the program mends itself, but somebody should know.
    Warn,
    /// What somebody must mend.
    Error,
}

/// Shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object.
    Json,
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Configuration")]
pub struct Configuration {
    /// Configuration file; wolkvox.yml when not given, and the environment when that does not exist.
    #[arg(long = "config.file", env = "WOLKVOX_CONFIG_FILE", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// The file read when none is named.
pub const CONFIG_FILE: &str = "wolkvox.yml";

/// Where the ledger is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Storage")]
pub struct Storage {
    /// Directory of the ledger and of the token locks.
    #[arg(
        long = "storage.path",
        env = "WOLKVOX_STORAGE_PATH",
        default_value = "data/",
        value_name = "DIRECTORY"
    )]
    pub path: PathBuf,
}

/// How metrics are served.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Web")]
pub struct Web {
    /// Address to listen on, such as `:10465`, `127.0.0.1:10465` or `[::1]:10465`; repeatable.
    #[arg(
        long = "web.listen-address",
        env = "WOLKVOX_WEB_LISTEN_ADDRESS",
        value_delimiter = ',',
        default_value = ":10465",
        value_name = "ADDRESS"
    )]
    pub listen_address: Vec<ListenAddress>,
    /// Path of the metrics.
    #[arg(
        long = "web.telemetry-path",
        env = "WOLKVOX_WEB_TELEMETRY_PATH",
        default_value = "/metrics",
        value_parser = values::path,
        value_name = "PATH"
    )]
    pub telemetry_path: String,
    /// Web configuration file in the schema of all Prometheus exporters: TLS, users, headers.
    #[arg(
        id = "web_config_file",
        long = "web.config.file",
        env = "WOLKVOX_WEB_CONFIG_FILE",
        value_name = "FILE"
    )]
    pub config_file: Option<PathBuf>,
    /// Serve on the sockets that systemd passes, in place of the addresses.
    #[arg(long = "web.systemd-socket", env = "WOLKVOX_WEB_SYSTEMD_SOCKET", value_parser = BoolishValueParser::new())]
    pub systemd_socket: bool,
    /// Allow POST /-/reload.
    #[arg(long = "web.enable-lifecycle", env = "WOLKVOX_WEB_ENABLE_LIFECYCLE", value_parser = BoolishValueParser::new())]
    pub enable_lifecycle: bool,
    /// How long a new series is shown as 0, so that Prometheus sees it grow; longer than two scrapes. 2m when not
    /// given, in the demonstration 5s.
    #[arg(
        long = "web.zero-hold",
        env = "WOLKVOX_WEB_ZERO_HOLD",
        value_parser = values::duration,
        value_name = "DURATION"
    )]
    pub zero_hold: Option<Duration>,
}

/// `serve`.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub configuration: Configuration,
    /// Serve only the operations whose name hashes to i, out of n processes.
    #[arg(long = "shard", env = "WOLKVOX_SHARD", value_name = "I/N", help_heading = "Configuration")]
    pub shard: Option<Shard>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub storage: Storage,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub web: Web,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub logging: Logging,
}

/// `demo`: the flags of `serve`, and the simulated centre.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// How many times faster than real time the centre runs.
    #[arg(long = "speed", env = "WOLKVOX_DEMO_SPEED", default_value = "60", value_name = "N")]
    pub speed: Speed,
    /// Seed of the simulated centre; the same seed gives the same calls.
    #[arg(long = "seed", env = "WOLKVOX_DEMO_SEED", default_value_t = 1, value_name = "NUMBER")]
    pub seed: u64,
    /// Configuration file in place of the demo's own; its servers, tokens and zones become the simulator's.
    #[arg(long = "config.file", env = "WOLKVOX_DEMO_CONFIG_FILE", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// Serve only the operations whose name hashes to i, out of n processes.
    #[arg(long = "shard", env = "WOLKVOX_SHARD", value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Directory of the ledger; a temporary one when not given.
    #[arg(
        long = "storage.path",
        env = "WOLKVOX_DEMO_STORAGE_PATH",
        value_name = "DIRECTORY",
        help_heading = "Storage"
    )]
    pub storage_path: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub web: Web,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub logging: Logging,
}

/// `simulate`.
#[derive(Debug, Clone, Args)]
pub struct Simulate {
    /// Address to listen on; port 0 takes a free one.
    #[arg(
        long = "listen-address",
        env = "WOLKVOX_SIMULATE_LISTEN_ADDRESS",
        default_value = "127.0.0.1:18080",
        value_name = "ADDRESS"
    )]
    pub listen_address: ListenAddress,
    /// Seed of the centre; the same seed gives the same calls.
    #[arg(long = "seed", env = "WOLKVOX_SIMULATE_SEED", default_value_t = 1, value_name = "NUMBER")]
    pub seed: u64,
    /// How many times faster than real time the centre runs.
    #[arg(long = "speed", env = "WOLKVOX_SIMULATE_SPEED", default_value = "1", value_name = "N")]
    pub speed: Speed,
    /// Number of operations.
    #[arg(
        long = "operations",
        env = "WOLKVOX_SIMULATE_OPERATIONS",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=10_000),
        value_name = "COUNT"
    )]
    pub operations: u32,
    /// IANA zone of the operations.
    #[arg(
        long = "timezone",
        env = "WOLKVOX_SIMULATE_TIMEZONE",
        default_value = "America/Bogota",
        value_parser = values::zone,
        value_name = "ZONE"
    )]
    pub timezone: crate::time::Zone,
    /// Calls of an ordinary day, per operation.
    #[arg(
        long = "calls-per-day",
        env = "WOLKVOX_SIMULATE_CALLS_PER_DAY",
        default_value_t = 2_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        value_name = "COUNT"
    )]
    pub calls_per_day: u32,
    /// First day of the centre; nothing happened before. It has always been open when not given.
    #[arg(
        long = "start",
        env = "WOLKVOX_SIMULATE_START",
        value_parser = values::date,
        value_name = "DATE"
    )]
    pub start: Option<civil::Date>,
    /// What happens in the centre and how late it shows, as key=value; repeatable.
    #[arg(
        long = "traffic",
        env = "WOLKVOX_SIMULATE_TRAFFIC",
        value_delimiter = ',',
        value_parser = values::pair,
        value_name = "KEY=VALUE"
    )]
    pub traffic: Vec<(String, String)>,
    /// How the API behaves where its documentation leaves it open, as key=value; repeatable.
    #[arg(
        long = "behaviour",
        env = "WOLKVOX_SIMULATE_BEHAVIOUR",
        value_delimiter = ',',
        value_parser = values::pair,
        value_name = "KEY=VALUE"
    )]
    pub behaviour: Vec<(String, String)>,
    /// Faults to inject, as key=value; repeatable.
    #[arg(
        long = "faults",
        env = "WOLKVOX_SIMULATE_FAULTS",
        value_delimiter = ',',
        value_parser = values::pair,
        value_name = "KEY=VALUE"
    )]
    pub faults: Vec<(String, String)>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub logging: Logging,
}

/// `check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub configuration: Configuration,
    /// Web configuration file to validate as well.
    #[arg(long = "web.config.file", env = "WOLKVOX_WEB_CONFIG_FILE", value_name = "FILE")]
    pub web_config_file: Option<PathBuf>,
    /// Print the configuration in force, every default written out, without secrets.
    #[arg(long = "effective", env = "WOLKVOX_CHECK_EFFECTIVE", value_parser = BoolishValueParser::new())]
    pub effective: bool,
    /// Ask each operation one cheap question (`token_info`) as well.
    #[arg(long = "live", env = "WOLKVOX_CHECK_LIVE", value_parser = BoolishValueParser::new())]
    pub live: bool,
    /// Ask a running exporter over plain HTTP whether it is healthy, and do nothing else.
    #[arg(
        long = "healthy",
        env = "WOLKVOX_CHECK_HEALTHY",
        value_name = "URL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "http://127.0.0.1:10465/-/healthy",
        value_parser = values::plain_url,
        conflicts_with_all = ["live", "effective"]
    )]
    pub healthy: Option<http::Uri>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub storage: Storage,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub logging: Logging,
}

/// `plan`.
#[derive(Debug, Clone, Args)]
pub struct Plan {
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub configuration: Configuration,
    /// Skills to plan for where they are discovered.
    #[arg(
        long = "skills",
        env = "WOLKVOX_PLAN_SKILLS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=10_000),
        value_name = "COUNT"
    )]
    pub skills: u32,
    /// In what share of the readings a skill's numbers have moved, 0 to 1. A skill that has not moved is not asked
    /// for again.
    #[arg(
        long = "busy",
        env = "WOLKVOX_PLAN_BUSY",
        default_value_t = 0.5,
        value_parser = values::share,
        value_name = "SHARE"
    )]
    pub busy: f64,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub logging: Logging,
}

/// `once`.
#[derive(Debug, Clone, Args)]
pub struct Once {
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub configuration: Configuration,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub storage: Storage,
    /// Shape of the exposition.
    #[arg(long = "format", env = "WOLKVOX_ONCE_FORMAT", value_enum, default_value_t = Exposition::Text, value_name = "FORMAT")]
    pub format: Exposition,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub logging: Logging,
}

/// Shape of an exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Exposition {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    Openmetrics,
}

/// `backfill`.
#[derive(Debug, Clone, Args)]
pub struct Backfill {
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub configuration: Configuration,
    /// First local day to read, such as 2026-10-01.
    #[arg(long = "from", env = "WOLKVOX_BACKFILL_FROM", value_parser = values::date, value_name = "DATE")]
    pub from: civil::Date,
    /// First local day not to read.
    #[arg(long = "to", env = "WOLKVOX_BACKFILL_TO", value_parser = values::date, value_name = "DATE")]
    pub to: civil::Date,
    /// File to write; - is standard output.
    #[arg(long = "out", env = "WOLKVOX_BACKFILL_OUT", default_value = "-", value_name = "FILE")]
    pub out: PathBuf,
    /// Only this operation; repeatable. All when not given.
    #[arg(long = "operation", env = "WOLKVOX_BACKFILL_OPERATION", value_name = "NAME")]
    pub operation: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub storage: Storage,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub logging: Logging,
}

/// `metrics`.
#[derive(Debug, Clone, Args)]
pub struct Metrics {
    /// Shape of the catalogue.
    #[arg(long = "format", env = "WOLKVOX_METRICS_FORMAT", value_enum, default_value_t = Catalogue::Markdown, value_name = "FORMAT")]
    pub format: Catalogue,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub logging: Logging,
}

/// Shape of the catalogue of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Catalogue {
    /// Tables for people.
    Markdown,
    /// A list for programs.
    Json,
}

/// `dashboards`.
#[derive(Debug, Clone, Args)]
pub struct Dashboards {
    /// Folder to write to; made when it does not exist.
    #[arg(
        long = "out",
        env = "WOLKVOX_DASHBOARDS_OUT",
        default_value = "dashboards/",
        value_name = "DIRECTORY"
    )]
    pub out: PathBuf,
    /// Label matchers that choose this exporter's series.
    #[arg(
        long = "selector",
        env = "WOLKVOX_DASHBOARDS_SELECTOR",
        default_value = crate::dashboards::SELECTOR,
        value_name = "MATCHERS"
    )]
    pub selector: String,
    /// Address of the runbook that alerts link to; the alert's section is added as an anchor.
    #[arg(
        long = "runbook-url",
        env = "WOLKVOX_DASHBOARDS_RUNBOOK_URL",
        default_value = crate::dashboards::RUNBOOK_URL,
        value_name = "URL"
    )]
    pub runbook_url: String,
    /// Address of Grafana that alerts link to.
    #[arg(
        long = "grafana-url",
        env = "WOLKVOX_DASHBOARDS_GRAFANA_URL",
        default_value = crate::dashboards::GRAFANA_URL,
        value_name = "URL"
    )]
    pub grafana_url: String,
    /// When an alert fires, as name=number; repeatable. A wrong name lists all of them.
    #[arg(
        long = "threshold",
        env = "WOLKVOX_DASHBOARDS_THRESHOLD",
        value_delimiter = ',',
        value_parser = values::pair,
        value_name = "NAME=NUMBER"
    )]
    pub threshold: Vec<(String, String)>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented by their types")]
    pub logging: Logging,
}

#[cfg(test)]
mod tests;
