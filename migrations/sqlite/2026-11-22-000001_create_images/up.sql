CREATE TABLE images (
    id TEXT NOT NULL PRIMARY KEY,
    uploader TEXT NOT NULL,
    alt TEXT,
    file_name TEXT,
    content_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    object_key TEXT NOT NULL,
    url TEXT NOT NULL,
    idempotency_key TEXT UNIQUE,
    created_at TIMESTAMP NOT NULL,
    stored_at TIMESTAMP,
    deleted_at TIMESTAMP,
    purged_at TIMESTAMP
) WITHOUT ROWID;

CREATE INDEX images_by_uploader ON images (uploader, id);

CREATE INDEX images_by_deletion ON images (deleted_at, id);
