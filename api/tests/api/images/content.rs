//! `GET /i/{id}.{ext}`

use image_handler::config::ObjectsConfig;
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::helpers::answer::Answer;
use crate::helpers::app::{TestApp, path};
use crate::helpers::database::Engine;
use crate::helpers::fixtures::photo;
use crate::helpers::on_both_engines;

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers
        .iter()
        .fold(app.request(Method::GET, path), |request, (name, value)| {
            request.header(*name, *value)
        });
    app.send(request).await
}

on_both_engines! {
    async fn an_image_is_served_with_its_checksum_as_etag(app: TestApp) {
        let image = app.upload_photo().await;
        let link = path(&image["link"]);
        let answer = app.get(&link).await.expect(200);
        assert_eq!(answer.bytes, photo());
        assert_eq!(answer.header("content-type"), "image/jpeg");
        assert_eq!(answer.header("etag"), format!("\"{}\"", image["sha256"].as_str().unwrap()));
        assert_eq!(answer.header("cache-control"), "public, max-age=3600");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; sandbox");
        assert_eq!(answer.header("accept-ranges"), "bytes");

        let head = app.send(app.request(Method::HEAD, &link)).await.expect(200);
        assert_eq!(head.header("content-length"), photo().len().to_string());
        assert_eq!(head.header("etag"), answer.header("etag"));
    }

    async fn a_deleted_image_is_gone(app: TestApp) {
        let image = app.upload_photo().await;
        app.delete(image["id"].as_str().unwrap(), image["delete_token"].as_str().unwrap()).await.expect(204);
        app.get(&path(&image["link"])).await.expect_error(410, "image-deleted");
    }

    async fn a_host_without_the_copy_leads_to_s3(app: TestApp) {
        let image = app.upload_photo().await;
        let other = app.another_host().await;
        let answer = other.get(&path(&image["link"])).await.expect(302);
        assert_eq!(answer.header("location"), image["url"].as_str().unwrap());
        assert_eq!(other.get(&format!("/api/v1/images/{}", image["id"].as_str().unwrap())).await.json()["storage"]["local"], "absent");
    }

    async fn a_link_leads_to_where_objects_are_public_today(app: TestApp) {
        let image = app.upload_photo().await;
        let other = app.another_host_with(|config| {
            if let ObjectsConfig::Bucket(objects) = &mut config.objects {
                objects.public_url = Some("https://cdn.example.org".to_owned());
            }
        }).await;
        let answer = other.get(&path(&image["link"])).await.expect(302);
        let id = image["id"].as_str().unwrap();
        assert_eq!(answer.header("location"), format!("https://cdn.example.org/images/{id}.jpg"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_has_the_image_gets_304() {
    let app = TestApp::start(Engine::Sqlite).await;
    let link = path(&app.upload_photo().await["link"]);
    let answer = app.get(&link).await;
    let (etag, modified) = (answer.header("etag"), answer.header("last-modified"));
    let weak = format!("W/{etag}");
    let among = format!("\"x\", {etag}");
    let has: [&[(&str, &str)]; 5] = [
        &[("if-none-match", etag)],
        &[("if-none-match", &weak)],
        &[("if-none-match", &among)],
        &[("if-none-match", "*")],
        &[("if-modified-since", modified)],
    ];
    for headers in has {
        let answer = get(&app, &link, headers).await.expect(304);
        assert!(answer.bytes.is_empty());
        assert_eq!(answer.header("etag"), etag);
    }
    let has_not: [&[(&str, &str)]; 4] = [
        &[("if-none-match", "\"x\"")],
        &[("if-modified-since", "Sat, 01 Jan 2000 00:00:00 GMT")],
        &[("if-modified-since", "yesterday")],
        // The ETag decides, not the date beside it.
        &[("if-none-match", "\"x\""), ("if-modified-since", modified)],
    ];
    for headers in has_not {
        get(&app, &link, headers).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_an_image_can_be_fetched() {
    let app = TestApp::start(Engine::Sqlite).await;
    let link = path(&app.upload_photo().await["link"]);
    let (photo, size) = (photo(), photo().len());
    let etag = app.get(&link).await.header("etag").to_owned();

    let part = get(&app, &link, &[("range", "bytes=10-19")])
        .await
        .expect(206);
    assert_eq!(part.bytes, photo[10..20]);
    assert_eq!(part.header("content-range"), format!("bytes 10-19/{size}"));
    assert_eq!(
        get(&app, &link, &[("range", "bytes=-5")])
            .await
            .expect(206)
            .bytes,
        photo[size - 5..]
    );
    assert_eq!(
        get(&app, &link, &[("range", "bytes=100-"), ("if-range", &etag)])
            .await
            .expect(206)
            .bytes,
        photo[100..]
    );
    assert_eq!(
        get(
            &app,
            &link,
            &[("range", "bytes=100-"), ("if-range", "\"x\"")]
        )
        .await
        .expect(200)
        .bytes,
        photo
    );
    assert_eq!(
        get(&app, &link, &[("range", "bytes=0-1,5-6")])
            .await
            .expect(200)
            .bytes,
        photo,
        "one range or all"
    );

    let modified = app.get(&link).await.header("last-modified").to_owned();
    for (date, status) in [(&*modified, 206), ("Fri, 01 Jan 2100 00:00:00 GMT", 200)] {
        get(&app, &link, &[("range", "bytes=0-9"), ("if-range", date)])
            .await
            .expect(status);
    }
    let head = app
        .request(Method::HEAD, &link)
        .header("range", "bytes=0-9");
    let head = app.send(head).await.expect(200);
    assert_eq!(
        head.header("content-length"),
        size.to_string(),
        "ranges are for GET"
    );

    let outside = get(&app, &link, &[("range", "bytes=999999-")]).await;
    let outside = outside.expect_error(416, "range-not-satisfiable");
    assert_eq!(outside.header("content-range"), format!("bytes */{size}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_of_no_image_are_not_found() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let id = image["id"].as_str().unwrap();
    let names = [
        format!("{id}.png"),
        format!("{id}.jpeg"),
        format!("{id}.jpg.jpg"),
        id.to_owned(),
        format!("{id}."),
        "..%2f..%2fsecret.jpg".to_owned(),
        "019aab3e-7a10-7c3b-9a4f-2b1c0d9e8f70.jpg".to_owned(),
    ];
    for name in names {
        app.get(&format!("/i/{name}"))
            .await
            .expect_error(404, "image-not-found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_cannot_be_read_answers_503() {
    let app = TestApp::start(Engine::Sqlite).await;
    let image = app.upload_photo().await;
    let copy = app.local_copy(&image);
    std::fs::remove_file(&copy).unwrap();
    // A link to itself cannot be opened by anyone, root included.
    std::os::unix::fs::symlink(&copy, &copy).unwrap();
    app.get(&path(&image["link"]))
        .await
        .expect_error(503, "disk-unavailable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_goes_on_after_a_head_request() {
    let app = TestApp::start(Engine::Sqlite).await;
    let link = path(&app.upload_photo().await["link"]);
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    for _ in 0..2 {
        let head = format!("HEAD {link} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.contains(&format!("content-length: {}", photo().len())),
            "{answer}"
        );
    }
    let get = format!("GET {link} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(get.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK") && answer.ends_with(&photo()));
}
