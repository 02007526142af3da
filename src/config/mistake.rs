//! What is wrong with a configuration: every mistake, each with the path of its key.
//!
//! Invariant: no message repeats a value from the file. A token may have been pasted anywhere, so the
//! path says where to look and the message says what would be right.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The path of the key, for example `operations[0].reports.skill_6.interval`; a file's name stands
    /// in front when the key lies in a file of `operations_dir`. Empty for the file as a whole.
    pub at: String,
    /// What is wrong and what would be right.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.is_empty() { f.write_str(&self.what) } else { write!(f, "{}: {}", self.at, self.what) }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file named on the command line, or the default.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither the default file nor the variables that make one operation are there.
    #[error(
        "no configuration: {} does not exist, and neither WOLKVOX_SERVER nor WOLKVOX_BASE_URL is set; \
         write the file, name another with --config.file, or set WOLKVOX_SERVER, WOLKVOX_TOKEN and \
         WOLKVOX_TIMEZONE",
        file.display()
    )]
    Absent {
        /// The default file.
        file: PathBuf,
    },
    /// The file, or the environment, holds mistakes; printed one a line.
    #[error("{}", lines(origin, mistakes))]
    Mistakes {
        /// The file's name, or `environment`.
        origin: String,
        /// All of them, in the order of the file; never empty.
        mistakes: Vec<Mistake>,
    },
}

impl ConfigError {
    /// The mistakes, when there are any beyond an unreadable file.
    pub fn mistakes(&self) -> &[Mistake] {
        match self {
            ConfigError::Mistakes { mistakes, .. } => mistakes,
            ConfigError::Read { .. } | ConfigError::Absent { .. } => &[],
        }
    }
}

fn lines(origin: &str, mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("{origin}: {mistake}")).collect::<Vec<_>>().join("\n")
}

/// Mistakes and warnings on their way out of a file.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) warnings: Vec<String>,
    /// One key under `defaults` is read once per operation, and said once.
    said: BTreeSet<Mistake>,
}

impl Notes {
    /// Notes a mistake.
    pub(super) fn mistake(&mut self, at: &str, what: impl Into<String>) {
        let mistake = Mistake { at: at.to_owned(), what: what.into() };
        if self.said.insert(mistake.clone()) {
            self.mistakes.push(mistake);
        }
    }

    /// Notes what is allowed but deserves a word.
    pub(super) fn warn(&mut self, at: &str, what: impl fmt::Display) {
        let said = Mistake { at: at.to_owned(), what: what.to_string() };
        let warning = said.to_string();
        if self.said.insert(said) {
            self.warnings.push(warning);
        }
    }

    /// The value when there are no mistakes, else all of them.
    pub(super) fn finish<T>(
        self,
        origin: &str,
        value: impl FnOnce(Vec<String>) -> T,
    ) -> Result<T, ConfigError> {
        if self.mistakes.is_empty() {
            Ok(value(self.warnings))
        } else {
            Err(ConfigError::Mistakes { origin: origin.to_owned(), mistakes: self.mistakes })
        }
    }
}
