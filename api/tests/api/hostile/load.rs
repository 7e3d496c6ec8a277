//! Clients that send too much at once, or that never come to an end.

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{HANG, Target, answers, exchange, good_body, post};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_told_to_come_back_later() {
    let variables = [("UPLOAD_RATE", "5/hour")];
    let mut target = Target::start_with("a flood", &variables).await;
    let request = post("", &good_body());
    for _ in 0..20 {
        target.attacks += 1;
        let received = exchange(target.address, &request, false).await.unwrap();
        let answer = answers(&received).remove(0);
        answer.check();
        match answer.status {
            StatusCode::CREATED => target.taken += 1,
            StatusCode::TOO_MANY_REQUESTS if answer.headers.contains_key("retry-after") => {}
            status => target.fail(&format!("{status}: {}", answer.text())),
        }
    }
    assert_eq!(target.taken, 5);
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_upload_too_many_at_once_is_told_to_come_back_later() {
    let variables = [("UPLOAD_RATE", "off"), ("MAX_UPLOADS_IN_FLIGHT", "1")];
    let mut target = Target::start_with("uploads in flight", &variables).await;
    let request = post("", &good_body());
    let (begin, end) = request.split_at(request.len() - 100);
    let mut first = TcpStream::connect(target.address).await.unwrap();
    first.write_all(begin).await.unwrap();
    // An answer on another connection: by then the first has been taken up.
    target.get("/livez").await;

    target.attacks += 2;
    let received = exchange(target.address, &request, false).await.unwrap();
    let second = answers(&received).remove(0);
    second.check();
    assert_eq!(second.status, 503, "{}", second.text());
    assert!(second.headers.contains_key("retry-after"));

    first.write_all(end).await.unwrap();
    let mut received = Vec::new();
    first.read_to_end(&mut received).await.unwrap();
    assert_eq!(answers(&received)[0].status, 201);
    target.taken += 1;
    target.upload_photo().await;
    target.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_without_an_end_is_given_up() {
    let variables = [("UPLOAD_RATE", "off"), ("UPLOAD_DEADLINE", "1")];
    let mut target = Target::start_with("slow uploads", &variables).await;
    let request = post("", &good_body());
    for length in [request.len() - 1, request.len() - 1000, 300] {
        target.attacks += 1;
        let mut stream = TcpStream::connect(target.address).await.unwrap();
        stream.write_all(&request[..length]).await.unwrap();
        let mut received = Vec::new();
        let reading = tokio::time::timeout(HANG, stream.read_to_end(&mut received)).await;
        reading.expect("it is waited for for ever").unwrap();
        let answer = answers(&received).remove(0);
        answer.check();
        if answer.status != 408 {
            target.fail(&format!("{}: {}", answer.status, answer.text()));
        }
        target.upload_photo().await;
    }
    target.finish().await;
}
