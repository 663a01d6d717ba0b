//! Reading what counts, through anything that looks like a registry.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use sha2::{Digest as _, Sha256};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;

use super::places::{OF_MACHINE, OF_USER, Pick, SERVICE, SERVICE_PARAMETERS, SERVICE_TYPE, Spot};
use crate::os::{RegistryRoot, RegistryValue};

/// How the machine's part is told.
pub(in crate::sensor::files) const MACHINE: &str = "HKLM";

/// How the users' parts are told.
pub(in crate::sensor::files) const USERS: &str = "HKU";

/// Values that count at most; a machine has some thousand services and tasks.
const VALUES_MAX: usize = 50_000;

/// Depth to which keys below a key are entered: scheduled tasks lie some four folders deep.
const DEPTH_MAX: usize = 16;

/// The values of a key with their names, and when the key was written.
pub(in crate::sensor::files) type Values = (Vec<(Vec<u8>, RegistryValue)>, Timestamp);

/// What is asked of a registry. Names are bytes (WTF-8).
pub(in crate::sensor::files) trait Hive {
    /// The keys below a key.
    fn subkeys(&self, root: RegistryRoot, path: &str) -> io::Result<Vec<String>>;

    /// The values of a key with their names, and when the key was written.
    fn values(&self, root: RegistryRoot, path: &str) -> io::Result<Values>;
}

/// What a value holds, as far as it is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::sensor::files) struct Found {
    pub(in crate::sensor::files) bytes: u64,
    pub(in crate::sensor::files) digest: Digest,
    /// When its key was written last.
    pub(in crate::sensor::files) written: Timestamp,
}

/// One root as it is now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::sensor::files) struct Part {
    /// By path, separators as they are told.
    pub(in crate::sensor::files) values: BTreeMap<Vec<u8>, Found>,
    /// Keys that could not be read: nothing is said of what is beneath.
    pub(in crate::sensor::files) unread: BTreeSet<Vec<u8>>,
}

/// The name of each root, and what is in it.
pub(in crate::sensor::files) fn all(hive: &dyn Hive) -> BTreeMap<String, Part> {
    let mut parts = BTreeMap::new();
    parts.insert(MACHINE.to_owned(), part(hive, RegistryRoot::LocalMachine, MACHINE, "", OF_MACHINE));
    for user in users(hive) {
        let name = format!(r"{USERS}\{user}");
        let found = part(hive, RegistryRoot::Users, &name, &format!(r"{user}\"), OF_USER);
        parts.insert(name, found);
    }

    parts
}

/// The accounts whose hives are loaded; `…_Classes` is a part of one that starts nothing.
pub(super) fn users(hive: &dyn Hive) -> Vec<String> {
    let mut users = hive.subkeys(RegistryRoot::Users, "").unwrap_or_default();
    // Of the machine or a domain; of a directory in the cloud (Entra ID).
    let is_person = |user: &str| user.starts_with("S-1-5-21-") || user.starts_with("S-1-12-1-");
    users.retain(|user| is_person(user) && !user.to_ascii_lowercase().ends_with("_classes"));
    users.sort();

    users
}

fn part(hive: &dyn Hive, root: RegistryRoot, name: &str, above: &str, spots: &[Spot]) -> Part {
    let mut reading = Reading { hive, root, above, name, part: Part::default() };
    for spot in spots {
        reading.read(spot);
    }

    reading.part
}

struct Reading<'a> {
    hive: &'a dyn Hive,
    root: RegistryRoot,
    /// What stands before each path in the registry, and how the same is told.
    above: &'a str,
    name: &'a str,
    part: Part,
}

impl Reading<'_> {
    fn read(&mut self, spot: &Spot) {
        match spot.pick {
            Pick::All => self.take(spot.path, None),
            Pick::Names(names) => self.take(spot.path, Some(names)),
            Pick::InEach(names) => {
                for key in self.below(spot.path) {
                    self.take(&key, Some(names));
                }
            }
            Pick::InTree(names) => self.take_tree(spot.path, names),
            Pick::Services => {
                for key in self.below(spot.path) {
                    self.take_service(&key);
                }
            }
        }
    }

    fn below(&mut self, path: &str) -> Vec<String> {
        match self.hive.subkeys(self.root, &format!("{}{path}", self.above)) {
            Ok(names) => names.into_iter().map(|name| format!(r"{path}\{name}")).collect(),
            Err(error) => {
                self.miss(path, &error);
                Vec::new()
            }
        }
    }

    /// What is not there is not there; what cannot be read may be.
    fn miss(&mut self, path: &str, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.part.unread.insert(format!(r"{}\{path}", self.name).into_bytes());
        }
    }

    fn take_tree(&mut self, path: &str, names: &[&str]) {
        let mut next = vec![(path.to_owned(), 0)];
        while let Some((path, depth)) = next.pop() {
            self.take(&path, Some(names));
            if depth < DEPTH_MAX && self.part.values.len() < VALUES_MAX {
                next.extend(self.below(&path).into_iter().map(|key| (key, depth + 1)));
            }
        }
    }

    fn take_service(&mut self, path: &str) {
        let values = match self.hive.values(self.root, &format!("{}{path}", self.above)) {
            Ok(values) => values,
            Err(error) => return self.miss(path, &error),
        };
        let (type_name, instance) = SERVICE_TYPE;
        let sort = values.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(type_name.as_bytes()));
        let sort =
            sort.and_then(|(_, value)| value.bytes.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes));
        // Made anew with another name at each sign-in; what it is made after is a service like any other.
        if sort.is_some_and(|sort| sort & instance != 0) {
            return;
        }
        self.keep(path, values, Some(SERVICE));
        let (parameters, names) = SERVICE_PARAMETERS;
        self.take(&format!(r"{path}\{parameters}"), Some(names));
    }

    fn take(&mut self, path: &str, names: Option<&[&str]>) {
        match self.hive.values(self.root, &format!("{}{path}", self.above)) {
            Ok(values) => self.keep(path, values, names),
            Err(error) => self.miss(path, &error),
        }
    }

    fn keep(&mut self, path: &str, (values, written): Values, names: Option<&[&str]>) {
        for (name, value) in values {
            let known = names.map(|names| names.iter().find(|one| name.eq_ignore_ascii_case(one.as_bytes())));
            let told = match known {
                // One spelling, whichever somebody wrote it with.
                Some(Some(known)) => known.as_bytes(),
                Some(None) => continue,
                None if name.is_empty() => b"(Default)",
                None => name.as_slice(),
            };
            if self.part.values.len() >= VALUES_MAX {
                self.part.unread.insert(format!(r"{}\{path}", self.name).into_bytes());
                return;
            }
            let mut full = format!(r"{}\{path}\", self.name).into_bytes();
            // A zero is no sign of a text; what hides behind one is told with the picture of it.
            full.extend(told.split(|byte| *byte == 0).collect::<Vec<_>>().join("\u{2400}".as_bytes()));
            let mut hasher = Sha256::new();
            hasher.update(value.kind.to_le_bytes());
            hasher.update(value.length.to_le_bytes());
            hasher.update(&value.bytes);
            let digest = Digest(hasher.finalize().into());
            self.part.values.insert(full, Found { bytes: u64::from(value.length), digest, written });
        }
    }
}
