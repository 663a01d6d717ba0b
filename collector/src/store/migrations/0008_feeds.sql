-- Advisories that were carried in, as packed by `feeds`; and the keys of those who may sign bundles of them.

CREATE TABLE feed (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    about TEXT NOT NULL,                -- JSON of feeds::part::Part
    dated INTEGER NOT NULL,             -- the date of the data, not of the import
    rows INTEGER NOT NULL,
    digest BLOB NOT NULL,               -- of `content`
    imported_at INTEGER NOT NULL,
    imported_by TEXT NOT NULL,
    signed_by TEXT,                     -- public key; NULL: a single file that nobody signed
    bundled_at INTEGER,                 -- when the bundle was made that it came in
    content BLOB NOT NULL               -- zstd around lines of JSON: advisory::feed::packed
) STRICT;

CREATE TABLE feed_key (
    key TEXT PRIMARY KEY,               -- as `minisign -P` takes it
    name TEXT NOT NULL,                 -- whose it is
    person TEXT NOT NULL,
    at INTEGER NOT NULL,
    withdrawn_by TEXT,
    withdrawn_at INTEGER
) STRICT;

-- The newest bundle that was ever taken: an older one needs a person's word.
CREATE TABLE feed_bundle (
    digest BLOB PRIMARY KEY,
    made_at INTEGER NOT NULL,
    signed_by TEXT NOT NULL,
    imported_at INTEGER NOT NULL,
    imported_by TEXT NOT NULL
) STRICT;
