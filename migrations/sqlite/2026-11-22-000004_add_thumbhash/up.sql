ALTER TABLE images ADD COLUMN thumbhash TEXT;
