-- Releases of the agent, to whom they are offered, and what became of it. Releases and orders are logs: nothing is edited or removed.
CREATE TABLE release (
    id INTEGER PRIMARY KEY,
    version TEXT NOT NULL,              -- numbers with dots; later ones are greater
    system TEXT NOT NULL,
    architecture TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL UNIQUE,        -- of the program
    manifest TEXT NOT NULL,             -- as it was signed
    signature TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    signed_by TEXT NOT NULL,            -- public key
    imported_at INTEGER NOT NULL,
    imported_by TEXT NOT NULL,
    UNIQUE (version, system, architecture)
) STRICT;
CREATE TRIGGER release_is_final BEFORE UPDATE ON release BEGIN SELECT RAISE(ABORT, 'releases are never edited'); END;
CREATE TRIGGER release_stays BEFORE DELETE ON release BEGIN SELECT RAISE(ABORT, 'releases are never removed'); END;

CREATE TABLE release_piece (
    release INTEGER NOT NULL REFERENCES release (id),
    number INTEGER NOT NULL,
    packed BLOB NOT NULL,               -- zstd, as it is sent
    PRIMARY KEY (release, number)
) STRICT;

CREATE TABLE release_order (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    person TEXT NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('offer', 'halt')),
    version TEXT,                       -- what is offered
    agency TEXT REFERENCES agency (id), -- where; NULL: everywhere
    percent INTEGER NOT NULL CHECK (percent BETWEEN 0 AND 100),
    reason TEXT NOT NULL,
    CHECK ((what = 'offer') = (version IS NOT NULL))
) STRICT;
CREATE TRIGGER release_order_is_final BEFORE UPDATE ON release_order BEGIN SELECT RAISE(ABORT, 'orders are never edited'); END;
CREATE TRIGGER release_order_stays BEFORE DELETE ON release_order BEGIN SELECT RAISE(ABORT, 'orders are never removed'); END;

CREATE TABLE release_host (
    ordered INTEGER NOT NULL REFERENCES release_order (id),
    host BLOB NOT NULL REFERENCES host (id),
    offered_at INTEGER NOT NULL,
    taken_at INTEGER,                   -- when the last piece was sent
    outcome TEXT,                       -- as the agent told: upgraded, returned, refused
    reason TEXT,
    ended_at INTEGER,
    PRIMARY KEY (ordered, host)
) STRICT;
CREATE INDEX release_host_by_host ON release_host (host);
