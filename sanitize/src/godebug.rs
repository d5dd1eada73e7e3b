//! Trace categories in a `GODEBUG` setting, rules G2–G4.

use crate::filter::Filter;

/// The keys a recorder reads, and what each turns on: rules G2 and G4.
const KEYS: [(&str, Filter); 5] = [
    ("tracehttp", Filter::HTTP),
    ("tracesql", Filter::SQL),
    ("tracetls", Filter::TLS),
    ("tracenet", Filter::NET),
    ("traceall", Filter::ALL),
];

impl Filter {
    /// The filter that a process with this `GODEBUG` setting starts with: the default, and what the setting turns on.
    ///
    /// ```
    /// use go_trace_sanitize::Filter;
    ///
    /// assert_eq!(Filter::from_godebug("madvdontneed=1,tracehttp=1"), Filter::default() | Filter::HTTP);
    /// assert_eq!(Filter::from_godebug("tracesql=0"), Filter::default());
    /// ```
    #[must_use]
    pub fn from_godebug(setting: &str) -> Self {
        Self::empty().with_godebug(setting)
    }

    /// This filter, and what a `GODEBUG` setting turns on; a setting never turns a category off (rule G4).
    ///
    /// The empty filter stands for the default, as the mask 0 does where a recorder is configured (rule G1).
    ///
    /// Fields are separated by `,` alone and are not trimmed; keys are exact; a value is a decimal `int32`, with sign or leading
    /// zeros if need be, and any value but 0 turns the key on. A field of another form is ignored, as the Go runtime ignores it,
    /// and the last valid value of a key wins (rules G2 and G3).
    ///
    /// ```
    /// use go_trace_sanitize::Filter;
    ///
    /// let filter = Filter::SQL.with_godebug("tracehttp=1,tracehttp=off,tracesql=0,tracetls=1,tracetls=0");
    /// assert_eq!(filter, Filter::SQL | Filter::HTTP);
    /// ```
    #[must_use]
    pub fn with_godebug(self, setting: &str) -> Self {
        let mut settings = [0_i32; KEYS.len()];
        for (key, value) in setting.split(',').filter_map(|field| field.split_once('=')) {
            let Some(index) = KEYS.iter().position(|&(known, _)| known == key) else { continue };
            // `i32::from_str` accepts exactly the grammar of G3: an optional sign and decimal digits within range.
            if let Ok(value) = value.parse() {
                settings[index] = value;
            }
        }
        let base = if self.is_empty() { Self::default() } else { self };
        KEYS.iter().zip(settings).filter(|&(_, value)| value != 0).fold(base, |mask, (&(_, on), _)| mask | on)
    }
}
