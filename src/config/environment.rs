//! The environment as a value, so that only this file asks the process for it.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Where variables come from: the process, or a test's map.
pub trait Environment {
    /// The value of a variable; `None` when it is not set.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// The value of a variable when it is set, not empty and valid UTF-8.
    ///
    /// `docker run -e NAME=` and an unset Compose variable both arrive as empty text and mean nothing.
    fn text(&self, name: &str) -> Option<String> {
        self.variable(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
    }
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }
}

impl Environment for BTreeMap<String, String> {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.get(name).map(OsString::from)
    }
}
