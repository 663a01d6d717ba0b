//! The log sources that rules can be about, and the fields of each.
//!
//! Rules name `product: vonggac` and one of these categories. `docs/observations.md` is [`page`], held by a test.

/// The product that every rule of ours names.
pub const PRODUCT: &str = "vonggac";

/// The category of a host's state as a whole.
pub const HOST_STATE: &str = "host_state";

/// The category of a product of an agency, held against its ledger.
pub const LICENCE_BALANCE: &str = "licence_balance";

/// One field of a log source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name in rules.
    pub name: &'static str,
    /// What it holds.
    pub about: &'static str,
}

/// One log source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Category {
    /// Its name in rules: the word of an observation's kind, or `host_state`.
    pub name: &'static str,
    /// When there is such an event.
    pub about: &'static str,
    /// Its own fields, beside [`COMMON`].
    pub fields: &'static [Field],
}

const fn field(name: &'static str, about: &'static str) -> Field {
    Field { name, about }
}

/// The fields of these lists in one; `N` is how many there are.
const fn joined<const N: usize>(lists: &[&[Field]]) -> [Field; N] {
    let mut all = [field("", ""); N];
    let (mut list, mut at, mut filled) = (0, 0, 0);
    while list < lists.len() {
        if at == lists[list].len() {
            (list, at) = (list + 1, 0);
        } else {
            all[filled] = lists[list][at];
            (at, filled) = (at + 1, filled + 1);
        }
    }
    assert!(filled == N, "as many as there is room for");

    all
}

/// Fields of every event.
pub const COMMON: &[Field] = &[
    field("kind", "the category"),
    field(
        "at",
        "when it happened, RFC 3339 in UTC, by the host's clock but never later than it was received",
    ),
    field("host", "id of the host"),
    field("host_name", "name of the host"),
    field("host_role", "`server`, `workstation` or `unknown`"),
    field("agency", "id of the agency"),
];

const FILE_CHANGED: &[Field] = &[
    field("path", "the path"),
    field("name", "its last part"),
    field("folder", "what comes before the last part"),
    field("extension", "what follows the last dot of the name, in lower case; empty if there is none"),
    field(
        "area",
        "`configuration`, `boot`, `programs`, `libraries`, `persistence`, `access`, `web`, `data`, `application`",
    ),
    field("root", "the watched root it lies under"),
    field("below_root", "the path from there on, beginning with the separator; empty for the root itself"),
    field("action", "`created`, `modified`, `metadata_changed`, `deleted`"),
    field(
        "object",
        "`file`, `directory`, `link`, `other`: what is there now, or was there before it was deleted",
    ),
    field("while_off", "whether it happened while no agent was watching"),
    field("not_before", "the earliest moment it can have happened, where only a span is known"),
    field("content_changed", "whether size, digest or link target differ, or it came or went"),
    field("mode_changed", "whether the permission bits differ"),
    field("owner_changed", "whether owner or group differ"),
    field("attributes_changed", "whether extended attributes or the access list differ"),
    field("executable", "whether it is a file that anybody may execute now"),
    field("setuid_gained", "whether it is set-user-id or set-group-id now and was not before"),
    field("world_writable", "whether it is a file or folder that everybody may write to now"),
    field("before_size", "bytes before"),
    field("after_size", "bytes now"),
    field("before_digest", "SHA-256 before"),
    field("after_digest", "SHA-256 now"),
    field("before_mode", "permission bits before, octal text such as `0644`"),
    field("after_mode", "permission bits now"),
    field("before_owner", "owner before"),
    field("after_owner", "owner now"),
    field("before_group", "group before"),
    field("after_group", "group now"),
    field("before_modified", "last change of the content, before"),
    field("after_modified", "last change of the content, now"),
    field("before_link", "where the link pointed before"),
    field("after_link", "where the link points now"),
    field("actor_program", "the program that did it, where the system tells"),
    field("actor_user", "the user that did it, where the system tells"),
    field("actor_process", "the process id, where the system tells"),
    field("actor_session", "the login session, where the system tells"),
    field("package", "the package that owns the path"),
    field("package_version", "its version"),
    field(
        "package_verdict",
        "whether the path is as the package brought it: `matches`, `differs`, `not_recorded`, `missing`",
    ),
    field("lines_added", "lines added, for files declared as text on the machine"),
    field("lines_removed", "lines taken away, likewise"),
    field(
        "flags_changed",
        "whether its guards differ: immutable, append-only; on Windows read-only, hidden, system, further streams",
    ),
];

