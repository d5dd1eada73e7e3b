//! The disk that the sidecar keeps its state on is full for a while. Files stay where they are until there is room, and who
//! pushes is told so.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::Scale;
use crate::{archive::Archive, client, load::Load, report::Report, stage::Stage};

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let disk = match Disk::mount(&stage.directory.join("disk")) {
        Ok(disk) => disk,
        Err(error) => {
            report
                .say(format_args!("skipped: no small disk can be mounted here, which needs root: {error:#}"));
            return Ok(());
        }
    };
    let archive = Archive::of_both()?;
    let apps = stage.folders(&archive)?;
    let mut configuration = stage.configuration()?.watch(&stage.traces(), "delete");
    configuration.state = disk.0.join("state");
    let url = configuration.push(None, "")?;
    let mut sidecar = stage.sidecar(&configuration)?;
    let load = Load::start(&apps.front.url, scale.number(20, 20));

    stage.pass(scale.seconds(3, 10))?;
    let filler = disk.fill()?;
    stage.pass(scale.seconds(5, 15))?;
    let ended = sidecar.has_ended();
    report.check("the sidecar outlives a full disk", ended.is_none(), ended.clone().unwrap_or_default());
    if ended.is_none() {
        report.figure("readiness while the disk is full", sidecar.readiness());
        check_push(report, &url);
    }
    fs::remove_file(filler)?;
    if ended.is_some() {
        // As whoever supervises it would.
        sidecar = stage.sidecar(&configuration)?;
        stage.is_restarted = true;
    }
    stage.pass(Duration::from_secs(3))?;
    stage.finish(report, [apps], sidecar, &load.stop())?;
    archive.check(report);
    Ok(())
}

/// Nothing that is acknowledged may be lost, so there is no acknowledgement now.
fn check_push(report: &mut Report, url: &str) {
    let mut snapshot = b"go 1.26 trace\0\0\0".to_vec();
    snapshot.resize(64 << 10, 0);
    let status = client::post_in_vain(url, "/?service=stranger&instance=a", "", &snapshot);
    let status = status.map_or_else(|error| format!("{error:#}"), |status| status.to_string());
    let is_refused = ["503", "507"].contains(&&*status);
    report.check("a push is refused while the disk is full", is_refused, status);
}

/// A small disk in memory, which is unmounted when this is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Result<Self> {
        fs::create_dir_all(at)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(at);
        let output = mount.output().context("mount")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(Self(at.to_owned()))
    }

    /// Writes until there is no room left.
    fn fill(&self) -> Result<PathBuf> {
        let name = self.0.join("filler");
        let mut file = File::create(&name)?;
        for size in [1 << 20, 1 << 12, 1] {
            const MOST: usize = 1 << 13;
            // It ends with the error that this is about.
            let _ = (0..MOST).try_for_each(|_| file.write_all(&vec![0; size]));
        }
        Ok(name)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: who has a file open there goes on until it ends.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
