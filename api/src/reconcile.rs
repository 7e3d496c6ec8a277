//! The command `reconcile`: reads its flags, tells people and programs what is found, and says by its exit code
//! how it ended.
//!
//! May import what `main` may, but for `main` itself.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, ConfigError, Options as Settings, StoresConfig};
use crate::db::DbConfig;
use crate::images::reconcile::{Event, Finding, Options, Outcome, Reconciliation, Summary};
use crate::server::{not_migrated, open_objects_beside_service, prepare_database};
use crate::storage::LocalStore;

/// Findings are left.
const FOUND: u8 = 1;
/// Images are lost, or it could not run to its end.
const FAILED: u8 = 2;
/// What is added to the number of a signal that ended the process at once, as shells do.
const BY_SIGNAL: i32 = 128;
/// How often the progress is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(200);

/// The flags of `reconcile`.
///
/// Without --repair it changes nothing and prints what it would do. Exit code: 0 when nothing is found or all is
/// repaired, 1 when findings are left, 2 when images are lost or it could not run to its end.
#[derive(Clone, Copy, Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of a command, each on its own"
)]
pub struct Flags {
    /// Repair what is found
    #[arg(long)]
    repair: bool,
    /// Remove objects and set copies aside that no record names, when older than the grace period. Without --repair
    /// the plan names them
    #[arg(long)]
    remove_orphans: bool,
    /// Other hosts take uploads too, so copies may be missing on this one
    #[arg(long)]
    several_hosts: bool,
    /// Compare existence and sizes alone; what is conspicuous by that is looked at in full
    #[arg(long)]
    quick: bool,
    /// Print JSON, one finding a line and the summary in the last one
    #[arg(long)]
    json: bool,
    /// How many seconds an upload may be under way. With --remove-orphans never less than 60
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    grace: u64,
}

/// Why it could not run to its end. All of it is done so that another run can go on.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("standard output cannot be written")]
    Output(#[source] io::Error),
    #[error("signals cannot be listened for")]
    Signals(#[from] io::Error),
    #[error("stopped before the end ({0}); what was repaired stands, run it again to go on")]
    Stopped(String),
}

/// Runs the command.
pub async fn run(flags: Flags, settings: Settings) -> ExitCode {
    let done = Box::pin(reconcile(flags, settings)).await;
    match done {
        Ok(summary) if summary.lost > 0 => FAILED.into(),
        Ok(summary) if summary.left > 0 => FOUND.into(),
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(
                io::stderr(),
                "image-handler: {:#}",
                anyhow::Error::from(failure)
            );
            FAILED.into()
        }
    }
}

async fn reconcile(flags: Flags, settings: Settings) -> Result<Summary, Failure> {
    let StoresConfig {
        uploads_dir,
        database,
        objects,
    } = Config::stores_from(settings)?;
    let unreadable = |error| {
        let problem = format!("{} cannot be read: {error}", uploads_dir.display());
        ConfigError::new("UPLOADS_DIR", problem)
    };
    let local = LocalStore::open_beside_service(&uploads_dir).map_err(unreadable)?;
    if flags.repair
        && let Some(owner) = local.foreign_owner().map_err(unreadable)?
    {
        let problem = format!(
            "{} belongs to user {owner}, who could not write what --repair makes in it; run it as that user: \
             sudo -u '#{owner}' image-handler reconcile --repair",
            uploads_dir.display()
        );
        return Err(ConfigError::new("UPLOADS_DIR", problem).into());
    }
    if let DbConfig::Sqlite { path } = &database
        && !flags.repair
        && !path.exists()
    {
        // Opening it would make it, and a plan changes nothing.
        let problem = format!("there is no {}; --repair makes it", path.display());
        return Err(ConfigError::new("DATABASE_URL", problem).into());
    }
    let db = prepare_database(&database)?;
    // Kept until the end: it stops when it is dropped.
    let (objects, _embedded) = open_objects_beside_service(objects, local.root()).await?;
    if flags.repair {
        // A database that was lost and made anew has no tables yet.
        let migrated = db.migrate().await;
        migrated.map_err(|error| not_migrated(&database, &error))?;
    }
    let options = Options {
        repair: flags.repair,
        remove_orphans: flags.remove_orphans,
        several_hosts: flags.several_hosts,
        quick: flags.quick,
        grace: Duration::from_secs(flags.grace),
    };
    let mut teller = Teller::new(flags);
    let told = |event: Event<'_>| teller.tell(&event);
    let reconciliation = Reconciliation::new(local, objects, db, options);
    stop_by_signal(reconciliation.stop())?;
    let (summary, result) = reconciliation.run(told).await;
    let stopped = result
        .err()
        .map(|error| format!("{:#}", anyhow::Error::from(error)));
    let ended = teller.end(&summary, stopped.as_deref());
    ended.map_err(Failure::Output)?;
    match stopped {
        Some(reason) => Err(Failure::Stopped(reason)),
        None => Ok(summary),
    }
}

