-- What a collector keeps. Moments are milliseconds since 1970 (UTC); digests are 32 bytes of SHA-256.
-- A migration is frozen once released: never edit it, write the next one.

CREATE TABLE agency (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('province', 'department', 'district', 'commune')),
    added_at INTEGER NOT NULL
) STRICT;

CREATE TABLE token (
    digest BLOB PRIMARY KEY,            -- SHA-256 of the secret; the secret itself is never kept
    agency TEXT NOT NULL REFERENCES agency (id),
    uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
    expires_at INTEGER NOT NULL,
    needs_approval INTEGER NOT NULL CHECK (needs_approval IN (0, 1)),
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL
) STRICT;

CREATE TABLE host (
    id BLOB PRIMARY KEY,                -- 16 bytes
    agency TEXT NOT NULL REFERENCES agency (id),
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'active', 'held', 'revoked')),
    fingerprint BLOB,                   -- of the machine that first said hello
    enrolled_at INTEGER NOT NULL,
    last_heard_at INTEGER,
    silent_since INTEGER,               -- set while silent
    promised_secs INTEGER NOT NULL DEFAULT 180,
    agent_version TEXT NOT NULL DEFAULT '',
    address TEXT NOT NULL DEFAULT '',
    clock_offset_ms INTEGER
) STRICT;
CREATE INDEX host_by_agency ON host (agency);

