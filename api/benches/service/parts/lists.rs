//! A page of the list, with more and more records behind it, on both engines.

use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use image_handler::db::{Db, DbConfig};

use super::{peak, row};
use crate::goals;
use crate::load::{Expected, Load, Request, Until};
use crate::processes::{Behind, Service};
use crate::records::{self, Row, Shape};
use crate::report::{Measurement, Report, Unit};
use crate::resources;
use crate::rounds::{Side, Work, in_turns};
use crate::statistics::Summary;
use crate::world::World;

/// How many records there are. The first and the last are compared.
const COUNTS: [u32; 3] = [1_000, 100_000, 1_000_000];
const NAMES: [&str; 3] = ["1,000 records", "100,000 records", "1,000,000 records"];
const PAGE: u32 = 50;

pub(crate) async fn measure(world: &World, report: &mut Report) -> anyhow::Result<()> {
    for (engine, goals) in ["SQLite", "MariaDB"].into_iter().zip(goals::LISTS) {
        let mut services = Vec::new();
        for count in COUNTS {
            if world.settings.is_quick() && count > COUNTS[1] {
                report
                    .left_out
                    .push(format!("{count} records on {engine}: QUICK is set"));
                continue;
            }
            let service = seeded(world, engine, count).await?;
            let what = format!("start to rest, {engine}, {count} records");
            let row = Measurement::new(what, "service").with(Unit::Seconds, rest(&service).await?);
            report.measurements.push(row);
            services.push((count, service));
        }
        compare(world, engine, &services, goals, report).await?;
    }
    Ok(())
}

/// Waits until a service that was just started does nothing any more, and gives how long that took: what it does of
/// itself at its start is not what a page costs, but is worth knowing.
async fn rest(service: &Service) -> anyhow::Result<Option<Summary>> {
    const WATCHED: Duration = Duration::from_millis(500);
    const PATIENCE: Duration = Duration::from_mins(2);
    let began = Instant::now();
    loop {
        let so_far = began.elapsed();
        let before = resources::cpu_time(&[service.pid()])?;
        tokio::time::sleep(WATCHED).await;
        let worked = resources::cpu_time(&[service.pid()])?.saturating_sub(before);
        if worked <= WATCHED / 25 || so_far > PATIENCE {
            return Ok(Summary::of(&[so_far.as_secs_f64()]));
        }
    }
}

/// A service with so many records.
async fn seeded(world: &World, engine: &str, count: u32) -> anyhow::Result<Service> {
    let name = format!("records_{}_{count}", engine.to_lowercase());
    let folder = world.folder(&name)?;
    let (url, config) = if engine == "SQLite" {
        sqlite(&folder.join("records.db"))
    } else {
        let url = world.mariadb()?.new_database(&name).await?;
        (url.clone(), DbConfig::Mysql { url, ca: None })
    };
    // The harness of migrations asks for a runtime of more than one thread.
    let migrating = std::thread::spawn(move || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        Ok(runtime
            .block_on(Db::prepare(&config)?.migrate())
            .map(drop)?)
    });
    migrating
        .join()
        .map_err(|_| anyhow::anyhow!("migrating panicked"))??;
    records::seed(&url, count, Shape::default()).await;
    let behind = Behind {
        database_url: &url,
        objects: world.objects()?,
    };
    Service::start(&world.settings.program, &folder, &behind, &[])
}

fn sqlite(path: &Path) -> (String, DbConfig) {
    (
        format!("sqlite://{}", path.display()),
        DbConfig::Sqlite {
            path: path.to_owned(),
        },
    )
}

/// A page that is asked for.
#[derive(Clone, Copy)]
enum Page {
    First,
    Middle,
    OfOneUploader,
}

impl Page {
    const ALL: [Self; 3] = [Self::First, Self::Middle, Self::OfOneUploader];

    fn name(self) -> &'static str {
        match self {
            Self::First => "first page",
            Self::Middle => "page in the middle",
            Self::OfOneUploader => "first page of one uploader",
        }
    }

    /// Its address, where there are so many records.
    fn path(self, count: u32) -> String {
        let query = match self {
            Self::First => String::new(),
            Self::Middle => {
                let middle = Row::numbered(count / 2, count, Shape::default());
                format!("&cursor={}", middle.id)
            }
            Self::OfOneUploader => format!("&uploader={}", Shape::BUSIEST.replace(' ', "%20")),
        };
        format!("/api/v1/images?limit={PAGE}{query}")
    }
}

async fn compare(
    world: &World,
    engine: &str,
    services: &[(u32, Service)],
    goals: [&str; 3],
    report: &mut Report,
) -> anyhow::Result<()> {
    for (page, goal) in Page::ALL.into_iter().zip(goals) {
        let sides = services.iter().zip(NAMES).map(|((count, service), name)| {
            let path = page.path(*count);
            let load = one_client(service.address, &path);
            Side {
                name,
                work: Work::Load {
                    load,
                    settles: false,
                },
                pids: vec![service.pid()],
            }
        });
        let mut sides: Vec<Side<'_>> = sides.collect();
        let (rounds, turn) = (world.settings.rounds(), world.settings.turn() / 2);
        let turns = in_turns(&mut sides, rounds, turn, async |_, _| Ok(())).await?;
        for ((side, turns), (_, service)) in sides.iter().zip(&turns).zip(services) {
            let row = row(
                &format!("list, {engine}, {}", page.name()),
                side.name,
                turns,
            );
            report
                .measurements
                .push(row.with(Unit::PeakMebibytes, peak(service.pid())?));
        }
        let ratio = match turns.as_slice() {
            [least, _, most] => Summary::of_ratios(&most.p50_ms, &least.p50_ms),
            _ => None,
        };
        report.reached(goal, ratio);
    }
    Ok(())
}

fn one_client(address: SocketAddr, path: &str) -> Load {
    let requests: Rc<[Request]> = [Request::get(path, &[], Expected::status(200))].into();
    Load {
        address,
        clients: 1,
        requests,
        until: Until::After(Duration::ZERO),
    }
}
