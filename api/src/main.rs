//! The command line: `serve` (the default), `doctor`, `migrate`, `reconcile`, `nginx-settings`,
//! `upload-key` and `openapi`.

use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use image_handler::config::{Config, ConfigError, Options};
use image_handler::db::DbConfig;
use image_handler::doctor::{self, Marks, Scope};
use image_handler::domain::UploadKeys;
use image_handler::nginx;
use image_handler::reconcile;
use image_handler::routes::openapi;
use image_handler::server::{Application, not_migrated, prepare_database};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Takes image uploads and never loses one.
#[derive(Parser)]
#[command(version, about, max_term_width = 120)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until stopped by SIGTERM or SIGINT (the default)
    Serve,
    /// Look at everything that can be wrong on this host, and say what mends it; ends with 0 when all is fine,
    /// 1 with warnings, 2 with failures
    Doctor {
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
        /// Leave out what needs the running service
        #[arg(long)]
        offline: bool,
    },
    /// Bring the tables of the database up to date and end
    Migrate,
    /// Compare local copies, S3 and records, and repair what does not agree
    Reconcile(reconcile::Flags),
    /// Print the OpenAPI document
    Openapi,
    /// Print what nginx before the service has to know of these settings, as directives to include
    NginxSettings {
        /// Where nginx includes them: in its server blocks, or in http
        #[arg(value_enum, default_value_t = nginx::Place::Server)]
        place: nginx::Place,
    },
    /// Make a key for uploads and the item of `UPLOAD_KEYS` that lets it in
    UploadKey {
        /// Whose key it is: letters, digits, '-', '_' and '.'
        name: String,
    },
}

/// How long work that cannot be interrupted may hold up the end of the process.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// What is added to the number of a signal that ended the process at once, as shells do.
const BY_SIGNAL: i32 = 128;

fn main() -> ExitCode {
    let CommandLine { command, options } = CommandLine::parse();
    give_memory_back();
    start_log();
    #[cfg(feature = "failpoints")]
    let _faults = image_handler::fault::from_environment();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let done = runtime.block_on(run(command.unwrap_or(Command::Serve), options));
            // A connection that hangs must not keep the process: what is owed is in the journal.
            runtime.shutdown_timeout(LAST_MOMENT);
            done
        });
    match done {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "image-handler: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the allocator ask the system for every larger piece and give it back when it is freed.
///
/// By default glibc keeps pieces of up to 32 MiB, in an arena for each of many threads. Buffers of bodies come
/// and go in all sizes, and after a rush of uploads the process would stay at twice of what it needs
/// (`mallopt(3)`; musl has no such settings and needs none).
fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    #[expect(
        unsafe_code,
        reason = "the settings can be made in no other way from inside the process"
    )]
    // SAFETY: takes two numbers and changes nothing but settings; no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 64 * 1024);
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

async fn run(command: Command, options: Options) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve => serve(options).await?,
        Command::Doctor { json, offline } => return examine(options, json, offline).await,
        Command::Reconcile(flags) => return Ok(reconcile::run(flags, options).await),
        Command::Migrate => migrate(options).await?,
        Command::Openapi => say(openapi::document_json()?.trim_end())?,
        Command::NginxSettings { place } => {
            say(nginx::settings(&options, place).await?.trim_end())?;
        }
        Command::UploadKey { name } => upload_key(&name)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `RUST_LOG` sets what is logged; our own lines from `info` when it is unset.
fn start_log() {
    let mut log = env_logger::Builder::from_env(
        env_logger::Env::default().default_filter_or("warn,image_handler=info"),
    );
    // Below `warn` these write out requests with their signatures and credentials.
    for library in [
        "aws_config",
        "aws_runtime",
        "aws_sdk_s3",
        "aws_sdk_secretsmanager",
        "aws_sigv4",
        "aws_smithy_runtime",
        "mysql_async",
        "s3s",
        "s3s_fs",
        "tracing",
    ] {
        log.filter_module(library, log::LevelFilter::Warn);
    }
    // What clients send that is no HTTP, or no form, is no trouble of ours.
    log.filter_module("actix_http", log::LevelFilter::Off);
    log.filter_module("actix_multipart", log::LevelFilter::Off);
    log.init();
}

async fn serve(options: Options) -> anyhow::Result<()> {
    // Listened for before anything is begun: from then on they stop it in good order.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let application = tokio::select! {
        application = Application::build(Config::from_options(options)?) => application?,
        _ = told_to_stop(&mut terminate, &mut interrupt) => {
            log::info!("stopped before it served");
            return Ok(());
        }
    };
    let handle = application.handle();
    tokio::spawn(async move {
        told_to_stop(&mut terminate, &mut interrupt).await;
        log::info!(
            "stopping when the requests in flight have ended; a second signal stops at once"
        );
        // Done by the call; `run_until_stopped` waits for its end.
        drop(handle.stop(true));
        let number = told_to_stop(&mut terminate, &mut interrupt).await;
        log::warn!("stopped at once by a second signal; what was acknowledged is in the journal");
        std::process::exit(BY_SIGNAL + number);
    });
    let at = application.public_url();
    say(&format!(
        "image-handler is ready at {at}/ (API described at {at}/docs, listening on {})",
        application.address()
    ))?;
    application.run_until_stopped().await?;
    log::info!("stopped");
    Ok(())
}

/// Waits for the next signal that stops the service, and gives its number.
async fn told_to_stop(terminate: &mut Signal, interrupt: &mut Signal) -> i32 {
    tokio::select! {
        _ = terminate.recv() => libc::SIGTERM,
        _ = interrupt.recv() => libc::SIGINT,
    }
}

async fn examine(options: Options, json: bool, offline: bool) -> anyhow::Result<ExitCode> {
    let scope = if offline {
        Scope::WithoutService
    } else {
        Scope::Everything
    };
    let report = doctor::examine(options, scope).await;
    let marks = if std::io::stdout().is_terminal() {
        Marks::Symbols
    } else {
        Marks::Words
    };
    say(&if json {
        report.to_json()
    } else {
        report.to_text(marks)
    })?;
    Ok(ExitCode::from(report.exit_code()))
}

async fn migrate(options: Options) -> anyhow::Result<()> {
    let database = Config::database_from(&options)?;
    if let DbConfig::Sqlite { path } = &database
        && let Some(folder) = path.parent()
    {
        // The default one lies in a folder that the first start makes.
        let mut folders = std::fs::DirBuilder::new();
        let made = folders.recursive(true).mode(0o750).create(folder);
        made.map_err(|error| ConfigError::new("DATABASE_URL", error.to_string()))?;
    }
    let ran = prepare_database(&database)?
        .migrate()
        .await
        .map_err(|error| not_migrated(&database, &error))?;
    say(&format!("migrations run: {ran}"))
}

fn upload_key(name: &str) -> anyhow::Result<()> {
    let (key, item) = UploadKeys::generate(name).ok_or_else(|| {
        anyhow::anyhow!("{name:?} is no name for a key: use letters, digits, '-', '_' and '.'")
    })?;
    say(&format!(
        "key, to be sent with uploads as \"Authorization: Bearer …\", and shown only now:\n{key}\n\
         item for UPLOAD_KEYS:\n{item}"
    ))
}

/// Prints a line for whoever started the command. A closed pipe is their business.
fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
