# Configuration
config-unreadable = cannot read { $path }
config-unknown-key = the key { $key } is not known, expected one of: { $expected }
config-unknown-word = this word is not known here, expected one of: { $expected }
config-wrong-type = the value is of the wrong type ({ $found }), expected { $expected }
config-missing-key = the key { $key } is missing
config-not-toml = not TOML: { $found }
config-version = version is { $found }, expected { $expected }
config-path = { $key } must be an absolute path without ..
config-out-of-range = { $key } is { $found }, expected { $least } to { $most }
config-too-many = { $key } has { $found } entries, at most { $most } are accepted
config-good = { $path }: the configuration can be used
config-summary = Watches { $watch } paths beside the defaults, excludes { $exclude }; queue of at most { $spool }

# Identity
identity-missing = this machine is not enrolled (no { $path }); ask your administrator for an enrolment string and run: vonggac-agent enrol vg1:…
identity-broken = the identity in { $path } is damaged or incomplete; enrol again with: vonggac-agent enrol --again vg1:…
identity-sealed = the key { $path } does not open on this machine: it was sealed on another machine, by another installation of Windows, or is damaged; enrol again with: vonggac-agent enrol --again vg1:…
state-unwritable = cannot write to { $path }
state-in-use = { $path } is in use by another agent; stop that one first

# Enrolment
enrol-string = the enrolment string cannot be used
enrol-identity-stands = this machine is enrolled already ({ $path }); to replace its identity add --again
enrol-failed = enrolment failed
enrol-no-answer = the collector does not answer the enrolment request
enrol-cut-off = the connection ended before there was an answer
enrol-answer-unfit = the collector's answer fits neither the enrolment string nor this machine's key; not used
enrol-done = Enrolled: host { $host }, agency { $agency }.
enrol-approved = The machine may work at once. The installed service starts by itself (without one: vonggac-agent run).
enrol-waiting = The machine waits for a person's approval in the console; the service may be started now, what it sees is kept here until then.

# Connection, by layer
dial-name = no address found for { $address } (name, DNS)
dial-route = this machine has no route to { $address }
dial-silent = { $address } does not answer over UDP; check firewalls and the UDP port
dial-silent-tcp = { $address } does not answer over TCP; check firewalls and the TCP port
dial-silent-both = { $address } answers neither over UDP nor over TCP; check firewalls and that port number on both
dial-pin = what answers at { $address } is not the pinned collector; nothing was sent. Somebody may stand in between, or the enrolment string is outdated
dial-clock = the certificate of { $address } is not valid by this machine's clock; check the time of this machine
dial-certificate = the certificate of { $address } is not acceptable
dial-handshake = { $address } answers but the handshake fails
link-ended = the connection ended

# Refusals
refusal-identity-revoked = this machine's identity was revoked or is not of this collector; it must be enrolled again
refusal-waiting-for-approval = the machine waits for a person's approval
refusal-version-unknown = the agent's version is too old or too new for the collector
refusal-limit-broken = this machine broke a limit of the collector
refusal-malformed = the collector does not understand what this machine sent
refusal-token-unknown = the token in the enrolment string does not exist
refusal-token-used = the token in the enrolment string is used up; ask for a new string
refusal-token-expired = the token in the enrolment string has expired; ask for a new string
refusal-token-of-another-agency = the token in the enrolment string belongs to another agency
refusal-identity-held = this identity came from two machines; both are held until a person decides
refusal-busy = the collector is busy; it will be tried again
refusal-request-unusable = the collector cannot use the certificate request
refusal-certificate-expired = the certificate of this machine ended too long ago, or a newer one took its place; enrol the machine again
refusal-machine-forbidden = this machine is on the list of machines that are never to be enrolled; nothing of it is monitored. If that is a mistake, ask the collector's administrator to take it off the list
never-enrol = this machine has the file { $path }: it is never to be enrolled and never connects; nothing was sent
fingerprint-hardware = hardware (the one to use)
fingerprint-installation = installation of the operating system
fingerprint-serial = serial number
fingerprint-none = no fingerprint of this machine can be read; run as root, or forbid it by its name

# Running
run-stopped = the agent has stopped
run-failed = the agent stopped on an error

