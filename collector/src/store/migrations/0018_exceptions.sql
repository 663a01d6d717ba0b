-- Findings that a person decided not to be troubled by, until a day: they raise no incident and are kept all the same.
-- What was excepted, by whom and why is never edited and never removed.
CREATE TABLE rule_exception (
    id INTEGER PRIMARY KEY,
    rule TEXT NOT NULL,
    agency TEXT REFERENCES agency (id), -- every host of it; both NULL: the whole province
    host BLOB REFERENCES host (id),     -- this one alone
    conditions TEXT NOT NULL,           -- JSON object: field of the finding, value with `*`; all must fit
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL CHECK (ends_at > made_at),
    withdrawn_by TEXT,
    withdrawn_at INTEGER,
    withdrawn_reason TEXT,
    CHECK (agency IS NULL OR host IS NULL)
) STRICT;
CREATE INDEX rule_exception_by_rule ON rule_exception (rule);
CREATE TRIGGER rule_exception_stays BEFORE DELETE ON rule_exception BEGIN SELECT RAISE(ABORT, 'exceptions are withdrawn, never removed'); END;
CREATE TRIGGER rule_exception_is_final BEFORE UPDATE OF id, rule, agency, host, conditions, reason, made_by, made_at, ends_at ON rule_exception BEGIN SELECT RAISE(ABORT, 'exceptions are never edited'); END;
CREATE TRIGGER rule_exception_withdrawn_once BEFORE UPDATE ON rule_exception WHEN OLD.withdrawn_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'an exception is withdrawn once'); END;

-- What rules concluded and an exception answered: as findings are kept, under an exception instead of an incident.
CREATE TABLE excepted_finding (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    exception INTEGER NOT NULL REFERENCES rule_exception (id),
    rule TEXT NOT NULL,
    rule_set BLOB NOT NULL,
    agency TEXT NOT NULL,
    host BLOB NOT NULL REFERENCES host (id),
    subject TEXT NOT NULL,
    severity TEXT NOT NULL,
    at INTEGER NOT NULL,
    kept_at INTEGER NOT NULL,
    fields TEXT NOT NULL,
    evidence TEXT NOT NULL
) STRICT;
CREATE INDEX excepted_by_exception ON excepted_finding (exception, id);
CREATE TRIGGER excepted_is_final BEFORE UPDATE ON excepted_finding BEGIN SELECT RAISE(ABORT, 'findings are never edited'); END;
CREATE TRIGGER excepted_stays BEFORE DELETE ON excepted_finding BEGIN SELECT RAISE(ABORT, 'findings are never removed'); END;
