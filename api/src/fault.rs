//! Places where tests make the service fail, by name.
//!
//! May be used by every module and imports none. Without the feature `failpoints`, which only tests switch on,
//! every function here is empty. With it, the variable `FAILPOINTS` of the process says what fails
//! (<https://docs.rs/fail>): `FAILPOINTS="journal.fsync=3*off->1*return(EIO)"`.
//!
//! There are two kinds: steps that fail ([`step`], [`crash`]), which a correct service survives, and promises
//! that are broken on purpose ([`broken`], all called `break.…`), by which the tests show that they would notice.
//!
//! A step is called after what is written and what is done with it. [`DISK_STEPS`], [`VARIANT_STEPS`] and
//! [`STEPS_BETWEEN`] name them all.

use std::io;

/// The steps that touch the disk, each just before it is done. The journal's entries are `entry`, local copies
/// are `copy`.
pub const DISK_STEPS: &[&str] = &[
    "copy.create",
    "copy.fsync",
    "copy.remove",
    "copy.remove-fsync",
    "copy.rename",
    "copy.rename-fsync",
    "copy.undo",
    "copy.write",
    "entry.create",
    "entry.fsync",
    "entry.remove",
    "entry.rename",
    "entry.rename-fsync",
    "entry.undo",
    "entry.write",
    "folder.create",
    "folder.fsync",
    "mark.write",
    "probe.remove",
    "probe.write",
    "root.fsync",
    "settled.remove",
    "settled.rename",
    "swept.fsync",
    "swept.remove",
    "swept.rename",
    "tmp.remove",
];

/// The same of variants, which are a cache: an error costs an answer at most, and an end of the process nothing.
pub const VARIANT_STEPS: &[&str] = &[
    "variant.create",
    "variant.evict",
    "variant.fsync",
    "variant.mark",
    "variant.remove",
    "variant.rename",
    "variant.write",
];

/// The points between steps, where nothing but an end of the process can come.
pub const STEPS_BETWEEN: &[&str] = &[
    "ingest.after-copy",
    "ingest.after-entry",
    "publish.after-object",
    "publish.after-record",
    "publish.after-update",
    "publish.after-finish",
    "remove.after-entry",
    "remove.after-tombstone",
    "remove.after-object",
    "remove.after-copy",
    "remove.after-object-again",
    "remove.after-purged",
    "remove.after-update",
    "remove.after-finish",
    "replay.after-claim",
];

/// Fails if a test says so: `return(abort)` ends the process at this point, `return(EIO)` and `return(ENOSPC)`
/// are errors of the disk. Anything else is an error of the disk too.
///
/// # Errors
/// The one that the test asks for.
#[cfg(feature = "failpoints")]
pub(crate) fn step(name: &str) -> io::Result<()> {
    fail::fail_point!(name, |error| {
        // Tests see by this line that the step was reached.
        log::warn!("fails on purpose: {name}");
        Err(match error.as_deref() {
            Some("abort") => std::process::abort(),
            Some("ENOSPC") => io::Error::from_raw_os_error(libc::ENOSPC),
            _ => io::Error::from_raw_os_error(libc::EIO),
        })
    });
    Ok(())
}

/// Ends the process at this point, if a test says so. For points at which no disk is touched.
#[cfg(feature = "failpoints")]
pub(crate) fn crash(name: &str) {
    fail::fail_point!(name, |_| {
        log::warn!("fails on purpose: {name}");
        std::process::abort()
    });
}

/// Whether a test has this promise broken. The names are in the table of `api/tests/api/durability`.
#[cfg(feature = "failpoints")]
pub(crate) fn broken(promise: &str) -> bool {
    fail::fail_point!(promise, |_| true);
    false
}

/// Stops here if a test says so: `return(PATH)` makes a file at `PATH` and goes on when somebody has removed it.
#[cfg(feature = "failpoints")]
pub(crate) fn hold(name: &str) {
    fail::fail_point!(name, |path| {
        let path = path.unwrap_or_default();
        if std::fs::write(&path, name).is_ok() {
            while std::path::Path::new(&path).exists() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
    });
}

/// The same where a thread must not stop.
#[cfg(feature = "failpoints")]
pub(crate) async fn hold_task(name: &'static str) {
    // It cannot fail: a runtime that shuts down has nobody left to be held.
    let _ = tokio::task::spawn_blocking(|| hold(name)).await;
}

/// Nothing stops on purpose in this build.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn hold(_name: &str) {}

/// Nothing stops on purpose in this build.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn hold_task(_name: &'static str) -> std::future::Ready<()> {
    std::future::ready(())
}

/// Nothing fails on purpose in this build.
#[cfg(not(feature = "failpoints"))]
#[inline]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same signature as in the build for tests"
)]
pub(crate) fn step(_name: &str) -> io::Result<()> {
    Ok(())
}

/// Nothing ends the process on purpose in this build.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn crash(_name: &str) {}

/// No promise is broken in this build.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn broken(_promise: &str) -> bool {
    false
}

/// Reads what is to fail from the environment. It fails as long as what this returns is held.
#[cfg(feature = "failpoints")]
#[must_use]
pub fn from_environment() -> fail::FailScenario<'static> {
    fail::FailScenario::setup()
}
