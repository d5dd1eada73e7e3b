//! The category filter of a flight recorder, rules G1–G4.

use core::fmt;
use core::str::FromStr;

bitflags::bitflags! {
    /// Which categories of events a Go flight recorder writes: rule G1.
    ///
    /// The bits are those of the recorder's `filter` parameter, a decimal `u32` mask. The names, as read by [`FromStr`] and
    /// written by [`Display`](fmt::Display), are `core`, `http`, `sql`, `tls`, `net`, `custom` and `all`, separated by commas.
    ///
    /// ```
    /// use go_trace_sanitize::Filter;
    ///
    /// assert_eq!(Filter::default(), Filter::CORE | Filter::CUSTOM);
    /// assert_eq!("http,sql".parse(), Ok(Filter::HTTP | Filter::SQL));
    /// assert_eq!(Filter::from_bits_truncate(6).to_string(), "http,sql");
    /// assert_eq!(Filter::ALL.to_string(), "all");
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct Filter: u32 {
        /// Everything the stock runtime records that is not [`CUSTOM`](Self::CUSTOM): scheduling, GC, system calls. Bit value 1.
        const CORE = 1;
        /// HTTP requests of servers and clients. Bit value 2.
        const HTTP = 2;
        /// Queries through `database/sql`. Bit value 4.
        const SQL = 4;
        /// TLS handshakes. Bit value 8.
        const TLS = 8;
        /// DNS lookups and connects. Bit value 16.
        const NET = 16;
        /// User annotations: tasks, regions, logs and goroutine labels. Bit value 32.
        const CUSTOM = 32;
        /// All six categories. Bit value 63.
        const ALL = 63;
    }
}

/// Each single category with its name, in the order of the bits.
const NAMES: [(&str, Filter); 6] = [
    ("core", Filter::CORE),
    ("http", Filter::HTTP),
    ("sql", Filter::SQL),
    ("tls", Filter::TLS),
    ("net", Filter::NET),
    ("custom", Filter::CUSTOM),
];

impl Default for Filter {
    /// [`CORE`](Self::CORE) and [`CUSTOM`](Self::CUSTOM), 33: what a recorder writes when nothing is chosen (rule G1).
    fn default() -> Self {
        Self::CORE | Self::CUSTOM
    }
}

impl fmt::Display for Filter {
    /// Writes `all`, or the names separated by commas; the empty filter is the empty string. Bits without a name are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.contains(Self::ALL) {
            return f.write_str("all");
        }
        let mut separator = "";
        for (name, _) in NAMES.into_iter().filter(|&(_, category)| self.contains(category)) {
            write!(f, "{separator}{name}")?;
            separator = ",";
        }
        Ok(())
    }
}

impl FromStr for Filter {
    type Err = ParseFilterError;

    /// Reads names separated by commas, in any letter case, with blanks around them. The empty string is the empty filter.
    ///
    /// # Errors
    ///
    /// [`ParseFilterError`] with the position of the first name that is not known.
    fn from_str(names: &str) -> Result<Self, ParseFilterError> {
        let mut filter = Self::empty();
        if names.trim().is_empty() {
            return Ok(filter);
        }
        for (index, name) in names.split(',').enumerate() {
            filter |= category(name.trim()).ok_or(ParseFilterError { index })?;
        }
        Ok(filter)
    }
}

/// The filter that one name means.
fn category(name: &str) -> Option<Filter> {
    if name.eq_ignore_ascii_case("all") {
        return Some(Filter::ALL);
    }
    NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|&(_, category)| category)
}

/// A text held a category name that [`Filter`] does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseFilterError {
    index: usize,
}

impl ParseFilterError {
    /// The position of the unknown name in the comma-separated list, counted from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }
}

impl fmt::Display for ParseFilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.index + 1;
        write!(
            f,
            "name {position} of the filter is unknown; use core, http, sql, tls, net, custom or all, separated by commas"
        )
    }
}

impl core::error::Error for ParseFilterError {}