const LOGIN: &[Field] = &[
    field("result", "`succeeded` or `failed`"),
    field("user", "the account; absent if the name is no account"),
    field("unknown_user", "a digest, under a key of the host, of a name that is no account"),
    field("from", "network address or name; absent at the machine itself"),
    field(
        "outside",
        "whether it came from a public address; absent if it came from a name or from the machine itself",
    ),
    field("hour", "the hour in Viet Nam, 0 to 23"),
    field("service", "`sshd`, `login`, `gdm-password`; `*`: several, too many to tell apart"),
    field("method", "`password`, `publickey`, `session`"),
    field("count", "how many"),
    field("until", "when the last of them was, if there are several"),
    field("sure", "whether the system vouches for who wrote the record"),
    field("origin", "`journal`, `syslog`, `audit`"),
];

const PRIVILEGE: &[Field] = &[
    field("granted", "whether they were granted"),
    field("user", "who asked"),
    field("run_as", "whose rights"),
    field("tool", "`sudo`, `su`, `pkexec`"),
    field("program", "the program that was run, without its arguments"),
    field("denial", "why refused: `not_listed`, `not_allowed`, `password`, `other`"),
    field("count", "how many"),
    field("until", "when the last of them was, if there are several"),
    field("sure", "whether the system vouches for who wrote the record"),
    field("origin", "`journal`, `syslog`, `audit`"),
];

const ACCOUNT: &[Field] = &[
    field(
        "action",
        "`created`, `changed`, `deleted`, `password_changed`, `locked`, `unlocked`, `group_created`, `group_deleted`, `member_added`, `member_removed`",
    ),
    field("user", "the account"),
    field("group", "the group"),
    field("number", "its number, of the account or else of the group"),
    field("by", "who did it, where the record says"),
    field("tool", "`useradd`, `usermod`, `passwd`"),
    field("sure", "whether the system vouches for who wrote the record"),
    field("origin", "`journal`, `syslog`, `audit`"),
];

const BALANCE: &[Field] = &[
    field("product", "id of the product in the catalogue"),
    field("product_name", "its name"),
    field("installed", "machines of the agency that have it"),
    field("entitled", "units for machines or persons that stand today"),
    field("on_record", "whether any entitlement stands today"),
    field("over", "machines that no entitlement covers"),
    field("unused", "units that cover no machine"),
    field("expired", "units whose last day has passed"),
    field("days_left", "days until the next units end; absent if none do"),
];

const POSTURE: &[Field] = &[
    field("malware_known", "whether it is known which products against malware there are"),
    field("malware_products", "their names; absent if there are none"),
    field("malware_running", "whether one of them watches the machine; absent if that is not told"),
    field("signatures_current", "whether the signatures are new enough, by its own word"),
    field("signatures_age_days", "whole days since the signatures of what watches were updated"),
    field("firewall_known", "whether it is known which firewalls there are"),
    field("firewall_on", "whether all profiles filter, or a firewall of another maker does"),
    field("firewall_off", "profiles that do not filter: `domain`, `private`, `public`; absent if all do"),
    field("volumes_known", "whether it is known how the fixed volumes are protected"),
    field("system_volume_protected", "whether the volume of the system is encrypted and its key protected"),
    field("volumes_unprotected", "fixed volumes that are not; absent if there are none"),
    field("backup_known", "whether it is known what the system itself backs up"),
    field(
        "backup_found",
        "whether it makes backups that outlive the disk; those of other makers it does not know",
    ),
    field("backup_age_days", "whole days since the newest of these"),
];

