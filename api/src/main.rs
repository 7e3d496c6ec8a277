//! The command line: `serve` (the default), `migrate`, `upload-key` and `openapi`.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use image_handler::config::{Config, ConfigError, Options};
use image_handler::db::DbConfig;
use image_handler::domain::UploadKeys;
use image_handler::routes::openapi;
use image_handler::server::{Application, prepare_database};
use tokio::signal::unix::{SignalKind, signal};

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
    /// Bring the tables of the database up to date and end
    Migrate,
    /// Print the OpenAPI document
    Openapi,
    /// Make a key for uploads and the item of `UPLOAD_KEYS` that lets it in
    UploadKey {
        /// Whose key it is: letters, digits, '-', '_' and '.'
        name: String,
    },
}

/// How long work that cannot be interrupted may hold up the end of the process.
const LAST_MOMENT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let CommandLine { command, options } = CommandLine::parse();
    give_memory_back();
    start_log();
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
        Ok(()) => ExitCode::SUCCESS,
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

async fn run(command: Command, options: Options) -> anyhow::Result<()> {
    match command {
        Command::Serve => serve(options).await,
        Command::Migrate => migrate(options).await,
        Command::Openapi => say(openapi::document_json()?.trim_end()),
        Command::UploadKey { name } => upload_key(&name),
    }
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
    let application = Application::build(Config::from_options(options)?).await?;
    // Listened for before anybody is told that the service is there: from then on they stop it in good order.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let handle = application.handle();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        handle.stop(true).await;
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

async fn migrate(options: Options) -> anyhow::Result<()> {
    let database = Config::database_from(options)?;
    if let DbConfig::Sqlite { path } = &database
        && let Some(folder) = path.parent()
    {
        // The default one lies in a folder that the first start makes.
        let made = std::fs::create_dir_all(folder);
        made.map_err(|error| ConfigError::new("DATABASE_URL", error.to_string()))?;
    }
    let ran = prepare_database(&database)?
        .migrate()
        .await
        .map_err(|error| ConfigError::new("DATABASE_URL", error.to_string()))?;
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
