//! See `tests/src/fuzz/targets.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vonggac_tests::fuzz::host::dnf_list(bytes));
