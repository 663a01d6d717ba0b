-- What hosts were ever asked to watch; the newest counts.
CREATE TABLE assignment (
    version INTEGER PRIMARY KEY,
    body BLOB NOT NULL,                 -- CBOR of protocol::assignment::Assignment
    made_at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER assignment_is_final BEFORE UPDATE ON assignment BEGIN SELECT RAISE(ABORT, 'assignments are never edited'); END;
