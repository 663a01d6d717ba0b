-- Signed packs of rules, and which of them judges whom. Both are logs: nothing is edited or removed.
CREATE TABLE rule_pack (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,              -- numbers with dots; later ones are greater
    rule_set BLOB NOT NULL,             -- digest of its rule files
    made_at INTEGER NOT NULL,
    signed_by TEXT NOT NULL,            -- public key
    imported_at INTEGER NOT NULL,
    imported_by TEXT NOT NULL,
    digest BLOB NOT NULL,               -- of `content`
    content BLOB NOT NULL,              -- the file as it came
    UNIQUE (name, version)
) STRICT;
CREATE TRIGGER rule_pack_is_final BEFORE UPDATE ON rule_pack BEGIN SELECT RAISE(ABORT, 'packs are never edited'); END;
CREATE TRIGGER rule_pack_stays BEFORE DELETE ON rule_pack BEGIN SELECT RAISE(ABORT, 'packs are never removed'); END;

CREATE TABLE rule_order (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    person TEXT NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('trial', 'all', 'withdraw', 'folder')),
    pack INTEGER REFERENCES rule_pack (id),
    agencies TEXT,                      -- JSON array: where it is tried
    reason TEXT NOT NULL,
    CHECK ((what IN ('trial', 'all')) = (pack IS NOT NULL)),
    CHECK ((what = 'trial') = (agencies IS NOT NULL))
) STRICT;
CREATE TRIGGER rule_order_is_final BEFORE UPDATE ON rule_order BEGIN SELECT RAISE(ABORT, 'orders are never edited'); END;
CREATE TRIGGER rule_order_stays BEFORE DELETE ON rule_order BEGIN SELECT RAISE(ABORT, 'orders are never removed'); END;

-- What people call a rule set: the pack and its version; empty for those of a folder or of the program.
ALTER TABLE rule_set ADD COLUMN label TEXT NOT NULL DEFAULT '';
