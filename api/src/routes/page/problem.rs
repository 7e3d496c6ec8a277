//! The page that answers a form that was refused.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::{Text, page};
use crate::routes::{ErrorCode, FieldError, Problem};

/// The page, with the status and the headers that the problem details have.
pub(in crate::routes) fn problem_page(
    response: HttpResponseBuilder,
    code: ErrorCode,
    problem: &Problem,
) -> HttpResponse {
    let (title, reason) = reason(code, problem);
    let number = if code.status().is_server_error() {
        let id = Text(&problem.request_id);
        format!(
            "\n<p>If it goes on, tell whoever runs this site this number: <code>{id}</code></p>"
        )
    } else {
        String::new()
    };
    let content = format!(
        r#"<p>{reason}</p>
<p>{advice}</p>{number}
<p><a class="button button--primary answer__next" href="/">Back to the form</a></p>"#,
        reason = Text(&reason),
        advice = Text(advice(code)),
    );
    page(response, title, &content)
}

/// What is wrong, first in short. Most details are written for people; some are for those who write programs.
fn reason(code: ErrorCode, problem: &Problem) -> (&'static str, String) {
    let plain = |title, reason: &str| (title, reason.to_owned());
    match code {
        ErrorCode::ValidationFailed | ErrorCode::FileMissing | ErrorCode::FileEmpty => {
            let reasons: Vec<String> = problem.errors.iter().map(in_words).collect();
            if reasons.is_empty() {
                (problem.title, problem.detail.clone())
            } else {
                ("Something is missing or not right", reasons.join(" "))
            }
        }
        ErrorCode::UploadKeyMissing | ErrorCode::UploadKeyWrong => plain(
            "This site asks for an upload key",
            "It takes images only from people who have a key. Without JavaScript the form cannot send one.",
        ),
        ErrorCode::IdempotencyKeySpent => plain(
            "The image has been deleted",
            "This form was sent before, and the image that it made has been deleted since.",
        ),
        ErrorCode::IdempotencyKeyInUse => plain(
            "The image is being saved",
            "This form was sent twice, and the first one is still being worked on.",
        ),
        ErrorCode::IdempotencyKeyInvalid | ErrorCode::IdempotencyKeyMismatch => plain(
            "The form cannot be sent again",
            "It is not the form that was sent before.",
        ),
        ErrorCode::RouteNotFound | ErrorCode::MethodNotAllowed => plain(
            "No form is taken at this address",
            "There is nothing here that a form could be sent to.",
        ),
        ErrorCode::MultipartMalformed
        | ErrorCode::LengthRequired
        | ErrorCode::RequestNotMultipart => plain(
            "The form did not arrive whole",
            "What arrived is not the whole form as browsers send it.",
        ),
        _ => (problem.title, problem.detail.clone()),
    }
}

/// What is wrong with a field, by the name that it has in the form.
fn in_words(error: &FieldError) -> String {
    let field = match error.field.as_str() {
        "uploader" => "Your name",
        "alt" => "The description",
        _ if error.detail.starts_with("is missing") => return "No image was chosen.".to_owned(),
        _ => "The file",
    };
    format!("{field} {}.", error.detail)
}

/// What a person can do about it.
fn advice(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::ValidationFailed => {
            "Nothing was uploaded. Go back, put that right and send the form again."
        }
        ErrorCode::FileMissing => "Nothing was uploaded. Go back and choose an image first.",
        ErrorCode::FileEmpty
        | ErrorCode::MediaTypeUnsupported
        | ErrorCode::ImageMalformed
        | ErrorCode::ImageUndecodable => "Nothing was uploaded. Go back and choose another image.",
        ErrorCode::FileTooLarge
        | ErrorCode::ImageDimensionsExceeded
        | ErrorCode::ImageAnimationExceeded => {
            "Nothing was uploaded. Save a smaller version of the image and choose that. With JavaScript switched on, \
             the form can make most images smaller for you."
        }
        ErrorCode::UploadKeyMissing | ErrorCode::UploadKeyWrong => {
            "Nothing was uploaded. If you have a key, switch JavaScript on for this site, or send the image with a \
             program such as curl. If you have none, ask whoever runs this site."
        }
        ErrorCode::OriginNotAllowed => {
            "Nothing was uploaded. Open this site at its own address and use the form there."
        }
        ErrorCode::UploadTooSlow => {
            "Nothing was uploaded. Send it again over a faster connection, or choose a smaller image."
        }
        ErrorCode::ContentBlocked => {
            "Nothing was uploaded. If you think that this is a mistake, ask whoever runs this site."
        }
        ErrorCode::IdempotencyKeyInUse => {
            "Wait a moment and reload this page: it then shows the image."
        }
        // It may have happened after the image was taken in.
        ErrorCode::InternalError => {
            "It is not certain that the image was saved. Look whether it is among the recent images before you send \
             the form again."
        }
        ErrorCode::RateLimited
        | ErrorCode::UploadsBusy
        | ErrorCode::VariantsBusy
        | ErrorCode::ImagePending
        | ErrorCode::DatabaseUnavailable
        | ErrorCode::DiskUnavailable
        | ErrorCode::DiskFull => "Nothing was uploaded. Go back and try again later.",
        // A form of ours does not cause most of these.
        ErrorCode::RequestMalformed
        | ErrorCode::FieldDuplicate
        | ErrorCode::FieldUnknown
        | ErrorCode::MultipartMalformed
        | ErrorCode::IdempotencyKeyInvalid
        | ErrorCode::IdempotencyKeySpent
        | ErrorCode::IdempotencyKeyMismatch
        | ErrorCode::QueryInvalid
        | ErrorCode::AdminKeyMissing
        | ErrorCode::AdminKeyWrong
        | ErrorCode::TokenMissing
        | ErrorCode::TokenWrong
        | ErrorCode::ImageNotFound
        | ErrorCode::ImageDeleted
        | ErrorCode::RouteNotFound
        | ErrorCode::MethodNotAllowed
        | ErrorCode::LengthRequired
        | ErrorCode::RequestNotMultipart
        | ErrorCode::RangeNotSatisfiable => {
            "Nothing was uploaded. Go back, fill in the form again and send it."
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody as _;

    use super::*;
    use crate::routes::ApiError;

    fn html(response: HttpResponse) -> String {
        let bytes = response.into_body().try_into_bytes().unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn every_code_says_what_is_wrong_and_what_to_do() {
        for code in ErrorCode::ALL {
            let error = ApiError::plain(*code);
            let answer = error.page("the-id");
            assert_eq!(answer.status(), code.status());
            let html = html(answer);
            let (title, reason) = reason(*code, &error.problem("the-id"));
            for words in [title, &reason, advice(*code)] {
                assert!(html.contains(&Text(words).to_string()), "{code:?}: {words}");
                assert!(!words.contains("Idempotency"), "{code:?}: {words}");
            }
            let is_ours = code.status().is_server_error();
            assert_eq!(html.contains("the-id"), is_ours, "{code:?}");
        }
    }

    #[test]
    fn what_the_client_sent_is_shown_verbatim() {
        let error = ApiError::new(
            ErrorCode::FieldUnknown,
            "The field \"<script>\" is not known.",
        );
        let html = html(error.page("id"));
        assert!(html.contains("The field &quot;&lt;script&gt;&quot; is not known."));
        assert!(!html.contains("<script"));
    }
}
