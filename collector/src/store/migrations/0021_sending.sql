-- What leaves the collector by itself: where to, what waits, what was answered; and the warnings of clocks.

CREATE TABLE destination (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,             -- JSON: carrier and address; no secret
    secret TEXT,                        -- name of the file in keys/ that holds the secret
    agency TEXT REFERENCES agency (id), -- only of this agency; NULL: of all
    severity TEXT NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')), -- this and graver
    events TEXT NOT NULL,               -- JSON array: what of
    role TEXT,                          -- the addressee of legal profiles that stands behind it
    drills INTEGER NOT NULL CHECK (drills IN (0, 1)),
    allow_local INTEGER NOT NULL CHECK (allow_local IN (0, 1)),
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    removed_at INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,    -- times in a row that it could not be reached
    not_before INTEGER NOT NULL DEFAULT 0   -- not tried again before this moment
) STRICT;
CREATE UNIQUE INDEX destination_name ON destination (name) WHERE removed_at IS NULL;

CREATE TABLE outgoing (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,           -- what the receiver knows it by; the same at every try
    destination INTEGER NOT NULL REFERENCES destination (id),
    key TEXT NOT NULL,                  -- what it speaks of; once for each destination
    incident INTEGER REFERENCES incident (id),
    event TEXT NOT NULL,
    form TEXT NOT NULL,                 -- what the body is written in
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    is_drill INTEGER NOT NULL CHECK (is_drill IN (0, 1)),
    report TEXT,                        -- JSON: duty, role, the letter's number, who sent it, fields as they were
    made_at INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'failed', 'withdrawn')),
    ended_at INTEGER,                   -- when it was confirmed, given up or withdrawn
    receipt TEXT,                       -- what the receiver answered
    error TEXT NOT NULL DEFAULT '',     -- of the last try
    UNIQUE (destination, key)
) STRICT;
CREATE INDEX outgoing_waiting ON outgoing (destination, next_at, id) WHERE state IN ('waiting', 'sending');
CREATE INDEX outgoing_by_incident ON outgoing (incident, id);

-- Incidents of which a destination with a full queue was not told: one message tells all of it once there is room.
CREATE TABLE outgoing_held (
    destination INTEGER NOT NULL REFERENCES destination (id),
    incident INTEGER NOT NULL REFERENCES incident (id),
    events INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (destination, incident)
) STRICT, WITHOUT ROWID;

-- Warnings that were raised, or passed over because a graver one was due already.
CREATE TABLE clock_warning (
    incident INTEGER NOT NULL REFERENCES incident (id),
    clock TEXT NOT NULL,
    due INTEGER NOT NULL,               -- a clock that was moved is warned of anew
    share INTEGER NOT NULL,             -- of its time, in percent; 100: it passed
    at INTEGER NOT NULL,
    told INTEGER NOT NULL CHECK (told IN (0, 1)),
    is_duty INTEGER NOT NULL CHECK (is_duty IN (0, 1)),
    PRIMARY KEY (incident, clock, due, share)
) STRICT, WITHOUT ROWID;
CREATE TABLE clock_look (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at INTEGER NOT NULL
) STRICT;

-- What the receiver answered, for a report that the collector sent itself.
ALTER TABLE incident_report ADD COLUMN receipt TEXT;
