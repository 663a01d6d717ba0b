-- Who may come in: which machine an identity belongs to, machines never to be enrolled, enrolments that were refused.

-- What is known of the machine that an identity belongs to; its fingerprint stays in `host`.
CREATE TABLE machine (
    host BLOB PRIMARY KEY REFERENCES host (id),
    marks BLOB,                         -- CBOR of protocol::machine::MachineMarks
    held_number INTEGER,                -- the newest step of its life that is on its disk
    held_secret BLOB,
    offered_number INTEGER,             -- a step that was given and is not confirmed
    offered_secret BLOB,
    set_back INTEGER NOT NULL DEFAULT 0 CHECK (set_back IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Steps that nobody may come back with.
CREATE TABLE machine_left (
    host BLOB NOT NULL REFERENCES host (id),
    number INTEGER NOT NULL,
    secret BLOB NOT NULL,
    decided INTEGER NOT NULL CHECK (decided IN (0, 1)),
    at INTEGER NOT NULL,
    PRIMARY KEY (host, number, secret)
) STRICT, WITHOUT ROWID;

-- The machine that came with the identity of another, until a person decides; then, if it was turned away, for ever.
CREATE TABLE machine_found (
    id INTEGER PRIMARY KEY,
    host BLOB NOT NULL REFERENCES host (id),
    fingerprint BLOB NOT NULL,
    marks BLOB,
    step_number INTEGER,
    step_secret BLOB,
    told_apart_by TEXT NOT NULL CHECK (told_apart_by IN ('installation', 'hardware', 'continuity')),
    address TEXT NOT NULL,
    before TEXT NOT NULL,               -- network address that the identity came from until then
    at INTEGER NOT NULL,
    decision TEXT CHECK (decision IN ('turned_away', 'taken', 'enrol_again')),
    decided_by TEXT,
    decided_at INTEGER,
    reason TEXT
) STRICT;
CREATE INDEX machine_found_by_host ON machine_found (host, id);

-- Machines that are never to be enrolled: by a mark, or by what they call themselves.
CREATE TABLE forbidden (
    id INTEGER PRIMARY KEY,
    mark BLOB,                          -- a digest of MachineMarks
    name TEXT,                          -- with * for any characters; small letters
    agency TEXT REFERENCES agency (id), -- only there; NULL: everywhere
    reason TEXT NOT NULL,
    person TEXT NOT NULL,
    at INTEGER NOT NULL,
    lifted_by TEXT,
    lifted_at INTEGER,
    lifted_reason TEXT,
    CHECK ((mark IS NULL) <> (name IS NULL))
) STRICT;
CREATE TRIGGER forbidden_stays BEFORE DELETE ON forbidden BEGIN SELECT RAISE(ABORT, 'entries are lifted, never removed'); END;

ALTER TABLE host ADD COLUMN forbidden INTEGER REFERENCES forbidden (id);

-- Refused enrolments, counted by the hour so that a flood makes no more rows than a few.
CREATE TABLE refused_enrolment (
    hour INTEGER NOT NULL,              -- milliseconds since 1970 at its beginning
    address TEXT NOT NULL,              -- an IPv6 address as its /64; 'others' when there are too many
    agency TEXT NOT NULL,               -- as named in the request if we have it, otherwise empty
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    name TEXT NOT NULL,                 -- what the last of them called itself
    audited INTEGER NOT NULL,           -- how many of them the audit log has told of
    PRIMARY KEY (hour, address, agency, reason)
) STRICT, WITHOUT ROWID;
CREATE INDEX refused_enrolment_by_time ON refused_enrolment (last_at);
