//! Hands the compiler's version and the revision to `--version` and `wolkvox_exporter_build_info`.

use std::env;
use std::process::Command;

fn main() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("--version").output().ok();
    let said = said.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    // "rustc 1.95.0 (59807616e 2026-04-14)": the second word is the version.
    let version = said.split_whitespace().nth(1).unwrap_or("unknown");
    println!("cargo::rustc-env=WOLKVOX_RUSTC={version}");
    println!("cargo::rustc-env=WOLKVOX_TARGET={}", env::var("TARGET").unwrap_or_else(|_| "unknown".into()));
    // Set by whoever builds a release; a build without it says so.
    let revision = env::var("WOLKVOX_REVISION").ok().filter(|revision| !revision.is_empty());
    println!("cargo::rustc-env=WOLKVOX_REVISION={}", revision.as_deref().unwrap_or("unknown"));
    println!("cargo::rerun-if-env-changed=WOLKVOX_REVISION");
    println!("cargo::rerun-if-changed=build.rs");
}
