//! The bytes of a file on their way to a client.
//!
//! What the system has in memory is read by the thread that sends it, the rest by one that may wait for the disk. Read
//! is only what the connection can take: a client that does not read holds no more than one piece.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::rt::task::{JoinHandle, spawn_blocking};
use bytes::Bytes;

use crate::storage::read_at_once;

/// How much is read at once. With the head of the answer it fits into the buffer that the HTTP server keeps for a
/// connection (128 KiB), and into the cache of a processor core.
const PIECE_BYTES: usize = 64 * 1024;
/// How many unused buffers a thread keeps. The HTTP server copies a piece before it asks for the next one, so that
/// one is used again and again.
const KEPT_BUFFERS: usize = 2;

thread_local! {
    static UNUSED: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes of a file, as an answer's body.
pub(super) struct FileBody {
    file: Arc<File>,
    offset: u64,
    left: u64,
    /// A read that waits for the disk.
    waiting: Option<JoinHandle<io::Result<Piece>>>,
}

impl FileBody {
    /// `length` bytes from `offset` on, which the file has to have.
    pub(super) fn new(file: File, offset: u64, length: u64) -> Self {
        Self {
            file: Arc::new(file),
            offset,
            left: length,
            waiting: None,
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Piece>> {
        let waiting = if let Some(waiting) = &mut self.waiting {
            waiting
        } else {
            let mut piece = Piece::of(self.left);
            if let Some(read) = read_at_once(&self.file, piece.space(), self.offset)? {
                piece.length = read;
                return Poll::Ready(Ok(piece));
            }
            let (file, offset) = (Arc::clone(&self.file), self.offset);
            self.waiting.insert(spawn_blocking(move || {
                piece.length = file.read_at(piece.space(), offset)?;
                Ok(piece)
            }))
        };
        let read = std::task::ready!(Pin::new(waiting).poll(context));
        self.waiting = None;
        Poll::Ready(read.map_err(io::Error::other)?)
    }
}

impl MessageBody for FileBody {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.left)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, io::Error>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let piece = std::task::ready!(this.poll_piece(context))?;
        if piece.length == 0 {
            // It was cut short after it was opened. The connection is closed, so that nobody takes this for all.
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        this.offset += piece.length as u64;
        this.left -= piece.length as u64;
        Poll::Ready(Some(Ok(Bytes::from_owner(piece))))
    }
}

/// Bytes that were read, in a buffer that is used again.
struct Piece {
    buffer: Box<[u8]>,
    wanted: usize,
    length: usize,
}

impl Piece {
    /// An empty one for so many bytes, or for as many as are read at once.
    fn of(left: u64) -> Self {
        let unused = UNUSED.with_borrow_mut(Vec::pop);
        Self {
            buffer: unused.unwrap_or_else(|| vec![0; PIECE_BYTES].into_boxed_slice()),
            wanted: usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES)),
            length: 0,
        }
    }

    fn space(&mut self) -> &mut [u8] {
        &mut self.buffer[..self.wanted]
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // A thread that ends keeps nothing.
        let _ = UNUSED.try_with(|unused| {
            let mut unused = unused.borrow_mut();
            if unused.len() < KEPT_BUFFERS && buffer.len() == PIECE_BYTES {
                unused.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Write as _;

    use super::*;

    async fn read(file: File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut body = FileBody::new(file, offset, length);
        assert_eq!(body.size(), BodySize::Sized(length));
        let mut bytes = Vec::new();
        while let Some(piece) = poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(bytes)
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[actix_web::test]
    async fn every_part_of_a_file_is_sent_as_it_is() {
        let bytes: Vec<u8> = (0..251).cycle().take(3 * PIECE_BYTES + 5).collect();
        let whole = bytes.len();
        for (offset, length) in [
            (0, whole),
            (0, 0),
            (0, 1),
            (0, PIECE_BYTES),
            (7, PIECE_BYTES + 1),
            (whole - 1, 1),
            (whole, 0),
        ] {
            let sent = read(file(&bytes), offset as u64, length as u64)
                .await
                .unwrap();
            assert!(sent == bytes[offset..offset + length], "{offset} {length}");
        }
    }

    #[actix_web::test]
    async fn a_file_that_was_cut_short_is_an_error_and_not_the_end() {
        let error = read(file(b"short"), 0, 100).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[actix_web::test]
    async fn what_cannot_be_had_at_once_is_waited_for() {
        // A file of the kernel's that knows no reads without waiting.
        let path = "/proc/self/cmdline";
        let expected = std::fs::read(path).unwrap();
        let sent = read(File::open(path).unwrap(), 0, expected.len() as u64).await;
        assert!(sent.unwrap() == expected);
    }

    #[actix_web::test]
    async fn a_read_that_fails_ends_the_answer() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(File::open(folder.path()).unwrap(), 0, 1)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    }
}
