//! A registry in memory, read from the text of an export as `regedit` writes it (`Windows Registry Editor Version 5.00`).
//! Programs never read one; tests and fuzz targets do, on any system.
//!
//! What an export lacks stands in comments of ours: `;; written 2026-11-01T08:00:00Z` after a key's line. Keys of the view
//! of 32 bits stand where an export of a 64-bit system has them, below `SOFTWARE\WOW6432Node`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::time::{Duration, SystemTime};

use super::{Branch, Registry};
use crate::os::{RegistryRoot, RegistryValue, RegistryView};

/// A registry in memory.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    machine: Node,
    users: Node,
    is_32_bits: bool,
}

/// A key in memory.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// By name in small letters: the registry does not tell capitals from them.
    keys: BTreeMap<String, (String, Self)>,
    values: BTreeMap<String, RegistryValue>,
    written_at: Option<SystemTime>,
}

/// A line that is none of an export, by its number from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {0} is none of a registry export")]
pub struct ReadExportError(pub usize);

impl Tree {
    /// Reads the text of an export.
    ///
    /// # Errors
    /// At the first line that is none of an export.
    pub fn read(text: &str) -> Result<Self, ReadExportError> {
        let mut tree = Self::default();
        let mut path = String::new();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let wrong = ReadExportError(number + 1);
            let mut line = line.trim().trim_start_matches('\u{feff}').to_owned();
            while line.ends_with('\\') && !line.starts_with('[') {
                line.pop();
                line.push_str(lines.next().ok_or(wrong)?.1.trim());
            }
            if let Some(time) = line.strip_prefix(";; written ") {
                let moment: jiff::Timestamp = time.parse().map_err(|_| wrong)?;
                tree.key(&path).ok_or(wrong)?.written_at = Some(SystemTime::from(moment));
            } else if let Some(key) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                key.clone_into(&mut path);
                tree.key(&path).ok_or(wrong)?;
            } else if line.starts_with(['"', '@']) {
                let (name, value) = entry(&line).ok_or(wrong)?;
                tree.key(&path).ok_or(wrong)?.values.insert(name.to_lowercase(), value);
            } else if !line.is_empty()
                && !line.starts_with(';')
                && !line.starts_with("Windows Registry Editor")
            {
                return Err(wrong);
            }
        }

        Ok(tree)
    }

    /// The same keys on a system of 32 bits, which has one view only.
    #[must_use]
    pub fn of_32_bits(self) -> Self {
        Self { is_32_bits: true, ..self }
    }

    /// The key at a path that begins with the name of its root; made if it is not there.
    pub fn key(&mut self, path: &str) -> Option<&mut Node> {
        let (root, rest) = path.split_once('\\').unwrap_or((path, ""));
        let root = match root {
            "HKEY_LOCAL_MACHINE" => &mut self.machine,
            "HKEY_USERS" => &mut self.users,
            _ => return None,
        };

        Some(rest.split('\\').filter(|name| !name.is_empty()).fold(root, Node::step))
    }
}

impl Node {
    fn step<'n>(&'n mut self, name: &str) -> &'n mut Self {
        &mut self.keys.entry(name.to_lowercase()).or_insert_with(|| (name.to_owned(), Self::default())).1
    }

    /// Sets a value.
    pub fn set(&mut self, name: &str, kind: u32, bytes: Vec<u8>) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.values.insert(name.to_lowercase(), RegistryValue { kind, bytes, length });
    }

    /// Says when the key was written.
    pub fn set_written_at(&mut self, millis: u64) {
        self.written_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis));
    }
}

impl Registry for Tree {
    fn open(&self, root: RegistryRoot, path: &str, view: RegistryView) -> io::Result<Box<dyn Branch + '_>> {
        let (mut node, mut names) = match root {
            RegistryRoot::LocalMachine => (&self.machine, path.split('\\').peekable()),
            RegistryRoot::Users => (&self.users, path.split('\\').peekable()),
        };
        let is_redirected =
            root == RegistryRoot::LocalMachine && view == RegistryView::Bits32 && !self.is_32_bits;
        if is_redirected && names.peek().is_some_and(|name| name.eq_ignore_ascii_case("software")) {
            node = node.below("software")?.below("wow6432node")?;
            names.next();
        }
        for name in names.filter(|name| !name.is_empty()) {
            node = node.below(name)?;
        }

        Ok(Box::new(node))
    }
}

