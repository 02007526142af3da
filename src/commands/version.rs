//! What this build is.

/// The version of the release.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The revision it was built from, or `unknown`.
pub const REVISION: &str = env!("WOLKVOX_REVISION");

/// The version of the compiler.
pub const RUSTC: &str = env!("WOLKVOX_RUSTC");

/// What `--version` prints after the program's name, in the shape of every Prometheus program.
pub const BLOCK: &str = concat!(
    "version ",
    env!("CARGO_PKG_VERSION"),
    " (revision: ",
    env!("WOLKVOX_REVISION"),
    ")\n  rustc version:    ",
    env!("WOLKVOX_RUSTC"),
    "\n  platform:         ",
    env!("WOLKVOX_TARGET"),
);
