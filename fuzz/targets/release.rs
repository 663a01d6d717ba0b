//! See `tests/src/fuzz/release.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vonggac_tests::fuzz::release::release(bytes));