const ACTIVATION: &[Field] = &[
    field("activation_known", "whether the licensing service of Windows answered"),
    field("windows_activated", "whether Windows is activated"),
    field(
        "windows_licence",
        "`licensed`, `unlicensed`, `notification`, `first_grace`, `changed_grace`, `not_genuine_grace`, `extended_grace`, `other`",
    ),
    field(
        "windows_channel",
        "`retail`, `oem`, `volume_mak`, `volume_kms`, `volume_server`, `evaluation`, `subscription`, `other`",
    ),
    field("windows_grace_days", "whole days until Windows is no longer activated; absent if they do not end"),
    field("office_activated", "whether a product of Office is activated; absent if there is none"),
    field("office_licence", "its state, as of Windows"),
    field("office_channel", "its channel, as of Windows"),
    field("office_grace_days", "its days, as of Windows"),
    field(
        "not_activated",
        "products that run without a licence and have no days left; absent if there are none",
    ),
    field("activation_servers", "activation servers that products ask; absent if they ask none"),
    field(
        "activator_traces",
        "traces of activation tools, by their entries in the agent's list; absent if there are none",
    ),
    field(
        "activator_found",
        "what was found: names of services and tasks, hosts, files; absent if nothing was",
    ),
    field("office_products", "products of Office as Click-to-Run installed them"),
    field("office_version", "their version"),
];

const HOST_OWN: &[Field] = &[
    field("os_family", "`linux` or `windows`"),
    field("os_id", "`ID` of os-release, or `windows`"),
    field("os_version", "`VERSION_ID` of os-release, or the Windows version"),
    field("os_name", "name of the system for people"),
    field("pending", "updates that wait"),
    field("security_pending", "security updates that wait; absent if the lists do not say"),
    field("security_packages", "names of packages with security updates, at most 20"),
    field("oldest_security_days", "whole days since the agent first saw the oldest of them offered"),
    field("lists_known", "whether there are package lists at all"),
    field("lists_age_days", "whole days since the newest list's own date"),
    field(
        "refreshed_days",
        "whole days since the lists were last fetched with success, be there anything new or not",
    ),
    field("last_update_days", "whole days since anything was installed or upgraded"),
    field("upgraded_days", "whole days since an installed package was replaced by a newer version"),
    field("automatic", "whether updates install themselves"),
    field("pro", "whether the system is attached to Ubuntu Pro; absent where there is no such thing"),
    field(
        "stale_services",
        "services that still use libraries which an update has replaced, at most 20; absent if none is known",
    ),
    field("stale_services_count", "how many there are; absent if it cannot be told"),
    field("stale_unreadable", "processes that could not be looked into for that"),
    field("reboot_needed", "whether the system asks for a restart"),
    field("reboot_days", "for at least how many whole days it has asked"),
    field("kernel_running", "the kernel that runs"),
    field("kernel_installed", "the newest kernel installed"),
    field("kernel_behind", "whether the kernel that runs is older; absent if it cannot be told"),
    field("support_known", "whether the end of support of this system is known"),
    field("support_name", "name of the system in the table of ends of support"),
    field("support_until", "last day of free security fixes"),
    field("support_days_left", "days until then, negative after it"),
    field("support_ended", "whether that day has passed"),
    field("packages", "installed packages"),
    field(
        "not_in_repository",
        "packages that no repository of the host offers; absent if it is told of none",
    ),
    field(
        "modules",
        "modules and streams that packages are of, such as `nodejs:18`, at most 20; absent if there are none",
    ),
    field("licence_unknown", "packages whose licence class is not known"),
    field("oss_share_percent", "open source among packages whose class is known, per cent"),
    field("products", "products of the catalogue that are installed, by id"),
    field("activators", "activation cracks that are installed, by id; absent if there are none"),
    field(
        "unlicensed",
        "products that need an entitlement and have none on record, by id; absent if there are none",
    ),
    field(
        "missing_tools",
        "open-source tools that plans name and that are missing; absent if there are none",
    ),
];

/// What is told of a host alone, and its last posture and activation.
const HOST: &[Field] =
    &joined::<{ HOST_OWN.len() + POSTURE.len() + ACTIVATION.len() }>(&[HOST_OWN, POSTURE, ACTIVATION]);

