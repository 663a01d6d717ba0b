//! What leaves the collector as a file for other programs: bills of materials, and every list.
//!
//! The formats are pure; what they say is read from the store in one place each.
//!
//! | module | subject |
//! |---|---|
//! | [`purl`] | package URLs |
//! | [`licence`] | licence expressions as SPDX takes them |
//! | [`seal`] | ids made of content |
//! | [`cyclonedx`] | CycloneDX 1.6 |

pub mod cyclonedx;
pub mod licence;
pub mod purl;
pub mod seal;
