//! See `tests/src/fuzz/judgement.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vonggac_tests::fuzz::judgement::ledger(bytes));
