//! What `--version` and the build information say that the source cannot: revision and compiler.
//!
//! Sets `WOLKVOX_REVISION` (from the variable of that name, else from git, else `unknown`),
//! `WOLKVOX_RUSTC` (for example `1.95.0`) and `WOLKVOX_TARGET`. Nothing else of the building machine enters the program.
#![expect(clippy::disallowed_methods, reason = "a build script is configured by the environment")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    println!("cargo::rerun-if-env-changed=WOLKVOX_REVISION");
    let revision = given_revision().or_else(git_revision).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=WOLKVOX_REVISION={revision}");

    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = answer(&rustc, &["--version"]).unwrap_or_default();
    let version = version.split_whitespace().nth(1).unwrap_or("unknown");
    println!("cargo::rustc-env=WOLKVOX_RUSTC={version}");
    let target = std::env::var("TARGET").unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo::rustc-env=WOLKVOX_TARGET={target}");
}

/// The revision that the caller states, for builds from a copy without its history.
fn given_revision() -> Option<String> {
    let given = std::env::var("WOLKVOX_REVISION").ok().filter(|given| !given.is_empty())?;
    let plain = given.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte));
    assert!(plain && given.len() <= 64, "WOLKVOX_REVISION: at most 64 letters, digits or . _ + -");
    Some(given)
}

/// The commit checked out here; none inside another project's repository.
fn git_revision() -> Option<String> {
    if !answer("git", &["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    // The log of HEAD grows with every commit and checkout: one file to watch. A path that does not
    // exist would make cargo run this script every time.
    for watched in ["logs/HEAD", "HEAD"] {
        let path = answer("git", &["rev-parse", "--git-path", watched])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
            break;
        }
    }
    answer("git", &["rev-parse", "--short=12", "HEAD"])
}

/// What a program prints, without the space around it; `None` when it is missing or fails.
fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
