//! Addresses that want to lead elsewhere. Nothing outside the images, the docs and the client is ever served.

use super::{EVIL, Expected, Refused, Status, Target, attack, get};

/// Ways out of a folder, as they stand behind its address.
#[rustfmt::skip]
fn ways_out() -> Vec<Vec<u8>> {
    let ways: [&[u8]; 34] = [
        b"../../../../etc/passwd",
        b"..%2f..%2f..%2f..%2fetc%2fpasswd",
        b"..%2F..%2F..%2F..%2Fetc%2Fpasswd",
        b"%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        b"%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        b"%252e%252e%252f%252e%252e%252fetc%252fpasswd",
        b"%25252e%25252e%25252fetc%25252fpasswd",
        b"..%c0%af..%c0%afetc%c0%afpasswd",
        b"%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
        b"%uff0e%uff0e%u2215etc%u2215passwd",
        b"..\\..\\..\\etc\\passwd",
        b"..%5c..%5c..%5cetc%5cpasswd",
        b"..;/..;/etc/passwd",
        b"....//....//etc/passwd",
        b".../...//etc/passwd",
        b"./.././../etc/passwd",
        b"/etc/passwd",
        b"//etc/passwd",
        b"%2fetc%2fpasswd",
        b"file:///etc/passwd",
        b"C:/windows/win.ini",
        b"..%00/etc/passwd",
        b"index.html%00.jpg",
        b"%00",
        b"%0d%0aX-Evil:%201",
        b"%0a",
        b"%ff%fe",
        b"%",
        b"%zz",
        b"%2",
        b"../Cargo.toml",
        b"..%2findex.html%2f..%2f..%2fREADME.md",
        b"../uploads/secret",
        b".git/config",
    ];
    ways.iter().map(|way| way.to_vec()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_address_leads_out_of_its_folder() {
    let mut target = Target::start("ways out of folders").await;
    for folder in ["/", "/i/", "/docs/", "/api/v1/images/", "/lib/", "/styles/"] {
        for way in ways_out() {
            let address = [folder.as_bytes(), &way].concat();
            let name = String::from_utf8_lossy(&address).into_owned();
            target.attack(attack(name, get(&address), Refused)).await;
        }
    }
    target.finish().await;
}

#[rustfmt::skip]
fn odd_addresses(id: &str) -> Vec<(String, Vec<u8>, Expected)> {
    let row = |address: String, expected| (address.clone(), address.into_bytes(), expected);
    let long = "x".repeat(60_000);
    vec![
        row(format!("/i/{id}.jpg/"), Refused),
        row(format!("/i/{id}.jpg/../../livez"), Refused),
        row(format!("/i/./{id}.jpg"), Refused),
        row(format!("/i//{id}.jpg"), Refused),
        row(format!("//i/{id}.jpg"), Refused),
        row(format!("/I/{id}.jpg"), Refused),
        row(format!("/i/{id}.JPG"), Refused),
        row(format!("/i/{}.jpg", id.to_uppercase()), Refused),
        row(format!("/i/{{{id}}}.jpg"), Refused),
        row(format!("/i/urn:uuid:{id}.jpg"), Refused),
        row(format!("/i/{}.jpg", id.replace('-', "")), Refused),
        row(format!("/i/{id}.jpg%20"), Refused),
        row(format!("/i/{id}.jpg%00"), Refused),
        row(format!("/i/{id}.jpg%00.html"), Refused),
        row(format!("/i/{id}.jpg;.html"), Refused),
        row(format!("/i/{id}%2ejpg.html"), Refused),
        row(format!("/i/{id}.jpg/.css"), Refused),
        row(format!("/i/{id}.jpg%2f.css"), Refused),
        row(format!("/i/{id}."), Refused),
        row(format!("/i/.{id}.jpg"), Refused),
        row("/i/.jpg".to_owned(), Refused),
        row("/i/*.jpg".to_owned(), Refused),
        row(format!("/i/{id}%2ejpg"), Status(200)),
        row(format!("/i/{id}.jpg?format=html&type=text/html"), Status(200)),
        row(format!("http://{EVIL}/i/{id}.jpg"), Status(200)),
        row(format!("/api/v1/images/{id}/"), Refused),
        row(format!("/api/v1/images/{id}.json"), Refused),
        row(format!("/api/v1/images/{id}%00"), Refused),
        row(format!("/api/v1/images/{id}'--"), Refused),
        row("/api/v1/images/'%20OR%20'1'='1".to_owned(), Refused),
        row("/api/v1/images/-1".to_owned(), Refused),
        row("/api/v1/images/%F0%9F%90%88".to_owned(), Refused),
        row("/API/V1/IMAGES".to_owned(), Refused),
        row("/api/v1//images".to_owned(), Refused),
        row("/api/v1/images?limit=-1".to_owned(), Refused),
        row("/api/v1/images?limit=0".to_owned(), Refused),
        row("/api/v1/images?limit=101".to_owned(), Refused),
        row("/api/v1/images?limit=99999999999999999999".to_owned(), Refused),
        row("/api/v1/images?limit=1e1".to_owned(), Refused),
        row("/api/v1/images?limit=10&limit=20".to_owned(), Refused),
        row("/api/v1/images?limit[]=1".to_owned(), Status(200)),
        row("/api/v1/images?cursor=%00".to_owned(), Refused),
        row("/api/v1/images?cursor='%20OR%201=1--".to_owned(), Refused),
        row("/api/v1/images?cursor=../../etc/passwd".to_owned(), Refused),
        row(format!("/api/v1/images?cursor={long}"), Refused),
        row("/api/v1/images?uploader=%ff%fe".to_owned(), Status(200)),
        row("/api/v1/images?uploader=%00".to_owned(), Refused),
        row(format!("/api/v1/images?uploader={}", "x".repeat(101)), Refused),
        row("/api/v1/images?unknown=1".to_owned(), Status(200)),
        row("/api/v1/images?uploader='%20OR%20'1'='1".to_owned(), Status(200)),
        row("/api/v1/images?uploader=%25".to_owned(), Status(200)),
        row(format!("/{long}"), Refused),
        row(format!("/i/{long}.jpg"), Refused),
        row(format!("/docs/{long}"), Refused),
        row(format!("/{}", "a/".repeat(10_000)), Refused),
        row(format!("/{}", "../".repeat(10_000)), Status(200)),
        row(format!("/i/{}", "%".repeat(10_000)), Refused),
        row("//".to_owned(), Status(200)),
        row(format!("//{EVIL}/"), Refused),
        row(format!("//{EVIL}/%2e%2e"), Status(200)),
        row(format!("/docs?//{EVIL}"), Status(308)),
        row(format!("/docs//{EVIL}"), Refused),
        ("a NUL".to_owned(), b"/i/\0.jpg".to_vec(), Refused),
        ("bytes that are no UTF-8".to_owned(), b"/i/\xff\xfe.jpg".to_vec(), Refused),
        ("UTF-8".to_owned(), "/i/🐈.jpg".into(), Refused),
        ("a fragment".to_owned(), b"/livez#/etc/passwd".to_vec(), Status(200)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_addresses_are_not_found() {
    let mut target = Target::start("odd addresses").await;
    let image = target.upload_photo().await;
    let id = image["id"].as_str().unwrap();
    for (name, address, expected) in odd_addresses(id) {
        let name: String = name.chars().take(100).collect();
        target.attack(attack(name, get(&address), expected)).await;
    }
    target.finish().await;
}
