//! See `checks::web_configurations`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::web_configurations::check(bytes));
