//! One connection that is kept alive. It reads every byte of a body, as clients do, into memory that all of them share.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::request::Request;
use super::response::{Head, LONGEST_HEAD};

/// How much of a body is read at a time, at most.
const READ_AT_ONCE: usize = 128 * 1024;
/// How much of an unexpected answer is shown.
const SHOWN: usize = 400;

thread_local! {
    /// Where bodies go that nobody looks at.
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_AT_ONCE]);
}

pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    closes: bool,
}

/// What becomes of a body.
pub(crate) enum Body<'into> {
    /// Nobody looks at it.
    ThrowAway,
    /// It is put here, whatever was here before.
    Keep(&'into mut Vec<u8>),
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self {
            address,
            stream: connect(address).await?,
            buffer: vec![0; LONGEST_HEAD],
            filled: 0,
            closes: false,
        })
    }

    /// Sends a request, reads the whole answer and compares it with what is expected.
    pub(crate) async fn exchange(
        &mut self,
        request: &Request,
        body: Body<'_>,
    ) -> anyhow::Result<Head> {
        if self.closes {
            self.stream = connect(self.address).await?;
            self.closes = false;
        }
        self.stream
            .write_all(&request.bytes)
            .await
            .context("the request could not be sent")?;
        let head = self.head().await?;
        let begun = self.filled - head.length;
        ensure!(
            begun as u64 <= head.body_length,
            "more came than the answer's length"
        );
        let expected = request.expected;
        let is_right = head.status == expected.status
            && expected
                .body_length
                .is_none_or(|length| length == head.body_length);
        let mut shown = Vec::new();
        let body = if is_right {
            body
        } else {
            Body::Keep(&mut shown)
        };
        self.body(head, body).await?;
        self.filled = 0;
        self.closes = head.closes;
        if !is_right {
            let text = String::from_utf8_lossy(&shown[..shown.len().min(SHOWN)]);
            bail!(
                "expected status {} and {:?} bytes, got {} and {}: {text}",
                expected.status,
                expected.body_length,
                head.status,
                head.body_length
            );
        }
        Ok(head)
    }

    /// The head of the last answer, as it came.
    pub(crate) fn last_head(&self) -> String {
        let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
        String::from_utf8_lossy(&self.buffer[..end.unwrap_or_default()]).into_owned()
    }

    async fn head(&mut self) -> anyhow::Result<Head> {
        loop {
            if let Some(head) = Head::parse(&self.buffer[..self.filled])? {
                return Ok(head);
            }
            let read = self.stream.read(&mut self.buffer[self.filled..]).await;
            let read = read.context("the answer could not be read")?;
            ensure!(
                read > 0,
                "the server closed the connection instead of answering"
            );
            self.filled += read;
        }
    }

    async fn body(&mut self, head: Head, body: Body<'_>) -> anyhow::Result<()> {
        let begun = &self.buffer[head.length..self.filled];
        let mut left = usize::try_from(head.body_length)? - begun.len();
        match body {
            Body::Keep(kept) => {
                kept.clear();
                kept.extend_from_slice(begun);
                let first = kept.len();
                kept.resize(first + left, 0);
                self.stream.read_exact(&mut kept[first..]).await?;
            }
            Body::ThrowAway => {
                while left > 0 {
                    let read = self.throw_away(left).await?;
                    ensure!(read > 0, "the server closed the connection within a body");
                    left -= read;
                }
            }
        }
        Ok(())
    }

    async fn throw_away(&self, most: usize) -> io::Result<usize> {
        loop {
            self.stream.readable().await?;
            let read = READ.with_borrow_mut(|memory| {
                let most = most.min(memory.len());
                self.stream.try_read(&mut memory[..most])
            });
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

async fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.with_context(|| format!("nobody listens at {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
