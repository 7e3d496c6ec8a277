//! The head of an answer, as far as a load has to understand it.

use std::fmt;

/// Longer heads than this are no heads.
pub(crate) const LONGEST_HEAD: usize = 16 * 1024;

/// What stands before the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// How many bytes of body follow.
    pub(crate) body_length: u64,
    /// Whether the server closes the connection after it.
    pub(crate) closes: bool,
    /// How long the head itself is.
    pub(crate) length: usize,
}

/// Why these bytes are no head that a load can go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    TooLong,
    StatusLine,
    Header,
    /// Neither a length nor a status that has no body: where the answer ends would be a guess.
    NoLength,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the head of the answer is too long",
            Self::StatusLine => "the answer does not begin with a status line of HTTP/1.1",
            Self::Header => "a header of the answer cannot be read",
            Self::NoLength => "the answer does not say how long it is",
        })
    }
}

impl std::error::Error for Malformed {}

impl Head {
    /// Reads the head at the beginning of `bytes`. `None`: it has not come to its end yet.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            let is_too_long = bytes.len() >= LONGEST_HEAD;
            return if is_too_long {
                Err(Malformed::TooLong)
            } else {
                Ok(None)
            };
        };
        let text = std::str::from_utf8(&bytes[..end]).map_err(|_| Malformed::Header)?;
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1.1 "))
            .and_then(|rest| rest.get(..3))
            .and_then(|digits| digits.parse().ok())
            .ok_or(Malformed::StatusLine)?;
        let mut length = None;
        let mut closes = false;
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(Malformed::Header)?;
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.parse().map_err(|_| Malformed::Header)?);
            } else if name.eq_ignore_ascii_case("connection") {
                closes = value.eq_ignore_ascii_case("close");
            }
        }
        let body_length = match status {
            100..200 | 204 | 304 => 0,
            _ => length.ok_or(Malformed::NoLength)?,
        };
        Ok(Some(Self {
            status,
            body_length,
            closes,
            length: end + 4,
        }))
    }
}
