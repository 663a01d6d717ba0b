//! See `tests/src/fuzz/link.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vonggac_tests::fuzz::link::certificate(bytes));
