//! `simulate`: the API alone, imitated.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::arguments::Simulate;
use crate::server;
use crate::simulator::{self, Behaviour, Fault, Settings, Simulator, Traffic};
use crate::time::Clock;

/// Serves the simulated API until a signal ends it.
pub async fn simulate(arguments: Simulate) -> Result<()> {
    let mut behaviour = Behaviour::default();
    for (key, value) in &arguments.behaviour {
        behaviour = behaviour.with_text(&format!("{key}={value}")).map_err(anyhow::Error::msg)?;
    }
    let settings = Settings {
        seed: arguments.seed,
        operations: arguments.operations as usize,
        timezone: arguments.timezone.name().to_owned(),
        start: arguments.start,
        traffic: traffic(arguments.calls_per_day, &arguments.traffic)?,
        behaviour,
        faults: faults(&arguments.faults)?,
        ..Settings::default()
    };
    let clock = if arguments.speed.get() == 1.0 {
        Clock::real()
    } else {
        Clock::scaled(Clock::real().now(), arguments.speed.get())
    };
    let simulator = Simulator::new(settings, clock)?;
    let mut listeners = server::bind(&[arguments.listen_address.to_string()])?;
    let listener = listeners.pop().context("no address to listen on")?;
    let address = listener.local_addr().context("cannot read the bound address")?;
    info!(address = %address, operations = arguments.operations, "simulating");
    let mut out = std::io::stdout();
    writeln!(out, "base_url http://{address}/api/v2/")?;
    for (index, name) in simulator.operations().enumerate() {
        writeln!(out, "operation {name} token {}", simulator.token(index))?;
    }
    out.flush()?;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(simulator::serve(listener, simulator, stop.clone()));
    super::service::ended().await?;
    stop.cancel();
    serving.await.context("the simulator fell over")?.context("the simulator stopped")?;
    Ok(())
}

/// An ordinary centre of so many calls a day, with some keys replaced.
fn traffic(calls_per_day: u32, pairs: &[(String, String)]) -> Result<Traffic> {
    let ordinary = Traffic { calls_per_day: f64::from(calls_per_day), ..Traffic::default() };
    let mut whole = serde_json::to_value(ordinary)?;
    for (key, value) in pairs {
        let parsed = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.clone()));
        let known = whole.as_object_mut().and_then(|keys| keys.get_mut(key));
        *known.with_context(|| format!("unknown traffic `{key}`"))? = parsed;
        // One key at a time, so that the message says which.
        serde_json::from_value::<Traffic>(whole.clone()).with_context(|| format!("traffic `{key}`"))?;
    }
    Ok(serde_json::from_value(whole)?)
}

/// `weather=0.02` spoils that share of all requests in all the usual ways; every other key is one of a fault's own,
/// and all of them together make one fault.
fn faults(pairs: &[(String, String)]) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    let mut own = Map::new();
    for (key, value) in pairs {
        if key == "weather" {
            let share = value
                .parse()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share))
                .with_context(|| format!("weather is a share such as 0.02, not {value:?}"))?;
            faults.extend(Fault::weather(share));
        } else {
            let parsed = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.clone()));
            own.insert(key.clone(), parsed);
        }
    }
    if !own.is_empty() {
        faults.push(serde_json::from_value(Value::Object(own)).context("the fault cannot be read")?);
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::Lateness;

    #[test]
    fn traffic_is_changed_key_by_key_and_mistakes_name_theirs() {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>()
        };
        let heavy = traffic(70, &pairs(&[("lateness", "heavy"), ("skills", "7")])).unwrap();
        assert_eq!((heavy.lateness, heavy.skills, heavy.calls_per_day), (Lateness::Heavy, 7, 70.0));
        assert_eq!(heavy.survey_share, Traffic::default().survey_share);
        for (key, value) in [("late", "heavy"), ("lateness", "very"), ("skills", "-1")] {
            let error = traffic(70, &pairs(&[(key, value)])).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn shares_beyond_all_requests_are_refused() {
        let of = |key: &str, value: &str| faults(&[(key.to_owned(), value.to_owned())]);
        assert!(of("weather", "1").is_ok());
        for share in ["1.1", "-0.1", "nan", "all"] {
            assert!(of("weather", share).unwrap_err().to_string().contains("weather"), "{share}");
        }
        let settings = Settings { faults: of("probability", "5").unwrap(), ..Settings::default() };
        assert!(Simulator::new(settings, Clock::real()).unwrap_err().to_string().contains("probability"));
    }
}
