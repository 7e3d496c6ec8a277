//! Where variants are rendered: on a few threads that give way to everything else, in a bounded part of the memory.

use std::io;
use std::thread;

use tokio::sync::{Semaphore, oneshot};

/// What the scheduler takes off the threads' share: uploads and all that answers requests come first
/// (`setpriority(2)`, which on Linux is about one thread).
const NICENESS: i32 = 10;

/// A few threads and a bounded part of the memory. Who waits for them is served in turn.
#[derive(Debug)]
pub(super) struct Pool {
    turns: Semaphore,
    memory: Semaphore,
    /// All of the memory.
    memory_kib: u32,
}

impl Pool {
    /// As many threads as there are cores, and so much memory for all of them together.
    pub(super) fn new(memory_bytes: u64) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let memory_kib = u32::try_from(memory_bytes / 1024).unwrap_or(u32::MAX);
        let memory_kib = memory_kib.min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        Self {
            turns: Semaphore::new(threads),
            memory: Semaphore::new(memory_kib as usize),
            memory_kib,
        }
    }

    /// Waits for a thread and for so much memory, and runs `work` there. What takes more than all of the memory
    /// runs alone.
    ///
    /// # Errors
    /// When no thread can be started, or `work` panics.
    pub(super) async fn run<T, F>(&self, memory_bytes: u64, work: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let closed = |_| io::Error::other("the pool is never closed");
        let _turn = self.turns.acquire().await.map_err(closed)?;
        let kib = u32::try_from(memory_bytes / 1024 + 1)
            .map_or(self.memory_kib, |kib| kib.min(self.memory_kib));
        let _memory = self.memory.acquire_many(kib).await.map_err(closed)?;
        at_low_priority(work).await
    }
}

/// Runs `work` on a thread of its own that gives way to all others. It takes milliseconds, a thread takes
/// microseconds; and with the thread all memory goes that it was given.
///
/// # Errors
/// When no thread can be started, or `work` panics.
pub(super) async fn at_low_priority<T, F>(work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let (tell, told) = oneshot::channel();
    let begin = thread::Builder::new().name("render".to_owned());
    begin.spawn(move || {
        if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
            log::debug!("a render keeps the priority of the process: {error}");
        }
        // Nobody waits any more: the process ends.
        let _ = tell.send(work());
    })?;
    told.await
        .map_err(|_| io::Error::other("the work stopped with a panic"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn niceness() -> i32 {
        rustix::process::getpriority_process(None).unwrap()
    }

    #[tokio::test]
    async fn what_runs_there_gives_way_to_the_rest() {
        let before = niceness();
        let pool = Pool::new(MIB);
        assert_eq!(pool.run(0, niceness).await.unwrap(), NICENESS);
        assert_eq!(niceness(), before, "this thread is as it was");
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_costs_no_turn() {
        let pool = Pool::new(MIB);
        for _ in 0..100 {
            pool.run(MIB, || assert!(niceness() < 0, "on purpose"))
                .await
                .unwrap_err();
        }
        assert_eq!(pool.run(MIB, || 1).await.unwrap(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_run_than_there_is_memory_for() {
        // One that takes more than there is runs alone.
        let pool = Arc::new(Pool::new(2 * MIB));
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let all: Vec<_> = (0..20)
            .map(|each| {
                let (pool, running, most) =
                    (Arc::clone(&pool), Arc::clone(&running), Arc::clone(&most));
                tokio::spawn(async move {
                    let takes = if each % 2 == 0 {
                        100 * MIB
                    } else {
                        2 * MIB - 1024
                    };
                    let work = move || {
                        let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                    };
                    pool.run(takes, work).await.unwrap();
                })
            })
            .collect();
        for each in all {
            each.await.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn as_many_run_as_there_are_cores() {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let pool = Arc::new(Pool::new(MIB));
        let (tell, told) = mpsc::channel();
        let (release, wait) = gates(cores);
        let all: Vec<_> = wait
            .into_iter()
            .map(|wait| {
                let (pool, tell) = (Arc::clone(&pool), tell.clone());
                tokio::spawn(async move {
                    pool.run(0, move || {
                        tell.send(()).unwrap();
                        wait.recv().unwrap();
                    })
                    .await
                    .unwrap();
                })
            })
            .collect();
        for _ in 0..cores {
            tokio::task::block_in_place(|| told.recv().unwrap());
        }
        assert_eq!(pool.turns.available_permits(), 0);
        for each in release {
            each.send(()).unwrap();
        }
        for each in all {
            each.await.unwrap();
        }
    }

    fn gates(count: usize) -> (Vec<mpsc::Sender<()>>, Vec<mpsc::Receiver<()>>) {
        (0..count).map(|_| mpsc::channel()).unzip()
    }
}