# Status
status-missing = No status: no agent has run yet in { $path }.
status-running = The agent is running (version { $version }, process { $process }), since { $since }.
status-not-running = The agent is NOT running; this is the state of { $at }.
status-host = Host { $host }, agency { $agency }.
status-certificate = Certificate until { $until }, issued { $issued }; it renews itself.
status-apart = The part that talks to the network runs apart: no rights, no file but the agent's own.
status-apart-partly = The part that talks to the network runs apart: no rights, no file but the agent's own; this kernel is too old for some of the rules.
status-apart-rights = The part that talks to the network runs without rights; this kernel cannot keep it from files (Landlock is missing).
status-apart-not-available = The part that talks to the network is not kept apart: this system's agent cannot do it.
status-apart-failed = The part that talks to the network is NOT kept apart: the system refused; see the log.
status-connected = Connected to { $address } since { $since }.
status-connected-tcp = Connected to { $address } over TCP since { $since }: UDP is blocked on the way.
status-disconnected = NOT connected to { $address } since { $since }: { $reason }
status-never-connected = Never connected to { $address } so far: { $reason }
status-connecting = being tried
status-queue = Queue: { $prompt } prompt and { $bulk } bulk records wait; { $bytes } on disk, at most { $max }.
status-losses = Losses: { $dropped } records dropped for lack of room, { $watch } interruptions of the file watch.
status-last-sent = Last sent: { $at } (to see what: vonggac-agent show --last).
status-nothing-sent = Nothing was sent so far.
status-wire-today = Today (UTC+7): { $moved } moved, no daily budget; a sign of life every { $beat } s, outer address changed { $moves } times.
status-wire-budget = Today (UTC+7): { $moved } moved of a budget of { $budget }; a sign of life every { $beat } s, outer address changed { $moves } times.
status-wire = On the wire since start: { $sent } sent, { $received } received (IP and UDP headers included).
status-use = Memory { $memory } (warned above { $most }); processor time { $processor } s in { $uptime } s, { $share } % of one processor (a scan may take { $scan } %).
status-baseline = Baseline: { $paths } paths ({ $bytes }); { $exclusions } exclusions.
status-watch = Watching by (the weakest of all paths): { $mode }
status-scan-first = Recording for the first time since { $since }: { $paths } paths met, { $bytes } read so far.
status-scan-again = Scanning since { $since }: { $paths } paths met, { $bytes } read so far.
status-scanned = Every watched path was scanned since the start; changes are told as they happen.
status-not-scanned = Not every watched path was scanned since the start.
watch-file-system = whole file systems (fanotify), knowing who did it.
watch-directories = each directory (inotify), not knowing who did it.
watch-scan-only = scans every so often only, nothing at once.
status-problem = Problem: { $problem }
status-good = No problems.
problem-stands-still = the running agent has given no sign for minutes: it was halted, or it waits for room on a full disk; run doctor
problem-not-running = the agent is not running
problem-disconnected = the collector cannot be reached; what is seen is kept here
problem-spool-nearly-full = the queue is more than 80 % full
problem-certificate-ending = the certificate ends soon and could not be renewed; see the log, and whether the collector runs and is up to date
problem-dropped = records had to be dropped because the queue was full
problem-sensor = the sensor { $sensor } cannot do its work
problem-disk = the disk cannot be written; see the log
problem-assignment = an assignment of the collector was refused because it is not valid
problem-memory = the agent takes more memory than memory_max_mib; nothing is cut there, the wall is the service's MemoryMax

# Last sent
show-nothing = Nothing has left this machine so far.

# Doctor
doctor-identity = Identity
doctor-disk = Disk
doctor-disk-good = what is seen can be kept
doctor-disk-bad = nothing can be written in { $path }: is the disk full, or read-only?
doctor-name = Name (DNS)
doctor-route = Route
doctor-udp = UDP (or TCP)
doctor-pin = Pinned collector
doctor-clock = Clock
doctor-certificate = Certificate
doctor-approval = Approval
doctor-good = [good] { $layer }: { $detail }
doctor-bad = [BAD ] { $layer }: { $detail }
doctor-skipped = [ -  ] { $layer }: could not be checked
doctor-all-good = Every layer is good.
doctor-first-bad = First failing layer: { $layer }.
doctor-addresses = { $found }
doctor-from = this machine sends from { $found }
doctor-answers = { $address } answers within { $millis } ms
doctor-answers-tcp = UDP IS BLOCKED to { $address }, TCP works ({ $millis } ms): the agent goes over TCP; open that UDP port for less traffic
doctor-pin-good = it is the pinned collector
doctor-clock-offset = this machine's clock is { $seconds } s off the collector's
doctor-clock-valid = this machine's time lies within the certificate's
doctor-welcome = the collector accepts this identity
doctor-welcome-until = the collector accepts this identity; certificate until { $until }, issued { $issued }
doctor-by-status = says the running agent
doctor-accepted = may work
doctor-certificate-refused = the collector does not accept this machine's certificate

