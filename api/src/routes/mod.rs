//! HTTP: the only module that knows it. Handlers read the request, call a use case and write the answer.
//!
//! May import `images` and what lies below it, and `metrics`. [`configure`] is the only table of URLs;
//! `openapi` describes the same routes, and a test holds the two against each other.

mod accept;
mod client;
mod compress;
mod error;
mod error_code;
mod health;
mod images;
mod limits;
mod observe;
pub mod openapi;
mod page;
mod protection;
mod trace;
mod unread;

use std::path::PathBuf;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, HttpRequest, Route, web};

pub(crate) use client::policy as client_policy;
pub use error::{ApiError, FieldError, Problem};
pub use error_code::ErrorCode;
pub(crate) use images::upload::ENVELOPE_BYTES;
pub(crate) use protection::headers::ONLY_TLS;
pub(crate) use protection::{Guards, origin};

use crate::config::Limits;
use crate::images::Images;

/// What every handler needs. Built once, shared by all.
pub struct Api {
    /// The use cases.
    pub images: Arc<Images>,
    /// What links begin with, without a slash at the end.
    pub public_url: String,
    /// The origin of public object URLs, which the client may show images from.
    pub objects_origin: String,
    /// What an upload may be.
    pub limits: Limits,
    /// The bounds on what clients may ask.
    pub(crate) guards: Guards,
    /// The folder of the web client. `None`: it is served elsewhere.
    pub web_dir: Option<PathBuf>,
    /// Below which internal address the proxy serves the uploads folder. `None`: the bytes are sent from here.
    pub accel_prefix: Option<String>,
}

/// The application for one worker: every route, inside what may refuse a request, inside [`trace`]. The headers
/// that all answers have are written last, errors being answers too.
pub fn app(
    api: web::Data<Api>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .configure(|config| configure(config, &api))
        .app_data(api)
        .default_service(web::to(route_not_found))
        .wrap(from_fn(protection::cross_origin::check_origin))
        .wrap(from_fn(protection::limit_rates))
        .wrap(from_fn(trace::trace))
        .wrap(from_fn(protection::headers::write_headers))
}

/// Every URL of the service.
fn configure(config: &mut web::ServiceConfig, api: &Api) {
    config
        .service(
            resource(images::upload::PATH, "GET, HEAD, POST")
                .get(images::list::list_images)
                .route(web::head().to(images::list::list_images))
                .post(images::upload::create_image),
        )
        .service(
            resource("/api/v1/images/{id}", "GET, HEAD, DELETE")
                .get(images::find::find_image)
                .route(web::head().to(images::find::find_image))
                .delete(images::delete::delete_image),
        )
        .service(
            resource(images::content::PATH, "GET, HEAD")
                .get(images::content::get_image_content)
                .route(web::head().to(images::content::get_image_content)),
        )
        .service(
            resource(images::variant::PATH, "GET, HEAD")
                .get(images::variant::get_image_variant)
                .route(web::head().to(images::variant::get_image_variant)),
        )
        .service(
            resource("/api/v1/limits", "GET, HEAD")
                .get(limits::get_limits)
                .route(head(limits::get_limits)),
        )
        .service(
            resource("/api/v1/openapi.json", "GET, HEAD")
                .wrap(from_fn(compress::compress))
                .get(openapi::get_openapi)
                .route(head(openapi::get_openapi)),
        )
        .service(
            resource("/livez", "GET, HEAD")
                .get(health::get_livez)
                .route(head(health::get_livez)),
        )
        .service(
            resource("/readyz", "GET, HEAD")
                .get(health::get_readyz)
                .route(head(health::get_readyz)),
        )
        .service(
            resource("/metrics", "GET, HEAD")
                .get(health::get_metrics)
                .route(head(health::get_metrics)),
        )
        .service(
            resource("/docs", "GET, HEAD")
                .get(openapi::redirect_to_docs)
                .route(head(openapi::redirect_to_docs)),
        )
        .service(
            resource("/docs/{file:.*}", "GET, HEAD")
                .wrap(from_fn(compress::compress))
                .get(openapi::get_docs_file)
                .route(head(openapi::get_docs_file)),
        )
        // Below these, whatever is not named above does not exist, for any method.
        .service(web::scope("/api").default_service(web::to(route_not_found)))
        .service(web::scope("/i").default_service(web::to(route_not_found)));
    if let Some(web_dir) = &api.web_dir {
        config.service(client::client(web_dir, &api.objects_origin));
    }
}

/// A route table entry that answers methods it does not know with 405 and says which it does.
fn resource(path: &str, allow: &'static str) -> actix_web::Resource {
    web::resource(path).default_service(web::to(move || async move {
        Err::<actix_web::HttpResponse, _>(ApiError::method_not_allowed(allow))
    }))
}

fn head<F, Args>(handler: F) -> Route
where
    F: actix_web::Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: actix_web::Responder + 'static,
{
    web::head().to(handler)
}

async fn route_not_found(_request: HttpRequest) -> Result<actix_web::HttpResponse, ApiError> {
    Err(ApiError::plain(ErrorCode::RouteNotFound))
}
