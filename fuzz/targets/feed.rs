//! See `tests/src/fuzz/feed.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vonggac_tests::fuzz::feed::feed(bytes));
