//! The tables, as `migrations/` makes them on both engines.

diesel::table! {
    /// One row an image. A deleted image keeps its row as a tombstone.
    images (id) {
        /// UUIDv7 as text: sorting by it is sorting by time.
        id -> Text,
        /// Who uploaded it.
        uploader -> Text,
        /// What it shows, in words.
        alt -> Nullable<Text>,
        /// What the uploader's file was called.
        file_name -> Nullable<Text>,
        /// Its media type.
        content_type -> Text,
        /// Length in bytes.
        size_bytes -> BigInt,
        /// Width in pixels.
        width -> Integer,
        /// Height in pixels.
        height -> Integer,
        /// SHA-256 of the bytes, in hexadecimal.
        sha256 -> Text,
        /// SHA-256 of the file as it was received. Null: it was published as received.
        received_sha256 -> Nullable<Text>,
        /// The object's key in the bucket.
        object_key -> Text,
        /// The object's public URL.
        url -> Text,
        /// SHA-256 of the client's idempotency key, in hexadecimal.
        idempotency_key -> Nullable<Text>,
        /// When it was taken in, UTC.
        created_at -> Timestamp,
        /// When S3 confirmed the object. Null: S3 is still owed.
        stored_at -> Nullable<Timestamp>,
        /// When it was deleted. Not null: this row is a tombstone.
        deleted_at -> Nullable<Timestamp>,
        /// When nothing but this row was left of it.
        purged_at -> Nullable<Timestamp>,
        /// What to show while it loads, in base64. Null: no variant has been made yet, or it was deleted.
        thumbhash -> Nullable<Text>,
    }
}

diesel::table! {
    /// Contents that may not be uploaded again.
    blocked_contents (sha256) {
        /// SHA-256 of the content, in hexadecimal.
        sha256 -> Text,
        /// Why, for whoever uploads it.
        reason -> Nullable<Text>,
        /// Since when.
        blocked_at -> Timestamp,
    }
}
