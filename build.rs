//! Hands the compiler's version, the target and the revision to `--version` and `wolkvox_exporter_build_info`.

use std::env;
use std::process::Command;

fn main() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("--version").output().ok();
    let said = said.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    // "rustc 1.95.0 (59807616e 2026-04-14)": the second word is the version.
    println!("cargo::rustc-env=WOLKVOX_RUSTC={}", said.split_whitespace().nth(1).unwrap_or("unknown"));
    println!("cargo::rustc-env=WOLKVOX_TARGET={}", variable("TARGET"));
    // Set by whoever builds a release; a build without it says so.
    println!("cargo::rustc-env=WOLKVOX_REVISION={}", variable("WOLKVOX_REVISION"));
    println!("cargo::rerun-if-env-changed=WOLKVOX_REVISION");
    println!("cargo::rerun-if-changed=build.rs");
}

fn variable(name: &str) -> String {
    let value = env::var_os(name).and_then(|value| value.into_string().ok());
    value.filter(|value| !value.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}
