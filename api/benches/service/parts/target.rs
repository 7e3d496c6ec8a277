//! Another service beside this one: the same uploads, the same images, the same thumbnails, in turns.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::variants::{self, Made};
use super::{UPLOAD_PATH, path_of, peak, row, upload};
use crate::goals;
use crate::load::{self, Expected, Load, Request, Until};
use crate::placeholders::filled;
use crate::processes::{Behind, Service, Target};
use crate::report::{Measurement, Report, Unit};
use crate::rounds::{Side, Turns, Work, in_turns};
use crate::statistics::Summary;
use crate::world::World;

const CLIENTS: usize = 16;
const THEIRS: &str = "target";

pub(crate) async fn measure(world: &World, report: &mut Report) -> anyhow::Result<()> {
    let settings = &world.settings.target;
    if settings.address.is_none() && settings.command.is_none() {
        report
            .left_out
            .push("another service: none was named (TARGET or TARGET_COMMAND)".into());
        return Ok(());
    }
    let objects = world.objects()?;
    let mariadb = world.mariadb()?;
    let database_url = mariadb.new_database("target").await?;
    let folder = world.folder("target")?;
    let target = Target::find(settings, &folder, &database_url, objects)?.context("a target")?;
    let database_url = mariadb.new_database("beside_target").await?;
    let behind = Behind {
        database_url: &database_url,
        objects,
    };
    let folder = world.folder("beside_target")?;
    let service = Service::start(&world.settings.program, &folder, &behind, &[])?;
    let beside = Beside {
        world,
        service: &service,
        target: &target,
        photo: World::photo(),
    };
    let turns = beside.uploads(report).await?;
    let rate = Summary::of_ratios(&turns[0].per_second, &turns[1].per_second);
    report.reached(goals::UPLOADS_TO_TARGET, rate);
    let cpu = Summary::of_ratios(&turns[0].cpu_ms, &turns[1].cpu_ms);
    report.reached(goals::CPU_TO_TARGET, cpu);
    beside.images(report).await?;
    let ratio = beside.thumbnails(report).await?;
    report.reached(goals::VARIANTS_TO_TARGET, ratio);
    let pids = [("service", vec![service.pid()]), (THEIRS, target.pids()?)];
    for (side, pids) in pids {
        for pid in pids {
            let row = Measurement::new("all of this beside each other", side);
            report
                .measurements
                .push(row.with(Unit::PeakMebibytes, peak(pid)?));
        }
    }
    Ok(())
}

struct Beside<'run> {
    world: &'run World,
    service: &'run Service,
    target: &'run Target,
    photo: Vec<u8>,
}

impl Beside<'_> {
    async fn uploads(&self, report: &mut Report) -> anyhow::Result<Vec<Turns>> {
        let settings = &self.world.settings.target;
        let requests = [
            Request::upload(UPLOAD_PATH, "file", &self.photo),
            Request::upload(&settings.upload, &settings.file_field, &self.photo),
        ];
        self.in_turns("uploads of 235 kB", requests, true, report)
            .await
    }

    async fn images(&self, report: &mut Report) -> anyhow::Result<()> {
        let settings = &self.world.settings.target;
        let ours = upload(self.service, &self.photo).await?;
        let length = ours["size_bytes"].as_u64();
        let theirs = filled(&settings.image, &self.upload_to_target().await?)?;
        let expected = |body_length| Expected {
            status: 200,
            body_length,
        };
        let requests = [
            Request::get(&path_of(&ours)?, &[], expected(length)),
            // What it makes of metadata is its own affair.
            Request::get(&theirs, &[], expected(None)),
        ];
        self.in_turns("GET of 235 kB", requests, false, report)
            .await?;
        Ok(())
    }

    /// `None`: this service makes none.
    async fn thumbnails(&self, report: &mut Report) -> anyhow::Result<Option<Summary>> {
        if let Err(why) = variants::is_there(self.service, &self.photo).await {
            let reason = format!("variants beside the other service's: not made here ({why:#})");
            report.left_out.push(reason);
            return Ok(None);
        }
        let mut cold = [Turns::default(), Turns::default()];
        let mut cached = [Turns::default(), Turns::default()];
        for _ in 0..self.world.settings.rounds() {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..variants::photos(self.world) {
                let answer = upload(self.service, &self.photo).await?;
                ours.push(variants::thumb_of(&path_of(&answer)?));
                let answer = self.upload_to_target().await?;
                theirs.push(filled(&self.world.settings.target.thumb, &answer)?);
            }
            let places = [
                (self.service.address, vec![self.service.pid()], ours),
                (self.target.address, self.target.pids()?, theirs),
            ];
            for (place, (address, pids, paths)) in places.iter().enumerate() {
                // Both make JPEGs.
                let made = Made {
                    address: *address,
                    pids,
                    headers: &[("Accept", "*/*")],
                };
                made.measure(self.world, paths, &mut cold[place], &mut cached[place])
                    .await?;
            }
            self.world.objects()?.clear()?;
        }
        for (how, turns) in [("cold", &cold), ("cached", &cached)] {
            let what = format!("thumbnail, {how}, {} clients", variants::CLIENTS);
            for (side, turns) in ["service", THEIRS].iter().zip(turns) {
                report.measurements.push(row(&what, side, turns));
            }
        }
        Ok(Summary::of_ratios(&cold[0].per_second, &cold[1].per_second))
    }

    async fn in_turns(
        &self,
        what: &str,
        requests: [Request; 2],
        settles: bool,
        report: &mut Report,
    ) -> anyhow::Result<Vec<Turns>> {
        let places = [
            (
                "service",
                self.service.address,
                vec![self.service.pid()],
                settles,
            ),
            (THEIRS, self.target.address, self.target.pids()?, false),
        ];
        let mut sides: Vec<Side<'_>> = places
            .into_iter()
            .zip(requests)
            .map(|((name, address, pids, settles), request)| {
                let until = Until::After(Duration::ZERO);
                let requests: Rc<[Request]> = [request].into();
                let load = Load {
                    address,
                    clients: CLIENTS,
                    requests,
                    until,
                };
                Side {
                    name,
                    work: Work::Load { load, settles },
                    pids,
                }
            })
            .collect();
        let (rounds, turn) = (self.world.settings.rounds(), self.world.settings.turn());
        let objects = self.world.objects()?;
        let turns = in_turns(&mut sides, rounds, turn, async |_, _| objects.clear()).await?;
        let what = format!("{what}, {CLIENTS} clients");
        for (side, turns) in sides.iter().zip(&turns) {
            report.measurements.push(row(&what, side.name, turns));
        }
        Ok(turns)
    }

    async fn upload_to_target(&self) -> anyhow::Result<Value> {
        let settings = &self.world.settings.target;
        let request = Request::upload(&settings.upload, &settings.file_field, &self.photo);
        let answer = load::ask(self.target.address, &request).await?;
        serde_json::from_slice(&answer).context("the target's answer is no JSON")
    }
}
