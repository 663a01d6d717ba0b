-- Named persons want roots of a host measured anew; carried with what the host is assigned, done once by its agent.
CREATE TABLE rebaseline_order (
    host BLOB NOT NULL REFERENCES host (id),
    number INTEGER NOT NULL,            -- from 1 for each host; grows with every order
    root TEXT NOT NULL,                 -- a watched root, or '*'
    person TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (host, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER order_is_final BEFORE UPDATE ON rebaseline_order BEGIN SELECT RAISE(ABORT, 'orders are never edited'); END;
CREATE TRIGGER order_stays BEFORE DELETE ON rebaseline_order BEGIN SELECT RAISE(ABORT, 'orders are never removed'); END;
