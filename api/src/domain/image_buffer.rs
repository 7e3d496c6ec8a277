//! Room for the bytes of an image while they are in memory.

use std::io;

use bytes::Bytes;
use memmap2::MmapMut;

/// Bytes up to a fixed length, in memory that the system lends directly: only what was written to counts, and all of
/// it goes back when the last copy is dropped. An allocator keeps freed pieces of this size, and after a rush of
/// uploads the process would stay at several times of what it needs.
pub struct ImageBuffer {
    memory: MmapMut,
    length: usize,
}

impl ImageBuffer {
    /// An empty buffer for at most so many bytes.
    ///
    /// # Errors
    /// When the system has no room for them.
    pub fn with_capacity(bytes: usize) -> io::Result<Self> {
        // A mapping cannot be empty.
        let memory = MmapMut::map_anon(bytes.max(1))?;
        Ok(Self { memory, length: 0 })
    }

    /// Reads exactly so many bytes.
    ///
    /// # Errors
    /// Those of the reader, also when it ends earlier, and when the system has no room.
    pub fn read_from(mut reader: impl io::Read, bytes: usize) -> io::Result<Self> {
        let mut buffer = Self::with_capacity(bytes)?;
        reader.read_exact(buffer.memory.get_mut(..bytes).unwrap_or_default())?;
        buffer.length = bytes;
        Ok(buffer)
    }

    /// Appends these bytes. `false`, and unchanged, when they do not fit.
    #[must_use]
    pub fn append(&mut self, bytes: &[u8]) -> bool {
        let end = self.length + bytes.len();
        let Some(room) = self.memory.get_mut(self.length..end) else {
            return false;
        };
        room.copy_from_slice(bytes);
        self.length = end;
        true
    }

    /// The bytes, shared from now on.
    #[must_use]
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for ImageBuffer {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_fits_and_no_more() {
        let mut buffer = ImageBuffer::with_capacity(5).unwrap();
        assert!(buffer.append(b"abc"));
        assert!(!buffer.append(b"def"));
        assert!(buffer.append(b"de"));
        assert!(buffer.append(b"") && !buffer.append(b"f"));
        assert_eq!(buffer.freeze(), "abcde");
        assert!(ImageBuffer::with_capacity(0).unwrap().freeze().is_empty());
    }

    #[test]
    fn it_reads_exactly_what_was_promised() {
        let read = |bytes| ImageBuffer::read_from(&b"abc"[..], bytes);
        assert_eq!(read(3).unwrap().freeze(), "abc");
        assert_eq!(read(0).unwrap().freeze(), "");
        assert!(read(4).is_err());
    }

    #[test]
    fn room_that_the_system_does_not_have_is_an_error() {
        assert!(ImageBuffer::with_capacity(usize::MAX / 2).is_err());
    }
}