/// Every log source, in the order of the kinds of observations.
pub const CATEGORIES: &[Category] = &[
    Category {
        name: "agent_started",
        about: "the agent began to watch",
        fields: &[
            field("version", "version of the agent"),
            field("after_crash", "whether the run before ended without being asked to"),
            field("watched_until", "the last moment the run before is known to have watched"),
        ],
    },
    Category {
        name: "agent_stopped",
        about: "the agent was asked to stop",
        fields: &[field("reason", "`service`: by the service manager or a signal")],
    },
    Category {
        name: "health",
        about: "how the agent fares, a few times an hour",
        fields: &[
            field("uptime_secs", "seconds since it started"),
            field("waiting", "observations on its disk that are not confirmed"),
            field("waiting_bytes", "bytes they take"),
            field("dropped", "observations dropped since its spool began"),
            field("watch_losses", "times that the file watch lost notices"),
            field("memory_bytes", "resident memory"),
            field("processor_ms", "processor time used"),
            field("baseline_paths", "paths in its baseline"),
            field("exclusions", "how many exclusions the machine's administrator has set"),
            field("clock_offset_ms", "how far its clock is ahead of the collector's"),
        ],
    },
    Category {
        name: "host_described",
        about: "the machine was described anew",
        fields: &[
            field("name", "name the machine calls itself"),
            field("role", "`server`, `workstation` or `unknown`"),
            field("os_family", "`linux` or `windows`"),
            field("os_id", "`ID` of os-release, or `windows`"),
            field("os_version", "`VERSION_ID` of os-release, or the Windows version"),
            field("os_name", "name for people"),
            field("kernel", "kernel release or build number"),
            field("architecture", "processor architecture"),
            field("vendor", "maker of the machine"),
            field("model", "model of the machine"),
            field("virtualisation", "kind of virtual machine or container"),
            field("domain", "domain of Windows that it has joined"),
            field("workgroup", "workgroup of Windows that it names"),
        ],
    },
    Category { name: "file_changed", about: "a watched path changed", fields: FILE_CHANGED },
    Category {
        name: "baseline_taken",
        about: "a root was measured for the first time, or anew",
        fields: &[
            field("root", "the root"),
            field("area", "what it is watched for"),
            field("paths", "paths recorded"),
            field("unreadable", "paths that could not be read"),
        ],
    },
    Category {
        name: "files_installed",
        about: "the package manager changed files: one installation",
        fields: &[
            field("manager", "`dpkg` or `rpm`"),
            field("packages", "names of the packages"),
            field("created", "paths that came"),
            field("modified", "paths that changed"),
            field("deleted", "paths that went"),
            field("while_off", "whether it happened while no agent was watching"),
            field("not_before", "the earliest moment it can have happened, where only a span is known"),
            field("actor_program", "the program that ran it, where the system tells"),
            field("actor_user", "the user that ran it, where the system tells"),
            field("actor_process", "the process id, where the system tells"),
            field("actor_session", "the login session, where the system tells"),
        ],
    },
    Category {
        name: "change_burst",
        about: "very many files changed in a short time",
        fields: &[
            field("root", "the watched root where most of them lie"),
            field("area", "what it is watched for, as in `file_changed`"),
            field("count", "files rewritten and names that came or went"),
            field("rewritten", "files rewritten"),
            field("renamed", "names that came or went"),
            field("from", "the first of them"),
            field("until", "the last of them that is counted"),
            field("actor_program", "the one program that did it, where the system tells"),
            field("actor_user", "the user that did it, where the system tells"),
            field("actor_process", "the process id, where the system tells"),
            field("actor_session", "the login session, where the system tells"),
        ],
    },
    Category {
        name: "watch_mode_changed",
        about: "roots are watched by other means",
        fields: &[
            field("roots", "the roots; empty means all"),
            field("mode", "`file_system`, `directories` or `scan_only`"),
            field("before", "how they were watched before"),
            field("reason", "why"),
        ],
    },
    Category {
        name: "certificate_ending",
        about: "the certificate of a host ends soon and could not be renewed; told once a day at most",
        fields: &[
            field("issued_at", "when it was issued, by the collector's clock"),
            field("not_after", "until when it counts"),
            field("connected", "whether there was a connection when this was observed"),
        ],
    },
    Category {
        name: "budget_reached",
        about: "the bytes that an agent may move on the line in a day are used up; routine observations wait",
        fields: &[
            field("day", "the day in Viet Nam, `YYYY-MM-DD`"),
            field("budget", "the budget, bytes"),
            field("sent", "bytes sent on that day, headers counted"),
            field("received", "bytes received, likewise"),
            field("waiting", "observations that wait"),
        ],
    },
    Category {
        name: "watch_lost",
        about: "changes may have been missed",
        fields: &[
            field("roots", "the roots concerned; empty means all"),
            field(
                "reason",
                "`queue_overflow`, `watch_limit`, `root_gone`, `watcher_failed`, `agent_overloaded`",
            ),
            field("from", "from when"),
            field("until", "until when; absent while it goes on"),
        ],
    },
    Category {
        name: "spool_dropped",
        about: "an agent dropped observations because its disk limit was reached",
        fields: &[
            field("lane", "`prompt` or `bulk`"),
            field("count", "how many"),
            field("from", "when the first of them was observed"),
            field("until", "when the last of them was observed"),
        ],
    },
    Category {
        name: "packages_listed",
        about: "a part of a whole inventory of packages arrived",
        fields: &[
            field("part", "the part, from 0"),
            field("parts", "how many parts there are"),
            field("packages", "how many packages are in it"),
        ],
    },
    Category {
        name: "packages_changed",
        about: "packages were installed, changed or removed",
        fields: &[
            field("added", "names of packages installed or changed"),
            field("removed", "names of packages removed, or changed"),
        ],
    },
    Category {
        name: "patch_state",
        about: "the patch state was read",
        fields: &[
            field("lists_at", "date of the package lists"),
            field("last_update", "when anything was last installed or upgraded"),
            field("pending_count", "updates that wait"),
            field("security_count", "security updates that wait"),
            field("reboot_needed", "whether the system asks for a restart"),
            field("kernel_running", "the kernel that runs"),
            field("kernel_installed", "the newest kernel installed"),
            field("automatic", "whether updates install themselves"),
        ],
    },
    Category {
        name: "assignment_refused",
        about: "an agent could not accept what it was asked to watch",
        fields: &[field("version", "version of the assignment"), field("reason", "why")],
    },
    Category {
        name: "sensor_failed",
        about: "a part of an agent could not do its work",
        fields: &[
            field("sensor", "`files`, `packages`, `patches`, `licences`, `host`"),
            field("reason", "why"),
        ],
    },
    Category {
        name: "agent_silent",
        about: "nothing was heard of a host within its promised time",
        fields: &[
            field("last_heard", "the last sign of life"),
            field("promised_secs", "the promise, in seconds"),
        ],
    },
    Category {
        name: "agent_heard",
        about: "a silent host is back",
        fields: &[field("silent_since", "since when it had been silent")],
    },
    Category {
        name: "identity_twice",
        about: "one identity was used by two machines",
        fields: &[
            field("enrolled", "fingerprint of the machine that enrolled"),
            field("found", "fingerprint of the machine that now used the identity"),
            field("address", "network address it came from"),
            field("by", "by what they were told apart: `installation`, `hardware` or `continuity`"),
            field("before", "network address that the identity came from before"),
        ],
    },
    Category {
        name: "machine_set_back",
        about: "a machine came back as an older copy of itself: a restored backup, a snapshot",
        fields: &[
            field("step", "the step of its life that it came back with; 0 if it had none"),
            field("newest", "the newest step that was known of it"),
            field("address", "network address it came from"),
        ],
    },
    Category {
        name: "host_misbehaved",
        about: "a host broke the protocol or a limit",
        fields: &[
            field("reason", "what it broke"),
            field("count", "how often since the last such observation"),
        ],
    },
    Category {
        name: "records_missing",
        about: "observations never arrived and no longer exist",
        fields: &[
            field("lane", "`prompt` or `bulk`"),
            field("first", "first missing place"),
            field("last", "last missing place"),
            field("count", "how many are missing"),
        ],
    },
    Category {
        name: "login",
        about: "somebody logged in, or tried to; several alike are one event",
        fields: LOGIN,
    },
    Category {
        name: "privilege_used",
        about: "rights of another account were used or refused; several alike are one event",
        fields: PRIVILEGE,
    },
    Category {
        name: "account_changed",
        about: "an account or a group was changed by the system's own tools",
        fields: ACCOUNT,
    },
    Category {
        name: "service_changed",
        about: "a service was started or stopped, or failed, other than at the start or end of the machine",
        fields: &[
            field("unit", "its unit, such as `ssh.service`"),
            field("action", "`started`, `stopped`, `failed`"),
            field("result", "why it failed: `exit-code`, `signal`, `timeout`"),
            field("count", "how many"),
            field("until", "when the last of them was, if there are several"),
            field("origin", "`journal`, `syslog`, `audit`"),
        ],
    },
    Category {
        name: "log_gap",
        about: "records of the system were gone, or could not be understood, before they were read",
        fields: &[
            field("origin", "`journal`, `syslog`, `audit`"),
            field("at_most", "at most so many records of all kinds; absent: nobody knows"),
            field("from", "the last record read before"),
            field("until", "the first one after"),
        ],
    },
    Category {
        name: "posture",
        about: "how a machine is protected; told when it changed, and at least once a day",
        fields: POSTURE,
    },
    Category {
        name: "activation",
        about: "how Windows and Office are activated, and traces of activation tools; told when it changed, and at least once a day",
        fields: ACTIVATION,
    },
    Category {
        name: "agent_upgrade",
        about: "the agent of a host became another version, came back from one, or would not take one",
        fields: &[
            field("outcome", "`upgraded`, `returned`, `refused`"),
            field("from", "the version before"),
            field("to", "the version that was to be"),
            field(
                "reason",
                "why not: `signature`, `digest`, `platform`, `not_newer`, `disk`, `does_not_run`, `crashed`, `silent`, `damaged`, `person`, `package`",
            ),
            field("order", "number of the order; absent: the collector did not order it"),
        ],
    },
    Category {
        name: HOST_STATE,
        about: "a host's packages, patches, protection, activation or description changed, and at least once a day",
        fields: HOST,
    },
    Category {
        name: LICENCE_BALANCE,
        about: "a product that needs an entitlement, or has one, in one agency: when an inventory or the ledger changed, and at least once a day",
        fields: BALANCE,
    },
];

