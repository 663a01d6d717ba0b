-- What an agency's hosts may move on the line in a day; every change is kept, and the newest holds.
CREATE TABLE line_budget (
    agency TEXT NOT NULL REFERENCES agency (id),
    number INTEGER NOT NULL,            -- from 1 for each agency; part of the version of what its hosts are assigned
    kib INTEGER,                        -- NULL: no limit
    at INTEGER NOT NULL,
    PRIMARY KEY (agency, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER line_budget_is_final BEFORE UPDATE ON line_budget BEGIN SELECT RAISE(ABORT, 'budgets are never edited'); END;
CREATE TRIGGER line_budget_stays BEFORE DELETE ON line_budget BEGIN SELECT RAISE(ABORT, 'budgets are never removed'); END;
