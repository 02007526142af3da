//! See `checks::expositions`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::expositions::check(bytes));
