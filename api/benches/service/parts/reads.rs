//! Images and 304s, from the service and through nginx, beside a plain nginx that sends the same files.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::{path_of, peak, row, upload};
use crate::goals;
use crate::load::{self, Expected, Load, Request, Until};
use crate::photo::photo;
use crate::processes::{ACCEL_PREFIX, Behind, Nginx, Service};
use crate::report::{Measurement, Report, Unit};
use crate::rounds::{Side, Turns, Work, in_turns};
use crate::statistics::Summary;
use crate::world::World;

const CLIENTS: usize = 16;
/// How large the images are, and in how many pixels.
const SIZES: [(&str, u16, u16, usize); 3] = [
    ("10 kB", 400, 300, 10_000),
    ("235 kB", 2000, 1500, 235_000),
    ("1 MB", 3600, 2700, 1_000_000),
];

/// An image, at its address in the service and in plain nginx.
struct Image {
    path: String,
    plain_path: String,
    length: u64,
}

pub(crate) async fn measure(world: &World, report: &mut Report) -> anyhow::Result<()> {
    let objects = world.objects()?;
    let database_url = world.mariadb()?.new_database("reads").await?;
    let behind = Behind {
        database_url: &database_url,
        objects,
    };
    let program = &world.settings.program;
    let folder = world.folder("reads")?;
    let direct = Service::start(program, &folder, &behind, &[])?;
    let mut images = Vec::new();
    for (name, width, height, bytes) in SIZES {
        images.push((name, image(&direct, &photo(width, height, bytes)).await?));
    }
    // A service leaves the bytes to nginx or sends them itself; two cannot share a folder.
    drop(direct);
    let accel = [("ACCEL_PREFIX", ACCEL_PREFIX.to_owned())];
    let behind_folder = world.folder("reads_behind_nginx")?;
    std::fs::remove_dir(&behind_folder)?;
    copy(&folder, &behind_folder)?;
    let direct = Service::start(program, &folder, &behind, &[])?;
    let behind_nginx = Service::start(program, &behind_folder, &behind, &accel)?;
    let nginx = Nginx::start(program, &behind_nginx, &folder)?;
    let sides = Sides {
        direct: &direct,
        behind_nginx: &behind_nginx,
        nginx: &nginx,
    };
    for (name, image) in &images {
        let whole = Expected {
            status: 200,
            body_length: Some(image.length),
        };
        sides.same_bytes(image).await?;
        let what = format!("GET of {name}, {CLIENTS} clients");
        let turns = sides
            .compare(world, image, [[]; 3], whole, &what, report)
            .await?;
        if *name == "235 kB" {
            note(report, goals::DIRECT_TO_NGINX, &turns[0], &turns[2]);
            note(report, goals::THROUGH_NGINX, &turns[1], &turns[2]);
        }
    }
    let (_, image) = images.get(1).context("the image of 235 kB")?;
    let not_modified = Expected {
        status: 304,
        body_length: Some(0),
    };
    let tags = sides.tags(image).await?;
    let conditions = [&tags[0], &tags[1], &tags[2]].map(|tag| [("If-None-Match", tag.as_str())]);
    let what = format!("304, {CLIENTS} clients");
    let turns = sides
        .compare(world, image, conditions, not_modified, &what, report)
        .await?;
    note(report, goals::NOT_MODIFIED, &turns[0], &turns[2]);
    for (name, service) in [
        ("service", &direct),
        ("service behind nginx", &behind_nginx),
    ] {
        let row = Measurement::new("all reads", name);
        report
            .measurements
            .push(row.with(Unit::PeakMebibytes, peak(service.pid())?));
    }
    Ok(())
}

fn note(report: &mut Report, goal: &str, ours: &Turns, theirs: &Turns) {
    let ratio = Summary::of_ratios(&ours.per_second, &theirs.per_second);
    report.reached(goal, ratio);
}