CREATE TABLE certificate (
    digest BLOB PRIMARY KEY,            -- SHA-256 of the DER
    host BLOB NOT NULL REFERENCES host (id),
    issued_at INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

-- How far each lane of each spool life is kept; moved in the transaction that keeps the observations.
CREATE TABLE mark (
    host BLOB NOT NULL REFERENCES host (id),
    epoch INTEGER NOT NULL,             -- bits of the u64, as a signed number
    lane INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    PRIMARY KEY (host, epoch, lane)
) STRICT, WITHOUT ROWID;

CREATE TABLE observation (
    id INTEGER PRIMARY KEY,             -- order of arrival; the judge's cursor runs over it
    host BLOB NOT NULL REFERENCES host (id),
    epoch INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    kind TEXT NOT NULL,                 -- the word of the kind; 'unknown' for kinds newer than this program
    body BLOB NOT NULL,                 -- exactly the bytes that the agent spooled
    UNIQUE (host, epoch, lane, seq)
) STRICT;
CREATE INDEX observation_by_host ON observation (host, kind, id);

-- The newest observation of each kind that describes a state.
CREATE TABLE latest (
    host BLOB NOT NULL REFERENCES host (id),
    kind TEXT NOT NULL,
    observation INTEGER NOT NULL REFERENCES observation (id),
    PRIMARY KEY (host, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE inventory (
    host BLOB PRIMARY KEY REFERENCES host (id),
    digest BLOB NOT NULL,
    at INTEGER NOT NULL,
    observation INTEGER NOT NULL REFERENCES observation (id)
) STRICT;
CREATE TABLE package (
    host BLOB NOT NULL REFERENCES host (id),
    manager INTEGER NOT NULL,
    name TEXT NOT NULL,
    architecture TEXT NOT NULL,
    version TEXT NOT NULL,
    body BLOB NOT NULL,                 -- CBOR of protocol::package::Package
    PRIMARY KEY (host, manager, name, architecture, version)
) STRICT, WITHOUT ROWID;
-- Parts of an inventory until all of them are there.
CREATE TABLE inventory_part (
    host BLOB NOT NULL REFERENCES host (id),
    digest BLOB NOT NULL,
    part INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    body BLOB NOT NULL,                 -- CBOR of the list of packages
    PRIMARY KEY (host, digest, part)
) STRICT, WITHOUT ROWID;

-- Rule sets that were ever in force; findings and snapshots name them by digest.
CREATE TABLE rule_set (
    digest BLOB PRIMARY KEY,
    loaded_at INTEGER NOT NULL,
    files TEXT NOT NULL                 -- JSON: [{"path":…,"digest":…}]
) STRICT;
CREATE TABLE judge (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    cursor INTEGER NOT NULL             -- the last observation that was judged
) STRICT;
INSERT INTO judge VALUES (1, 0);

CREATE TABLE incident (
    id INTEGER PRIMARY KEY,
    join_key TEXT NOT NULL,             -- rule, agency, and host and subject as the rule says
    rule TEXT NOT NULL,
    rule_set BLOB NOT NULL,
    title_vi TEXT NOT NULL,             -- as the rule had it when the incident was opened
    title_en TEXT NOT NULL,
    clauses TEXT NOT NULL,              -- JSON array of clause ids, likewise
    owner_role TEXT NOT NULL,
    agency TEXT NOT NULL REFERENCES agency (id),
    subject TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    state TEXT NOT NULL CHECK (state IN ('new', 'acknowledged', 'closed')),
    outcome TEXT CHECK (outcome IN ('true_impact', 'true_no_impact', 'false_alarm', 'planned_change', 'duplicate', 'unknown')),
    owner TEXT,
    opened_at INTEGER NOT NULL,         -- moment of the first evidence
    raised_at INTEGER NOT NULL,         -- moment the collector opened it
    last_at INTEGER NOT NULL,           -- moment of the newest evidence
    acknowledged_at INTEGER,
    closed_at INTEGER,
    findings INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 1  -- grows with every change; the ETag
) STRICT;
CREATE UNIQUE INDEX incident_open ON incident (join_key) WHERE state <> 'closed';
CREATE INDEX incident_by_agency ON incident (agency, state, last_at);

CREATE TABLE incident_host (
    incident INTEGER NOT NULL REFERENCES incident (id),
    host BLOB NOT NULL REFERENCES host (id),
    findings INTEGER NOT NULL,
    PRIMARY KEY (incident, host)
) STRICT, WITHOUT ROWID;

CREATE TABLE finding (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,           -- rule, subject and evidence: judging again changes nothing
    rule TEXT NOT NULL,
    rule_set BLOB NOT NULL,
    incident INTEGER NOT NULL REFERENCES incident (id),
    agency TEXT NOT NULL,
    host BLOB NOT NULL REFERENCES host (id),
    subject TEXT NOT NULL,
    severity TEXT NOT NULL,
    at INTEGER NOT NULL,
    fields TEXT NOT NULL,               -- JSON object: what the sentence for people needs
    evidence TEXT NOT NULL              -- JSON array of observation ids as text
) STRICT;
CREATE INDEX finding_by_incident ON finding (incident, id);

-- What people and the collector did to an incident; append-only.
CREATE TABLE incident_entry (
    id INTEGER PRIMARY KEY,
    incident INTEGER NOT NULL REFERENCES incident (id),
    at INTEGER NOT NULL,
    person TEXT,                        -- NULL: the collector itself
    action TEXT NOT NULL CHECK (action IN ('opened', 'acknowledged', 'commented', 'assigned', 'severity', 'closed', 'reopened')),
    text TEXT NOT NULL DEFAULT '',
    before TEXT,
    after TEXT
) STRICT;
CREATE INDEX entry_by_incident ON incident_entry (incident, id);

CREATE TABLE person (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'analyst', 'agency', 'auditor', 'viewer')),
    agency TEXT REFERENCES agency (id), -- NULL: sees the whole province
    password TEXT,                      -- argon2id, PHC form; NULL until set
    language TEXT NOT NULL DEFAULT 'vi',
    made_at INTEGER NOT NULL,
    disabled_at INTEGER,
    CHECK (role <> 'agency' OR agency IS NOT NULL)
) STRICT;
CREATE TABLE sign_in_link (
    digest BLOB PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES person (id),
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
CREATE TABLE session (
    digest BLOB PRIMARY KEY,            -- of the cookie's secret, or of an API token
    person INTEGER NOT NULL REFERENCES person (id),
    kind TEXT NOT NULL CHECK (kind IN ('browser', 'token')),
    made_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- Everybody's actions, in a hash chain: digest = SHA-256(previous || canonical JSON of the other columns).
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    person TEXT NOT NULL,               -- a person's name, 'operator' for the command line, 'collector'
    agency TEXT,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous BLOB NOT NULL,
    digest BLOB NOT NULL UNIQUE
) STRICT;

-- Signed statements where nothing can be measured.
CREATE TABLE attestation (
    id INTEGER PRIMARY KEY,
    clause TEXT NOT NULL,
    agency TEXT REFERENCES agency (id), -- NULL: the whole province
    text TEXT NOT NULL,
    signed_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    valid_until INTEGER,
    file_digest BLOB
) STRICT;

CREATE TRIGGER observation_is_final BEFORE UPDATE ON observation BEGIN SELECT RAISE(ABORT, 'observations are never edited'); END;
CREATE TRIGGER finding_is_final BEFORE UPDATE ON finding BEGIN SELECT RAISE(ABORT, 'findings are never edited'); END;
CREATE TRIGGER entry_is_final BEFORE UPDATE ON incident_entry BEGIN SELECT RAISE(ABORT, 'entries are never edited'); END;
CREATE TRIGGER entry_stays BEFORE DELETE ON incident_entry BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;
CREATE TRIGGER audit_is_final BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is never edited'); END;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is never shortened'); END;
CREATE TRIGGER attestation_is_final BEFORE UPDATE ON attestation BEGIN SELECT RAISE(ABORT, 'attestations are never edited'); END;
