//! What no single module can promise: rules that hold across files, and files that are not Rust.
//!
//! - `architecture`: data flows one way, and what may be named where.
//! - `exactness`: days of the simulated centre through the whole pipeline, judged by its truth.
//! - `kubernetes`: the manifests parse, and shards and replicas agree.
//! - `program`: the program as an operator runs it.

#![expect(
    clippy::unwrap_used,
    reason = "the whole target is tests; clippy knows only functions marked as such"
)]

mod architecture;
mod exactness;
mod kubernetes;
mod program;
