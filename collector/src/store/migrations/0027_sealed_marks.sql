-- Serial numbers and network addresses of machines are kept under a key that lies outside this file.

-- One row once the marks in `machine` and `machine_found` are sealed: what tells the key they are sealed with.
CREATE TABLE mark_key (
    proof BLOB NOT NULL CHECK (length(proof) = 32)
) STRICT;

ALTER TABLE forbidden ADD COLUMN sealed BLOB;   -- the mark as the key makes it, for serial numbers
