use crate::response::{Head, LONGEST_HEAD, Malformed};

#[test]
fn a_head_says_status_length_and_whether_the_connection_stays() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\ncontent-length: 1234\r\n\r\nbody";
    let head = Head {
        status: 200,
        body_length: 1234,
        closes: false,
        length: answer.len() - 4,
    };
    assert_eq!(Head::parse(answer), Ok(Some(head)));
    let last = b"HTTP/1.1 404 Not Found\r\nContent-Length:0\r\nCONNECTION: Close\r\n\r\n";
    let head = Head {
        status: 404,
        body_length: 0,
        closes: true,
        length: last.len(),
    };
    assert_eq!(Head::parse(last), Ok(Some(head)));
}

#[test]
fn some_answers_have_no_body_whatever_length_they_tell_of() {
    for status in ["304 Not Modified", "204 No Content"] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 1234\r\n\r\n");
        let head = Head::parse(answer.as_bytes()).unwrap().unwrap();
        assert_eq!(head.body_length, 0, "{status}");
        let answer = format!("HTTP/1.1 {status}\r\n\r\n");
        assert!(
            Head::parse(answer.as_bytes()).unwrap().is_some(),
            "{status}"
        );
    }
}

#[test]
fn a_head_may_come_in_parts() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    for end in 0..answer.len() {
        assert_eq!(Head::parse(&answer[..end]), Ok(None), "{end} bytes");
    }
    assert!(Head::parse(answer).unwrap().is_some());
}

#[test]
fn what_a_load_cannot_go_by_is_refused() {
    let rows: [(&[u8], Malformed); 7] = [
        (b"HTTP/1.1 200 OK\r\n\r\n", Malformed::NoLength),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            Malformed::NoLength,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            Malformed::Header,
        ),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Malformed::Header),
        (
            b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n",
            Malformed::StatusLine,
        ),
        (
            b"HTTP/1.1 2\r\nContent-Length: 1\r\n\r\n",
            Malformed::StatusLine,
        ),
        (&[b'x'; LONGEST_HEAD], Malformed::TooLong),
    ];
    for (answer, expected) in rows {
        let text = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        assert_eq!(Head::parse(answer), Err(expected), "{text}");
    }
}
