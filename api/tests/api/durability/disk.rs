//! A small file system of its own for the uploads folder, whose power can be cut.
//!
//! An ext4 file system in an image file, mounted over the folder with `commit=300`. The image holds what has been
//! written to the disk and nothing of what only the page cache knows, so a copy of it is the disk after a power
//! cut at that moment.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

/// Unmounted and removed when it is dropped.
pub(super) struct Disk {
    images: TempDir,
    image: PathBuf,
    mount_point: PathBuf,
    mounted: bool,
    cuts: usize,
}

impl Disk {
    /// Mounts a new file system. The error says why that cannot be done here.
    pub(super) fn mount_new(mount_point: &Path) -> Result<Self, String> {
        let images = tempfile::tempdir().unwrap();
        let image = images.path().join("0");
        std::fs::File::create(&image)
            .and_then(|file| file.set_len(64 * 1024 * 1024))
            .map_err(|error| error.to_string())?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        let mut disk = Self {
            images,
            image,
            mount_point: mount_point.to_owned(),
            mounted: false,
            cuts: 0,
        };
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&mut self) -> Result<(), String> {
        run(Command::new("mount")
            .args(["-t", "ext4", "-o", "loop,commit=300"])
            .arg(&self.image)
            .arg(&self.mount_point))?;
        self.mounted = true;
        Ok(())
    }

    /// What is on the disk at this moment, to be mounted later.
    pub(super) fn cut_power(&mut self) -> AfterPowerCut {
        self.cuts += 1;
        let copy = self.images.path().join(self.cuts.to_string());
        run(Command::new("cp")
            .arg("--sparse=always")
            .arg(&self.image)
            .arg(&copy))
        .unwrap();
        AfterPowerCut(copy)
    }

    /// Mounts what was left, in the place of what was there before the power cut.
    pub(super) fn power_on(&mut self, left: AfterPowerCut) {
        self.unmount().unwrap();
        let before = std::mem::replace(&mut self.image, left.0);
        std::fs::remove_file(before).unwrap();
        self.mount().unwrap();
    }

    fn unmount(&mut self) -> Result<(), String> {
        let mut left = 50;
        while self.mounted {
            match run(Command::new("umount").arg(&self.mount_point)) {
                Ok(()) => self.mounted = false,
                // Whoever had a file open there may be about to close it.
                Err(_) if left > 0 => {
                    left -= 1;
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(problem) => return Err(problem),
            }
        }
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.unmount().is_err() {
            let _ = run(Command::new("umount").arg("--lazy").arg(&self.mount_point));
        }
    }
}

/// The image file after a power cut.
pub(super) struct AfterPowerCut(PathBuf);

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
