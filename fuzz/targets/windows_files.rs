//! See `tests/src/fuzz/windows.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vonggac_tests::fuzz::windows::windows_files(bytes));
