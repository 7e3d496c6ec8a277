//! The table of error codes. A new one is a line here; the answers, the OpenAPI document and its examples
//! follow from it.

use actix_web::http::StatusCode;

/// One line for each code: variant, status, title, an example of a detail.
macro_rules! error_codes {
    ($($(#[$comment:meta])* $variant:ident = $status:literal $code:literal $title:literal $example:literal,)*) => {
        /// A stable error code. Programs decide by it; it never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$comment])* $variant,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the statuses.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The HTTP status that it comes with.
            #[must_use]
            pub fn status(self) -> StatusCode {
                let status: u16 = match self { $(Self::$variant => $status,)* };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// The code as it is written.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it means, in a few words that are the same each time.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// A detail as a client may get it.
            #[must_use]
            pub fn example(self) -> &'static str {
                match self { $(Self::$variant => $example,)* }
            }
        }
    };
}

error_codes! {
    /// The HTTP request itself cannot be understood.
    RequestMalformed = 400 "request-malformed" "The request cannot be understood"
        "The request line, a header or the body is not valid HTTP.",
    /// A text field is missing or wrong.
    ValidationFailed = 400 "validation-failed" "A field is missing or not valid"
        "uploader must not be empty.",
    /// No file part.
    FileMissing = 400 "file-missing" "The file is missing"
        "Send the image as the multipart field \"file\".",
    /// The file part has no bytes.
    FileEmpty = 400 "file-empty" "The file is empty"
        "The field \"file\" has no content.",
    /// A field comes twice.
    FieldDuplicate = 400 "field-duplicate" "A field was sent more than once"
        "The field \"file\" may be sent only once.",
    /// A field that is not known.
    FieldUnknown = 400 "field-unknown" "A field is not known"
        "The field \"files\" is not known; send file, uploader and alt.",
    /// The multipart body is broken.
    MultipartMalformed = 400 "multipart-malformed" "The multipart body cannot be read"
        "The body ends before its closing boundary.",
    /// The header is no UUID.
    IdempotencyKeyInvalid = 400 "idempotency-key-invalid" "The Idempotency-Key header is not valid"
        "The Idempotency-Key header must be a UUID.",
    /// A query parameter is wrong.
    QueryInvalid = 400 "query-invalid" "A query parameter is not valid"
        "limit must be a number from 1 to 100.",
    /// No upload key.
    UploadKeyMissing = 401 "upload-key-missing" "An upload key is needed"
        "Send your upload key as: Authorization: Bearer <key>.",
    /// No admin key.
    AdminKeyMissing = 401 "admin-key-missing" "The admin key is needed"
        "Send the admin key as: Authorization: Bearer <key>.",
    /// No bearer token.
    TokenMissing = 401 "token-missing" "A delete token is needed"
        "Send the delete token as: Authorization: Bearer <token>.",
    /// A token that does not fit.
    TokenWrong = 403 "token-wrong" "The delete token does not fit"
        "This token does not delete this image.",
    /// An upload key that does not fit.
    UploadKeyWrong = 403 "upload-key-wrong" "The upload key is not known"
        "This key does not allow uploads here.",
    /// An admin key that does not fit.
    AdminKeyWrong = 403 "admin-key-wrong" "The admin key does not fit"
        "Only the operator's key allows this.",
    /// A page of another site wants to write.
    OriginNotAllowed = 403 "origin-not-allowed" "Pages of this origin may not write here"
        "Only the service's own pages, and those of origins that its operator allows, may upload and delete.",
    /// No such image.
    ImageNotFound = 404 "image-not-found" "There is no such image"
        "No image has this id.",
    /// No such route.
    RouteNotFound = 404 "route-not-found" "There is nothing at this address"
        "The API is described at /docs.",
    /// The route does not know the method.
    MethodNotAllowed = 405 "method-not-allowed" "The method is not allowed here"
        "This address answers GET, HEAD.",
    /// The body of an upload comes too slowly.
    UploadTooSlow = 408 "upload-too-slow" "The upload came too slowly"
        "The upload must arrive within 300 seconds, and never slower than 1024 bytes a second for long.",
    /// The key's first upload is still running.
    IdempotencyKeyInUse = 409 "idempotency-key-in-use" "An upload with this Idempotency-Key is still running"
        "Send the same request again in a moment.",
    /// The key's image was deleted.
    IdempotencyKeySpent = 409 "idempotency-key-spent" "The image that this Idempotency-Key made has been deleted"
        "Use a new Idempotency-Key to upload it again.",
    /// The image was deleted.
    ImageDeleted = 410 "image-deleted" "The image has been deleted"
        "It will not come back.",
    /// No body.
    LengthRequired = 411 "length-required" "The request has no body"
        "Send Content-Length, or Transfer-Encoding: chunked.",
    /// More bytes than allowed.
    FileTooLarge = 413 "file-too-large" "The file is too large"
        "The file may have at most 1048576 bytes.",
    /// Content that is no accepted image.
    MediaTypeUnsupported = 415 "media-type-unsupported" "This kind of file is not taken"
        "This is an SVG drawing. JPEG, PNG, GIF and WebP images are taken.",
    /// Not a multipart form.
    RequestNotMultipart = 415 "request-not-multipart" "The request is not a multipart form"
        "Send the image as multipart/form-data.",
    /// The range lies outside.
    RangeNotSatisfiable = 416 "range-not-satisfiable" "The range lies outside the image"
        "The image has 235000 bytes.",
    /// The header of the image cannot be read.
    ImageMalformed = 422 "image-malformed" "The image is damaged"
        "The JPEG ends before its dimensions.",
    /// Too many pixels or too long a side.
    ImageDimensionsExceeded = 422 "image-dimensions-exceeded" "The image has too many pixels"
        "The image is 20000 × 100 pixels; the limit for a side is 16384.",
    /// Too many frames, or too many pixels in them together.
    ImageAnimationExceeded = 422 "image-animation-exceeded" "The animation is too long"
        "The animation has 5000 frames; the limit is 1000.",
    /// The image was taken in, but its pixels cannot be read.
    ImageUndecodable = 422 "image-undecodable" "The image cannot be decoded"
        "There are no smaller versions of this image; the image itself is at its link.",
    /// The key came with other content.
    IdempotencyKeyMismatch = 422 "idempotency-key-mismatch" "The Idempotency-Key was used for another upload"
        "An upload with this key had other content. Use a new key for each upload.",
    /// The client has used up its rate.
    RateLimited = 429 "rate-limited" "Too many requests came from this address"
        "Too many requests came from this address: at most 1200 uploads in 3600 seconds are taken. Try again in 3 seconds.",
    /// The operator has blocked the content.
    ContentBlocked = 451 "content-blocked" "The content is blocked"
        "This content was taken down and cannot be uploaded again.",
    /// A mistake of ours.
    InternalError = 500 "internal-error" "Something went wrong here"
        "The failure has been logged. Quote the request id when you report it.",
    /// The database is away.
    DatabaseUnavailable = 503 "database-unavailable" "The database does not answer"
        "Try again in a few seconds. Uploads are still taken.",
    /// As many uploads as the service holds are being received.
    UploadsBusy = 503 "uploads-busy" "Too many uploads are being received at once"
        "Nothing of this upload was read. Try again in a few seconds.",
    /// As many variants as the service holds are waiting to be made.
    VariantsBusy = 503 "variants-busy" "Too many smaller images are being made at once"
        "Try again in a few seconds, or take the image itself.",
    /// S3 does not have it yet, and neither has this host.
    ImagePending = 503 "image-pending" "The image is on its way"
        "Another host has it and S3 will. Try again in a few seconds.",
    /// The disk fails.
    DiskUnavailable = 503 "disk-unavailable" "The disk cannot be used"
        "Nothing was changed. Try again in a few seconds.",
    /// The disk is full.
    DiskFull = 507 "disk-full" "The disk is full"
        "Nothing was changed. Try again later.",
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_in_kebab_case() {
        let codes: HashSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        for code in codes {
            assert!(
                code.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{code}"
            );
        }
    }

    #[test]
    fn every_status_is_an_error_and_every_text_ends_as_it_should() {
        for code in ErrorCode::ALL {
            assert!(
                code.status().is_client_error() || code.status().is_server_error(),
                "{code:?}"
            );
            assert!(!code.title().ends_with('.'), "{code:?}");
            assert!(code.example().ends_with('.'), "{code:?}");
        }
    }
}
