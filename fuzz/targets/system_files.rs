//! See `tests/src/fuzz/host.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vonggac_tests::fuzz::host::system_files(bytes));
