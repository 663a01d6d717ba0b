//! What leaves the collector as a file for other programs: bills of materials, and every list.
//!
//! The formats are pure; what they say is read from the store in one place each. The same content of the same moment
//! gives the same bytes.
//!
//! | module | subject |
//! |---|---|
//! | [`purl`] | package URLs |
//! | [`licence`] | licence expressions as SPDX takes them |
//! | [`seal`] | ids made of content |
//! | [`cyclonedx`], [`spdx_document`] | CycloneDX 1.6 and SPDX 2.3 |
//! | [`bill`], [`gather`] | what a bill of materials says; reading it from the store |
//! | [`as_cyclonedx`], [`as_spdx`] | a bill in either format |
//! | [`as_vex`] | how each weakness of a bill stands, and what was decided about it |
//! | [`table`], [`lists`] | cells and rows; every list |
//! | [`csv_file`], [`xlsx_file`] | a list in either format |
//! | [`make`] | a whole file before any of it is sent |

pub mod as_cyclonedx;
pub mod as_spdx;
pub mod as_vex;
pub mod bill;
pub mod csv_file;
pub mod cyclonedx;
pub mod gather;
pub mod licence;
pub mod lists;
pub mod make;
pub mod purl;
pub mod seal;
pub mod spdx_document;
pub mod table;
pub mod xlsx_file;
