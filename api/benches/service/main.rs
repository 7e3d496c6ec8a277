//! `make bench`: the service beside what it stands on, beside plain nginx, and beside another service if one is named.
//!
//! Starts everything that it needs, on loopback and in folders of its own, and ends it. Prints a table, and writes the
//! same as JSON and as a chart. Its exit code says whether it ran, not whether the figures are good.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints what it measures"
)]

mod floor;
mod goals;
mod load;
mod owed;
mod parts;
#[path = "../photo/mod.rs"]
mod photo;
mod placeholders;
mod processes;
#[path = "../records/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "others ask the records, here they are only there"
)]
mod records;
mod report;
mod resources;
mod rounds;
mod settings;
mod statistics;
mod world;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use report::Report;
use settings::{Part, Settings};
use world::World;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benchmark: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(mode) if mode == processes::OBJECTS_MODE => {
            let folder = arguments.next().context("no folder was named")?;
            let runtime = Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(processes::serve_objects(folder.into()))
        }
        Some(mode) if mode == floor::MODE => {
            let runtime = Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(floor::serve())
        }
        _ => {
            // One thread: the clients take little of the machine that they share with what they measure.
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(LocalSet::new().run_until(measure(Settings::parse())))
        }
    }
}

async fn measure(settings: Settings) -> anyhow::Result<()> {
    let folder = settings.folder.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut report = Report {
        goals: goals::all(),
        ..Report::default()
    };
    // Whatever ends this drops the world, and with it all processes and folders.
    let measured = tokio::select! {
        measured = measure_parts(settings, &mut report) => measured,
        _ = terminate.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
    };
    tell(&report, &folder)?;
    measured
}

async fn measure_parts(settings: Settings, report: &mut Report) -> anyhow::Result<()> {
    let parts = settings.parts();
    let world = World::new(settings)?;
    report.conditions = world.conditions();
    let mut failed = Vec::new();
    for part in parts {
        eprintln!("measuring {part:?} …");
        let measured = match part {
            Part::Uploads => parts::uploads::measure(&world, report).await,
            Part::Reads => parts::reads::measure(&world, report).await,
            Part::Start => parts::start::measure(&world, report).await,
            Part::Variants => parts::variants::measure(&world, report).await,
            Part::Lists => parts::lists::measure(&world, report).await,
            Part::Codecs => parts::codecs::measure(&world, report),
            Part::Target => parts::target::measure(&world, report).await,
        };
        // The others are worth measuring all the same.
        if let Err(error) = measured {
            eprintln!("{part:?} failed: {error:#}");
            report.left_out.push(format!("{part:?} failed: {error:#}"));
            failed.push(format!("{part:?}"));
        }
    }
    anyhow::ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

fn tell(report: &Report, folder: &std::path::Path) -> anyhow::Result<()> {
    for condition in &report.conditions {
        println!("{condition}");
    }
    println!("\n{}", report::measurements(&report.measurements));
    println!("{}", report::goals(&report.goals));
    for left_out in &report.left_out {
        println!("left out: {left_out}");
    }
    let json = folder.join("results.json");
    std::fs::write(&json, serde_json::to_string_pretty(report)?)?;
    let chart = folder.join("chart.svg");
    std::fs::write(&chart, report::chart::draw(&report.goals))?;
    println!("written: {}, {}", json.display(), chart.display());
    Ok(())
}
