//! What no single module can promise: rules that hold across files, and files that are not Rust.
//!
//! - `alerting`: from a queue that melts down to the message of Alertmanager.
//! - `architecture`: data flows one way, and what may be named where.
//! - `boards`: every query of every board, asked of two weeks in a real Prometheus, and its answers against a model.
//! - `chronicle`: days of the simulated centre as Prometheus would have scraped them.
//! - `canaries`: nothing private and no token in anything that is given out.
//! - `cli`: what the program says, and with which status it ends.
//! - `delivery`: the files beside the rules do what they say.
//! - `documentation`: the README says what the program does.
//! - `exactness`: days of the simulated centre through the whole pipeline, judged by its truth.
//! - `fuzz`: what must hold for any bytes, on the corpus and on mutations of it.
//! - `kubernetes`: the manifests parse, and shards and replicas agree.
//! - `lint`: every rule of Grafana's linter and more, on every board.
//! - `program`: the program as an operator runs it.
//! - `prometheus`: what a real Prometheus stores of a simulated day is the truth.
//! - `reload`: changes of the configuration are taken or refused as a whole, and count nothing twice.
//! - `rules`: recording rules and alerts do what their scenarios say.
//! - `tools`: programs of others that tests run.
//! - `upstream`: a malicious or broken API against the program itself.
//! - `web`: a hostile network side against the program itself.

#![expect(
    clippy::unwrap_used,
    reason = "the whole target is tests; clippy knows only functions marked as such"
)]

mod alerting;
mod architecture;
mod boards;
mod canaries;
mod chronicle;
mod cli;
mod crash;
mod delivery;
mod disk;
mod documentation;
mod exactness;
mod fuzz;
mod kubernetes;
mod lint;
mod program;
mod prometheus;
mod reload;
mod rules;
mod shutdown;
mod tools;
mod upstream;
mod web;
