//! What is measured, and for how long.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures the service beside what it stands on and beside others.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Settings {
    /// The service's release binary
    #[arg(long, env = "IMAGE_HANDLER_BIN")]
    pub(crate) program: PathBuf,
    /// Folder of the results; data lies below it for as long as it is measured
    #[arg(long, env = "BENCH_DIR")]
    pub(crate) folder: PathBuf,
    /// Only these parts, separated by commas
    #[arg(long, env = "PARTS", value_delimiter = ',', value_enum)]
    pub(crate) parts: Vec<Part>,
    /// One short round of everything: shows that it runs, and little else
    #[arg(long, env = "QUICK", default_value = "", hide_default_value = true)]
    quick: String,
    /// Rounds of each comparison
    #[arg(long, env = "ROUNDS")]
    rounds: Option<usize>,
    /// Seconds of each side in each round
    #[arg(long, env = "SECONDS_EACH")]
    seconds: Option<u64>,
    #[command(flatten)]
    pub(crate) target: TargetSettings,
    /// Cargo says that it runs a benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// Another service that is measured beside this one.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TargetSettings {
    /// Where it runs: `http://HOST:PORT`. What stands behind it is its own affair
    #[arg(long = "target", env = "TARGET")]
    pub(crate) address: Option<String>,
    /// The process whose time and memory are counted
    #[arg(long = "target-pid", env = "TARGET_PID")]
    pub(crate) pid: Option<u32>,
    /// Or what starts it, on the same S3 endpoint and database server as the service: it is told `PORT`, `DIR`,
    /// `S3_ENDPOINT`, `S3_BUCKET`, `S3_KEY`, `S3_SECRET` and `MYSQL_URL`
    #[arg(long = "target-command", env = "TARGET_COMMAND")]
    pub(crate) command: Option<String>,
    /// What takes its uploads: POST of a form with the fields `uploader` and the file, answered 201 with JSON
    #[arg(
        long = "target-upload",
        env = "TARGET_UPLOAD",
        default_value = "/upload"
    )]
    pub(crate) upload: String,
    /// The field of the file
    #[arg(
        long = "target-file-field",
        env = "TARGET_FILE_FIELD",
        default_value = "file"
    )]
    pub(crate) file_field: String,
    /// Where an image is then, with fields of the upload's answer in braces
    #[arg(
        long = "target-image",
        env = "TARGET_IMAGE",
        default_value = "/uploads/{name}"
    )]
    pub(crate) image: String,
    /// Where its thumbnail of 320 pixels is
    #[arg(
        long = "target-thumb",
        env = "TARGET_THUMB",
        default_value = "/thumb/{name}"
    )]
    pub(crate) thumb: String,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    /// Uploads beside a floor of the same durable writes
    Uploads,
    /// Images and 304s, direct and through nginx, beside plain nginx
    Reads,
    /// Variants, cold and cached
    Variants,
    /// The list at 1,000, 100,000 and 1,000,000 records
    Lists,
    /// What criterion measured of inspect, strip and thumbnail
    Codecs,
    /// From start to ready
    Start,
    /// Another service beside this one
    Target,
}

impl Part {
    pub(crate) const ALL: [Self; 7] = [
        Self::Uploads,
        Self::Reads,
        Self::Variants,
        Self::Lists,
        Self::Codecs,
        Self::Start,
        Self::Target,
    ];
}

impl Settings {
    pub(crate) fn is_quick(&self) -> bool {
        !matches!(self.quick.as_str(), "" | "0" | "no")
    }

    /// The parts to measure, each once, in their order.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let all = Part::ALL.into_iter();
        all.filter(|part| self.parts.is_empty() || self.parts.contains(part))
            .collect()
    }

    /// How often each side of a comparison has its turn.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds
            .unwrap_or(if self.is_quick() { 1 } else { 5 })
            .max(1)
    }

    /// How long a turn is.
    pub(crate) fn turn(&self) -> Duration {
        let seconds = self.seconds.unwrap_or(if self.is_quick() { 1 } else { 4 });
        Duration::from_secs(seconds.clamp(1, 60))
    }
}
