//! Deleting what is somebody else's: every way to do it without the image's own token. None may work.

use std::collections::BTreeSet;

use super::{Attack, Refused, Status, Target, attack, body, file_part, post, text_part};
use crate::helpers::fixtures::photo;

const ADMIN_KEY: &str = "The Operator's Key Of The Attacked Service";

/// A DELETE request for this address with these further header lines and this body.
fn delete(address: &str, lines: &str, body: &str) -> Vec<u8> {
    format!(
        "DELETE {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{lines}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Tokens that are near the right one, and others that are not.
fn wrong_tokens(id: &str, token: &str, other: &str) -> BTreeSet<String> {
    let mut tokens: BTreeSet<String> = BTreeSet::new();
    let characters: Vec<char> = token.chars().collect();
    for at in 0..characters.len() {
        let mut changed = |character: char| {
            let mut characters = characters.clone();
            characters[at] = character;
            tokens.insert(characters.into_iter().collect());
        };
        let byte = u32::from(characters[at]);
        for bit in [0, at % 6 + 1] {
            let flipped = char::from_u32(byte ^ (1 << bit)).unwrap();
            if flipped.is_ascii_graphic() {
                changed(flipped);
            }
        }
        changed('A');
        changed('=');
        tokens.insert(token[..at].to_owned());
        tokens.insert(token[at + 1..].to_owned());
    }
    tokens.extend(
        [
            other,
            id,
            "null",
            "undefined",
            "true",
            "0",
            "*",
            "%",
            "' OR '1'='1",
            "../../secret",
            "eyJhbGciOiJub25lIn0.e30.",
            "dGhlIG9wZXJhdG9yJ3Mga2V5IG9mIHRoZSB0ZXN0cw",
            "the operator's key of the tests",
        ]
        .map(str::to_owned),
    );
    tokens.extend([
        token.to_uppercase(),
        token.to_lowercase(),
        token.chars().rev().collect(),
        token.replace('-', "+").replace('_', "/") + "=",
        format!("{token}="),
        format!("{token}A"),
        format!("{token}AAAA"),
        format!("{token}{token}"),
        format!("{token} {token}"),
        format!("{token},{other}"),
        format!("{other},{token}"),
        format!("\"{token}\""),
        format!("{token};"),
        format!("{token}%00"),
        format!("{id}{token}"),
        format!("{id}:{token}"),
        format!("{}{}", &token[..20], &other[20..]),
        "A".repeat(token.len()),
        "x".repeat(60_000),
    ]);
    tokens.remove("");
    tokens.remove(token);
    tokens
}

#[rustfmt::skip]
fn other_ways(id: &str, token: &str, other_id: &str, other: &str) -> Vec<Attack> {
    let address = format!("/api/v1/images/{id}");
    let at = |address: &str, lines: &str, body: &str| attack(format!("{address} {lines} {body}"), delete(address, lines, body), Refused);
    let with = |lines: &str| at(&address, lines, "");
    let own = format!("Authorization: Bearer {token}\r\n");
    let form = |field: &str, value: &str| {
        let parts = [text_part(field, value.as_bytes()), text_part("uploader", b"Eve"), file_part("a.jpg", &photo())];
        attack(format!("the form field {field}"), post("", &body(&parts)), Refused)
    };
    let json = |value: &str| {
        let request = format!(
            "POST /api/v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{value}",
            value.len()
        );
        attack(value, request, Refused)
    };
    let list = |query: &str, lines: &str| {
        let request = format!("GET /api/v1/images{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n");
        attack(format!("the list {query} {lines}"), request, Refused)
    };
    vec![
        // No token, or none where it belongs.
        with(""),
        with("Authorization:\r\n"),
        with("Authorization: Bearer\r\n"),
        with("Authorization: Bearer \r\n"),
        with("Authorization: Bearer \t \r\n"),
        with(&format!("Authorization: {token}\r\n")),
        with(&format!("Authorization: Bearer{token}\r\n")),
        with(&format!("Authorization: Bearer:{token}\r\n")),
        with(&format!("Authorization: Bearer={token}\r\n")),
        with(&format!("Authorization: Bearer\t{token}\r\n")),
        with(&format!("Authorization: Bearer \u{a0}{token}\r\n")),
        with(&format!("Authorization: Bearer Bearer {token}\r\n")),
        with(&format!("Authorization: Token {token}\r\n")),
        with(&format!("Authorization: Basic {token}\r\n")),
        with(&format!("Authorization: Digest {token}\r\n")),
        with(&format!("Authorization: Bearers {token}\r\n")),
        with(&format!("Authorization: Bearer {other}\r\nAuthorization: Bearer {other}\r\n")),
        with(&format!("Authorization: Bearer {other}\r\nAuthorization: Bearer {token}\r\n")),
        with(&format!("Proxy-Authorization: Bearer {token}\r\n")),
        with(&format!("X-Authorization: Bearer {token}\r\n")),
        with(&format!("Cookie: token={token}; delete_token={token}; Authorization=Bearer {token}\r\n")),
        with(&format!("X-Delete-Token: {token}\r\n")),
        with(&format!("Referer: http://localhost/#/delete/{id}/{token}\r\n")),
        at(&format!("{address}?token={token}"), "", ""),
        at(&format!("{address}?delete_token={token}&access_token={token}"), "", ""),
        at(&format!("{address}?access_token={token}"), &format!("Authorization: Bearer {other}\r\n"), ""),
        at(&format!("{address}#{token}"), "", ""),
        at(&format!("{address}/{token}"), "", ""),
        at(&address, "Content-Type: application/json\r\n", &format!("{{\"delete_token\":\"{token}\"}}")),
        at(&address, "Content-Type: application/x-www-form-urlencoded\r\n", &format!("access_token={token}")),
        at(&address, "", &own),
        // The right token for another address.
        at("/api/v1/images", &own, ""),
        at("/api/v1/images/", &own, ""),
        at("/api/v1/images/*", &own, ""),
        at("/api/v1/images/%", &own, ""),
        at(&format!("/api/v1/images/{other_id}"), &own, ""),
        at(&format!("/api/v1/images/{other_id}?id={id}"), &own, ""),
        at(&format!("/api/v1/images/{id},{other_id}"), &own, ""),
        at(&format!("/api/v1/images/{id}%00"), &own, ""),
        at(&format!("/api/v1/images/{id}%20"), &own, ""),
        at(&format!("/api/v1/images/{id}/"), &own, ""),
        at(&format!("/api/v1/images/{id}.jpg"), &own, ""),
        at(&format!("/api/v1/images/{}", id.to_uppercase()), &own, ""),
        at(&format!("/api/v1/images/{}", id.replace('-', "")), &own, ""),
        at(&format!("/i/{id}.jpg"), &own, ""),
        at(&format!("/i/{id}"), &own, ""),
        at("/", &own, ""),
        at("/api/v1/images/01900000-0000-7000-8000-000000000000", &own, ""),
        // What only the operator may, with everything but the operator's key.
        at(&format!("{address}?purge=true"), "", ""),
        at(&format!("{address}?purge=true"), &own, ""),
        at(&format!("{address}?purge=true&reason=mine"), &own, ""),
        at(&format!("{address}?purge=1"), &own, ""),
        at(&format!("{address}?purge=true&purge=false"), &own, ""),
        at(&format!("{address}?purge=TRUE"), &own, ""),
        at(&format!("{address}?purge=true"), &format!("Authorization: Bearer {}\r\n", &ADMIN_KEY[1..]), ""),
        at(&format!("{address}?purge=true"), &format!("Authorization: Bearer {ADMIN_KEY}x\r\n"), ""),
        at(&format!("{address}?purge=true"), &format!("Authorization: Bearer {}\r\n", ADMIN_KEY.to_uppercase()), ""),
        at(&format!("{address}?purge=true&admin_key={ADMIN_KEY}"), &own, ""),
        at(&address, &format!("Authorization: Bearer {}\r\n", &ADMIN_KEY[..30]), ""),
        at(&address, &format!("Authorization: Basic {ADMIN_KEY}\r\n"), ""),
        at(&address, &format!("X-Admin-Key: {ADMIN_KEY}\r\n"), ""),
        list("", ""),
        list("", &own),
        list("?uploader=Ada", &own),
        list("?limit=1", &format!("Authorization: Bearer {other}\r\n")),
        list(&format!("?admin_key={ADMIN_KEY}"), ""),
        list("", &format!("Authorization: Bearer {}\r\n", ADMIN_KEY.to_lowercase())),
        list("", &format!("Cookie: admin_key={ADMIN_KEY}\r\n")),
        // Another method that is meant to be this one.
        attack("a GET that says DELETE", format!("GET {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-HTTP-Method-Override: DELETE\r\n{own}\r\n"), Status(200)),
        attack("a POST that says DELETE", format!("POST {address}?_method=DELETE HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\nX-HTTP-Method: DELETE\r\n{own}\r\n"), Refused),
        attack("a PURGE", format!("PURGE {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{own}\r\n"), Refused),
        attack("a delete in lower case", format!("delete {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{own}\r\n"), Refused),
        attack("a PUT", format!("PUT {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n{own}\r\n"), Refused),
        attack("a PATCH", format!("PATCH {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n{own}\r\n"), Refused),
        // An upload that takes the image's place.
        form("id", id),
        form("url", "http://localhost/x"),
        form("created_at", "1970-01-01T00:00:00Z"),
        form("delete_token", token),
        form("object_key", "images/x.jpg"),
        form("file_name", "x"),
        json(&format!("{{\"id\":\"{id}\",\"url\":\"x\",\"created_at\":\"x\"}}")),
        attack("an upload to the image's address", String::from_utf8_lossy(&post("", b"")).replace("/api/v1/images", &address), Refused),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_deletes_what_is_somebody_elses() {
    let variables = [
        ("UPLOAD_RATE", "off"),
        ("READ_RATE", "off"),
        ("ADMIN_KEY", ADMIN_KEY),
        ("PUBLIC_LISTING", "false"),
    ];
    let mut target = Target::start_with("ownership", &variables).await;
    let (image, other) = (target.upload_photo().await, target.upload_photo().await);
    let id = image["id"].as_str().unwrap();
    let token = image["delete_token"].as_str().unwrap();
    let other_id = other["id"].as_str().unwrap();
    let other_token = other["delete_token"].as_str().unwrap();
    let address = format!("/api/v1/images/{id}");

    for wrong in wrong_tokens(id, token, other_token) {
        let name: String = format!("the token {wrong}").chars().take(100).collect();
        let request = delete(&address, &format!("Authorization: Bearer {wrong}\r\n"), "");
        target.attack(attack(name, request, Refused)).await;
    }
    target
        .attack_all(other_ways(id, token, other_id, other_token))
        .await;
    if target.deleted > 0 || target.attacks < 200 {
        let (deleted, attacks) = (target.deleted, target.attacks);
        target.fail(&format!("{deleted} of {attacks} attempts worked"));
    }
    // It was the token that was missing, and nothing else.
    let request = delete(&address, &format!("Authorization: Bearer {token}\r\n"), "");
    target
        .attack(attack("the right token", request, Status(204)))
        .await;
    target.finish().await;
}
