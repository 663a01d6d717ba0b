//! What a change window keeps quiet: pure, so that judging again concludes the same.
//!
//! Only changes of files fall into a window, and only by the moment at which they were seen, whenever they arrive.
//! Where only a span is known, the whole span must lie inside. Guarded areas, through which people come in or
//! programs come back (`access`, `persistence`), are kept quiet only by a window that names that root or a path
//! in it: naming a folder far above, or nothing, is not enough.

use vonggac_protocol::file::Area;
use vonggac_protocol::id::HostId;
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use crate::store::windows::Window;

/// Words of the kinds that a window can keep quiet.
const KINDS: [&str; 3] = ["file_changed", "files_installed", "change_burst"];

/// Whether a window can keep an observation of this kind quiet.
#[must_use]
pub fn can_be_quiet(kind: &str) -> bool {
    KINDS.contains(&kind)
}

/// Where and when files changed.
struct Change<'a> {
    /// The path, or the root if it is about many; `None` if it is about the whole host.
    place: Option<(&'a HostPath, &'a HostPath, Area)>,
    from: Timestamp,
    until: Timestamp,
}

/// The first of `windows` that keeps this observation of `host` quiet; `kept_at` is when it arrived here.
#[must_use]
pub fn quiet_by<'a>(
    windows: &'a [Window],
    host: HostId,
    agency: &str,
    observation: &Observation,
    kept_at: Timestamp,
) -> Option<&'a Window> {
    let change = change_of(observation, kept_at)?;

    windows.iter().find(|window| {
        window.agency == agency
            && window.host.is_none_or(|only| only == host)
            && window.opened_at <= change.from
            && change.until < window.until()
            && covers(window, &change)
    })
}

fn change_of(observation: &Observation, kept_at: Timestamp) -> Option<Change<'_>> {
    // A host whose clock is ahead cannot reach into a window that was still to come.
    let at = observation.at.min(kept_at);
    match &observation.kind {
        Kind::FileChanged(change) => {
            let from = span_from(change.while_off, change.not_before, at)?;
            Some(Change { place: Some((&change.path, &change.root, change.area)), from, until: at })
        }
        Kind::FilesInstalled(installed) => {
            let from = span_from(installed.while_off, installed.not_before, at)?;
            Some(Change { place: None, from: from.min(installed.from), until: at })
        }
        Kind::ChangeBurst(burst) => {
            let place = Some((&burst.root, &burst.root, burst.area));
            Some(Change { place, from: burst.from.min(at), until: at.max(burst.until.min(kept_at)) })
        }
        Kind::AgentStarted(_)
        | Kind::AgentStopped(_)
        | Kind::Health(_)
        | Kind::HostDescribed(_)
        | Kind::BaselineTaken(_)
        | Kind::WatchLost(_)
        | Kind::SpoolDropped(_)
        | Kind::PackagesListed(_)
        | Kind::PackagesChanged(_)
        | Kind::PatchState(_)
        | Kind::AssignmentRefused(_)
        | Kind::SensorFailed(_)
        | Kind::AgentSilent(_)
        | Kind::AgentHeard(_)
        | Kind::IdentityTwice(_)
        | Kind::HostMisbehaved(_)
        | Kind::MachineSetBack(_)
        | Kind::RecordsMissing(_)
        | Kind::CertificateEnding(_)
        | Kind::BudgetReached(_)
        | Kind::Login(_)
        | Kind::PrivilegeUsed(_)
        | Kind::AccountChanged(_)
        | Kind::ServiceChanged(_)
        | Kind::LogGap(_)
        | Kind::Posture(_)
        | Kind::Activation(_)
        | Kind::AgentUpgrade(_)
        | Kind::WatchModeChanged(_) => None,
    }
}

/// The earliest moment it can have happened; `None` if it is not known, so no window has all of it.
fn span_from(while_off: bool, not_before: Option<Timestamp>, at: Timestamp) -> Option<Timestamp> {
    match not_before {
        Some(from) => Some(from.min(at)),
        None if while_off => None,
        None => Some(at),
    }
}

fn covers(window: &Window, change: &Change<'_>) -> bool {
    let Some((path, root, area)) = change.place else { return window.roots.is_empty() };
    let is_guarded = matches!(area, Area::Access | Area::Persistence);
    if window.roots.is_empty() {
        return !is_guarded;
    }

    window.roots.iter().any(|named| is_in(path, named) && (!is_guarded || is_in(named, root)))
}

