//! The command line: what may be asked of the program, and how it answers.

pub mod arguments;
pub mod check;
pub mod demo;
pub mod failure;
pub mod logging;
mod notify;
pub mod once;
mod overview;
pub mod serve;
pub mod service;
pub mod simulate;
pub mod version;
