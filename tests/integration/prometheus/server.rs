//! A real Prometheus on a free port, with its own storage.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::expected::Series;
use super::wait::until;

/// A running Prometheus; killed when dropped.
#[derive(Debug)]
pub(crate) struct Prometheus {
    child: Child,
    log: PathBuf,
    base: String,
    http: reqwest::Client,
}

/// A sample: milliseconds since 1970, and the value in millionths.
pub(crate) type Sample = (i64, i64);

/// Whether the programs are there. Their absence excuses a test, except where everything must be tested.
pub(crate) fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{program} is not on the PATH, and with CI=true nothing is skipped"
    );
    eprintln!("SKIPPED: {program} is not on the PATH; tests/run installs it");
    false
}

impl Prometheus {
    /// Starts one that scrapes `target` every second.
    pub(crate) async fn start(folder: &Path, target: &str) -> Prometheus {
        let scrapes = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs: [{{job_name: wolkvox, static_configs: [{{targets: [\"{target}\"]}}]}}]\n"
        );
        Prometheus::with("prometheus".as_ref(), folder, &scrapes, &[]).await
    }

    /// Starts this program with a configuration of its own, on the storage below `tsdb`.
    pub(crate) async fn with(program: &Path, folder: &Path, config: &str, arguments: &[&str]) -> Prometheus {
        let file = folder.join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let log = folder.join("prometheus.log");
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--log.format=logfmt"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        // No proxy stands between us and the loopback interface.
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut prometheus = Prometheus { child, log, base: String::new(), http };
        prometheus.base = until("Prometheus is ready", || {
            let ended = prometheus.child.try_wait().unwrap();
            assert!(ended.is_none(), "Prometheus ended ({ended:?}):\n{}", prometheus.log());
            let (log, http) = (prometheus.log(), prometheus.http.clone());
            async move {
                let listening = log.lines().find(|line| line.contains("msg=\"Listening on\""));
                let address = listening.and_then(|line| line.split("address=").nth(1));
                let base = format!("http://{}", address.ok_or(log.as_str())?.trim());
                let ready = http.get(format!("{base}/-/ready")).send().await;
                if ready.is_ok_and(|ready| ready.status().is_success()) { Ok(base) } else { Err(log) }
            }
        })
        .await;
        prometheus
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks its API; the answer's `data`.
    pub(crate) async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        self.try_ask(path, parameters).await.unwrap_or_else(|why| panic!("{parameters:?}: {why}"))
    }

    /// The same, or what is wrong with the question.
    pub(crate) async fn try_ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let query: Vec<String> =
            parameters.iter().map(|(key, value)| format!("{key}={}", escape(value))).collect();
        let url = format!("{}/api/v1/{path}?{}", self.base, query.join("&"));
        let body = self.http.get(url).send().await.unwrap().text().await.unwrap();
        let mut answer: Value = serde_json::from_str(&body).unwrap();
        if answer["status"] == "success" { Ok(answer["data"].take()) } else { Err(body) }
    }

    /// The samples that a range selector finds, as stored.
    pub(crate) async fn samples(&self, selector: &str) -> BTreeMap<Series, Vec<Sample>> {
        let data = self.ask("query", &[("query", selector)]).await;
        let read = |result: &Value| {
            let samples = result["values"].as_array().unwrap().iter().map(sample).collect();
            (series(&result["metric"]), samples)
        };
        data["result"].as_array().unwrap().iter().map(read).collect()
    }

    /// The value of each series that an instant query finds, now or at an instant in milliseconds.
    pub(crate) async fn values(&self, query: &str, at: Option<i64>) -> BTreeMap<Series, i64> {
        let time = at.map(|at| format!("{}.{:03}", at / 1000, at % 1000));
        let mut parameters = vec![("query", query)];
        parameters.extend(time.as_deref().map(|time| ("time", time)));
        let data = self.ask("query", &parameters).await;
        let read = |result: &Value| (series(&result["metric"]), sample(&result["value"]).1);
        data["result"].as_array().unwrap().iter().map(read).collect()
    }

    /// Its own metrics.
    pub(crate) async fn own_metrics(&self) -> String {
        self.http.get(format!("{}/metrics", self.base)).send().await.unwrap().text().await.unwrap()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn series(metric: &Value) -> Series {
    let mut labels: BTreeMap<String, String> = serde_json::from_value(metric.clone()).unwrap();
    let name = labels.remove("__name__").unwrap_or_default();
    labels.remove("job");
    labels.remove("instance");
    if let Some(le) = labels.get_mut("le") {
        *le = le.parse::<f64>().unwrap().to_string();
    }
    Series { name, labels }
}

fn sample(pair: &Value) -> Sample {
    let value: f64 = pair[1].as_str().unwrap().parse().unwrap();
    ((pair[0].as_f64().unwrap() * 1e3).round() as i64, (value * 1e6).round() as i64)
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}
