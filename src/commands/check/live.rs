//! `check --live`: one cheap question to each operation.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::api::{Reason, Report};
use crate::client::{Client, Failure};
use crate::commands::advice::advice;
use crate::commands::locks::locks;
use crate::config::{Config, Denominator, Environment, Operation};
use crate::ledger::Ledger;
use crate::pipeline::{Fetched, fetch};
use crate::report::{Answer, Decoder, IdentityKey, Quota};
use crate::schedule::{Purpose, Request};
use crate::time::{Clock, SignedDuration, Timestamp};

/// Operations asked at the same time; each has a token of its own.
const AT_ONCE: usize = 16;
/// The answer's `Date` has whole seconds, and the answer takes a while.
const ROUNDING: SignedDuration = SignedDuration::from_secs(1);

/// Asks every operation for its quota, one line each as the answers come. The locks of the tokens are below `storage`,
/// so that an exporter running there is not disturbed. Returns whether all answered.
pub async fn ask(
    config: &Config,
    env: Arc<dyn Environment + Send + Sync>,
    storage: &Path,
    out: &mut dyn Write,
) -> Result<bool> {
    let clock = Clock::real();
    let locks = locks(storage)?;
    let key = Ledger::in_memory(clock.now())?.identity_key();
    let free = Arc::new(Semaphore::new(AT_ONCE));
    let mut asking = JoinSet::new();
    for operation in config.operations.iter().cloned() {
        let (env, locks, key) = (Arc::clone(&env), locks.clone(), key.clone());
        let (clock, free) = (clock.clone(), Arc::clone(&free));
        asking.spawn(async move {
            // Nobody closes the semaphore.
            let _turn = free.acquire().await;
            let heard = question(&operation, &*env, &locks, &key, &clock).await;
            (operation, heard)
        });
    }
    let mut failed = 0;
    while let Some(answered) = asking.join_next().await {
        let (operation, heard) = answered?;
        failed += usize::from(heard.is_err());
        tell(&operation, &heard, out)?;
        out.flush()?;
    }
    let all = config.operations.len();
    writeln!(out, "{all} asked, {} answered, {failed} failed", all - failed)?;
    Ok(failed == 0)
}

/// What an operation answered.
#[derive(Debug)]
struct Heard {
    quota: Quota,
    /// How far the server's clock is ahead of ours; nothing when they agree, `None` without a `Date`.
    ahead: Option<SignedDuration>,
}

async fn question(
    operation: &Operation,
    env: &(dyn Environment + Send + Sync),
    locks: &Path,
    key: &IdentityKey,
    clock: &Clock,
) -> Result<Heard, Failure> {
    let mut client = Client::new(operation, env, Some(locks))?;
    let now = clock.now();
    let request = Request {
        report: Report::TokenInfo,
        skill: String::new(),
        window: None,
        slot: 0,
        now,
        purpose: Purpose::Helper,
        part: (0, 1),
    };
    let decoder = Decoder::new(&request, operation, key, Denominator::Auto, now);
    let Fetched { result, date, .. } = fetch(&mut client, &request, decoder).await;
    match result?.answer {
        Answer::Quota(quota) => Ok(Heard { quota, ahead: date.map(|date| ahead(date, now, clock.now())) }),
        // The decoder answers in the kind of its question.
        _ => Err(Failure::new(Reason::Decode, &"the answer is not about the quota")),
    }
}

/// How far a server's clock that showed `date` between `asked` and `answered` of ours must be ahead at least.
fn ahead(date: Timestamp, asked: Timestamp, answered: Timestamp) -> SignedDuration {
    let behind = date.duration_since(asked).saturating_add(ROUNDING);
    let before = date.duration_since(answered);
    if behind < SignedDuration::ZERO {
        behind
    } else if before > ROUNDING {
        before
    } else {
        SignedDuration::ZERO
    }
}

fn tell(operation: &Operation, heard: &Result<Heard, Failure>, out: &mut dyn Write) -> io::Result<()> {
    let name = &operation.name;
    let heard = match heard {
        Ok(heard) => heard,
        Err(failure) => {
            return writeln!(
                out,
                "{name}: failed ({}): {failure}. {}",
                failure.reason,
                advice(failure.reason)
            );
        }
    };
    let quota = heard.quota;
    let clocks = match heard.ahead.map(|ahead| ahead.as_secs()) {
        None => "the answer has no date".to_owned(),
        Some(0) => "clocks agree".to_owned(),
        Some(seconds) if seconds > 0 => format!("its clock is {seconds} s ahead of ours"),
        Some(seconds) => format!("its clock is {} s behind ours", -seconds),
    };
    writeln!(out, "{name}: ok, {} of {} requests used today, {clocks}", quota.used(), quota.limit)?;
    match operation.daily_requests {
        Some(configured) if configured > quota.limit => writeln!(
            out,
            "{name}: warning: daily_requests is {configured}, the server allows {}",
            quota.limit
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::simulator::{self, Settings, Simulator};

    #[test]
    fn clocks_agree_within_rounding_and_travel() {
        let at = |seconds: i64| Timestamp::from_second(1_790_000_000 + seconds).unwrap();
        let seconds = |date, asked, answered| ahead(at(date), at(asked), at(answered)).as_secs();
        assert_eq!([seconds(0, 0, 0), seconds(-1, 0, 3), seconds(4, 0, 3)], [0, 0, 0]);
        assert_eq!(seconds(-61, 0, 3), -60);
        assert_eq!(seconds(63, 0, 3), 60);
    }

    #[tokio::test]
    async fn each_operation_is_told_with_reason_and_advice() {
        let settings = Settings { operations: 1, ..Settings::default() };
        let simulator = Simulator::new(settings, Clock::real()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(simulator::serve(listener, simulator.clone(), stop.clone()));
        let text = format!(
            "operations:\n\
             - {{ name: good, base_url: http://{address}/api/v2/, token_env: GOOD, timezone: America/Bogota, daily_requests: 10000000 }}\n\
             - {{ name: wrong, base_url: http://{address}/api/v2/, token_env: WRONG, timezone: America/Bogota }}\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let config = Config::parse(&text, folder.path(), "test").unwrap();
        let env = BTreeMap::from([
            ("GOOD".to_owned(), simulator.token(0)),
            ("WRONG".to_owned(), "0123456789abcdef".to_owned()),
        ]);
        let mut out = Vec::new();
        let all = ask(&config, Arc::new(env), folder.path(), &mut out).await.unwrap();
        stop.cancel();
        serving.await.unwrap().unwrap();
        let out = String::from_utf8(out).unwrap();
        let mut lines: Vec<&str> = out.lines().collect();
        assert!(!all);
        assert_eq!(lines.pop(), Some("2 asked, 1 answered, 1 failed"));
        lines.sort_unstable();
        assert!(lines[0].starts_with("good: ok, ") && lines[0].ends_with("clocks agree"), "{out}");
        assert!(
            lines[1].starts_with("good: warning: daily_requests is 10000000, the server allows "),
            "{out}"
        );
        assert!(
            lines[2].starts_with("wrong: failed (auth): ") && lines[2].ends_with(advice(Reason::Auth)),
            "{out}"
        );
        assert!(!out.contains("0123456789abcdef"), "no token is ever shown");
        assert!(folder.path().join("locks").is_dir(), "the token lock was taken");
    }
}
