//! What must hold for any bytes, one plain function per kind of input.
//!
//! The fuzz targets call these functions with what libFuzzer makes up; a test of the ordinary suite calls the
//! same ones with the corpus and with mutations of it.

pub mod answers;
pub mod configurations;
pub mod expositions;
pub mod fields;
pub mod openmetrics;
pub mod refusals;
pub mod requests;
mod site;
pub mod web_configurations;

/// The name of a target and of its corpus, and the check.
pub type Target = (&'static str, fn(&[u8]));

/// Every kind of input.
pub const ALL: [Target; 7] = [
    ("answers", answers::check),
    ("fields", fields::check),
    ("refusals", refusals::check),
    ("configurations", configurations::check),
    ("web_configurations", web_configurations::check),
    ("requests", requests::check),
    ("expositions", expositions::check),
];
