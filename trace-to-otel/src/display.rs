//! Durations and foreign texts as people read them.

use std::fmt::{self, Write};

/// A duration in nanoseconds, shown in three digits and a unit.
///
#[cfg_attr(feature = "render", doc = "```")]
#[cfg_attr(not(feature = "render"), doc = "```text")]
/// use trace_to_otel::render::DisplayDuration;
///
/// assert_eq!(DisplayDuration(1_234_567).to_string(), "1.23 ms");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
// A number and nothing more.
#[allow(clippy::exhaustive_structs)]
pub struct DisplayDuration(
    /// Nanoseconds.
    pub u64,
);

impl fmt::Display for DisplayDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
        // A value that three digits would round up to the next unit's 1 is one of that unit.
        let unit = UNITS.into_iter().find(|&(unit, _)| self.0 >= unit - unit / 2000);
        let Some((unit, name)) = unit else { return f.pad(&format!("{} ns", self.0)) };
        let value = self.0 as f64 / unit as f64;
        let digits = match value {
            value if value < 9.995 => 2,
            value if value < 99.95 => 1,
            _ => 0,
        };
        f.pad(&format!("{value:.digits$} {name}"))
    }
}

/// A text that the traced program chose, with escapes for whatever could steer a terminal or hide in it, and cut
/// where it would fill the screen.
///
#[cfg_attr(feature = "render", doc = "```")]
#[cfg_attr(not(feature = "render"), doc = "```text")]
/// use trace_to_otel::render::DisplayText;
///
/// assert_eq!(DisplayText("a\u{1b}[31m\nb").to_string(), "a\\u{1b}[31m\\nb");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// A text and nothing more.
#[allow(clippy::exhaustive_structs)]
pub struct DisplayText<'a>(
    /// The text.
    pub &'a str,
);

/// How many characters of a foreign text are shown.
const LONGEST: usize = 160;

impl fmt::Display for DisplayText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, character) in self.0.chars().enumerate() {
            match character {
                _ if count == LONGEST => return f.write_char('…'),
                '\n' | '\t' | '\r' => write!(f, "{}", character.escape_default())?,
                _ if character.is_control() || is_invisible(character) => {
                    write!(f, "{}", character.escape_unicode())?;
                }
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Characters that change the direction or the place of what stands beside them (Unicode, UAX #9), line and
/// paragraph separators, and those of no width.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let cases = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (9_994, "9.99 µs"),
            (9_996, "10.0 µs"),
            (99_960, "100 µs"),
            (999_400, "999 µs"),
            (999_600, "1.00 ms"),
            (2_340_000, "2.34 ms"),
            (59_900_000_000, "59.9 s"),
            (86_400_000_000_000, "86400 s"),
        ];
        for (nanoseconds, text) in cases {
            assert_eq!(DisplayDuration(nanoseconds).to_string(), text);
        }
        assert_eq!(format!("{:>8}", DisplayDuration(5)), "    5 ns");
    }

    #[test]
    fn foreign_texts_cannot_steer_the_terminal() {
        assert_eq!(
            DisplayText("a\nb\u{1b}[31m\u{202e}\u{9b}").to_string(),
            "a\\nb\\u{1b}[31m\\u{202e}\\u{9b}"
        );
        assert_eq!(DisplayText("größe \"漢字\"").to_string(), "größe \"漢字\"");
        assert_eq!(DisplayText(&"é".repeat(LONGEST)).to_string(), "é".repeat(LONGEST));
        assert_eq!(DisplayText(&"é".repeat(1024)).to_string(), "é".repeat(LONGEST) + "…");
    }
}
