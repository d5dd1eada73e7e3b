//! How records and paths are written down.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use twox_hash::XxHash3_64;

/// How many bytes a checksum has.
const CHECKSUM: usize = 8;

/// A record, and behind it its checksum: what holds the store checks its own structure, and not what is in it.
pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Only a type that cannot be written down fails, and these can.
    let mut bytes = postcard::to_allocvec(value).unwrap_or_default();
    bytes.extend(XxHash3_64::oneshot(&bytes).to_le_bytes());
    bytes
}

/// The record in these bytes; `None` where they are not those that were written down.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (bytes, checksum) = bytes.split_last_chunk::<CHECKSUM>()?;
    let is_intact = XxHash3_64::oneshot(bytes).to_le_bytes() == *checksum;
    is_intact.then(|| postcard::from_bytes(bytes).ok())?
}

/// What marks a name that is not the path itself: no path has it.
const MARK: char = '\0';

/// The name under which a file is remembered: its path, or where that is not Unicode, its bytes in another form.
pub(crate) fn name_of(path: &Path) -> String {
    match path.to_str() {
        Some(path) => path.to_owned(),
        None => format!("{MARK}{}", percent_encode(path.as_os_str().as_bytes(), NON_ALPHANUMERIC)),
    }
}

/// The path of a name.
pub(crate) fn path_of(name: &str) -> PathBuf {
    match name.strip_prefix(MARK) {
        Some(encoded) => OsString::from_vec(percent_decode_str(encoded).collect()).into(),
        None => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_a_name_and_back() {
        for path in [&b"/a/b.trace"[..], b"/a/%00 b", b"/\xff\xfe/x.trace", "/ä".as_bytes(), b"/\xc3"] {
            let path = PathBuf::from(OsString::from_vec(path.to_vec()));
            assert_eq!(path_of(&name_of(&path)), path);
        }
        assert_eq!(name_of(Path::new("/a/b")), "/a/b");
    }

    #[test]
    fn a_changed_bit_is_noticed() {
        let bytes = encode(&(7_u64, "text".to_owned()));
        assert_eq!(decode(&bytes), Some((7_u64, "text".to_owned())));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode::<(u64, String)>(&changed), None, "{bit}");
        }
        assert_eq!(decode::<(u64, String)>(&bytes[1..]), None);
    }
}
