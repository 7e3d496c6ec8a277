DROP INDEX images_by_uploader;

CREATE INDEX images_by_uploader ON images (uploader, id);
