ALTER TABLE images ADD COLUMN received_sha256 TEXT;
