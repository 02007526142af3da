//! Stretches of time in which a queue is not as usual: a rush, a dead line, counts that are taken back.

use serde::{Deserialize, Serialize};

use crate::time::civil;

/// Something that happens to a queue for a while. What is left out is as usual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Incident {
    /// Its first local second, as `2026-04-06T10:00:00`.
    #[serde(with = "text")]
    pub from: civil::DateTime,
    /// The first local second after it.
    #[serde(with = "text")]
    pub to: civil::DateTime,
    /// Only calls to this skill.
    pub skill: Option<String>,
    /// Only calls to this number.
    pub dnis: Option<String>,
    /// The share of calls that come through; 0 is a dead line.
    pub calls: f64,
    /// How many times longer callers wait.
    pub wait: f64,
    /// The share of calls that the aggregated reports withdraw again, where it is more than usual.
    pub withdrawn: f64,
}

impl Default for Incident {
    fn default() -> Incident {
        Incident {
            from: civil::DateTime::MIN,
            to: civil::DateTime::MAX,
            skill: None,
            dnis: None,
            calls: 1.0,
            wait: 1.0,
            withdrawn: 0.0,
        }
    }
}

impl Incident {
    /// Whether a call to this number of this skill meets the incident, when it comes in time.
    pub(super) fn meets(&self, skill: &str, dnis: &str) -> bool {
        self.skill.as_deref().is_none_or(|wanted| wanted == skill)
            && self.dnis.as_deref().is_none_or(|wanted| wanted == dnis)
    }

    /// What is wrong with it.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let shares = [self.calls, self.withdrawn].iter().all(|share| (0.0..=1.0).contains(share));
        if self.from >= self.to {
            Some("must end after it begins")
        } else if !shares || !(0.0..=1000.0).contains(&self.wait) {
            Some("takes shares from 0 to 1 and waits up to 1000 times as long")
        } else {
            None
        }
    }
}

mod text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::time::civil::DateTime;

    pub(super) fn serialize<S: Serializer>(at: &DateTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