# One folder, once
files-created = Recorded: { $paths } paths, { $bytes } of content in { $seconds } s; { $unreadable } could not be read. Digest of all: { $digest }
files-same = No differences: { $paths } paths compared in { $seconds } s; { $unreadable } could not be read.
files-differ = { $differences } differences; { $paths } paths compared in { $seconds } s; { $unreadable } could not be read.
files-line-created = NEW       { $path }
files-line-modified = MODIFIED  { $path }
files-line-metadata = METADATA  { $path }
files-line-deleted = DELETED   { $path }
files-part-kind = kind { $before } -> { $after }
files-part-size = bytes { $before } -> { $after }
files-part-content = SHA-256 { $before }… -> { $after }…
files-part-target = points to { $before } -> { $after }
files-part-mode = mode { $before } -> { $after }
files-part-owner = owner { $before } -> { $after }
files-part-group = group { $before } -> { $after }
files-part-attributes = extended attributes { $before } -> { $after }
files-part-modified = modified { $before } -> { $after }
files-kind-file = file
files-kind-directory = directory
files-kind-link = link
files-kind-other = device, socket or pipe
files-unknown = unknown
files-none = none
files-difference = Difference of { $at } (SHA-256 { $digest }):
files-no-difference = No difference of this file is kept; it must be declared in [[text]] of the configuration and have changed since.
files-no-folder = there is no such folder
files-excluded = the folder is excluded by the configuration, or is a view of the kernel
files-taken = the file holds a baseline of this folder already; remove it or name another
files-no-baseline = there is no baseline in the file
files-other-folder = the baseline is not of this folder, or was never finished; run files create first
files-damaged = the baseline is damaged; it was renamed to { $path }
files-failed = the folder could not be examined

# The service
service-by-system = on this system the package and systemd keep the service: systemctl status vonggac-agent
service-denied = needs an administrator: open the prompt with "Run as administrator" and try again
service-refused = the service manager refuses
service-folder = the folder of the agent's configuration was made by another account or is a link; nothing in it is to be believed: remove it, then install again
service-installed = Service installed, started with the system: { $path }. To start it now: vonggac-agent service start
service-part-refused = The system did not take a part of the service's entry: { $what } (code { $code }).
service-started = The service runs.
service-stopped = The service has stopped.
service-missing = The service is not installed: vonggac-agent service install
service-is-stopped = The service does NOT run; it last ended with code { $code }.
service-is-starting = The service is starting (process { $process }).
service-is-running = The service runs (process { $process }).
service-is-stopping = The service is stopping (process { $process }).
service-removed = Service removed.
service-kept = Identity, queue and configuration are kept in { $path }.
service-left = This file is in use, remove it later: { $path }

# Waiting for an identity
waiting-nothing = The service waits to be enrolled: there is no enrolment string. Run: vonggac-agent enrol vg1:…
waiting-nothing-more = The service waits for another enrolment string: the one it was given is of no use. Run: vonggac-agent enrol vg1:…
waiting-installer = The service is about to enrol with the string given at installation (at { $at }).
waiting-policy = The service is about to enrol with the string of the domain's policy (at { $at }).
waiting-installer-again = The service could not enrol yet with the string given at installation; next attempt at { $at }
waiting-policy-again = The service could not enrol yet with the string of the domain's policy; next attempt at { $at }

# Versions of the agent
upgrade-installed = Installed by the package: { $version }
upgrade-trial = On trial, has yet to report: { $version }
upgrade-settled = Runs, came by an upgrade: { $version }
upgrade-previous = Kept, the version before: { $version }
upgrade-none = No upgraded version: the installed program runs.
upgrade-unwanted = Sent away by a person of this machine, not taken again: { $version }
upgrade-back-waits = The way back from { $version } waits for the service to follow it.
upgrade-denied = needs an administrator (Linux: sudo; Windows: "Run as administrator")
upgrade-unkept = the state folder cannot be read or written; is the disk full?
upgrade-nothing-before = Nothing to go back from: the installed program { $version } runs. An older one comes by its package.
upgrade-back-asked = Back from { $from } to { $to }: the launcher ends { $from } within seconds.
upgrade-back-done = Done: { $from } is not started any more, { $to } runs. The collector is told; { $from } is not taken again on this machine.
upgrade-back-at-start = Kept: the service does not run { $from } now; { $to } runs when the service starts next.
upgrade-back-not-yet = the service has not followed yet; the way back from { $from } is kept and followed at its next start at the latest: restart the service
