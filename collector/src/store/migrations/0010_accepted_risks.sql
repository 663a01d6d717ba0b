-- Weaknesses that a person decided to live with, until a day. An acceptance ends by itself; what was accepted, by whom
-- and why is never edited and never removed.
CREATE TABLE accepted_risk (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,                 -- an advisory or a CVE, as findings name it
    package TEXT NOT NULL,              -- as the advisory names it
    agency TEXT REFERENCES agency (id), -- every host of it; both NULL: the whole province
    host BLOB REFERENCES host (id),     -- this one alone
    reason TEXT NOT NULL,
    accepted_by TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL CHECK (ends_at > accepted_at),
    withdrawn_by TEXT,
    withdrawn_at INTEGER,
    withdrawn_reason TEXT,
    CHECK (agency IS NULL OR host IS NULL)
) STRICT;
CREATE INDEX accepted_risk_by_host ON accepted_risk (host);
CREATE TRIGGER accepted_risk_stays BEFORE DELETE ON accepted_risk BEGIN SELECT RAISE(ABORT, 'acceptances are withdrawn, never removed'); END;
CREATE TRIGGER accepted_risk_is_final BEFORE UPDATE OF id, name, package, agency, host, reason, accepted_by, accepted_at, ends_at ON accepted_risk BEGIN SELECT RAISE(ABORT, 'acceptances are never edited'); END;
CREATE TRIGGER accepted_risk_withdrawn_once BEFORE UPDATE ON accepted_risk WHEN OLD.withdrawn_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'an acceptance is withdrawn once'); END;
