//! How editors and tools save a file: one modification, whatever the dance.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use super::{created, deleted, each_way, modified};

/// Saved by a real program, when it is installed; what was written, if it ran.
fn run(program: &str, args: &[&str], dir: &std::path::Path) -> bool {
    let home = ("HOME", dir.to_str().unwrap());
    match Command::new(program).args(args).envs([home, ("TERM", "dumb")]).current_dir(dir).output() {
        Ok(output) => {
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
            true
        }
        Err(_) => false,
    }
}

#[test]
fn vim_probes_backs_up_and_renames_and_one_file_is_modified() {
    each_way(|ground| {
        ground.write("page.html", "old");
        let mut watcher = ground.settled();

        ground.write(".page.html.swp", "b0VIM 9.0");
        // Its probe whether a file can be made here.
        ground.write("4913", "");
        std::fs::set_permissions(ground.path("4913"), Permissions::from_mode(0o644)).unwrap();
        std::fs::remove_file(ground.path("4913")).unwrap();
        std::fs::rename(ground.path("page.html"), ground.path("page.html~")).unwrap();
        ground.write("page.html", "new content");
        std::fs::set_permissions(ground.path("page.html"), Permissions::from_mode(0o644)).unwrap();
        std::fs::remove_file(ground.path("page.html~")).unwrap();
        std::fs::remove_file(ground.path(".page.html.swp")).unwrap();

        assert_eq!(watcher.net(), modified(&["page.html"]));
        watcher.stop();
    });
}

#[test]
fn the_real_vim_saves_and_leaves_its_backup() {
    each_way(|ground| {
        ground.write("page.html", "old\n");
        let mut watcher = ground.settled();

        let args = [
            "-u",
            "NONE",
            "-i",
            "NONE",
            "-N",
            "-es",
            "--cmd",
            "set backup backupskip=",
            "+%s/old/new/",
            "+wq",
        ];
        let args = [args.as_slice(), &["page.html"]].concat();
        if !run("vim", &args, &ground.path("")) {
            watcher.stop();
            return;
        }

        assert_eq!(watcher.net(), [modified(&["page.html"]), created(&["page.html~"])].concat());
        watcher.stop();
    });
}

#[test]
fn nano_writes_in_place_beside_its_lock() {
    each_way(|ground| {
        ground.write("page.html", "old");
        let mut watcher = ground.settled();

        ground.write(".page.html.swp", "nano 7.2");
        let mut file =
            std::fs::File::options().write(true).truncate(true).open(ground.path("page.html")).unwrap();
        file.write_all(b"new ").unwrap();
        file.write_all(b"content").unwrap();
        file.sync_all().unwrap();
        drop(file);
        std::fs::remove_file(ground.path(".page.html.swp")).unwrap();

        assert_eq!(watcher.net(), modified(&["page.html"]));
        watcher.stop();
    });
}

#[test]
fn emacs_locks_with_a_link_that_points_nowhere_and_keeps_a_backup() {
    each_way(|ground| {
        ground.write("page.html", "old");
        let mut watcher = ground.settled();

        symlink("lan@tinh.example.1234:1700000000", ground.path(".#page.html")).unwrap();
        ground.write("#page.html#", "saved by itself");
        std::fs::copy(ground.path("page.html"), ground.path("page.html~")).unwrap();
        ground.write("page.html", "new content");
        std::fs::remove_file(ground.path("#page.html#")).unwrap();
        std::fs::remove_file(ground.path(".#page.html")).unwrap();

        assert_eq!(watcher.net(), [modified(&["page.html"]), created(&["page.html~"])].concat());
        watcher.stop();
    });
}

#[test]
fn a_lock_that_stays_is_a_link_told_as_written() {
    each_way(|ground| {
        ground.write("page.html", "old");
        let mut watcher = ground.settled();

        symlink("lan@tinh.example.1234:1700000000", ground.path(".#page.html")).unwrap();

        let told = watcher.seen();
        let target = told[0].after.as_ref().unwrap().link_target.as_ref().unwrap();
        assert_eq!((told.len(), target.as_str()), (1, "lan@tinh.example.1234:1700000000"));
        watcher.stop();
    });
}

