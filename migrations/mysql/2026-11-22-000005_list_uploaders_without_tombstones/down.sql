ALTER TABLE images
    DROP INDEX images_by_uploader,
    ADD INDEX images_by_uploader (uploader, id);
