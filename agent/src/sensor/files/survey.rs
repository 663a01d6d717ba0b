//! Which mounts hold what is watched, and by which means each of them is watched.

use std::collections::BTreeSet;
use std::path::Path;

use super::bounds::Bounds;
use super::key::Key;
use super::roots::Roots;
use crate::os::Mount;

/// By which means changes on a mount are noticed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Means {
    /// The whole file system.
    FileSystem,
    /// A watch for each directory; why not better, in English.
    Directories(String),
    /// None; why, in English.
    Nothing(String),
}

/// A mount that holds watched paths.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Holding {
    pub(super) mount: Mount,
    /// The roots that lie on it, wholly or in part.
    pub(super) roots: BTreeSet<Key>,
    pub(super) means: Means,
    /// The number that files on it bear.
    pub(super) device: u64,
}

/// All mounts that hold watched paths.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Survey(pub(super) Vec<Holding>);

impl Survey {
    /// Whether files with this number are watched through their file system.
    pub(super) fn covers(&self, device: u64) -> bool {
        self.0.iter().any(|holding| holding.device == device && holding.means == Means::FileSystem)
    }

    /// The same after the watch on file systems failed.
    pub(super) fn without_file_systems(mut self) -> Self {
        for holding in &mut self.0 {
            if holding.means == Means::FileSystem {
                holding.means = Means::Directories("the watch on file systems failed".to_owned());
            }
        }

        self
    }

    /// The mounts that hold a root.
    pub(super) fn of(&self, root: &Key) -> impl Iterator<Item = &Holding> {
        self.0.iter().filter(move |holding| holding.roots.contains(root))
    }

    /// The roots that are watched by such means, wholly or in part.
    pub(super) fn roots_by(&self, file_system: bool) -> BTreeSet<Key> {
        let is_meant = |holding: &&Holding| (holding.means == Means::FileSystem) == file_system;

        self.0.iter().filter(is_meant).flat_map(|holding| holding.roots.iter().cloned()).collect()
    }
}

/// The mounts at which something watched can be seen, each with its roots. Pure.
pub(super) fn holders(mounts: &[Mount], roots: &Roots, bounds: &Bounds) -> Vec<(Mount, BTreeSet<Key>)> {
    let visible = visible(mounts);
    let mut found: Vec<(Mount, BTreeSet<Key>)> =
        visible.iter().map(|(_, mount)| ((*mount).clone(), BTreeSet::new())).collect();
    for (root, _) in roots.iter() {
        let holder = visible
            .iter()
            .enumerate()
            .filter(|(_, (point, _))| root.is_within(point))
            .max_by_key(|(_, (point, _))| point.as_bytes().len());
        if let Some((at, _)) = holder {
            found[at].1.insert(root.clone());
        }
    }
    for ((point, _), (_, held)) in visible.iter().zip(&mut found) {
        if let Some((root, _)) = roots.find(point).filter(|_| bounds.allow(point)) {
            held.insert(root.clone());
        }
    }
    found.retain(|(mount, held)| !held.is_empty() && bounds.allow(&Key::of(&mount.point)));

    found
}

/// Mounts that no other mount covers: one at or above its point, upon which it does not itself stand.
fn visible(mounts: &[Mount]) -> Vec<(Key, &Mount)> {
    let keyed: Vec<(Key, &Mount)> = mounts.iter().map(|mount| (Key::of(&mount.point), mount)).collect();
    let stands_upon = |mount: &Mount, other: &Mount| {
        let mut parent = mount.parent;
        for _ in 0..mounts.len() {
            if parent == other.id {
                return true;
            }
            let Some(above) = mounts.iter().find(|above| above.id == parent) else { return false };
            parent = above.parent;
        }
        false
    };
    let is_covered = |point: &Key, mount: &Mount| {
        keyed.iter().any(|(above, other)| {
            other.id != mount.id && point.is_within(above) && !stands_upon(mount, other)
        })
    };

    keyed.iter().filter(|(point, mount)| !is_covered(point, mount)).cloned().collect()
}

/// Whether all that can be seen at `mount` can be seen through `other` at the same paths.
pub(super) fn is_seen_through(mount: &Mount, other: &Mount) -> bool {
    let (Ok(beyond), Ok(deeper)) =
        (mount.point.strip_prefix(&other.point), mount.part.strip_prefix(&other.part))
    else {
        return false;
    };

    mount.device == other.device && mount.id != other.id && beyond == deeper && beyond != Path::new("")
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::assignment::WatchPath;
    use vonggac_protocol::file::Area;

    use super::*;

    fn mount(id: u64, parent: u64, device: &str, part: &str, point: &str) -> Mount {
        let (part, point) = (part.into(), point.into());

        Mount { id, parent, point, part, device: device.to_owned(), kind: "ext4".to_owned() }
    }

    fn roots(paths: &[&str]) -> Roots {
        let wanted = |path: &&str| WatchPath { area: Area::Data, path: (*path).to_owned() };
        let list: Vec<WatchPath> = paths.iter().map(wanted).collect();

        Roots::of(&list, &Bounds::default())
    }

    #[test]
    fn a_root_is_held_by_its_mount_and_by_every_mount_beneath_it() {
        let mounts = [
            mount(2, 7, "8:2", "/", "/vonggac-none"),
            mount(3, 2, "8:3", "/", "/vonggac-none/data/deep"),
            mount(4, 7, "8:4", "/", "/elsewhere"),
            mount(7, 1, "8:1", "/", "/"),
        ];
        let roots = roots(&["/vonggac-none/data"]);

        let found = holders(&mounts, &roots, &Bounds::default());

        let ids: Vec<u64> = found.iter().map(|(mount, _)| mount.id).collect();
        assert_eq!(ids, [2, 3]);
    }

    #[test]
    fn what_another_mount_covers_is_not_counted() {
        let mounts = [
            mount(7, 1, "8:1", "/", "/"),
            mount(2, 7, "8:2", "/", "/vonggac-none/data"),
            mount(4, 2, "8:4", "/", "/vonggac-none/data"),
            mount(3, 7, "8:3", "/", "/vonggac-none"),
        ];
        let roots = roots(&["/vonggac-none/data"]);

        let found = holders(&mounts, &roots, &Bounds::default());

        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.id, 3);
    }

    #[test]
    fn a_folder_mounted_onto_itself_is_seen_through_its_file_system_and_elsewhere_it_is_not() {
        let all = mount(1, 0, "8:1", "/", "/");

        assert!(is_seen_through(&mount(2, 1, "8:1", "/home", "/home"), &all));
        assert!(!is_seen_through(&mount(2, 1, "8:1", "/srv", "/home"), &all));
        assert!(!is_seen_through(&mount(2, 1, "8:2", "/home", "/home"), &all));
        assert!(!is_seen_through(&all, &all));
    }
}
