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

/// Tries at being sure: while other programs keep the machine busy, the sensor may rightly say that it is not.
const TRIES: u32 = 20;

/// Whether the right one is named; unsure is no mistake, wrong is.
fn is_sure(actor: Option<&Actor>, process: u32, program: &str, user: &str) -> bool {
    let Some(actor) = actor else { return false };
    let program = Path::new(program).canonicalize().unwrap();
    assert_eq!(actor.process, process);
    assert!(actor.program.as_ref().is_none_or(|path| Some(path.as_str()) == program.to_str()), "{actor:?}");
    assert!(actor.user.as_deref().is_none_or(|name| name == user), "{actor:?}");

    actor.program.is_some() && actor.user.is_some()
}

#[test]
fn programs_that_end_at_once_are_named_with_their_user() {
    let ground = Ground::new();
    ground.write("old", "1");
    let mut watcher = ground.settled();
    if is_in_the_dark(&watcher) {
        return watcher.stop();
    }
    let path = |name: &str| ground.path(name).to_str().unwrap().to_owned();
    let job = ground.outside("job");
    std::fs::write(&job, format!("#!/bin/sh\necho x > {}\n", path("scripted"))).unwrap();
    run("/bin/chmod", &["+x", job.to_str().unwrap()]);
    run("/bin/chmod", &["a+rwx", ground.path("").to_str().unwrap()]);
    run("/bin/chmod", &["a+rx", ground.path("").parent().unwrap().to_str().unwrap()]);

    let mut unsure = std::collections::BTreeSet::from([
        "/copied",
        "/echoed",
        "/redirected",
        "/scripted",
        "/doomed",
        "/old",
        "/nobodys",
    ]);
    for number in 0..TRIES {
        for name in ["copied", "echoed", "redirected", "scripted", "nobodys"] {
            drop(std::fs::remove_file(ground.path(name)));
        }
        ground.write("doomed", "1");
        let _ = watcher.until_now();
        let mode = if number % 2 == 0 { "0640" } else { "0644" };

        let copied = run("/bin/cp", &["/etc/hostname", &path("copied")]);
        let echoed = run("/bin/sh", &["-c", &format!("echo x > {}", path("echoed"))]);
        let redirected =
            run("/bin/sh", &["-c", &format!("exec /bin/cat /etc/hostname > {}", path("redirected"))]);
        let scripted = run(job.to_str().unwrap(), &[]);
        let removed = run("/bin/rm", &[&path("doomed")]);
        let modified = run("/bin/chmod", &[mode, &path("old")]);
        let nobody =
            ["--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/touch", &path("nobodys")];
        let lesser = run("/usr/bin/setpriv", &nobody);

        let told = watcher.until_now();
        let acts = [
            ("/copied", copied, "/bin/cp", "root"),
            ("/echoed", echoed, "/bin/sh", "root"),
            ("/scripted", scripted, "/bin/sh", "root"),
            ("/doomed", removed, "/bin/rm", "root"),
            ("/old", modified, "/bin/chmod", "root"),
            ("/nobodys", lesser, "/usr/bin/touch", "nobody"),
        ];
        for (name, process, program, user) in acts {
            if is_sure(of(&told, name), process, program, user) {
                unsure.remove(name);
            }
        }
        // Created by the shell and written by the program that took its place, within one tick: either of them or nobody.
        let actor = of(&told, "/redirected").unwrap();
        assert_eq!(actor.process, redirected);
        let cat = Path::new("/bin/cat").canonicalize().unwrap();
        assert!(actor.program.as_ref().is_none_or(|program| program.as_str() == cat.to_str().unwrap()));
        unsure.remove("/redirected");
        if unsure.is_empty() {
            break;
        }
    }

    assert!(unsure.is_empty(), "never sure who did {unsure:?}");
    watcher.stop();
}

/// Has it tried until all that are judged are sure; one that is wrong fails at once.
fn until_sure(mut attempt: impl FnMut(u32) -> bool) {
    assert!((0..TRIES).any(&mut attempt), "never sure in {TRIES} tries");
}

#[test]
fn whoever_still_writes_to_a_file_that_was_replaced_is_not_taken_for_whoever_replaced_it() {
    let ground = Ground::new();
    let mut watcher = ground.settled();
    if is_in_the_dark(&watcher) {
        return watcher.stop();
    }

    until_sure(|number| {
        let log = format!("log{number}");
        ground.write(&log, "1");
        let _ = watcher.until_now();
        let mut still_open = std::fs::File::options().append(true).open(ground.path(&log)).unwrap();
        std::fs::write(ground.outside("new"), "new").unwrap();

        let mover =
            run("/bin/mv", &[ground.outside("new").to_str().unwrap(), ground.path(&log).to_str().unwrap()]);
        std::io::Write::write_all(&mut still_open, b"more").unwrap();

        let told = watcher.until_now();
        is_sure(of(&told, &log), mover, "/bin/mv", "root")
    });
    watcher.stop();
}

#[test]
fn what_comes_with_a_directory_is_of_whoever_moved_it() {
    let ground = Ground::new();
    let mut watcher = ground.settled();
    if is_in_the_dark(&watcher) {
        return watcher.stop();
    }

    until_sure(|number| {
        let name = format!("new{number}");
        std::fs::create_dir_all(ground.outside(&name).join("deep")).unwrap();
        std::fs::write(ground.outside(&name).join("deep/a"), "1").unwrap();

        let mover =
            run("/bin/mv", &[ground.outside(&name).to_str().unwrap(), ground.path(&name).to_str().unwrap()]);

        let told = watcher.until_now();
        let is_mover = |path: &str| is_sure(of(&told, path), mover, "/bin/mv", "root");
        is_mover(&format!("/{name}")) && is_mover(&format!("/{name}/deep/a"))
    });
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
