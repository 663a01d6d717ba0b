-- The distinct packages of all machines, and which of them each machine has: so that a start need not read every
-- inventory anew. Nothing rests on these tables; emptied, they are written again from the inventories.

CREATE TABLE fleet_form (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    form TEXT NOT NULL                  -- what wrote the tables; those of another form are not used
) STRICT;

CREATE TABLE fleet_package (
    number INTEGER PRIMARY KEY CHECK (number >= 0),  -- from 0, without gaps
    identity BLOB NOT NULL              -- as advisory::fleet::Fleet::identity has it
) STRICT;

CREATE TABLE fleet_host (
    host BLOB PRIMARY KEY REFERENCES host (id),
    inventory BLOB NOT NULL,            -- digest of the inventory that the numbers are of
    observation INTEGER NOT NULL,       -- the newest that says what the machine is
    ecosystem TEXT,                     -- as OSV spells it
    pro INTEGER CHECK (pro IN (0, 1)),
    kernel_running TEXT NOT NULL,
    kernel_installed TEXT
) STRICT;

-- Apart, because a machine says more often what it is than it has other packages.
CREATE TABLE fleet_numbers (
    host BLOB PRIMARY KEY REFERENCES host (id),
    packages BLOB NOT NULL              -- as advisory::fleet::kept::pack writes them
) STRICT;
