-- The whole life of an incident: more states, clocks by the profile it was born under, a reviewer, marks, tasks,
-- reports, links, merging and splitting. Findings and entries stay as they were written: what was merged or split is
-- told by rows of its own.

PRAGMA defer_foreign_keys = ON;

CREATE TEMP TABLE incident_before AS SELECT * FROM incident;
CREATE TEMP TABLE entry_before AS SELECT * FROM incident_entry;
DROP TABLE incident;

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
    state TEXT NOT NULL CHECK (state IN ('new', 'acknowledged', 'analysis', 'contained', 'eradicated', 'recovered', 'closed')),
    outcome TEXT CHECK (outcome IN ('true_impact', 'true_no_impact', 'false_alarm', 'planned_change', 'duplicate', 'unknown')),
    owner TEXT,
    reviewer TEXT,                      -- who, if set, alone closes it
    opened_at INTEGER NOT NULL,         -- moment of the first evidence
    raised_at INTEGER NOT NULL,         -- moment the collector opened it
    last_at INTEGER NOT NULL,           -- moment of the newest evidence
    detected_at INTEGER NOT NULL,       -- T0: when it was raised, to the minute; for one split off, that of its origin
    profile TEXT NOT NULL,              -- the regime of law that it was born under
    acknowledged_at INTEGER,
    triaged_at INTEGER,
    contained_at INTEGER,
    resolved_at INTEGER,
    closed_at INTEGER,
    judged_to INTEGER,                  -- the judge's cursor when it was closed
    findings INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 1, -- grows with every change; the ETag
    tlp TEXT NOT NULL DEFAULT 'TLP:AMBER',
    pap TEXT NOT NULL DEFAULT 'PAP:AMBER',
    marks TEXT NOT NULL DEFAULT '[]',   -- JSON array: what it touches
    drill_until INTEGER,                -- a drill: evidence until then joins it, and no figure counts it
    merged_into INTEGER REFERENCES incident (id)
) STRICT;
INSERT INTO incident (id, join_key, rule, rule_set, title_vi, title_en, clauses, owner_role, agency, subject, severity,
    state, outcome, owner, opened_at, raised_at, last_at, detected_at, profile, acknowledged_at, triaged_at,
    contained_at, resolved_at, closed_at, findings, version)
  SELECT id, join_key, rule, rule_set, title_vi, title_en, clauses, owner_role, agency, subject, severity,
    state, outcome, owner, opened_at, raised_at, last_at, raised_at - raised_at % 60000,
    -- 2026-08-19 in Vietnam.
    CASE WHEN raised_at >= 1787072400000 THEN 'vn-2026' ELSE 'vn-2017' END,
    coalesce(acknowledged_at, closed_at), closed_at, closed_at, closed_at, closed_at, findings, version
  FROM incident_before;
CREATE UNIQUE INDEX incident_open ON incident (join_key) WHERE state <> 'closed' AND drill_until IS NULL;
CREATE INDEX incident_by_key ON incident (join_key);
CREATE INDEX incident_by_agency ON incident (agency, state, last_at);
CREATE TRIGGER detection_is_final BEFORE UPDATE OF detected_at, profile ON incident
  WHEN OLD.detected_at IS NOT NEW.detected_at OR OLD.profile IS NOT NEW.profile
  BEGIN SELECT RAISE(ABORT, 'the detection of an incident and its profile are never edited'); END;

-- Which actions there are is the program's closed list.
DROP TABLE incident_entry;
CREATE TABLE incident_entry (
    id INTEGER PRIMARY KEY,
    incident INTEGER NOT NULL REFERENCES incident (id),
    at INTEGER NOT NULL,
    person TEXT,                        -- NULL: the collector itself
    action TEXT NOT NULL,
    text TEXT NOT NULL DEFAULT '',
    before TEXT,
    after TEXT
) STRICT;
INSERT INTO incident_entry SELECT id, incident, at, person, action, text, before, after FROM entry_before;
CREATE INDEX entry_by_incident ON incident_entry (incident, id);
CREATE TRIGGER entry_is_final BEFORE UPDATE ON incident_entry BEGIN SELECT RAISE(ABORT, 'entries are never edited'); END;
CREATE TRIGGER entry_stays BEFORE DELETE ON incident_entry BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;
DROP TABLE entry_before;
DROP TABLE incident_before;

-- Findings of another incident that this one has too: of one merged into it, or of the hosts that were split off.
CREATE TABLE incident_share (
    incident INTEGER NOT NULL REFERENCES incident (id),
    origin INTEGER NOT NULL REFERENCES incident (id),
    host BLOB REFERENCES host (id),     -- NULL: all of them
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX share_by_incident ON incident_share (incident);
-- Where findings with a join key go instead, as long as that incident is open.
CREATE TABLE incident_route (
    join_key TEXT NOT NULL,
    host BLOB NOT NULL,                 -- empty: any
    incident INTEGER NOT NULL REFERENCES incident (id),
    PRIMARY KEY (join_key, host)
) STRICT, WITHOUT ROWID;
CREATE VIEW finding_of AS
  SELECT f.incident AS incident, f.id AS finding, f.host AS host, 0 AS since FROM finding f
  UNION ALL
  SELECT s.incident, f.id, f.host, s.at FROM incident_share s
    JOIN finding f ON f.incident = s.origin AND (s.host IS NULL OR f.host = s.host);

CREATE TABLE incident_task (
    id INTEGER PRIMARY KEY,
    incident INTEGER NOT NULL REFERENCES incident (id),
    text TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'answered', 'accepted', 'withdrawn')),
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    answer TEXT NOT NULL DEFAULT '',
    evidence TEXT NOT NULL DEFAULT '[]', -- JSON array: observation ids, or sha256:… of files kept elsewhere
    answered_by TEXT,
    answered_at INTEGER
) STRICT;
CREATE INDEX task_by_incident ON incident_task (incident, id);

CREATE TABLE incident_link (
    incident INTEGER NOT NULL REFERENCES incident (id),
    kind TEXT NOT NULL CHECK (kind IN ('host', 'file', 'package')),
    value TEXT NOT NULL,
    PRIMARY KEY (incident, kind, value)
) STRICT, WITHOUT ROWID;

-- What people filled into the fields of forms.
CREATE TABLE incident_value (
    incident INTEGER NOT NULL REFERENCES incident (id),
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (incident, field)
) STRICT, WITHOUT ROWID;

CREATE TABLE incident_report (
    id INTEGER PRIMARY KEY,
    incident INTEGER NOT NULL REFERENCES incident (id),
    duty TEXT NOT NULL,
    number TEXT NOT NULL,               -- the letter's own number
    sent_at INTEGER NOT NULL,
    person TEXT NOT NULL,
    filled TEXT NOT NULL                -- JSON object: the form's fields as they were when it was sent
) STRICT;
CREATE INDEX report_by_incident ON incident_report (incident, id);
CREATE TRIGGER report_is_final BEFORE UPDATE ON incident_report BEGIN SELECT RAISE(ABORT, 'reports are never edited'); END;
CREATE TRIGGER report_stays BEFORE DELETE ON incident_report BEGIN SELECT RAISE(ABORT, 'reports are never removed'); END;

-- What a person says of a host: it raises the severity of what is found there.
CREATE TABLE host_mark (
    host BLOB PRIMARY KEY REFERENCES host (id),
    critical INTEGER NOT NULL CHECK (critical IN (0, 1)),
    level INTEGER CHECK (level BETWEEN 1 AND 5)
) STRICT, WITHOUT ROWID;
