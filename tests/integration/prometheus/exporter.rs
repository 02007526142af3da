//! The exporter in a process of its own, whose clock runs with that of the simulated centre.
//!
//! `serve` lives by the machine's clock, so the process is this test's own program: it runs what `serve` runs, with
//! another clock. That makes it one that can be killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use clap::Parser as _;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::commands::arguments::{self, Arguments};
use wolkvox_exporter::commands::logging;
use wolkvox_exporter::commands::service::Service;
use wolkvox_exporter::config::{Config, ProcessEnvironment};
use wolkvox_exporter::time::{Clock, Timestamp};

use super::wait::until;

/// The variable by which the program knows that it is to be the exporter.
const ORDERS: &str = "WOLKVOX_TEST_EXPORTER";

/// What the exporter is started with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// Holds the configuration `wolkvox.yml`, the ledger `data/` and the log.
    pub(crate) folder: PathBuf,
    /// The time in the centre when the machine's clock showed `started`; microseconds since 1970, both.
    pub(crate) origin: i64,
    pub(crate) started: i64,
    pub(crate) speed: f64,
    /// 0 takes a free one.
    pub(crate) port: u16,
    /// How long new series are shown as 0.
    pub(crate) zero_hold: String,
}

impl Orders {
    /// The orders of this process, when it is to be the exporter.
    pub(crate) fn received() -> Option<Orders> {
        let orders = std::env::var_os(ORDERS)?;
        Some(serde_json::from_str(orders.to_str().unwrap()).unwrap())
    }

    fn clock(&self) -> Clock {
        let passed = (Clock::real().now().as_microsecond() - self.started) as f64 * self.speed;
        Clock::scaled(Timestamp::from_microsecond(self.origin + passed as i64).unwrap(), self.speed)
    }

    pub(crate) fn storage(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn address_file(&self) -> PathBuf {
        self.folder.join("address")
    }

    /// Is the exporter until a signal ends it, or the process that gave the orders is gone.
    pub(crate) async fn obey(self) {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let line = [
            "wolkvox_exporter".to_owned(),
            "serve".to_owned(),
            format!("--web.listen-address=127.0.0.1:{}", self.port),
            format!("--web.zero-hold={}", self.zero_hold),
            format!("--storage.path={}", text(&self.storage())),
            format!("--config.file={}", text(&self.folder.join("wolkvox.yml"))),
        ];
        let arguments::Command::Serve(serve) = Arguments::parse_from(line).into_command() else {
            unreachable!("`serve` is serve");
        };
        logging::start(&serve.logging).unwrap();
        let stop = CancellationToken::new();
        std::thread::spawn({
            let stop = stop.clone();
            move || {
                // The other end is held by the process that gave the orders, and closes with it.
                let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
                stop.cancel();
            }
        });
        let file = serve.configuration.file.unwrap();
        let address_file = self.address_file();
        let service = Service {
            clock: self.clock(),
            source: Arc::new(move || Ok(Config::load(&file)?)),
            env: Arc::new(ProcessEnvironment),
            storage: Some(serve.storage.path),
            web: serve.web,
            demo: false,
            started: Box::new(move |addresses| {
                let whole = address_file.with_extension("new");
                fs::write(&whole, &addresses[0]).unwrap();
                fs::rename(&whole, &address_file).unwrap();
            }),
        };
        service.run(stop).await.unwrap();
    }
}

/// A running exporter; killed when dropped.
#[derive(Debug)]
pub(crate) struct Exporter {
    orders: Orders,
    child: Child,
    /// Where it serves.
    pub(crate) address: String,
}

impl Exporter {
    /// Starts it by running `test` of this program again, and waits until it serves.
    pub(crate) async fn start(orders: Orders, test: &str) -> Exporter {
        let _ = fs::remove_file(orders.address_file());
        let log = File::options().create(true).append(true).open(orders.folder.join("exporter.log")).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--include-ignored"])
            .env(ORDERS, serde_json::to_string(&orders).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut exporter = Exporter { orders, child, address: String::new() };
        let file = exporter.orders.address_file();
        exporter.address = until("the exporter serves", || {
            let ended = exporter.child.try_wait().unwrap();
            assert!(ended.is_none(), "the exporter ended ({ended:?}):\n{}", exporter.log());
            let address = fs::read_to_string(&file).ok();
            async move { address.ok_or_else(String::new) }
        })
        .await;
        exporter
    }

    /// SIGKILL: no farewell to anybody.
    pub(crate) fn kill(mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "the exporter ended by itself ({ended:?}):\n{}", self.log());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn end(mut self) -> ExitStatus {
        let sent = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
        // Waiting would close its input first, which ends it too: the signal would then be the second word.
        let input = self.child.stdin.take();
        let ended = self.child.wait().unwrap();
        drop(input);
        ended
    }

    /// What all exporters of this folder have logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.orders.folder.join("exporter.log")).unwrap_or_default()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the log of the exporter:\n{}", self.log());
        }
    }
}
