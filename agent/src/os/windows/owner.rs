//! Names of users and groups. Not read on this system yet: owners are reported as empty text (docs/limits.md).

/// No lists.
#[derive(Debug, Default)]
pub struct Names;

impl Names {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// Nothing to read.
    pub fn refresh(&mut self) {}

    /// Not known here.
    #[must_use]
    pub fn user(&self, _number: u32) -> String {
        String::new()
    }

    /// Not known here.
    #[must_use]
    pub fn group(&self, _number: u32) -> String {
        String::new()
    }
}
