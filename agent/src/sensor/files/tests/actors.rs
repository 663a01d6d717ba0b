//! Who did it, with real programs. Where the rights are missing nobody is named, and the tests say so.

use std::path::Path;
use std::process::Command;

use vonggac_protocol::file::{Actor, FileChanged, WatchMode};

use super::{FilesSettings, Ground, Watcher};
use crate::os::processes::ProcessEvents;
use crate::sensor::files::WatchBy;

/// Whether nothing can be told here; said aloud.
fn is_in_the_dark(watcher: &Watcher) -> bool {
    let is_dark =
        watcher.sensor.stats().mode != Some(WatchMode::FileSystem) || ProcessEvents::open().is_err();
    if is_dark {
        super::not_run("no right to watch file systems or processes");
    }

    is_dark
}

/// Runs it and gives its process.
fn run(program: &str, args: &[&str]) -> u32 {
    let mut child = Command::new(program).args(args).spawn().unwrap();
    let process = child.id();
    assert!(child.wait().unwrap().success());

    process
}

fn of<'a>(told: &'a [FileChanged], name: &str) -> Option<&'a Actor> {
    let change = told.iter().find(|change| change.path.as_str().ends_with(name));

    change.unwrap_or_else(|| panic!("{name} was not told")).actor.as_ref()
}

fn assert_did(actor: Option<&Actor>, process: u32, program: &str, user: &str) {
    let program = Path::new(program).canonicalize().unwrap();
    let actor = actor.expect("somebody");

    assert_eq!(actor.process, process);
    assert_eq!(actor.program.as_ref().map(|path| path.as_str()), program.to_str());
    assert_eq!(actor.user.as_deref(), Some(user));
}

#[test]
fn programs_that_end_at_once_are_named_with_their_user() {
    let ground = Ground::new();
    ground.write("old", "1");
    ground.write("doomed", "1");
    let mut watcher = ground.settled();
    if is_in_the_dark(&watcher) {
        return watcher.stop();
    }
    let path = |name: &str| ground.path(name).to_str().unwrap().to_owned();
    std::fs::write(ground.outside("job"), format!("#!/bin/sh\necho x > {}\n", path("scripted"))).unwrap();
    run("/bin/chmod", &["+x", ground.outside("job").to_str().unwrap()]);
    run("/bin/chmod", &["a+rwx", ground.path("").to_str().unwrap()]);
    run("/bin/chmod", &["a+rx", ground.path("").parent().unwrap().to_str().unwrap()]);
    let _ = watcher.until_now();

    let copied = run("/bin/cp", &["/etc/hostname", &path("copied")]);
    let echoed = run("/bin/sh", &["-c", &format!("echo x > {}", path("echoed"))]);
    let redirected =
        run("/bin/sh", &["-c", &format!("exec /bin/cat /etc/hostname > {}", path("redirected"))]);
    let scripted = run(ground.outside("job").to_str().unwrap(), &[]);
    let removed = run("/bin/rm", &[&path("doomed")]);
    let modified = run("/bin/chmod", &["0640", &path("old")]);
    let nobody =
        ["--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/touch", &path("nobodys")];
    let lesser = run("/usr/bin/setpriv", &nobody);

    let told = watcher.until_now();
    assert_did(of(&told, "/copied"), copied, "/bin/cp", "root");
    assert_did(of(&told, "/echoed"), echoed, "/bin/sh", "root");
    assert_did(of(&told, "/scripted"), scripted, "/bin/sh", "root");
    assert_did(of(&told, "/doomed"), removed, "/bin/rm", "root");
    assert_did(of(&told, "/old"), modified, "/bin/chmod", "root");
    assert_did(of(&told, "/nobodys"), lesser, "/usr/bin/touch", "nobody");
    // Created by the shell and written by the program that took its place, within one tick: either of them or nobody.
    let actor = of(&told, "/redirected").unwrap();
    assert_eq!(actor.process, redirected);
    let cat = Path::new("/bin/cat").canonicalize().unwrap();
    assert!(actor.program.as_ref().is_none_or(|program| program.as_str() == cat.to_str().unwrap()));
    watcher.stop();
}

#[test]
fn whoever_still_writes_to_a_file_that_was_replaced_is_not_taken_for_whoever_replaced_it() {
    let ground = Ground::new();
    ground.write("log", "1");
    let mut watcher = ground.settled();
    if is_in_the_dark(&watcher) {
        return watcher.stop();
    }
    let mut still_open = std::fs::File::options().append(true).open(ground.path("log")).unwrap();
    std::fs::write(ground.outside("new"), "new").unwrap();

    let mover =
        run("/bin/mv", &[ground.outside("new").to_str().unwrap(), ground.path("log").to_str().unwrap()]);
    std::io::Write::write_all(&mut still_open, b"more").unwrap();

    let told = watcher.until_now();
    assert_did(of(&told, "/log"), mover, "/bin/mv", "root");
    watcher.stop();
}

#[test]
fn what_comes_with_a_directory_is_of_whoever_moved_it() {
    let ground = Ground::new();
    std::fs::create_dir_all(ground.outside("new/deep")).unwrap();
    std::fs::write(ground.outside("new/deep/a"), "1").unwrap();
    let mut watcher = ground.settled();
    if is_in_the_dark(&watcher) {
        return watcher.stop();
    }

    let mover =
        run("/bin/mv", &[ground.outside("new").to_str().unwrap(), ground.path("new").to_str().unwrap()]);

    let told = watcher.until_now();
    assert_did(of(&told, "/new"), mover, "/bin/mv", "root");
    assert_did(of(&told, "/new/deep/a"), mover, "/bin/mv", "root");
    watcher.stop();
}

#[test]
fn nobody_is_named_where_directories_are_watched_one_by_one() {
    let ground = Ground::new();
    let settings = FilesSettings { watch_by: WatchBy::Directories, ..ground.settings() };
    let mut watcher = ground.start_with(settings);
    watcher.taken();

    run("/bin/cp", &["/etc/hostname", ground.path("copied").to_str().unwrap()]);

    let told = watcher.until_now();
    assert_eq!(of(&told, "/copied"), None);
    watcher.stop();
}
