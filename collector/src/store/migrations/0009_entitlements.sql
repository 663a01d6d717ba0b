-- What agencies may use: their ledgers as imported. A line that no longer counts is put out of force, never removed,
-- so that any moment can be told as it was.
CREATE TABLE entitlement_import (
    id INTEGER PRIMARY KEY,
    agency TEXT NOT NULL REFERENCES agency (id),
    at INTEGER NOT NULL,
    person TEXT NOT NULL,
    file TEXT NOT NULL,                 -- its name, without folders
    digest BLOB NOT NULL,               -- SHA-256 of the file
    lines INTEGER NOT NULL              -- lines that were in force after it
) STRICT;
CREATE TRIGGER entitlement_import_stays BEFORE DELETE ON entitlement_import BEGIN SELECT RAISE(ABORT, 'imports stay'); END;

CREATE TABLE entitlement (
    id INTEGER PRIMARY KEY,
    agency TEXT NOT NULL REFERENCES agency (id),
    product TEXT NOT NULL,              -- id in the catalogue
    edition TEXT,
    version_max TEXT,
    metric TEXT NOT NULL CHECK (metric IN ('device', 'user', 'core', 'site')),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    starts TEXT,                        -- YYYY-MM-DD
    ends TEXT,
    contract TEXT NOT NULL,
    note TEXT NOT NULL,
    taken_by INTEGER NOT NULL REFERENCES entitlement_import (id),
    taken_at INTEGER NOT NULL,
    left_by INTEGER REFERENCES entitlement_import (id),
    left_at INTEGER
) STRICT;
CREATE INDEX entitlement_by_agency ON entitlement (agency, left_at);
CREATE TRIGGER entitlement_stays BEFORE DELETE ON entitlement BEGIN SELECT RAISE(ABORT, 'entitlements are put out of force, never removed'); END;
