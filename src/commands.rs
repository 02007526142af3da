//! The command line: what may be asked of the program, and how it answers.

mod advice;
pub mod arguments;
pub mod backfill;
pub mod check;
pub mod dashboards;
pub mod demo;
pub mod failure;
mod locks;
pub mod logging;
pub mod metrics;
mod notify;
pub mod once;
mod overview;
pub mod plan;
pub mod serve;
pub mod service;
pub mod simulate;
mod table;
pub mod version;