/// Whether `path` is `folder` or lies in it, by whole names. Windows paths are told apart by their drive letter and
/// compared without regard to ASCII case, as that system does.
fn is_in(path: &HostPath, folder: &HostPath) -> bool {
    let (path, folder) = (path.as_str(), folder.as_str());
    let is_windows = folder.as_bytes().get(1) == Some(&b':');
    let separator = if is_windows { '\\' } else { '/' };
    let folder = folder.trim_end_matches(separator);
    let Some((head, rest)) = path.split_at_checked(folder.len()) else { return false };
    let same = if is_windows { head.eq_ignore_ascii_case(folder) } else { head == folder };

    same && (rest.is_empty() || rest.starts_with(separator))
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::file::{ChangeBurst, FileAction, FileChanged};
    use vonggac_protocol::observation::AgentStopped;

    use super::*;

    const HOST: HostId = HostId([5; 16]);

    fn window(roots: &[&str]) -> Window {
        Window {
            id: 1,
            agency: "so-tttt".to_owned(),
            host: None,
            host_name: None,
            roots: roots.iter().map(|root| HostPath::from_text(*root)).collect(),
            reason: "nâng cấp".to_owned(),
            opened_by: "an".to_owned(),
            opened_at: Timestamp(1_000),
            ends_at: Timestamp(2_000),
            closed_by: None,
            closed_at: None,
            kept: 0,
        }
    }

    fn changed(path: &str, root: &str, area: Area) -> FileChanged {
        FileChanged {
            path: HostPath::from_text(path),
            area,
            root: HostPath::from_text(root),
            action: FileAction::Deleted,
            before: None,
            after: None,
            while_off: false,
            not_before: None,
            actor: None,
            package: None,
            text: None,
        }
    }

    fn page() -> FileChanged {
        changed("/srv/www/a.html", "/srv/www", Area::Web)
    }

    fn is_quiet(window: &Window, change: FileChanged, at: i64) -> bool {
        let observation = Observation { at: Timestamp(at), kind: Kind::FileChanged(change) };

        quiet_by(std::slice::from_ref(window), HOST, "so-tttt", &observation, Timestamp(9_000)).is_some()
    }

    #[test]
    fn the_moment_of_seeing_decides_from_the_opening_to_just_before_the_end() {
        let all = window(&[]);

        let quiet: Vec<bool> =
            [999, 1_000, 1_999, 2_000].into_iter().map(|at| is_quiet(&all, page(), at)).collect();

        assert_eq!(quiet, [false, true, true, false]);
    }

    #[test]
    fn a_window_closed_before_its_end_covers_nothing_after_that() {
        let closed =
            Window { closed_at: Some(Timestamp(1_500)), closed_by: Some("an".to_owned()), ..window(&[]) };

        assert!(is_quiet(&closed, page(), 1_499));
        assert!(!is_quiet(&closed, page(), 1_500));
    }

    #[test]
    fn a_change_while_off_needs_its_whole_span_inside() {
        let off = |not_before: Option<i64>| FileChanged {
            while_off: true,
            not_before: not_before.map(Timestamp),
            ..page()
        };

        assert!(is_quiet(&window(&[]), off(Some(1_100)), 1_200));
        assert!(!is_quiet(&window(&[]), off(Some(900)), 1_200));
        assert!(!is_quiet(&window(&[]), off(None), 1_200));
    }

    #[test]
    fn guarded_areas_are_kept_quiet_only_when_named_themselves() {
        let key = || changed("/root/.ssh/authorized_keys", "/root/.ssh", Area::Access);

        assert!(!is_quiet(&window(&[]), key(), 1_200));
        assert!(!is_quiet(&window(&["/"]), key(), 1_200));
        assert!(!is_quiet(&window(&["/root"]), key(), 1_200));
        assert!(is_quiet(&window(&["/root/.ssh"]), key(), 1_200));
        assert!(is_quiet(&window(&["/root/.ssh/authorized_keys"]), key(), 1_200));
    }

    #[test]
    fn a_named_path_covers_itself_and_what_is_in_it_and_no_namesake() {
        let named = window(&["/srv/www"]);

        assert!(is_quiet(&named, page(), 1_200));
        assert!(!is_quiet(&named, changed("/srv/www2/a", "/srv", Area::Web), 1_200));
        assert!(!is_quiet(&named, changed("/etc/hosts", "/etc", Area::Configuration), 1_200));
        assert!(is_quiet(&window(&["/"]), page(), 1_200));
        assert!(is_quiet(&window(&["C:\\Web"]), changed("c:\\web\\a", "C:\\Web", Area::Web), 1_200));
    }

    #[test]
    fn another_host_another_agency_and_other_kinds_are_not_covered() {
        let one_host = Window { host: Some(HostId([6; 16])), ..window(&[]) };
        let stopped = Observation {
            at: Timestamp(1_200),
            kind: Kind::AgentStopped(AgentStopped { reason: "service".to_owned() }),
        };
        let seen = Observation { at: Timestamp(1_200), kind: Kind::FileChanged(page()) };
        let all = [window(&[])];

        assert!(!is_quiet(&one_host, page(), 1_200));
        assert!(quiet_by(&all, HOST, "so-y-te", &seen, Timestamp(9_000)).is_none());
        assert!(quiet_by(&all, HOST, "so-tttt", &stopped, Timestamp(9_000)).is_none());
    }

    #[test]
    fn a_clock_ahead_does_not_reach_into_a_window_that_is_to_come() {
        let seen = Observation { at: Timestamp(1_200), kind: Kind::FileChanged(page()) };

        assert!(quiet_by(&[window(&[])], HOST, "so-tttt", &seen, Timestamp(900)).is_none());
    }

    #[test]
    fn a_burst_that_began_before_the_window_is_not_covered() {
        let burst = |from: i64| Observation {
            at: Timestamp(1_200),
            kind: Kind::ChangeBurst(ChangeBurst {
                root: HostPath::from_text("/srv/www"),
                area: Area::Web,
                actor: None,
                rewritten: 300,
                renamed: 0,
                from: Timestamp(from),
                until: Timestamp(1_190),
            }),
        };
        let all = [window(&[])];

        assert!(quiet_by(&all, HOST, "so-tttt", &burst(1_100), Timestamp(9_000)).is_some());
        assert!(quiet_by(&all, HOST, "so-tttt", &burst(900), Timestamp(9_000)).is_none());
    }
}
