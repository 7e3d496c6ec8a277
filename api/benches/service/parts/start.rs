//! From the start of the process to the first answer that it is ready, with nothing configured.

use std::time::Instant;

use super::peak;
use crate::goals;
use crate::load::{self, Expected, Request};
use crate::processes::Service;
use crate::report::{Measurement, Report, Unit};
use crate::statistics::Summary;
use crate::world::World;

const STARTS: usize = 11;

pub(crate) async fn measure(world: &World, report: &mut Report) -> anyhow::Result<()> {
    let ready = Request::get("/readyz", &[], Expected::status(200));
    let mut first = Vec::new();
    let mut later = Vec::new();
    let mut memory = None;
    for number in 0..STARTS {
        let folder = world.folder(&format!("start_{number}"))?;
        for starts in [&mut first, &mut later] {
            let began = Instant::now();
            let service = Service::start_alone(&world.settings.program, &folder, &[])?;
            load::ask(service.address, &ready).await?;
            starts.push(began.elapsed().as_secs_f64());
            memory = peak(service.pid())?;
        }
        std::fs::remove_dir_all(folder)?;
    }
    let (first, later) = (Summary::of(&first), Summary::of(&later));
    for (what, took) in [
        ("start to ready, new folder", first),
        ("start to ready, again", later),
    ] {
        let row = Measurement::new(what, "service, embedded").with(Unit::Seconds, took);
        report
            .measurements
            .push(row.with(Unit::PeakMebibytes, memory));
    }
    report.reached(goals::START, first);
    Ok(())
}