/// The first signal lets what is under way come to its end: a repair is followed by a look for a delete that came
/// in between. A second one ends the process at once.
fn stop_by_signal(stop: Arc<AtomicBool>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let mut told = async || {
            tokio::select! {
                _ = terminate.recv() => libc::SIGTERM,
                _ = interrupt.recv() => libc::SIGINT,
            }
        };
        told().await;
        stop.store(true, Ordering::Relaxed);
        log::info!("stopping when what is under way has ended; a second signal stops at once");
        std::process::exit(BY_SIGNAL + told().await);
    });
    Ok(())
}

/// Prints findings and the summary, and draws the progress on a terminal.
struct Teller {
    flags: Flags,
    began: Instant,
    drawn: Option<Instant>,
    draws: bool,
    broken: Option<io::Error>,
}

/// The last line for programs.
#[derive(Serialize)]
struct LastLine<'a> {
    summary: JsonSummary<'a>,
}

#[derive(Serialize)]
struct JsonSummary<'a> {
    /// Whether it ran to its end.
    complete: bool,
    repair: bool,
    quick: bool,
    #[serde(flatten)]
    summary: &'a Summary,
}

impl Teller {
    fn new(flags: Flags) -> Self {
        Self {
            flags,
            began: Instant::now(),
            drawn: None,
            draws: io::stderr().is_terminal(),
            broken: None,
        }
    }

    fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::Progress(summary) => self.draw(summary),
            Event::Found(finding) => {
                self.clear();
                let line = if self.flags.json {
                    serde_json::to_string(finding).map_err(io::Error::other)
                } else {
                    Ok(line(finding))
                };
                self.print(line);
            }
        }
    }

    /// Keeps the first error for the end: repairs must not stop for a reader that went away.
    fn print(&mut self, line: io::Result<String>) {
        let mut out = io::stdout().lock();
        let printed = line.and_then(|line| writeln!(out, "{line}"));
        if let Err(error) = printed
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.broken.get_or_insert(error);
        }
    }

    fn draw(&mut self, summary: &Summary) {
        let due = self
            .drawn
            .is_none_or(|drawn| drawn.elapsed() >= DRAWN_EVERY);
        if !self.draws || !due {
            return;
        }
        self.drawn = Some(Instant::now());
        let milliseconds = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let rate = summary.images * 1000 / milliseconds.max(1);
        let _ = write!(
            io::stderr(),
            "\r\x1b[K{} images looked at, {rate} a second, {} findings",
            summary.images,
            summary.findings()
        );
    }

    fn clear(&mut self) {
        if self.draws && self.drawn.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn end(mut self, summary: &Summary, stopped: Option<&str>) -> io::Result<()> {
        self.clear();
        if self.flags.json {
            let last = LastLine {
                summary: JsonSummary {
                    complete: stopped.is_none(),
                    repair: self.flags.repair,
                    quick: self.flags.quick,
                    summary,
                },
            };
            self.print(serde_json::to_string(&last).map_err(io::Error::other));
        } else {
            self.print(Ok(self.words(summary, stopped.is_none())));
        }
        match io::stdout().flush() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
        self.broken.map_or(Ok(()), Err)
    }

    fn words(&self, summary: &Summary, complete: bool) -> String {
        let mut lines = vec![format!(
            "{} images looked at{}{}",
            summary.images,
            if self.flags.quick {
                ", by existence and sizes alone"
            } else {
                ""
            },
            if complete { "" } else { ", not to the end" },
        )];
        let others = [
            (
                summary.pending,
                "left to the service: the journal of this host has an entry",
            ),
            (
                summary.in_progress,
                "uploads under way: younger than the grace period",
            ),
            (summary.owed_elsewhere, "may be owed by another host"),
            (
                summary.foreign_objects,
                "objects below the prefix that are not ours",
            ),
        ];
        for (count, what) in others {
            if count > 0 {
                lines.push(format!("{count} {what}"));
            }
        }
        for (kind, count) in &summary.found {
            lines.push(format!("found: {count} {}", kind.as_str()));
        }
        lines.push(match (summary.findings(), self.flags.repair) {
            (0, _) if !complete => "nothing was found until then".to_owned(),
            (0, _) => "nothing is wrong".to_owned(),
            (found, false) if summary.planned == found => {
                format!("{found} findings; --repair carries out the plan")
            }
            (found, false) => format!(
                "{found} findings; --repair carries out the plan for {} of them",
                summary.planned
            ),
            (found, true) => format!(
                "{found} findings: {} repaired, {} left",
                summary.repaired, summary.left
            ),
        });
        lines.join("\n")
    }
}

/// A finding for people.
fn line(finding: &Finding) -> String {
    let Finding {
        id,
        kind,
        what,
        action,
        outcome,
    } = finding;
    let id = id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let outcome = match outcome {
        Outcome::Planned => format!("would {}", action.as_str()),
        Outcome::Repaired => format!("done: {}", action.as_str()),
        Outcome::Left => "left as it is".to_owned(),
    };
    format!("{id}  {}  {what}  {outcome}", kind.as_str())
}
