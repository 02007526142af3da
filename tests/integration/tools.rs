//! Programs of others that tests run: those on the PATH, and later versions beside them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

/// One version of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tool {
    /// What the version is called: `the PATH`, or the Debian release it is from.
    pub(crate) of: String,
    /// What to run.
    pub(crate) path: PathBuf,
}

impl Tool {
    /// A command of it without input.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.stdin(Stdio::null());
        command
    }

    /// Whether it can be run at all.
    fn runs(&self) -> bool {
        let ran = self.command().arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        ran.is_ok_and(|status| status.success())
    }
}

/// The program on the PATH, by the first of these names that there is. Its absence excuses a test, except where everything
/// must be tested.
pub(crate) fn on_path(names: &[&str]) -> Option<Tool> {
    let tool = |name: &&str| Tool { of: "the PATH".to_owned(), path: PathBuf::from(name) };
    let found = names.iter().map(tool).find(Tool::runs);
    assert!(found.is_some() || env::var_os("CI").is_none(), "{} is missing", names[0]);
    if found.is_none() {
        eprintln!("SKIPPED: {} is not on the PATH; tests/run installs it", names[0]);
    }
    found
}

/// The program on the PATH and its later versions, as far as `tests/run` could have them; it says which it could not.
pub(crate) fn every_version(name: &str) -> Vec<Tool> {
    let Some(usual) = on_path(&[name]) else { return Vec::new() };
    let mut all = vec![usual];
    let folder = env::var_os("WOLKVOX_NEWER_PROMETHEUS").map(PathBuf::from);
    let releases = folder.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
    let later = releases.filter_map(Result::ok).map(|release| Tool {
        of: format!("Debian {}", release.file_name().to_string_lossy()),
        path: release.path().join("usr/bin").join(name),
    });
    let mut later: Vec<_> = later.filter(Tool::runs).collect();
    later.sort_by(|a, b| a.of.cmp(&b.of));
    all.append(&mut later);
    all
}
