//! The command line: what may be asked of the program, and how it answers.

pub mod arguments;
pub mod check;
pub mod dashboards;
pub mod demo;
pub mod logging;
pub mod once;
mod overview;
pub mod serve;
pub mod service;
pub mod simulate;
pub mod version;
