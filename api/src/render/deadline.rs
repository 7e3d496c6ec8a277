//! How long a render may take, and input that ends when the time is over.

use std::cell::Cell;
use std::io::{self, BufRead, ErrorKind, Read, Seek, SeekFrom};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use zune_jpeg::zune_core::bytestream::{ZByteIoError, ZByteReaderTrait, ZSeekFrom};

/// The clock is looked at once in so many bytes of input.
const STEP: usize = 4096;

const OVER: &str = "the time for decoding is over";

/// When the thread that made it has spent its time.
#[derive(Debug)]
pub(super) struct Deadline {
    at: Duration,
    passed: Cell<bool>,
}

impl Deadline {
    /// So long after now, counted in the time of this thread.
    pub(super) fn after(cpu_time: Duration) -> Self {
        Self {
            at: spent().saturating_add(cpu_time),
            passed: Cell::new(false),
        }
    }

    /// Whether it had passed when somebody last looked.
    pub(super) fn has_passed(&self) -> bool {
        self.passed.get()
    }

    /// Looks at the clock. What has passed stays so.
    pub(super) fn passes(&self) -> bool {
        let passes = self.passed.get() || spent() > self.at;
        self.passed.set(passes);
        passes
    }
}

/// What this thread has spent.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// A file in memory that can be read until the deadline.
#[derive(Debug)]
pub(super) struct TimedFile<'a> {
    bytes: &'a [u8],
    at: usize,
    deadline: &'a Deadline,
}

impl<'a> TimedFile<'a> {
    pub(super) fn new(bytes: &'a [u8], deadline: &'a Deadline) -> Self {
        Self {
            bytes,
            at: 0,
            deadline,
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

impl Read for TimedFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let length = ready.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(ready) {
            *to = *from;
        }
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for TimedFile<'_> {
    /// Gives no more than one step, so that decoders ask again before they have worked for long.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // Within a step nobody has to look: some decoders ask for each byte.
        if self.at.is_multiple_of(STEP) && self.deadline.passes() {
            return Err(io::Error::new(ErrorKind::TimedOut, OVER));
        }
        let rest = self.rest();
        let step = STEP - self.at % STEP;
        Ok(rest.get(..step).unwrap_or(rest))
    }

    fn consume(&mut self, length: usize) {
        self.at = self.at.saturating_add(length);
    }
}

impl Seek for TimedFile<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if self.deadline.passes() {
            return Err(io::Error::new(ErrorKind::TimedOut, OVER));
        }
        let (base, distance) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(distance) => (to_u64(self.at), distance),
            SeekFrom::End(distance) => (to_u64(self.bytes.len()), distance),
        };
        let at = base.checked_add_signed(distance);
        let at = at.ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        self.at = usize::try_from(at).unwrap_or(usize::MAX);
        Ok(at)
    }
}

fn to_u64(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

/// The same for the decoder of JPEGs, which reads four bytes at a time and nearly all of its time is spent on them.
///
/// After the deadline it is at its end.
#[derive(Debug)]
pub(super) struct TimedScans<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What is before this can be read without looking at the clock. Never behind the end.
    fence: usize,
    deadline: &'a Deadline,
}

impl<'a> TimedScans<'a> {
    pub(super) fn new(bytes: &'a [u8], deadline: &'a Deadline) -> Self {
        Self {
            bytes,
            at: 0,
            fence: 0,
            deadline,
        }
    }

    /// Whether so many bytes are there, and there is time to read them.
    #[inline]
    fn may_read(&mut self, length: usize) -> bool {
        // A small file can keep a decoder busy with a great number of scans. Each begins with the length of its
        // header, two bytes.
        let in_step = self.at.saturating_add(length) <= self.fence && length != 2;
        in_step || self.may_read_on(length)
    }

    #[cold]
    fn may_read_on(&mut self, length: usize) -> bool {
        if self.deadline.passes() {
            self.bytes = &[];
            self.fence = 0;
            return false;
        }
        let end = self.at.saturating_add(length);
        self.fence = end.saturating_add(STEP).min(self.bytes.len());
        end <= self.fence
    }

    #[inline]
    fn copy(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        let length = buffer.len();
        if self.may_read(length)
            && let Some(bytes) = self.bytes.get(self.at..self.at + length)
        {
            buffer.copy_from_slice(bytes);
            return Ok(());
        }
        let rest = self.bytes.len().saturating_sub(self.at);
        Err(ZByteIoError::NotEnoughBytes(rest, length))
    }

    fn copy_what_is_there(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        let rest = self.bytes.len().saturating_sub(self.at);
        let length = rest.min(buffer.len());
        match buffer.get_mut(..length) {
            Some(buffer) => self.copy(buffer).map(|()| length),
            None => Ok(0),
        }
    }
}

impl ZByteReaderTrait for TimedScans<'_> {
    #[inline]
    fn read_byte_no_error(&mut self) -> u8 {
        let mut byte = [0];
        if self.read_exact_bytes(&mut byte).is_err() {
            return 0;
        }
        let [byte] = byte;
        byte
    }

    #[inline]
    fn read_exact_bytes(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        self.copy(buffer)?;
        self.at += buffer.len();
        Ok(())
    }

    fn read_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        let length = self.copy_what_is_there(buffer)?;
        self.at += length;
        Ok(length)
    }

    fn peek_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        self.copy_what_is_there(buffer)
    }

    fn peek_exact_bytes(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        self.copy(buffer)
    }

    #[inline]
    fn z_seek(&mut self, to: ZSeekFrom) -> Result<u64, ZByteIoError> {
        let (base, distance) = match to {
            ZSeekFrom::Start(at) => (at, 0),
            ZSeekFrom::Current(distance) => (to_u64(self.at), distance),
            ZSeekFrom::End(distance) => (to_u64(self.bytes.len()), distance),
        };
        let at = base.checked_add_signed(distance);
        let at = at.ok_or(ZByteIoError::SeekError("before the beginning"))?;
        self.at = usize::try_from(at)?;
        Ok(at)
    }

    #[inline]
    fn is_eof(&mut self) -> Result<bool, ZByteIoError> {
        Ok(self.at >= self.bytes.len())
    }

    fn z_position(&mut self) -> Result<u64, ZByteIoError> {
        Ok(to_u64(self.at))
    }

    fn read_remaining(&mut self, sink: &mut Vec<u8>) -> Result<usize, ZByteIoError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        sink.extend_from_slice(rest);
        self.at = self.bytes.len();
        Ok(rest.len())
    }
}
