//! Variants of photos of 2000 × 1500 pixels, 320 pixels long: the first time, and when they are there.

use std::net::SocketAddr;
use std::rc::Rc;

use super::{path_of, peak, row, upload};
use crate::load::{self, Expected, Load, Request, Until};
use crate::processes::{Behind, Service};
use crate::report::{Report, Unit};
use crate::resources;
use crate::rounds::Turns;
use crate::world::World;

/// As many as a page of the gallery asks for at the same time.
pub(crate) const CLIENTS: usize = 6;

/// What browsers send with an image, and what curl sends.
const ACCEPTS: [(&str, &str); 2] = [("WebP", "image/avif,image/webp,*/*;q=0.8"), ("JPEG", "*/*")];

/// How many photos have their variant made in each round.
pub(crate) fn photos(world: &World) -> usize {
    if world.settings.is_quick() { 12 } else { 60 }
}

pub(crate) async fn measure(world: &World, report: &mut Report) -> anyhow::Result<()> {
    let objects = world.objects()?;
    let database_url = world.mariadb()?.new_database("variants").await?;
    let behind = Behind {
        database_url: &database_url,
        objects,
    };
    let folder = world.folder("variants")?;
    let service = Service::start(&world.settings.program, &folder, &behind, &[])?;
    let photo = World::photo();
    if let Err(why) = is_there(&service, &photo).await {
        report.left_out.push(format!(
            "variants: the service does not make them ({why:#})"
        ));
        return Ok(());
    }
    for (format, accept) in ACCEPTS {
        let (mut cold, mut cached) = (Turns::default(), Turns::default());
        for _ in 0..world.settings.rounds() {
            let mut paths = Vec::new();
            for _ in 0..photos(world) {
                paths.push(thumb_of(&path_of(&upload(&service, &photo).await?)?));
            }
            let accept = [("Accept", accept)];
            let made = Made {
                address: service.address,
                pids: &[service.pid()],
                headers: &accept,
            };
            made.measure(world, &paths, &mut cold, &mut cached).await?;
            objects.clear()?;
        }
        let what = |how| format!("thumb as {format}, {how}, {CLIENTS} clients");
        report
            .measurements
            .push(row(&what("cold"), "service", &cold));
        report.measurements.push(
            row(&what("cached"), "service", &cached)
                .with(Unit::PeakMebibytes, peak(service.pid())?),
        );
    }
    Ok(())
}

/// Whether a service makes them at all.
pub(crate) async fn is_there(service: &Service, photo: &[u8]) -> anyhow::Result<()> {
    let path = thumb_of(&path_of(&upload(service, photo).await?)?);
    load::ask(
        service.address,
        &Request::get(&path, &[], Expected::status(200)),
    )
    .await?;
    Ok(())
}

/// `/i/{id}/thumb` of `/i/{id}.jpg`.
pub(crate) fn thumb_of(path: &str) -> String {
    let id = path.rsplit_once('.').map_or(path, |(id, _)| id);
    format!("{id}/thumb")
}

/// Variants that nobody has asked for yet, and who makes them.
pub(crate) struct Made<'run> {
    pub(crate) address: SocketAddr,
    pub(crate) pids: &'run [u32],
    pub(crate) headers: &'run [(&'run str, &'run str)],
}

impl Made<'_> {
    /// Asks for each of them once, and then for all of them again and again.
    pub(crate) async fn measure(
        &self,
        world: &World,
        paths: &[String],
        cold: &mut Turns,
        cached: &mut Turns,
    ) -> anyhow::Result<()> {
        let ok = Expected::status(200);
        let requests = paths
            .iter()
            .map(|path| Request::get(path, self.headers, ok));
        let mut load = Load {
            address: self.address,
            clients: CLIENTS,
            requests: requests.collect::<Rc<[Request]>>(),
            until: Until::AllSent,
        };
        for turns in [cold, cached] {
            let before = resources::cpu_time(self.pids)?;
            let done = load.run().await?;
            let cpu = resources::cpu_time(self.pids)?.saturating_sub(before);
            turns.note(&done, (!self.pids.is_empty()).then_some(cpu));
            load.until = Until::After(world.settings.turn() / 2);
        }
        Ok(())
    }
}