impl Node {
    fn below(&self, name: &str) -> io::Result<&Self> {
        self.keys
            .get(&name.to_lowercase())
            .map(|(_, node)| node)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Branch for &Node {
    fn subkeys(&self) -> io::Result<Vec<OsString>> {
        Ok(self.keys.values().map(|(name, _)| name.into()).collect())
    }

    fn subkey(&self, name: &OsStr) -> io::Result<Box<dyn Branch + '_>> {
        Ok(Box::new(self.below(&name.to_string_lossy())?))
    }

    fn value(&self, name: &str) -> io::Result<Option<RegistryValue>> {
        Ok(self.values.get(&name.to_lowercase()).cloned())
    }

    fn written_at(&self) -> io::Result<SystemTime> {
        self.written_at.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// `"name"="text"`, `@=dword:00000001`, `"name"=hex(2):61,00`.
fn entry(line: &str) -> Option<(String, RegistryValue)> {
    let (name, rest) = match line.strip_prefix('@') {
        Some(rest) => (String::new(), rest),
        None => quoted(line)?,
    };
    let written = rest.strip_prefix('=')?.trim();
    let (kind, bytes) = if written.starts_with('"') {
        let (text, rest) = quoted(written)?;
        let bytes = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        rest.is_empty().then_some((1, bytes))?
    } else if let Some(digits) = written.strip_prefix("dword:") {
        (4, u32::from_str_radix(digits, 16).ok()?.to_le_bytes().to_vec())
    } else {
        let rest = written.strip_prefix("hex")?;
        let (kind, digits) = match rest.strip_prefix('(') {
            Some(rest) => {
                let (kind, digits) = rest.split_once("):")?;
                (u32::from_str_radix(kind, 16).ok()?, digits)
            }
            None => (3, rest.strip_prefix(':')?),
        };
        let bytes = digits.split(',').filter(|byte| !byte.trim().is_empty());
        (kind, bytes.map(|byte| u8::from_str_radix(byte.trim(), 16).ok()).collect::<Option<_>>()?)
    };
    let length = u32::try_from(bytes.len()).ok()?;

    Some((name, RegistryValue { kind, bytes, length }))
}

/// The text between quotes, escapes undone, and what stands behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut letters = text.strip_prefix('"')?.char_indices();
    let mut content = String::new();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((content, &text[at + 2..])),
            '\\' => content.push(letters.next()?.1),
            other => content.push(other),
        }
    }

    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{number, text};

    const EXPORT: &str = "\u{feff}Windows Registry Editor Version 5.00\r\n\r\n\
        [HKEY_LOCAL_MACHINE\\SOFTWARE\\Nhà Máy]\r\n;; written 2026-11-01T08:00:00Z\r\n\
        \"Đường dẫn\"=\"C:\\\\a \\\"b\\\"\"\r\n@=dword:0000000a\r\n\"hex\"=hex(2):41,00,\\\r\n  42,00\r\n\
        [HKEY_LOCAL_MACHINE\\SOFTWARE\\WOW6432Node\\Small]\r\n\
        [HKEY_USERS\\S-1-5-21-1\\Software]\r\n";

    #[test]
    fn an_export_is_read_as_regedit_writes_it() {
        let tree = Tree::read(EXPORT).unwrap();
        let open = |root, path, view| tree.open(root, path, view);
        let key = open(RegistryRoot::LocalMachine, "Software\\NHÀ máy", RegistryView::Bits64).unwrap();

        assert_eq!(text(key.as_ref(), "đường dẫn").as_deref(), Some("C:\\a \"b\""));
        assert_eq!(text(key.as_ref(), "hex").as_deref(), Some("AB"));
        assert_eq!(number(key.as_ref(), ""), Some(10));
        assert!(key.written_at().is_ok());
        assert!(open(RegistryRoot::Users, "S-1-5-21-1\\Software", RegistryView::Bits64).is_ok());
        let machine = RegistryRoot::LocalMachine;
        assert!(open(machine, "SOFTWARE\\Small", RegistryView::Bits32).is_ok());
        assert!(open(machine, "SOFTWARE\\Small", RegistryView::Bits64).is_err());
        assert!(open(machine, "SOFTWARE\\Nhà Máy", RegistryView::Bits32).is_err());
        let small = tree.clone().of_32_bits();
        assert!(small.open(machine, "SOFTWARE\\Nhà Máy", RegistryView::Bits32).is_ok());
    }

    #[test]
    fn a_line_that_is_none_of_an_export_is_named() {
        for (text, line) in [
            ("x", 1),
            ("\n[HKEY_X\\a]", 2),
            ("\"a\"=\"b\"", 1),
            ("[HKEY_USERS]\n\"a\"=1", 2),
            ("\"a\"=hex:\\", 1),
        ] {
            assert_eq!(Tree::read(text).unwrap_err(), ReadExportError(line), "{text:?}");
        }
    }
}
