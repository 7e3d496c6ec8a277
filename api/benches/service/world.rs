//! What all parts stand on: folders, the database server, the S3 endpoint, photos.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::photo::photo;
use crate::processes::{Mariadb, Objects};
use crate::settings::Settings;

/// Memory that looks like a folder.
const MEMORY: &str = "/dev/shm";

/// Started when it is first asked for, ended with the run.
pub(crate) struct World {
    pub(crate) settings: Settings,
    mariadb: OnceCell<Mariadb>,
    objects: OnceCell<Objects>,
    // Behind the processes: they go before their folders.
    work: TempDir,
    objects_folder: TempDir,
}

impl World {
    pub(crate) fn new(settings: Settings) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&settings.folder)?;
        let work = tempfile::Builder::new()
            .prefix("work-")
            .tempdir_in(&settings.folder)?;
        let memory = Path::new(MEMORY);
        let place = if memory.is_dir() { memory } else { work.path() };
        let objects_folder = tempfile::Builder::new()
            .prefix("image-handler-bench-")
            .tempdir_in(place)?;
        Ok(Self {
            settings,
            mariadb: OnceCell::new(),
            objects: OnceCell::new(),
            work,
            objects_folder,
        })
    }

    /// A new folder on the disk.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.work.path().join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    pub(crate) fn mariadb(&self) -> anyhow::Result<&Mariadb> {
        if self.mariadb.get().is_none() {
            let _ = self.mariadb.set(Mariadb::start(self.work.path())?);
        }
        self.mariadb.get().context("MariaDB was just started")
    }

    pub(crate) fn objects(&self) -> anyhow::Result<&Objects> {
        if self.objects.get().is_none() {
            let objects = Objects::start(self.objects_folder.path(), self.work.path())?;
            let _ = self.objects.set(objects);
        }
        self.objects
            .get()
            .context("the S3 endpoint was just started")
    }

    /// Where things lie, in words.
    pub(crate) fn conditions(&self) -> Vec<String> {
        let file_system = |path: &Path| file_system_of(path).unwrap_or_else(|| "unknown".into());
        vec![
            format!(
                "uploads, the floor's files and MariaDB's data on {}, synced; S3 objects on {}, not synced, the same for \
                 all sides",
                file_system(self.work.path()),
                file_system(self.objects_folder.path())
            ),
            format!(
                "{} of {:?} for each side, after one of a quarter that is not counted; medians, least and most in \
                 parentheses; ratios are made round by round",
                rounds(self.settings.rounds()),
                self.settings.turn()
            ),
            "clients, service, database, S3 endpoint and nginx share the machine, over loopback; HTTP without TLS; \
             every connection is kept alive"
                .to_owned(),
        ]
    }

    /// A photo of 235 kB.
    pub(crate) fn photo() -> Vec<u8> {
        photo(2000, 1500, 235_000)
    }
}

fn rounds(count: usize) -> String {
    if count == 1 {
        "one round".to_owned()
    } else {
        format!("{count} rounds")
    }
}

/// The kind of the file system that a path lies on.
fn file_system_of(path: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let path = path.canonicalize().ok()?;
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .filter(|(place, _)| path.starts_with(place))
        .max_by_key(|(place, _)| place.len())
        .map(|(_, kind)| kind.to_owned())
}