/// Uploads an image, whose local copy plain nginx then sends.
async fn image(service: &Service, photo: &[u8]) -> anyhow::Result<Image> {
    let answer = upload(service, photo).await?;
    let path = path_of(&answer)?;
    let length = answer["size_bytes"]
        .as_u64()
        .context("no size in the answer")?;
    let day = answer["created_at"]
        .as_str()
        .and_then(|at| at.get(..10))
        .context("no time")?;
    let name = path.rsplit('/').next().unwrap_or_default();
    Ok(Image {
        plain_path: format!("/{day}/{name}"),
        path,
        length,
    })
}

/// A copy of a folder that nobody uses.
fn copy(from: &std::path::Path, to: &std::path::Path) -> anyhow::Result<()> {
    let mut command = std::process::Command::new("cp");
    let copied = command.arg("-a").arg(from).arg(to).status()?;
    ensure!(copied.success(), "cp failed");
    Ok(())
}

struct Sides<'run> {
    direct: &'run Service,
    behind_nginx: &'run Service,
    nginx: &'run Nginx,
}

impl Sides<'_> {
    /// Lets the service, nginx before it, and plain nginx send the same.
    async fn compare<const HEADERS: usize>(
        &self,
        world: &World,
        image: &Image,
        headers: [[(&str, &str); HEADERS]; 3],
        expected: Expected,
        what: &str,
        report: &mut Report,
    ) -> anyhow::Result<Vec<Turns>> {
        let nginx = self.nginx.pids()?;
        let with_service = [nginx.clone(), vec![self.behind_nginx.pid()]].concat();
        let places = [
            (
                "service",
                self.direct.address,
                &image.path,
                vec![self.direct.pid()],
            ),
            (
                "service through nginx",
                self.nginx.before,
                &image.path,
                with_service,
            ),
            ("plain nginx", self.nginx.plain, &image.plain_path, nginx),
        ];
        let sides = places.into_iter().zip(headers);
        let mut sides: Vec<Side<'_>> = sides
            .map(|((name, address, path, pids), headers)| {
                let requests: Rc<[Request]> = [Request::get(path, &headers, expected)].into();
                let until = Until::After(Duration::ZERO);
                let load = Load {
                    address,
                    clients: CLIENTS,
                    requests,
                    until,
                };
                Side {
                    name,
                    work: Work::Load {
                        load,
                        settles: false,
                    },
                    pids,
                }
            })
            .collect();
        let (rounds, turn) = (world.settings.rounds(), world.settings.turn());
        let turns = in_turns(&mut sides, rounds, turn, async |_, _| Ok(())).await?;
        for (side, turns) in sides.iter().zip(&turns) {
            report.measurements.push(row(what, side.name, turns));
        }
        Ok(turns)
    }

    /// All of them send the same bytes: the loads that follow look only at their number.
    async fn same_bytes(&self, image: &Image) -> anyhow::Result<()> {
        let whole = Expected {
            status: 200,
            body_length: Some(image.length),
        };
        let ours = Request::get(&image.path, &[], whole);
        let plain = Request::get(&image.plain_path, &[], whole);
        let direct = load::ask(self.direct.address, &ours).await?;
        let through = load::ask(self.nginx.before, &ours).await?;
        let plain = load::ask(self.nginx.plain, &plain).await?;
        ensure!(
            direct == plain && through == plain,
            "the bytes of {} differ",
            image.path
        );
        Ok(())
    }

    /// What each calls the image in `ETag`.
    async fn tags(&self, image: &Image) -> anyhow::Result<[String; 3]> {
        let tag = async |address, path: &str| {
            let request = Request::get(path, &[], Expected::status(200));
            let head = load::head_of(address, &request).await?;
            let line = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("etag")
                    .then(|| value.trim().to_owned())
            });
            line.with_context(|| format!("no ETag: {head}"))
        };
        Ok([
            tag(self.direct.address, &image.path).await?,
            tag(self.nginx.before, &image.path).await?,
            tag(self.nginx.plain, &image.plain_path).await?,
        ])
    }
}
