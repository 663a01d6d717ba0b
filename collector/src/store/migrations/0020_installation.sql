-- Who this collector is to others: what it writes for them is named by this and the thing's number, so the same thing
-- always has the same name, and things of two provinces never share one. Goes with the data into backups.
CREATE TABLE installation (
    id BLOB NOT NULL CHECK (length(id) = 16),
    made_at INTEGER NOT NULL
) STRICT;
INSERT INTO installation VALUES (randomblob(16), unixepoch() * 1000);
CREATE TRIGGER installation_is_final BEFORE UPDATE ON installation
  BEGIN SELECT RAISE(ABORT, 'an installation keeps its name'); END;
CREATE TRIGGER installation_stays BEFORE DELETE ON installation
  BEGIN SELECT RAISE(ABORT, 'an installation keeps its name'); END;
