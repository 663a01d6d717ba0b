//! Which processes run code of files that are no longer on the disk: what an update has replaced.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use crate::os::{Mapped, MappedSeen};

/// Processes that are looked into; more than a busy server has.
const PROCESSES_MAX: usize = 32_768;

/// Bytes of one process's list of mappings; programs with more have tens of thousands of them.
const MAPS_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Bytes of the other files of a process that are read.
const TEXT_BYTES_MAX: u64 = 4096;

const DELETED: &[u8] = b" (deleted)";

/// Looks into every process; what `is_excluded` is neither named nor counted.
///
/// # Errors
/// If there is no `/proc`.
pub fn deleted_code(is_excluded: &dyn Fn(&Path) -> bool) -> io::Result<MappedSeen> {
    deleted_code_under(Path::new("/proc"), is_excluded)
}

fn deleted_code_under(proc: &Path, is_excluded: &dyn Fn(&Path) -> bool) -> io::Result<MappedSeen> {
    let mut seen = MappedSeen::default();
    for entry in fs::read_dir(proc)?.take(PROCESSES_MAX) {
        let Ok(entry) = entry else { continue };
        let is_process =
            entry.file_name().to_str().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()));
        if !is_process {
            continue;
        }
        let folder = entry.path();
        match deleted_of(&folder) {
            Ok(paths) if paths.is_empty() => {}
            Ok(mut paths) => {
                let program = fs::read_link(folder.join("exe")).unwrap_or_default();
                if is_excluded(&without_mark(program)) {
                    continue;
                }
                paths.retain(|path| !is_excluded(path));
                if let (false, Some(name)) = (paths.is_empty(), name(&folder)) {
                    seen.processes.push(Mapped { name, paths });
                }
            }
            // It ended meanwhile.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => {}
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {}
            Err(_) => seen.unreadable += 1,
        }
    }

    Ok(seen)
}

/// The files whose code a process runs and that are gone. Threads of the kernel have none.
fn deleted_of(process: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut reader = BufReader::new(File::open(process.join("maps"))?.take(MAPS_BYTES_MAX));
    let (mut line, mut paths) = (Vec::new(), BTreeSet::new());
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(paths);
        }
        paths.extend(deleted(line.trim_ascii_end()));
    }
}

/// The path in `7f..-7f.. r-xp 00001000 fe:00 1234   /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)`.
fn deleted(line: &[u8]) -> Option<PathBuf> {
    let line = line.strip_suffix(DELETED)?;
    let mut rest = line;
    let mut fields = [&line[..0]; 5];
    for field in &mut fields {
        let end = rest.iter().position(|byte| *byte == b' ')?;
        *field = &rest[..end];
        rest = rest[end..].trim_ascii_start();
    }
    let [_, rights, _, _, _] = fields;

    (rights.contains(&b'x') && rest.starts_with(b"/"))
        .then(|| PathBuf::from(std::ffi::OsString::from_vec(rest.to_vec())))
}

fn without_mark(path: PathBuf) -> PathBuf {
    let bytes = path.into_os_string().into_vec();
    let bytes = bytes.strip_suffix(DELETED).map(<[u8]>::to_vec).unwrap_or(bytes);

    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// The unit that a process belongs to, or the program's name; `None` for one in a container, whose files are its own.
fn name(process: &Path) -> Option<String> {
    let groups = small_text(&process.join("cgroup")).unwrap_or_default();
    if ["docker", "kubepods", "libpod", "lxc", "crio"].iter().any(|engine| groups.contains(engine)) {
        return None;
    }
    let is_unit = |part: &&str| part.ends_with(".service") && !part.starts_with("user@");
    let unit = groups.lines().find_map(|line| line.rsplit('/').find(is_unit)).map(str::to_owned);

    unit.or_else(|| small_text(&process.join("comm")).map(|text| text.trim_end().to_owned()))
}

fn small_text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(TEXT_BYTES_MAX).read_to_end(&mut bytes).ok()?;

    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn process(proc: &Path, id: u32, program: &str, maps: &str, group: &str) {
        let folder = proc.join(id.to_string());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("maps"), maps).unwrap();
        fs::write(folder.join("cgroup"), group).unwrap();
        fs::write(folder.join("comm"), "program\n").unwrap();
        symlink(program, folder.join("exe")).unwrap();
    }

    const LINE: &str =
        "7f1-7f2 r-xp 00001000 fe:00 1234                       /usr/lib/libssl.so.3 (deleted)\n";

    #[test]
    fn processes_that_run_code_which_is_gone_are_told_by_their_units() {
        let proc = tempfile::tempdir().unwrap();
        let system = "0::/system.slice/nginx.service\n";
        process(proc.path(), 1, "/usr/sbin/nginx", LINE, system);
        process(proc.path(), 2, "/bin/sh", &LINE.replace("r-xp", "r--p"), system);
        process(proc.path(), 3, "/bin/sh", &LINE.replace(" (deleted)", ""), system);
        process(proc.path(), 4, "/bin/sh", LINE, "0::/user.slice/user-0.slice/session-1.scope\n");
        process(proc.path(), 5, "/bin/sh", LINE, "0::/system.slice/docker-0123.scope\n");
        fs::create_dir(proc.path().join("6")).unwrap();
        fs::create_dir(proc.path().join("sys")).unwrap();

        let seen = deleted_code_under(proc.path(), &|_| false).unwrap();

        let mut names: Vec<_> = seen.processes.iter().map(|it| it.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!((names.as_slice(), seen.unreadable), (["nginx.service", "program"].as_slice(), 0));
        assert!(seen.processes.iter().all(|it| it.paths == ["/usr/lib/libssl.so.3".into()].into()));
    }

    #[test]
    fn what_is_excluded_is_neither_named_nor_counted() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 1, "/secret/program (deleted)", LINE, "0::/\n");
        process(proc.path(), 2, "/bin/sh", &LINE.replace("/usr/lib", "/secret"), "0::/\n");

        let seen = deleted_code_under(proc.path(), &|path| path.starts_with("/secret")).unwrap();

        assert_eq!((seen.processes.len(), seen.unreadable), (0, 0));
    }

    #[test]
    fn a_process_of_ours_that_runs_a_deleted_program_is_seen_in_the_real_proc() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("vonggac-sleeps");
        fs::copy("/bin/sleep", &program).unwrap();
        let mut child = std::process::Command::new(&program).arg("60").spawn().unwrap();
        let here = |paths: &BTreeSet<PathBuf>| paths.contains(&program);
        fs::remove_file(&program).unwrap();

        let seen = deleted_code(&|_| false).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();

        assert_eq!(seen.processes.iter().filter(|it| here(&it.paths)).count(), 1);
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line: Vec<u8>) {
            let _path = deleted(&line);
            let mut marked = line;
            marked.extend_from_slice(DELETED);
            let _path = deleted(&marked);
        }
    }
}
