-- Change windows: spans in which the changes of files that they name are kept and raise nothing.
CREATE TABLE change_window (
    id INTEGER PRIMARY KEY,
    agency TEXT NOT NULL REFERENCES agency (id),
    host BLOB REFERENCES host (id),     -- NULL: every host of the agency
    roots TEXT NOT NULL,                -- JSON array of paths; empty: every root but the guarded areas
    reason TEXT NOT NULL,
    opened_by TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,           -- closes by itself then; 7 days after its opening at the latest
    closed_by TEXT,                     -- set together when somebody closed it before its end
    closed_at INTEGER,
    CHECK (ends_at > opened_at AND ends_at - opened_at <= 604800000),
    CHECK ((closed_by IS NULL) = (closed_at IS NULL))
) STRICT;
CREATE INDEX window_by_agency ON change_window (agency, id);

-- What a window kept quiet, so that nothing is hidden and judging again concludes the same.
CREATE TABLE window_kept (
    observation INTEGER PRIMARY KEY REFERENCES observation (id),
    change_window INTEGER NOT NULL REFERENCES change_window (id)
) STRICT;
CREATE INDEX kept_by_window ON window_kept (change_window, observation);

CREATE TRIGGER window_is_final BEFORE UPDATE ON change_window
WHEN old.closed_at IS NOT NULL OR new.id <> old.id OR new.agency <> old.agency OR new.host IS NOT old.host
    OR new.roots <> old.roots OR new.reason <> old.reason OR new.opened_by <> old.opened_by
    OR new.opened_at <> old.opened_at OR new.ends_at <> old.ends_at
BEGIN SELECT RAISE(ABORT, 'a window is only ever closed'); END;
CREATE TRIGGER window_stays BEFORE DELETE ON change_window BEGIN SELECT RAISE(ABORT, 'windows stay in the history'); END;
CREATE TRIGGER kept_is_final BEFORE UPDATE ON window_kept BEGIN SELECT RAISE(ABORT, 'what a window kept is never edited'); END;
