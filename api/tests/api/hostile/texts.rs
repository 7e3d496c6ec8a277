//! Names and descriptions that want to be something else, or that nobody can see.

use serde_json::Value;

use super::{Error, Taken, Target, attack, body, file_part, post, text_part};
use crate::helpers::fixtures::photo;

/// The field, what is sent, and what is kept of it. `Err`: it is refused.
type Row = (&'static str, &'static str, Vec<u8>, Result<Value, ()>);

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let kept = |name, field, text: &str, kept: &str| (name, field, text.as_bytes().to_vec(), Ok(Value::from(kept)));
    let refused = |name, field, text: &[u8]| (name, field, text.to_vec(), Err(()));
    vec![
        refused("nothing", "uploader", b""),
        refused("spaces", "uploader", b"   "),
        refused("line breaks", "uploader", b"\r\n\r\n"),
        refused("spaces of other scripts", "uploader", "\u{a0}\u{2003}\u{3000}\u{2028}".as_bytes()),
        refused("a NUL", "uploader", b"E\0ve"),
        refused("a bell", "uploader", b"E\x07ve"),
        refused("an escape sequence", "uploader", b"\x1b[2JEve"),
        refused("a backspace", "uploader", b"Eve\x08\x08\x08Ada"),
        refused("a delete", "uploader", b"Eve\x7f"),
        refused("a line break inside", "uploader", b"Eve\nAda"),
        refused("a carriage return inside", "uploader", b"Eve\rAda"),
        refused("a control character of C1", "uploader", "E\u{9b}31mve".as_bytes()),
        refused("right-to-left override", "uploader", "Eve\u{202e}adA".as_bytes()),
        refused("left-to-right embedding", "uploader", "Eve\u{202a}Ada\u{202c}".as_bytes()),
        refused("an isolate", "uploader", "Eve\u{2067}Ada\u{2069}".as_bytes()),
        refused("a lone surrogate", "uploader", b"Eve\xed\xa0\x80"),
        refused("a pair of surrogates (CESU-8)", "uploader", b"Eve\xed\xa0\xbd\xed\xb8\x80"),
        refused("an overlong NUL", "uploader", b"Eve\xc0\x80"),
        refused("an overlong slash", "uploader", b"Eve\xc0\xaf"),
        refused("an overlong slash of four bytes", "uploader", b"Eve\xf0\x80\x80\xaf"),
        refused("beyond Unicode", "uploader", b"Eve\xf4\x90\x80\x80"),
        refused("half a character", "uploader", b"Eve\xf0\x9f\x90"),
        refused("Latin-1", "uploader", b"Andr\xe9"),
        refused("UTF-16", "uploader", b"\xff\xfeE\0v\0e\0"),
        refused("101 characters", "uploader", "x".repeat(101).as_bytes()),
        refused("101 characters of four bytes", "uploader", "🐈".repeat(101).as_bytes()),
        refused("101 characters that decompose", "uploader", "é".repeat(101).as_bytes()),
        refused("a letter and 100 accents that do not compose", "uploader", format!("x{}", "\u{489}".repeat(100)).as_bytes()),
        // This letter has no composed form in NFC: it counts as two.
        refused("60 letters that NFC takes apart", "uploader", "\u{958}".repeat(60).as_bytes()),
        refused("15 kB", "uploader", "x".repeat(15_000).as_bytes()),
        refused("40 kB", "uploader", "x".repeat(40_000).as_bytes()),
        refused("a description with a NUL", "alt", b"a\0b"),
        refused("a description with an override", "alt", "a\u{202e}b".as_bytes()),
        refused("a description of 501 characters", "alt", "x".repeat(501).as_bytes()),
        refused("a description of 40 kB", "alt", "x".repeat(40_000).as_bytes()),
        refused("a description that is not UTF-8", "alt", b"\xff"),
        kept("100 characters", "uploader", &"x".repeat(100), &"x".repeat(100)),
        kept("100 characters of four bytes", "uploader", &"🐈".repeat(100), &"🐈".repeat(100)),
        kept("100 characters once they are composed", "uploader", &"e\u{301}".repeat(100), &"é".repeat(100)),
        kept("100 characters once they are trimmed", "uploader", &format!("   {}\r\n", "x".repeat(100)), &"x".repeat(100)),
        kept("markup", "uploader", "<script>alert(1)</script>", "<script>alert(1)</script>"),
        kept("SQL", "uploader", "'; DROP TABLE images; --", "'; DROP TABLE images; --"),
        kept("a formula", "uploader", "=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        kept("a lookup", "uploader", "${jndi:ldap:x}", "${jndi:ldap:x}"),
        kept("a template", "uploader", "{{7*7}}{% x %}", "{{7*7}}{% x %}"),
        kept("a format", "uploader", "%s%n{}", "%s%n{}"),
        kept("JSON", "uploader", r#"","id":"x"#, r#"","id":"x"#),
        kept("letters that are wider than they look", "uploader", "﷽", "﷽"),
        kept("a family", "uploader", "👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"),
        kept("a description of 500 characters", "alt", &"ü".repeat(500), &"ü".repeat(500)),
        kept("a description on two lines", "alt", "a\r\nb", "a  b"),
        ("a description of spaces", "alt", b" \t ".to_vec(), Ok(Value::Null)),
    ]
}

/// Names of which nothing can be seen.
#[rustfmt::skip]
fn invisible() -> Vec<Row> {
    let refused = |name, field, text: &[u8]| (name, field, text.to_vec(), Err(()));
    vec![
        refused("zero-width space alone", "uploader", "\u{200b}".as_bytes()),
        refused("zero-width joiners alone", "uploader", "\u{200c}\u{200d}\u{2060}".as_bytes()),
        refused("a byte order mark alone", "uploader", "\u{feff}".as_bytes()),
        refused("soft hyphens alone", "uploader", "\u{ad}\u{ad}".as_bytes()),
        refused("marks of direction alone", "uploader", "\u{200e}\u{200f}".as_bytes()),
        refused("tag characters alone", "uploader", "\u{e0041}\u{e0042}".as_bytes()),
        refused("selectors of variants alone", "uploader", "\u{fe0f}\u{fe0f}".as_bytes()),
        refused("fillers of Hangul alone", "uploader", "\u{3164}\u{115f}".as_bytes()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_are_kept_as_they_are_or_refused() {
    attack_with("texts", rows()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_nobody_can_see_are_refused() {
    attack_with("invisible names", invisible()).await;
}

async fn attack_with(group: &'static str, rows: Vec<Row>) {
    let mut target = Target::start(group).await;
    for (name, field, text, kept) in rows {
        let mut parts = vec![text_part(field, &text), file_part("a.jpg", &photo())];
        if field != "uploader" {
            parts.push(text_part("uploader", b"Eve"));
        }
        let expected = match kept {
            Ok(_) => Taken,
            Err(()) => Error(400, "validation-failed"),
        };
        let request = post("", &body(&parts));
        let answer = target.attack(attack(name, request, expected)).await;
        let Some((answer, kept)) = answer.zip(kept.ok()) else {
            continue;
        };
        // As it was answered, and as it comes back from the database.
        let image = answer.json();
        let path = format!("/api/v1/images/{}", image["id"].as_str().unwrap());
        let found = target.get(&path).await.json();
        if image[field] != kept || found[field] != kept {
            target.fail(&format!("{} and {} are kept", image[field], found[field]));
        }
    }
    target.finish().await;
}