/// Fields that a correlation adds to the fields of its last event.
pub const COUNTED: &[Field] = &[
    field("count", "how many were counted; there may be more"),
    field("span_secs", "within how many seconds"),
    field("first_at", "when the first of them happened"),
    field("last_at", "when the last of them happened"),
];

/// The field that holds what a finding is about.
pub const SUBJECT: Field = field("subject", "what the finding is about");

/// The log source of this name.
#[must_use]
pub fn category(name: &str) -> Option<&'static Category> {
    CATEGORIES.iter().find(|category| category.name == name)
}

impl Category {
    /// The field of this name, one of its own or a common one.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().chain(COMMON).find(|field| field.name == name)
    }
}

/// The page `docs/observations.md`.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(
        "# Fields of observations\n\n\
         Written by `vonggac_rules::fields::page`; a test holds it equal. Change `rules/src/fields.rs` and run\n\
         `VONGGAC_BLESS=1 cargo test -p vonggac-rules --test documents`.\n\n\
         A rule names `product: vonggac` and one category. Every field that it asks for must stand here. A field\n\
         without a value is absent.\n",
    );
    let mut section = |title: &str, about: &str, fields: &[Field]| {
        page.push_str(&format!("\n## {title}\n\n{about}.\n\n| field | holds |\n|---|---|\n"));
        for field in fields {
            page.push_str(&format!("| `{}` | {} |\n", field.name, field.about));
        }
    };
    section("Every category", "These fields are in every event", COMMON);
    for category in CATEGORIES {
        section(&format!("`{}`", category.name), &capital(category.about), category.fields);
    }
    section("Correlations", "A finding that counts has the fields of its last event, and these", COUNTED);

    page
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();

    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
