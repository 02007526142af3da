//! What no single module can promise: rules that hold across files, and files that are not Rust.
//!
//! - `architecture`: data flows one way, and what may be named where.
//! - `kubernetes`: the manifests parse, and shards and replicas agree.
//! - `rules`: recording rules and alerts do what their scenarios say.

#![expect(
    clippy::unwrap_used,
    reason = "the whole target is tests; clippy knows only functions marked as such"
)]

mod architecture;
mod kubernetes;
mod rules;
