//! Opens and reads files that the system has in memory, without waiting for a disk.
//!
//! A thread that serves many connections may do this by itself: it costs less than to have it done by another. What is
//! not in memory has to be left to a thread that may wait.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// Opens a file for reading and says how long it is, if the way to it is in memory. `None`: it is not, or the file
/// cannot be opened; whoever waits for the disk learns which.
pub(super) fn open(path: &Path) -> Option<(File, u64)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let opened = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED);
    let file = File::from(opened.ok()?);
    let size_bytes = file.metadata().ok()?.len();
    Some((file, size_bytes))
}

/// Reads from a place of a file as much as is in memory and fits. `None`: nothing of it is, or the file system cannot
/// tell.
///
/// # Errors
/// Any error of the file system.
pub fn read(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
    let mut buffers = [IoSliceMut::new(buffer)];
    match preadv2(file, &mut buffers, offset, ReadWriteFlags::NOWAIT) {
        Ok(read) => Ok(Some(read)),
        // Older systems, some file systems and filters of system calls know no such way.
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_written_is_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"some bytes").unwrap();
        let (file, size_bytes) = open(&path).unwrap();
        assert_eq!(size_bytes, 10);
        let mut buffer = [0; 5];
        assert_eq!(read(&file, &mut buffer, 5).unwrap(), Some(5));
        assert_eq!(&buffer, b"bytes");
        assert_eq!(read(&file, &mut buffer, 10).unwrap(), Some(0), "the end");
    }

    #[test]
    fn what_cannot_be_opened_is_left_to_those_who_may_wait() {
        let folder = tempfile::tempdir().unwrap();
        assert!(open(&folder.path().join("nothing")).is_none());
        std::os::unix::fs::symlink("itself", folder.path().join("itself")).unwrap();
        assert!(open(&folder.path().join("itself")).is_none());
    }

    #[test]
    fn a_failing_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let only_written = File::create(folder.path().join("file")).unwrap();
        let error = read(&only_written, &mut [0; 8], 0).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::BADF.raw_os_error()));
    }

    #[test]
    fn what_knows_no_reads_without_waiting_has_to_be_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (file, _) = open(folder.path()).unwrap();
        assert_eq!(read(&file, &mut [0; 8], 0).unwrap(), None);
    }
}
