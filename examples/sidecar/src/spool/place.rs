//! Where a trace lies: its path tells its origin, its name when it came and what its content has to be.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use twox_hash::XxHash3_128;

use crate::store::Origin;

/// What stays as it is in the name of a folder, which is never a value alone.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// How long the name of a folder may be, in bytes; file systems allow 255.
const LONGEST_NAME: usize = 250;

const ENDING: &str = "trace";

/// An attribute as a folder's name.
fn name_of(key: &str, value: &str) -> String {
    format!("{}={}", utf8_percent_encode(key, PLAIN), utf8_percent_encode(value, PLAIN))
}

/// Whether traces of an origin can lie here: whether its attributes can be names of folders.
pub(crate) fn has_room_for(origin: &Origin) -> bool {
    origin.attributes().iter().all(|(key, value)| name_of(key, value).len() <= LONGEST_NAME)
}

/// The folder of an origin: one inside the other for each of its attributes.
pub(super) fn folder_of(origin: &Origin) -> PathBuf {
    origin.attributes().iter().map(|(key, value)| name_of(key, value)).collect()
}

/// The other way round.
pub(super) fn origin_of(folder: &Path) -> Origin {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let names = folder.components().map(|component| component.as_os_str().to_string_lossy());
    let pairs =
        names.filter_map(|name| name.split_once('=').map(|(key, value)| (decode(key), decode(value))));
    Origin::new(pairs)
}

/// The name of a trace. Names sort by time; those of one moment, which is in nanoseconds since 1970, by their numbers.
pub(super) fn file_name(since: u128, number: u64, hash: u128) -> String {
    format!("{since:020}-{number:06}-{hash:032x}.{ENDING}")
}

/// Whether a file of the spool is what was taken in. Names of earlier versions do not tell: those are believed.
pub(crate) fn is_intact(path: &Path) -> io::Result<bool> {
    const PIECE: usize = 256 << 10;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let Some(expected) = name.split('-').nth(2).and_then(|hash| u128::from_str_radix(hash, 16).ok()) else {
        return Ok(true);
    };
    let (mut file, mut hash, mut piece) = (File::open(path)?, XxHash3_128::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hash.finish_128() == expected),
            Ok(read) => hash.write(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use super::*;

    #[test]
    fn folders_tell_origins() {
        for pairs in
            [&[][..], &[("service.name", "a/../b,c=d")], &[("k8s.pod.name", "x"), ("service.name", "%2f ..")]]
        {
            let origin = Origin::new(pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())));
            let folder = folder_of(&origin);
            assert!(folder.components().all(|component| matches!(component, Component::Normal(_))));
            assert_eq!(folder.components().count(), pairs.len());
            assert_eq!(origin_of(&folder), origin);
        }
    }
}
