//! See `checks::configurations`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::configurations::check(bytes));
