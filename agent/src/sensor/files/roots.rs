//! What is watched, and for which purpose. The longest root decides; nothing is counted twice.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::file::Area;

use super::bounds::{Bounds, resolve};
use super::key::{Key, upwards};

/// One `*` matches at most this many names, so that a hostile folder cannot make us watch without end.
const MATCHES_MAX: usize = 4_096;

/// A watched path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Root {
    pub(super) path: PathBuf,
    pub(super) area: Area,
}

/// All watched paths, links resolved.
#[derive(Clone, Debug, Default)]
pub(super) struct Roots(BTreeMap<Key, Root>);

impl Roots {
    /// Those of the list that are within bounds, whether they exist or not.
    pub(super) fn of(watch: &[WatchPath], bounds: &Bounds) -> Self {
        let mut roots = BTreeMap::new();
        for wanted in watch {
            for path in expand(Path::new(&wanted.path)) {
                let path = resolve(&path);
                let key = Key::of(&path);
                if bounds.allow(&key) && bounds.allow(&Key::of(Path::new(&wanted.path))) {
                    roots.entry(key).or_insert(Root { path, area: wanted.area });
                }
            }
        }

        Self(roots)
    }

    /// This path and nothing else; its links are resolved already.
    pub(super) fn one(path: PathBuf, area: Area) -> Self {
        Self(BTreeMap::from([(Key::of(&path), Root { path, area })]))
    }

    /// The longest root that this path is or lies under.
    pub(super) fn find(&self, key: &Key) -> Option<(&Key, &Root)> {
        key.upwards().find_map(|above| self.0.get_key_value(above))
    }

    /// As [`find`](Self::find), for the bytes of a key.
    pub(super) fn owner(&self, key: &[u8]) -> Option<&Key> {
        upwards(key).find_map(|above| self.0.get_key_value(above)).map(|(key, _)| key)
    }

    /// Whether a root lies beneath this directory.
    pub(super) fn reach_into(&self, dir: &[u8]) -> bool {
        let (first, end) = Key::from_stored(dir.to_vec()).beneath();

        self.0.range(first..end).next().is_some()
    }

    /// The roots that lie in or are this directory.
    pub(super) fn within<'a>(&'a self, dir: &'a Key) -> impl Iterator<Item = (&'a Key, &'a Root)> {
        self.0.range(dir.clone()..).take_while(move |(key, _)| key.is_within(dir))
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Root> {
        self.0.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Root)> {
        self.0.iter()
    }

    /// In the order of what matters most: who gets in, what starts by itself, and so on; large trees last.
    pub(super) fn by_weight(&self) -> Vec<Key> {
        let weight = |area: Area| match area {
            Area::Access => 0,
            Area::Persistence => 1,
            Area::Data => 2,
            Area::Web => 3,
            Area::Configuration => 4,
            Area::Boot => 5,
            Area::Application => 6,
            Area::Programs => 7,
            Area::Libraries => 8,
        };
        let mut keys: Vec<(i32, Key)> =
            self.0.iter().map(|(key, root)| (weight(root.area), key.clone())).collect();
        keys.sort();

        keys.into_iter().map(|(_, key)| key).collect()
    }
}

/// The paths that a pattern stands for now. A pattern whose `*` matches nothing stands for nothing.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        if component != Component::Normal("*".as_ref()) {
            for path in &mut found {
                path.push(component);
            }
            continue;
        }
        found = found
            .iter()
            .filter_map(|dir| std::fs::read_dir(dir).ok())
            .flat_map(|entries| entries.filter_map(Result::ok).take(MATCHES_MAX))
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
    }

    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(area: Area, path: &Path) -> WatchPath {
        WatchPath { area, path: path.to_str().unwrap().to_owned() }
    }

    #[test]
    fn a_root_reached_by_two_names_is_watched_once_and_the_longest_decides() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("usr/lib/systemd")).unwrap();
        if crate::os::file::make_link(Path::new("usr/lib"), &base.join("lib")).is_err() {
            return;
        }
        let list = [
            wanted(Area::Libraries, &base.join("lib")),
            wanted(Area::Libraries, &base.join("usr/lib")),
            wanted(Area::Persistence, &base.join("usr/lib/systemd")),
        ];

        let roots = Roots::of(&list, &Bounds::default());

        let area = |path: &str| roots.find(&Key::of(&base.join(path))).map(|(_, root)| root.area);
        assert_eq!(roots.iter().count(), 2);
        assert_eq!(area("usr/lib/libc.so"), Some(Area::Libraries));
        assert_eq!(area("usr/lib/systemd/a.service"), Some(Area::Persistence));
        assert_eq!(area("usr/bin/ls"), None);
    }

    #[test]
    fn a_star_stands_for_one_directory_name() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("lan/.ssh")).unwrap();
        std::fs::create_dir_all(base.join("hoa")).unwrap();

        let roots = Roots::of(&[wanted(Area::Access, &base.join("*/.ssh"))], &Bounds::default());

        let paths: Vec<&Path> = roots.iter().map(|(_, root)| root.path.as_path()).collect();
        assert_eq!(paths, [base.join("hoa/.ssh"), base.join("lan/.ssh")]);
    }
}
