//! What hostile bytes may not do: panic, hang, or be understood in two ways.
//!
//! The same entry functions serve the fuzzer (`fuzz/`) and an ordinary test that replays the committed corpus with
//! mutations. An entry panics if what it holds is broken.
//!
//! | module | subject |
//! |---|---|
//! | [`targets`] | one entry for every parser of foreign bytes |
//! | [`mutation`] | the same changes every time |

pub mod mutation;
pub mod targets;
