//! What the file systems and the security of Windows write as bytes: read here, pure, on every system, so that each
//! reader is tested and fuzzed wherever the tests run. Nothing here asks an operating system anything.
//!
//! | module | subject |
//! |---|---|
//! | [`bytes`] | numbers and text at a place of a buffer, never beyond it |
//! | [`wtf8`] | names as sixteen-bit units and as bytes, without loss |
//! | [`listing`] | a directory's names (`FILE_ID_BOTH_DIR_INFO`) |
//! | [`notices`] | what happened in a tree (`FILE_NOTIFY_INFORMATION`) |
//! | [`streams`] | a file's streams (`FILE_STREAM_INFO`) |
//! | [`reparse`] | where a link points (`REPARSE_DATA_BUFFER`) |
//! | [`sid`] | owners, in the same words on every language of Windows |
//! | [`descriptor`] | who may do what: a security descriptor in one form |
//! | [`usn`] | records of the change journal |

pub mod bytes;
pub mod descriptor;
pub mod listing;
pub mod notices;
pub mod reparse;
pub mod sid;
pub mod streams;
pub mod usn;
pub mod wtf8;
