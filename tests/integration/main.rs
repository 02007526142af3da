//! What no single module can promise: rules that hold across files, and files that are not Rust.
//!
//! - `architecture`: data flows one way, and what may be named where.
//! - `cli`: what the program says, and with which status it ends.
//! - `documentation`: the README says what the program does.
//! - `exactness`: days of the simulated centre through the whole pipeline, judged by its truth.
//! - `kubernetes`: the manifests parse, and shards and replicas agree.
//! - `program`: the program as an operator runs it.
//! - `prometheus`: what a real Prometheus stores of a simulated day is the truth.
//! - `rules`: recording rules and alerts do what their scenarios say.

#![expect(
    clippy::unwrap_used,
    reason = "the whole target is tests; clippy knows only functions marked as such"
)]

mod architecture;
mod cli;
mod documentation;
mod exactness;
mod kubernetes;
mod program;
mod prometheus;
mod rules;
