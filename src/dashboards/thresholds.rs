//! The numbers that decide when an alert fires, each with a name that the command line may set.

use thiserror::Error;

/// Why a threshold could not be set.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ThresholdError {
    /// There is no such threshold.
    #[error("no threshold is called {0:?}; there are: {names}", names = Thresholds::NAMES.map(|(name, ..)| name).join(", "))]
    Unknown(String),
    /// Only finite numbers above 0 make sense.
    #[error("threshold {0}: a number above 0 is needed")]
    Value(&'static str),
}

macro_rules! thresholds {
    ($($(#[doc = $help:literal])* $name:ident = $value:literal;)*) => {
        /// When alerts fire.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Thresholds {
            $($(#[doc = $help])* pub $name: f64,)*
        }

        impl Default for Thresholds {
            fn default() -> Thresholds {
                Thresholds { $($name: $value,)* }
            }
        }

        impl Thresholds {
            /// Name, default and meaning of every threshold.
            pub const NAMES: [(&'static str, f64, &'static str); [$(stringify!($name)),*].len()] =
                [$((stringify!($name), $value, concat!($($help,)*)),)*];

            /// Sets the threshold of this name.
            ///
            /// # Errors
            ///
            /// When there is none, or the number is no finite one above 0.
            pub fn set(&mut self, name: &str, value: f64) -> Result<(), ThresholdError> {
                match name {
                    $(stringify!($name) => {
                        if !(value.is_finite() && value > 0.0) {
                            return Err(ThresholdError::Value(stringify!($name)));
                        }
                        self.$name = value;
                    })*
                    _ => return Err(ThresholdError::Unknown(name.to_owned())),
                }
                Ok(())
            }
        }
    };
}

thresholds! {
    /// Times the budget of missed calls, over 30 minutes (service level).
    service_level_interval_burn = 2.5;
    /// Times the budget of missed calls, over 1 hour (service level).
    service_level_fast_burn = 3.0;
    /// Times the budget of missed calls, over 4 hours (service level).
    service_level_slow_burn = 2.0;
    /// Times the budget of missed calls, over 1 day (service level).
    service_level_day_burn = 1.0;
    /// Times the abandonment target, over 30 minutes.
    abandon_interval_burn = 3.0;
    /// Times the abandonment target, over 1 hour.
    abandon_fast_burn = 4.0;
    /// Times the abandonment target, over 4 hours.
    abandon_slow_burn = 2.0;
    /// Times the abandonment target, over 1 day.
    abandon_day_burn = 1.0;
    /// Standard deviations from the target, for warnings that repeat often.
    significance = 2.4;
    /// Standard deviations from the target, for alerts that wake somebody.
    significance_strict = 3.1;
    /// Fewest calls in 30 minutes or 1 hour.
    calls_hour = 10.0;
    /// Fewest calls in 4 hours.
    calls_shift = 20.0;
    /// Fewest calls in 1 day.
    calls_day = 50.0;
    /// Calls in the same hour a week ago that make an hour of silence strange.
    silence_usual_calls = 20.0;
    /// Times the same half hour of the last two weeks.
    surge_factor = 2.0;
    /// Fewest calls in 30 minutes of a surge.
    surge_calls = 50.0;
    /// Share of callbacks that reach the customer.
    callback_success = 0.6;
    /// Fewest finished callbacks in 4 hours, for their success.
    callback_success_calls = 20.0;
    /// Share of callbacks made within 30 minutes.
    callback_fast = 0.8;
    /// Fewest successful callbacks in 4 hours, for their speed.
    callback_fast_calls = 10.0;
    /// Seconds that a customer may wait for a callback while the skill is open.
    callback_overdue_seconds = 7200.0;
    /// Share by which the use of the IVR may differ from a week ago.
    ivr_shift = 0.5;
    /// Fewest IVR calls in 4 hours, now and a week ago.
    ivr_calls = 50.0;
    /// Times the cost of the same hour of the last two weeks.
    cost_factor = 2.0;
    /// Fewest connected calls in 1 hour.
    cost_calls = 20.0;
    /// Share of answers 4 and 5 to a survey question.
    csat = 0.75;
    /// Fewest answers in 1 day.
    csat_answers = 30.0;
    /// Planned intervals without a successful reading.
    stale_intervals = 3.0;
    /// Share of failed requests in 30 minutes.
    failed_share = 0.5;
    /// Fewest failed requests in 30 minutes.
    failed_requests = 3.0;
    /// Refusals in 1 hour because somebody else uses the token.
    shared_refusals = 3.0;
    /// Calls by which two reports of the vendor may differ.
    audit_calls = 5.0;
    /// Seconds of an average durable write of the ledger.
    ledger_commit_seconds = 1.0;
    /// Starts of the process in 1 hour.
    restarts = 3.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_threshold_can_be_set_by_its_name_and_nothing_else_can() {
        for (name, value, help) in Thresholds::NAMES {
            let mut thresholds = Thresholds::default();
            thresholds.set(name, value).unwrap();
            assert_eq!(thresholds, Thresholds::default(), "{name} has another default");
            thresholds.set(name, value + 1.0).unwrap();
            assert_ne!(thresholds, Thresholds::default(), "{name} sets nothing");
            assert!(help.trim().ends_with('.'), "{name}");
            for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
                assert_eq!(thresholds.set(name, bad), Err(ThresholdError::Value(name)));
            }
        }
        let error = Thresholds::default().set("surge", 2.0).unwrap_err();
        assert!(error.to_string().contains("surge_factor"), "{error}");
    }
}
