//! `POST /api/v1/images` from a browser's own form: the answer is a page.

use std::num::NonZeroU32;
use std::time::Duration;

use image_handler::config::Rate;
use image_handler::domain::UploadKeys;
use reqwest::Method;
use reqwest::multipart::{Form, Part};

use crate::helpers::answer::Answer;
use crate::helpers::app::{TestApp, file, form};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::{photo, png_of};
use crate::helpers::on_both_engines;

/// As browsers send it with a form.
const BROWSER: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

async fn post(app: &TestApp, form: Form) -> Answer {
    app.send(app.upload_request(form).header("accept", BROWSER))
        .await
}

/// Checks what holds for all pages, and gives the text of this one.
fn page(answer: &Answer, status: u16) -> String {
    let html = answer.text();
    assert_eq!(answer.status.as_u16(), status, "{html}");
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.header("vary").contains("Accept"));
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!html.contains("<script"), "{html}");
    assert!(html.contains("href=\"/\""), "a way back: {html}");
    html
}

on_both_engines! {
    async fn a_browser_that_sends_the_form_gets_a_page(app: TestApp) {
        let described = form("Ada", photo()).text("alt", "A cat");
        let answer = post(&app, described).await;
        let html = page(&answer, 201);
        let location = answer.header("location").to_owned();
        let image = app.get(&location).await.expect(200).json();
        let id = image["id"].as_str().unwrap();
        for told in ["link", "url", "uploader", "alt", "file_name"] {
            assert!(html.contains(image[told].as_str().unwrap()), "{told}: {html}");
        }
        assert!(html.contains(&format!("src=\"/i/{id}/thumb\" alt=\"A cat\"")), "{html}");
        let (_, delete) = html.split_once(&format!("/#/delete/{id}/")).unwrap();
        let token = delete.split('"').next().unwrap();
        app.delete(id, token).await.expect(204);
    }

    async fn what_is_still_owed_is_told(app: TestApp) {
        let mut app = app;
        let stored = page(&post(&app, form("Ada", photo())).await, 201);
        assert!(stored.contains("<h1>Your image is stored</h1>"), "{stored}");
        let away = app.database.go_away().await;
        let waiting = page(&post(&app, form("Eve", png_of(900))).await, 202);
        assert!(waiting.contains("<h1>Your image is saved</h1>"), "{waiting}");
        assert!(waiting.contains("Not in the database yet"), "{waiting}");
        app.database.come_back(away).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_of_people_are_shown_verbatim() {
    let app = TestApp::start(Engine::Sqlite).await;
    let markup = "<img src=x onerror=alert(1)>\"'&amp;";
    let shown = "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;amp;";
    let form = Form::new()
        .text("uploader", markup)
        .text("alt", markup)
        .part("file", file(photo(), "<b>.jpg"));
    let html = page(&post(&app, form).await, 201);
    assert_eq!(html.matches(shown).count(), 2, "{html}");
    assert!(html.contains("&lt;b&gt;.jpg"), "{html}");
    assert!(
        !html.contains("<img src=x") && !html.contains("<b>"),
        "{html}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_prefers_json_gets_json() {
    let app = TestApp::start(Engine::Sqlite).await;
    for accept in [
        "*/*",
        "application/json, application/problem+json",
        "application/json, text/html",
    ] {
        let request = app.upload_request(form("Ada", photo()));
        let answer = app.send(request.header("accept", accept)).await.expect(201);
        assert_eq!(
            answer.header("content-type"),
            "application/json",
            "{accept}"
        );
        assert_eq!(answer.header("vary"), "Accept");
        let request = app.upload_request(Form::new().text("uploader", "Ada"));
        let refused = app.send(request.header("accept", accept)).await;
        assert!(refused.header("vary").contains("Accept"));
        refused.expect_error(400, "file-missing");
    }
    let listed = app.request(Method::GET, "/api/v1/images");
    let listed = app.send(listed.header("accept", BROWSER)).await.expect(200);
    assert_eq!(
        listed.header("content-type"),
        "application/json",
        "only the form's answer is a page"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_is_refused_gets_a_page_that_says_why() {
    let app = TestApp::start(Engine::Sqlite).await;
    let ada = || Form::new().text("uploader", "Ada").text("alt", "");
    // As browsers send it of a form in which no file was chosen.
    let unchosen = Part::bytes(Vec::new())
        .file_name("")
        .mime_str("application/octet-stream");
    let rows = [
        (
            ada().part("file", unchosen.unwrap()),
            400,
            "No image was chosen.",
        ),
        (
            ada().part("file", file(Vec::new(), "a.jpg")),
            400,
            "The file has no content.",
        ),
        (form(" ", photo()), 400, "Your name must not be empty."),
        (
            form("Ada", png_of(1_048_577)),
            413,
            "The file may have at most 1048576 bytes.",
        ),
        (
            form("Ada", b"meow".to_vec()),
            415,
            "JPEG, PNG, GIF and WebP images are taken.",
        ),
        (
            form("Ada", photo()[..40].to_vec()),
            422,
            "The image is damaged",
        ),
        (
            form("Ada", photo()).text("colour", "x"),
            400,
            "&quot;colour&quot; is not known",
        ),
    ];
    for (form, status, words) in rows {
        let html = page(&post(&app, form).await, status);
        assert!(html.contains(words), "{words}: {html}");
        assert!(html.contains("Nothing was uploaded."), "{html}");
        app.assert_empty(words).await;
    }
}

/// The form as a browser writes it, with the boundary that it took for this sending.
fn sent_with(app: &TestApp, boundary: &str, uploader: &str) -> reqwest::RequestBuilder {
    let texts = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"uploader\"\r\n\r\n{uploader}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\
         Content-Type: image/jpeg\r\n\r\n"
    );
    let end = format!("\r\n--{boundary}--\r\n");
    let content_type = format!("multipart/form-data; boundary={boundary}");
    app.request(Method::POST, "/api/v1/images")
        .header("content-type", content_type)
        .body([texts.as_bytes(), &photo(), end.as_bytes()].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_a_reload_sends_again_makes_no_second_image() {
    const FIRST: &str = "----WebKitFormBoundaryAb3dEf6hIj9lMn2p";
    const SECOND: &str = "----geckoformboundary6a3b0f1c2d4e5f607182930415263748";
    let app = TestApp::start(Engine::Sqlite).await;
    let post = async |boundary, accept| {
        let request = sent_with(&app, boundary, "Ada").header("accept", accept);
        app.send(request).await.expect(201)
    };
    let first = post(FIRST, BROWSER).await;
    let again = post(FIRST, BROWSER).await;
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(page(&first, 201), page(&again, 201));
    // Sent anew, from the form; and by programs, which have keys of their own.
    for (boundary, accept) in [
        (SECOND, BROWSER),
        (FIRST, "*/*"),
        ("boundary", BROWSER),
        ("boundary", BROWSER),
    ] {
        let other = post(boundary, accept).await;
        assert_eq!(other.header("idempotency-replayed"), "", "{boundary}");
        assert_ne!(first.header("location"), other.header("location"));
    }

    let html = page(&first, 201);
    let (_, delete) = html.split_once("/#/delete/").unwrap();
    let (id, token) = delete.split('"').next().unwrap().split_once('/').unwrap();
    app.delete(id, token).await.expect(204);
    let request = sent_with(&app, FIRST, "Ada").header("accept", BROWSER);
    let gone = page(&app.send(request).await, 409);
    assert!(
        gone.contains("<h1>The image has been deleted</h1>"),
        "{gone}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_form_of_the_own_page_is_taken() {
    let app = TestApp::start(Engine::Sqlite).await;
    let origin = format!("http://{}", app.host.address);
    let own = app
        .upload_request(form("Ada", photo()))
        .header("accept", BROWSER)
        .header("origin", &origin)
        .header("sec-fetch-site", "same-origin");
    page(&app.send(own).await, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_form_or_comes_to_no_place_for_forms_gets_a_page_too() {
    let app = TestApp::start(Engine::Sqlite).await;
    let cut = "multipart/form-data; boundary=x";
    for (path, content_type, status, words) in [
        (
            "/api/v1/images",
            "text/plain",
            415,
            "The form did not arrive whole",
        ),
        ("/api/v1/images", cut, 400, "The form did not arrive whole"),
        (
            "/api/v1/image",
            cut,
            404,
            "No form is taken at this address",
        ),
        ("/", cut, 405, "No form is taken at this address"),
    ] {
        let request = app.request(Method::POST, path).body("--x\r\n");
        let request = request
            .header("content-type", content_type)
            .header("accept", BROWSER);
        let html = page(&app.send(request).await, status);
        assert!(html.contains(words), "{path} {content_type}: {html}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_ours_has_a_number_to_tell() {
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.limits.min_free_bytes = u64::MAX;
    })
    .await;
    let answer = post(&app, form("Ada", photo())).await;
    let html = page(&answer, 507);
    assert!(html.contains(answer.header("x-request-id")), "{html}");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_kept_out_before_the_form_is_read_gets_a_page_too() {
    let (_, item) = UploadKeys::generate("phone").unwrap();
    let app = TestApp::start_with(Engine::Sqlite, |config| {
        config.access.upload_keys = Some(UploadKeys::parse(&item).unwrap());
        config.protection.upload_rate = Some(Rate {
            requests: NonZeroU32::new(1).unwrap(),
            period: Duration::from_hours(1),
        });
    })
    .await;
    let foreign = app.upload_request(form("Ada", photo()));
    let foreign = foreign
        .header("accept", BROWSER)
        .header("origin", "http://evil.example");
    // Refused before it counts as an upload, or after: either way with a page.
    let html = page(&app.send(foreign).await, 403);
    assert!(
        html.contains("Pages of this origin may not write here"),
        "{html}"
    );
    let mut seen = Vec::new();
    for _ in 0..2 {
        let answer = post(&app, form("Ada", photo())).await;
        let status = answer.status.as_u16();
        let html = page(&answer, status);
        if status == 401 {
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            assert!(
                html.contains("switch JavaScript on for this site"),
                "{html}"
            );
        } else {
            assert!(!answer.header("retry-after").is_empty());
            assert!(
                html.contains("Too many requests came from this address"),
                "{html}"
            );
        }
        seen.push(status);
    }
    assert!(seen.contains(&429), "{seen:?}");
}
