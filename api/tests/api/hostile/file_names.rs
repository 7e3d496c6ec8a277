//! Names of files that want to be paths, markup, headers or commands. A name is shown, and never used.

use super::{Error, Target, attack, body, part, post, text_part};
use crate::helpers::app::path;
use crate::helpers::fixtures::photo;

/// Parameters behind `name="file"`, and the name that the record then has.
#[rustfmt::skip]
fn rows() -> Vec<(&'static str, Vec<u8>, Option<String>)> {
    let row = |name, parameters: &[u8], expected: Option<&str>| {
        (name, parameters.to_vec(), expected.map(str::to_owned))
    };
    vec![
        row("no name", b"", None),
        row("an empty name", br#"; filename="""#, None),
        row("only spaces", br#"; filename="   ""#, None),
        row("a path upwards", br#"; filename="../../../../etc/passwd""#, Some("passwd")),
        row("an absolute path", br#"; filename="/etc/cron.d/evil""#, Some("evil")),
        row("a path that ends in a folder", br#"; filename="../../uploads/""#, None),
        row("a path of Windows", br#"; filename="C:\\fakepath\\cat.jpg""#, Some("cat.jpg")),
        row("a path upwards of Windows", br#"; filename="..\\..\\windows\\win.ini""#, Some("win.ini")),
        row("a network path", br#"; filename="\\\\host\\share\\x.jpg""#, Some("x.jpg")),
        row("the folder above", br#"; filename="..""#, None),
        row("the folder itself", br#"; filename=".""#, None),
        row("a hidden file", br#"; filename=".htaccess""#, Some(".htaccess")),
        row("an encoded path", br#"; filename="%2e%2e%2f%2e%2e%2fetc%2fpasswd""#, Some("%2e%2e%2f%2e%2e%2fetc%2fpasswd")),
        row("an encoded NUL", br#"; filename="a.php%00.jpg""#, Some("a.php%00.jpg")),
        row("a device of Windows", br#"; filename="CON""#, Some("CON")),
        row("a stream of Windows", br#"; filename="a.jpg::$DATA""#, Some("a.jpg::$DATA")),
        row("two extensions", br#"; filename="a.php.jpg""#, Some("a.php.jpg")),
        row("a script", br#"; filename="shell.php""#, Some("shell.php")),
        row("markup", br#"; filename="<img src=x onerror=alert(1)>.jpg""#, Some("<img src=x onerror=alert(1)>.jpg")),
        row("SQL", br#"; filename="'); DROP TABLE images; --.jpg""#, Some("'); DROP TABLE images; --.jpg")),
        row("a shell command", br#"; filename="$(reboot)`reboot`|reboot;.jpg""#, Some("$(reboot)`reboot`|reboot;.jpg")),
        row("a format", br#"; filename="%s%n{}{0}.jpg""#, Some("%s%n{}{0}.jpg")),
        row("a lookup", br#"; filename="${jndi:ldap:x}.jpg""#, Some("${jndi:ldap:x}.jpg")),
        row("an option", br#"; filename="--help""#, Some("--help")),
        row("an escaped quote", br#"; filename="a\"; x=\"b.jpg""#, Some("a\"; x=\"b.jpg")),
        row("an escaped backslash at the end", br#"; filename="a.jpg\\""#, None),
        row("a tab", b"; filename=\"a\tb.jpg\"", Some("ab.jpg")),
        row("right-to-left override", "; filename=\"cat\u{202e}gpj.exe\"".as_bytes(), Some("catgpj.exe")),
        row("isolates", "; filename=\"\u{2066}cat\u{2069}.jpg\"".as_bytes(), Some("cat.jpg")),
        row("only overrides", "; filename=\"\u{202e}\u{202d}\"".as_bytes(), None),
        row("control characters of C1", "; filename=\"a\u{85}\u{9b}b.jpg\"".as_bytes(), Some("ab.jpg")),
        row("decomposed letters", "; filename=\"Jose\u{301}.jpg\"".as_bytes(), Some("José.jpg")),
        row("emoji", "; filename=\"🐈‍⬛.jpg\"".as_bytes(), Some("🐈‍⬛.jpg")),
        row("7 kB", &join_name(b'x', 7_000), Some(&"x".repeat(255))),
        row("7 kB of dots", &join_name(b'.', 7_000), None),
        row("400 accents on one letter", format!("; filename=\"e{}\"", "\u{301}".repeat(400)).as_bytes(), Some(&format!("é{}", "\u{301}".repeat(254)))),
        row("only the extended form", b"; filename*=UTF-8''..%2f..%2fcat.jpg", None),
        row("both forms", br#"; filename="a.jpg"; filename*=UTF-8''..%2f..%2fb.jpg"#, Some("a.jpg")),
        row("no quotes", b"; filename=a.jpg", Some("a.jpg")),
        row("upper case", br#"; FILENAME="a.jpg""#, Some("a.jpg")),
        row("an unknown parameter", br#"; filename="a.jpg"; size=99999999999"#, Some("a.jpg")),
    ]
}

fn join_name(byte: u8, count: usize) -> Vec<u8> {
    [&b"; filename=\""[..], &vec![byte; count], b"\""].concat()
}

fn request(parameters: &[u8]) -> Vec<u8> {
    let disposition = [b"Content-Disposition: form-data; name=\"file\"", parameters].concat();
    post(
        "",
        &body(&[text_part("uploader", b"Eve"), part(&disposition, &photo())]),
    )
}

/// Whether a browser would show the image, or save it under a name that opens as nothing else. Without this header
/// the name is that of the address.
fn saves_as_jpeg(disposition: &str) -> bool {
    let is_jpeg = [".jpg\"", ".jpg"]
        .iter()
        .any(|end| disposition.ends_with(end));
    disposition.is_empty()
        || disposition.starts_with("inline; filename=\"")
            && is_jpeg
            && !disposition.contains(['/', '\r', '\n', '\0'])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_files_are_only_shown() {
    let mut target = Target::start("file names").await;
    for (name, parameters, expected) in rows() {
        let answer = target
            .attack(attack(name, request(&parameters), super::Taken))
            .await;
        let Some(answer) = answer.filter(|answer| answer.status == 201) else {
            continue;
        };
        let image = answer.json();
        let content = target.get(&path(&image["link"])).await;
        let is_served = content.status == 200
            && content.header("content-type") == "image/jpeg"
            && content.bytes.starts_with(b"\xff\xd8\xff")
            && saves_as_jpeg(content.header("content-disposition"));
        if image["file_name"].as_str() != expected.as_deref() || !is_served {
            target.fail(&format!(
                "the name is {}, served with {:?}",
                image["file_name"], content.headers
            ));
        }
    }
    // Names that no header may have.
    let endless = join_name(b'x', 10_000);
    let malformed: [(&str, &[u8]); 7] = [
        ("10 kB", &endless),
        ("a NUL", b"; filename=\"a.php\0.jpg\""),
        ("a line break", b"; filename=\"a\nX-Evil: 1\n.jpg\""),
        ("a carriage return", b"; filename=\"a\rb.jpg\""),
        (
            "a header after a line break",
            b"; filename=\"a\r\nX-Evil: 1\r\n.jpg\"",
        ),
        ("an escape sequence", b"; filename=\"\x1b[31m.jpg\""),
        ("an end of the part", b"; filename=\"a\r\n\r\n--b--\r\n"),
    ];
    for (name, parameters) in malformed {
        let expected = Error(400, "multipart-malformed");
        target
            .attack(attack(name, request(parameters), expected))
            .await;
    }
    target.finish().await;
}
