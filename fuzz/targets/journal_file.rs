//! See `tests/src/fuzz/records.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vonggac_tests::fuzz::records::journal_file(bytes));
