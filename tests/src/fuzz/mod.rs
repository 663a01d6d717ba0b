//! What hostile bytes may not do: panic, hang, or be understood in two ways.
//!
//! The same entry functions serve the fuzzer (`fuzz/`) and an ordinary test that replays the committed corpus with
//! mutations. An entry panics if what it holds is broken.
//!
//! | module | subject |
//! |---|---|
//! | [`targets`] | one entry for every parser of foreign bytes, by name |
//! | [`link`] | the entries for what a peer shows: certificates, requests, pieces on TCP |
//! | [`host`] | the entries for what stands on a machine: packages, licences, system files |
//! | [`records`] | the entries for what a machine's own system records |
//! | [`registry`] | the entries for what stands in a registry of Windows and in firmware |
//! | [`windows`] | the entry for what Windows writes about files |
//! | [`judgement`] | the entries for what the collector concludes from, and is handed |
//! | [`feed`] | the entries for advisories that are carried in |
//! | [`release`] | the entry for versions of the agent, carried in and offered |
//! | [`parts`] | inputs of several texts in one |
//! | [`mutation`] | the same changes every time |

pub mod feed;
pub mod host;
pub mod judgement;
pub mod link;
pub mod mutation;
pub mod parts;
pub mod records;
pub mod registry;
pub mod release;
pub mod targets;
pub mod windows;
