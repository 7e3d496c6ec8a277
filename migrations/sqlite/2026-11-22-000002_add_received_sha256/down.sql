ALTER TABLE images DROP COLUMN received_sha256;