#[test]
fn sed_in_place_is_one_modification() {
    each_way(|ground| {
        ground.write("sshd_config", "PermitRootLogin no\n");
        let mut watcher = ground.settled();

        assert!(run("sed", &["-i", "s/ no/ yes/", "sshd_config"], &ground.path("")));

        assert_eq!(watcher.net(), modified(&["sshd_config"]));
        watcher.stop();
    });
}

#[test]
fn gedit_and_office_programs_write_beside_and_rename_over() {
    each_way(|ground| {
        ground.write("van-ban.odt", "old");
        let mut watcher = ground.settled();

        ground.write(".~lock.van-ban.odt#", ",lan,may-01,22.11.2026 10:00;");
        ground.write(".goutputstream-7QK3C2", "new content");
        let times = std::fs::metadata(ground.path("van-ban.odt")).unwrap().permissions();
        std::fs::set_permissions(ground.path(".goutputstream-7QK3C2"), times).unwrap();
        std::fs::rename(ground.path(".goutputstream-7QK3C2"), ground.path("van-ban.odt")).unwrap();
        std::fs::remove_file(ground.path(".~lock.van-ban.odt#")).unwrap();

        assert_eq!(watcher.net(), modified(&["van-ban.odt"]));
        watcher.stop();
    });
}

#[test]
fn a_temporary_file_without_a_name_is_linked_into_place() {
    use rustix::fs::{AtFlags, CWD, Mode, OFlags};

    each_way(|ground| {
        let mut watcher = ground.settled();

        let mode = Mode::from_raw_mode(0o600);
        let file = match rustix::fs::open(ground.path(""), OFlags::TMPFILE | OFlags::WRONLY, mode) {
            Ok(file) => std::fs::File::from(file),
            Err(rustix::io::Errno::OPNOTSUPP) => {
                watcher.stop();
                return;
            }
            Err(error) => panic!("{error}"),
        };
        (&file).write_all(b"made without a name").unwrap();
        let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        rustix::fs::linkat(CWD, own, CWD, ground.path("report"), AtFlags::SYMLINK_FOLLOW).unwrap();
        drop(file);

        assert_eq!(watcher.net(), created(&["report"]));
        watcher.stop();
    });
}

#[test]
fn two_files_exchanged_in_one_step_are_both_modified() {
    use rustix::fs::{CWD, RenameFlags};

    each_way(|ground| {
        ground.write("live", "one");
        ground.write("staged", "the other");
        let mut watcher = ground.settled();

        rustix::fs::renameat_with(
            CWD,
            ground.path("live"),
            CWD,
            ground.path("staged"),
            RenameFlags::EXCHANGE,
        )
        .unwrap();

        assert_eq!(watcher.net(), modified(&["live", "staged"]));
        watcher.stop();
    });
}

#[test]
fn a_whole_folder_exchanged_in_one_step_is_told_file_by_file() {
    use rustix::fs::{CWD, RenameFlags};

    each_way(|ground| {
        std::fs::create_dir_all(ground.path("site/sub")).unwrap();
        std::fs::create_dir_all(ground.outside("next/sub")).unwrap();
        ground.write("site/index.html", "old");
        ground.write("site/sub/only-old", "x");
        std::fs::write(ground.outside("next/index.html"), "new content").unwrap();
        std::fs::write(ground.outside("next/sub/only-new"), "y").unwrap();
        let mut watcher = ground.settled();

        rustix::fs::renameat_with(
            CWD,
            ground.path("site"),
            CWD,
            ground.outside("next"),
            RenameFlags::EXCHANGE,
        )
        .unwrap();
        let told = watcher.net();
        ground.write("site/sub/late", "z");

        let wanted = [
            modified(&["site/index.html"]),
            created(&["site/sub/only-new"]),
            deleted(&["site/sub/only-old"]),
        ];
        assert_eq!(told, wanted.concat());
        assert_eq!(watcher.net(), created(&["site/sub/late"]), "the new folder is watched");
        watcher.stop();
    });
}
