//! Uploads beside the floor, with more and more clients.

use std::rc::Rc;
use std::time::Duration;

use super::{UPLOAD_PATH, mebibytes, peak, row};
use crate::floor::Floor;
use crate::goals;
use crate::load::{Load, Request, Until};
use crate::processes::{Behind, Service};
use crate::report::{Measurement, Report, Unit};
use crate::resources;
use crate::rounds::{Side, Work, in_turns};
use crate::statistics::Summary;
use crate::world::World;

const CLIENTS: [usize; 3] = [1, 16, 64];
/// How long a service that has nothing to do is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(2);

pub(crate) async fn measure(world: &World, report: &mut Report) -> anyhow::Result<()> {
    let mariadb = world.mariadb()?;
    let objects = world.objects()?;
    let photo = World::photo();
    let floor_url = mariadb.new_database("floor").await?;
    let mut floor = Floor::start(&world.folder("floor")?, &photo, &floor_url, objects)?;
    let upload: Rc<[Request]> = [Request::upload(UPLOAD_PATH, "file", &photo)].into();
    for (clients, goal) in CLIENTS.into_iter().zip(goals::UPLOADS_TO_FLOOR) {
        let name = format!("service_{clients}");
        let folder = world.folder(&name)?;
        let database_url = mariadb.new_database(&name).await?;
        let behind = Behind {
            database_url: &database_url,
            objects,
        };
        let service = Service::start(&world.settings.program, &folder, &behind, &[])?;
        let what = format!("uploads of 235 kB, {}", in_words(clients));
        if clients == CLIENTS[0] {
            let memory = at_rest(&service).await?;
            let row = Measurement::new("at rest after the start, MariaDB and S3", "service");
            report
                .measurements
                .push(row.with(Unit::IdleMebibytes, memory));
            report.reached(goals::IDLE, memory);
        }
        let load = Load {
            address: service.address,
            clients,
            requests: Rc::clone(&upload),
            until: Until::After(Duration::ZERO),
        };
        let (service_pid, floor_pid) = (service.pid(), floor.pid());
        let mut sides = [
            Side {
                name: "service",
                work: Work::Load {
                    load,
                    settles: true,
                },
                pids: vec![service_pid],
            },
            Side {
                name: "floor",
                work: Work::Floor {
                    floor: &mut floor,
                    workers: clients,
                },
                pids: vec![floor_pid],
            },
        ];
        let rounds = world.settings.rounds();
        let turns = in_turns(
            &mut sides,
            rounds,
            world.settings.turn(),
            async |_, side| {
                if let Work::Floor { floor, .. } = &side.work {
                    floor.clear()?;
                }
                objects.clear()
            },
        )
        .await?;
        for (side, turns) in sides.iter().zip(&turns) {
            let mut row = row(&what, side.name, turns);
            if side.name == "service" {
                row = row.with(Unit::PeakMebibytes, peak(service_pid)?);
            }
            report.measurements.push(row);
        }
        report.reached(
            goal,
            Summary::of_ratios(&turns[0].per_second, &turns[1].per_second),
        );
        if clients == 64 {
            report.reached(goals::PEAK, peak(service_pid)?);
            let row = Measurement::new("at rest after 64 clients", "service");
            let memory = at_rest(&service).await?;
            report
                .measurements
                .push(row.with(Unit::IdleMebibytes, memory));
        }
        drop(service);
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn in_words(clients: usize) -> String {
    if clients == 1 {
        "1 client".to_owned()
    } else {
        format!("{clients} clients")
    }
}

/// What a service takes that has nothing to do.
async fn at_rest(service: &Service) -> anyhow::Result<Option<Summary>> {
    tokio::time::sleep(REST).await;
    Ok(Summary::of(&[mebibytes(resources::memory_now(
        service.pid(),
    )?)]))
}
