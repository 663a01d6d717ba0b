-- What is known of each certificate beside its end, and which roots a host trusts.
ALTER TABLE certificate ADD COLUMN serial BLOB;             -- NULL: issued before serials were kept
ALTER TABLE certificate ADD COLUMN used_at INTEGER;         -- first welcome
ALTER TABLE certificate ADD COLUMN superseded_at INTEGER;   -- when a newer one was first used
CREATE INDEX certificate_host ON certificate (host, issued_at);

CREATE TABLE trusted (
    host BLOB PRIMARY KEY REFERENCES host (id),
    roots BLOB NOT NULL                                     -- SHA-256 of each, one after the other, as last said
) STRICT;
