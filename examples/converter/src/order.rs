//! The order in which files are read: the snapshots of a process one after the other, as they were recorded.

use std::{cmp::Ordering, path::PathBuf, sync::Arc};

use anyhow::bail;
use go_trace_format::{Content, ProcessMark};

use crate::{
    input::{Input, Progress},
    read::{Opening, Trace},
};

/// A file, and what the user calls the service that it is of.
#[derive(Clone)]
pub(crate) struct NamedFile {
    pub(crate) path: PathBuf,
    pub(crate) service: Option<Arc<str>>,
}

impl NamedFile {
    /// The files with their names: one for all of them, or one for each.
    pub(crate) fn all(files: &[PathBuf], services: &[String]) -> anyhow::Result<Vec<Self>> {
        if services.len() > 1 && services.len() != files.len() {
            let (names, files) = (services.len(), files.len());
            bail!(
                "{names} times --service-name for {files} files: give it once for all, or once for each file"
            );
        }
        let services: Vec<Arc<str>> = services.iter().map(|name| name.as_str().into()).collect();
        let service = |place: usize| services.get(place).or(services.first()).cloned();
        let named = files.iter().enumerate();
        Ok(named.map(|(place, path)| Self { path: path.clone(), service: service(place) }).collect())
    }

    pub(crate) fn open(&self, progress: Progress) -> anyhow::Result<Input> {
        Ok(Input { service: self.service.clone(), ..Input::open(&self.path, progress)? })
    }
}

/// Puts the snapshots of each process behind the first of them that was given, in the order of their generations. What
/// cannot be looked at twice, or not be read, stays where it is.
pub(crate) fn in_order(files: Vec<NamedFile>, opening: Opening) -> Vec<NamedFile> {
    if files.len() < 2 {
        return files;
    }
    let mut processes: Vec<Vec<(NamedFile, Option<ProcessMark>)>> = Vec::new();
    for file in files {
        let head = head(&file, opening);
        let is_of = |process: &&mut Vec<(NamedFile, Option<ProcessMark>)>| {
            let of_service = process.iter().filter(|(known, _)| known.service == file.service);
            let mut heads = of_service.filter_map(|(_, head)| head.as_ref());
            head.as_ref().is_some_and(|head| heads.any(|other| are_of_one_process(head, other)))
        };
        match processes.iter_mut().find(is_of) {
            Some(process) => process.push((file, head)),
            None => processes.push(vec![(file, head)]),
        }
    }
    for process in &mut processes {
        process.sort_by(|(_, one), (_, other)| match (one, other) {
            (Some(one), Some(other)) => one.key.number().cmp(&other.key.number()),
            _ => Ordering::Equal,
        });
    }
    processes.into_iter().flatten().map(|(file, _)| file).collect()
}

/// The first generation of a file.
fn head(file: &NamedFile, opening: Opening) -> Option<ProcessMark> {
    // A pipe can be read once.
    if !file.path.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return None;
    }
    let input = file.open(Progress::Hidden).ok().filter(|input| input.content == Content::Trace)?;
    let mut trace = Trace::open(input, opening).ok()?;
    while let Some(event) = trace.reader.next_event().ok()? {
        if event.generation_begun().is_some() {
            return Some(trace.reader.generation().process_mark());
        }
    }
    None
}

/// Whether two traces begin in the same process, whichever comes first.
fn are_of_one_process(one: &ProcessMark, other: &ProcessMark) -> bool {
    let may_follow =
        |earlier: &ProcessMark, later: &ProcessMark| later.follows(earlier) || later.may_come_after(earlier);
    one.key == other.key || may_follow(one, other) || may_follow(other, one)
}
