CREATE TABLE blocked_contents (
    sha256 TEXT NOT NULL PRIMARY KEY,
    reason TEXT,
    blocked_at TIMESTAMP NOT NULL
) WITHOUT ROWID;
