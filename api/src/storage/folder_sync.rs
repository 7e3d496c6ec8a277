//! One sync of a folder for everybody who waits for one.
//!
//! A folder's sync makes all its names durable, whoever gave them. So while one is under way, those who come wait
//! together for the next, which begins after all of them have come: none is told of a sync that began before its
//! change. When it fails, it has failed for each of them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

/// All folders of the process. One for all, as a sync does not ask whose folder it is.
pub(super) static FOLDERS: LazyLock<FolderSyncs> = LazyLock::new(FolderSyncs::default);

/// The syncs that are under way, by folder, each with the round that waits for its end.
#[derive(Debug, Default)]
pub(super) struct FolderSyncs {
    running: Mutex<HashMap<PathBuf, Option<Arc<Round>>>>,
}

/// Those who wait for the same sync.
#[derive(Debug, Default)]
struct Round {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum State {
    /// Others may still join, as the sync before has not ended.
    #[default]
    Gathers,
    /// It is complete, and one of its members is to do the sync.
    IsComplete,
    /// One does.
    Runs,
    Ended(Result<(), Failure>),
}

/// An error that can be given to many.
#[derive(Clone, Copy, Debug)]
struct Failure {
    number: Option<i32>,
    kind: io::ErrorKind,
}

impl FolderSyncs {
    /// Returns when a sync of `folder` has ended that began after this was called. `sync` is done by one of those
    /// who wait for the same one.
    pub(super) fn sync(
        &self,
        folder: &Path,
        sync: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(round) = self.join(folder) else {
            let ended = sync();
            self.begin_next(folder);
            return ended;
        };
        if let Some(ended) = round.wait() {
            return ended.map_err(io::Error::from);
        }
        let ended = sync();
        round.end(&ended);
        self.begin_next(folder);
        ended
    }

    /// The round to wait with. `None`: no sync is under way, and the caller's is the first.
    fn join(&self, folder: &Path) -> Option<Arc<Round>> {
        let mut running = self.running();
        if let Some(next) = running.get_mut(folder) {
            return Some(Arc::clone(next.get_or_insert_default()));
        }
        running.insert(folder.to_owned(), None);
        None
    }

    /// Has the round begin that waited for the end of a sync. Who comes from now on waits for the one after it.
    fn begin_next(&self, folder: &Path) {
        let mut running = self.running();
        match running.get_mut(folder).and_then(Option::take) {
            Some(round) => round.become_complete(),
            None => {
                running.remove(folder);
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<PathBuf, Option<Arc<Round>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Round {
    /// Waits for the end of the sync. `None`: the caller is the one who does it.
    fn wait(&self) -> Option<Result<(), Failure>> {
        let mut state = self.state();
        loop {
            match *state {
                State::Gathers | State::Runs => {
                    let woken = self.changed.wait(state);
                    state = woken.unwrap_or_else(PoisonError::into_inner);
                }
                State::IsComplete => {
                    *state = State::Runs;
                    return None;
                }
                State::Ended(ended) => return Some(ended),
            }
        }
    }

    fn become_complete(&self) {
        *self.state() = State::IsComplete;
        self.changed.notify_one();
    }

    fn end(&self, ended: &io::Result<()>) {
        *self.state() = State::Ended(ended.as_ref().map(|&()| ()).map_err(Failure::from));
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Self {
        Self {
            number: error.raw_os_error(),
            kind: error.kind(),
        }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure.number {
            Some(number) => Self::from_raw_os_error(number),
            None => failure.kind.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const FOLDER: &str = "/folder";
    const MEMBERS: usize = 8;

    /// How many wait for the sync after the one that is under way.
    fn members(syncs: &FolderSyncs) -> usize {
        let running = syncs.running();
        let next = running.get(Path::new(FOLDER)).and_then(Option::as_ref);
        next.map_or(0, |round| Arc::strong_count(round) - 1)
    }

    /// Holds a sync up until so many wait for the next one, and gives what that one told each, and how many
    /// there were of it.
    fn gathered(next: fn() -> io::Result<()>) -> (Vec<io::Result<()>>, usize) {
        let syncs = FolderSyncs::default();
        let (began, has_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let count = AtomicUsize::new(0);
        let told = thread::scope(|scope| {
            let (syncs, count) = (&syncs, &count);
            let first = scope.spawn(move || {
                syncs.sync(Path::new(FOLDER), || {
                    began.send(()).unwrap();
                    may_go_on.recv().unwrap();
                    Ok(())
                })
            });
            has_begun.recv().unwrap();
            let waiting: Vec<_> = (0..MEMBERS)
                .map(|_| {
                    scope.spawn(move || {
                        syncs.sync(Path::new(FOLDER), || {
                            count.fetch_add(1, Ordering::Relaxed);
                            next()
                        })
                    })
                })
                .collect();
            while members(syncs) < MEMBERS {
                thread::yield_now();
            }
            assert_eq!(count.load(Ordering::Relaxed), 0, "not during the first");
            go_on.send(()).unwrap();
            first.join().unwrap().unwrap();
            let told = waiting.into_iter().map(|member| member.join().unwrap());
            told.collect::<Vec<_>>()
        });
        assert!(syncs.running().is_empty(), "nothing stays behind");
        (told, count.into_inner())
    }

    #[test]
    fn those_who_come_during_a_sync_wait_together_for_the_next() {
        let (told, count) = gathered(|| Ok(()));
        assert_eq!(count, 1);
        assert!(told.iter().all(Result::is_ok));
    }

    #[test]
    fn a_sync_that_fails_has_failed_for_each() {
        let (told, count) = gathered(|| Err(io::Error::from_raw_os_error(libc::ENOSPC)));
        assert_eq!((told.len(), count), (MEMBERS, 1));
        for ended in told {
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
    }

    #[test]
    fn one_after_the_other_each_has_its_own_sync() {
        let (syncs, mut count) = (FolderSyncs::default(), 0);
        for _ in 0..3 {
            let counted = || {
                count += 1;
                Ok(())
            };
            syncs.sync(Path::new(FOLDER), counted).unwrap();
        }
        assert_eq!(count, 3);
    }

    #[test]
    fn a_folder_does_not_wait_for_another() {
        let syncs = FolderSyncs::default();
        let other = || syncs.sync(Path::new("/other"), || Ok(()));
        syncs.sync(Path::new(FOLDER), other).unwrap();
    }
}
