# Words of `host vulnerabilities`.
vuln-head = Host { $name }, system { $system }
vuln-feed = By the feed { $name }, data of { $dated } ({ $days } days old)
vuln-feed-old = WARNING: the feed { $name } is TOO OLD, data of { $dated } ({ $days } days old)
vuln-no-inventory = There is no whole inventory of this host: nothing can be said.
vuln-not-covered = No feed speaks for this system: empty lists do not mean that it is safe.
vuln-with-fix = With a fix: { $count }
vuln-without-fix = No fix known: { $count }
vuln-unknown = Not judged: { $count } packages
vuln-exploited = {"EXPLOITED "}
vuln-state-fixable = can be updated now
vuln-state-fixable_in_pro = only in Ubuntu Pro
vuln-state-reboot_pending = fixed, reboot pending
vuln-state-not_running = in an installed kernel that does not run
vuln-state-no_fix = no fix known
vuln-state-will_not_fix = will not be fixed
vuln-state-end_of_life = no longer supported
vuln-state-stream_untold = module stream not told
