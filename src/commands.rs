//! The command line: what may be asked of the program, and how it answers.

pub mod arguments;
pub mod check;
pub mod logging;
pub mod version;
