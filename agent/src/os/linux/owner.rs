//! Names of users and groups, from the system's own lists; numbers where they have none.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::fs::Stat;

/// The lists, read again when they were replaced or written.
#[derive(Debug, Default)]
pub struct Names {
    users: List,
    groups: List,
}

#[derive(Debug, Default)]
struct List {
    names: BTreeMap<u32, String>,
    read_at: Option<(u64, i64, u64)>,
}

impl Names {
    /// Empty; [`refresh`](Self::refresh) fills it.
    #[must_use]
    pub fn new() -> Self {
        let mut names = Self::default();
        names.refresh();

        names
    }

    /// Reads the lists again if they changed; a list that cannot be read stays as it was.
    pub fn refresh(&mut self) {
        self.users.refresh(Path::new("/etc/passwd"));
        self.groups.refresh(Path::new("/etc/group"));
    }

    /// The user's name, or the number.
    #[must_use]
    pub fn user(&self, number: u32) -> String {
        self.users.name(number)
    }

    /// The group's name, or the number.
    #[must_use]
    pub fn group(&self, number: u32) -> String {
        self.groups.name(number)
    }
}

impl List {
    fn refresh(&mut self, path: &Path) {
        let Ok(Stat { st_ino, st_mtime, st_mtime_nsec, .. }) = rustix::fs::stat(path) else {
            return;
        };
        let found = (st_ino, st_mtime, st_mtime_nsec);
        if self.read_at == Some(found) {
            return;
        }
        if let Ok(bytes) = std::fs::read(path) {
            self.names = parse(&String::from_utf8_lossy(&bytes));
            self.read_at = Some(found);
        }
    }

    fn name(&self, number: u32) -> String {
        self.names.get(&number).cloned().unwrap_or_else(|| number.to_string())
    }
}

/// `name:password:number:…` per line; the first name of a number counts, as it does for `ls`.
fn parse(text: &str) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(number)) = (fields.next(), fields.nth(1).and_then(|n| n.parse().ok())) {
            names.entry(number).or_insert_with(|| name.to_owned());
        }
    }

    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_counts_and_broken_lines_are_passed_over() {
        let names =
            parse("root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\nbroken\nnguyễn:x:1000:1000\n");

        assert_eq!(names.get(&0).unwrap(), "root");
        assert_eq!(names.get(&1000).unwrap(), "nguyễn");
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn this_machine_calls_user_zero_root() {
        assert_eq!(Names::new().user(0), "root");
        assert_eq!(Names::new().user(4_000_000_123), "4000000123");
    }
}
