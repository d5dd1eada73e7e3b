//! Files that no crash can leave half written: written aside, synced, moved to their place, and the place synced.

use std::{
    error::Error,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// Writes a file that is whole or not there at all.
pub(crate) fn write(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(folder_of(place))?;
    file.write_all(bytes)?;
    put(file, place)
}

/// Gives a file that was written aside, on the same file system, its place.
fn put(file: NamedTempFile, place: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(place)?;
    sync_folder(folder_of(place))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Moves a file, to another file system too. It is never missing in both places. What lies there already stays: the file
/// gets another name then.
pub(crate) fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut free = to.to_owned();
    let mut number = 1;
    while free.symlink_metadata().is_ok() {
        free = with_ending(to, &format!(".{number}"));
        number += 1;
    }
    match fs::rename(from, &free) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let mut copy = NamedTempFile::new_in(folder_of(&free))?;
            io::copy(&mut File::open(from)?, &mut copy)?;
            put(copy, &free)?;
            fs::remove_file(from)
        }
        outcome => outcome,
    }
}

/// What is wrong, without the name of the file aside, which is another one each time.
pub(crate) fn cause_of(error: &io::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn folder_of(place: &Path) -> &Path {
    place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A path with something behind its name.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
