//! Text as Go's `fmt`, `strconv` and `time` write it.

use core::fmt;
use std::io::Write;

use crate::{
    dump::printable::is_printable,
    tables::{Stack, WallTime},
};

/// The text of one event, in a buffer that is used again for the next.
#[derive(Debug, Default)]
pub(super) struct Line(Vec<u8>);

impl Line {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `%s`.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// `%d`.
    pub(super) fn decimal(&mut self, number: impl itoa::Integer) -> &mut Self {
        let mut digits = itoa::Buffer::new();
        self.text(digits.format(number))
    }

    /// Whatever writes itself.
    pub(super) fn display(&mut self, value: fmt::Arguments<'_>) -> &mut Self {
        // A Vec takes all that is written to it.
        let _ = self.0.write_fmt(value);
        self
    }

    /// A number of the trace. Go: `trace.Value.String`.
    pub(super) fn value(&mut self, value: u64) -> &mut Self {
        self.text("Value{Uint64(").decimal(value).text(")}")
    }

    /// `%q`.
    pub(super) fn quoted(&mut self, text: &[u8]) -> &mut Self {
        self.text("\"").escaped(text).text("\"")
    }

    /// The inside of `%q`. Go: `strconv.appendQuotedWith`.
    pub(super) fn escaped(&mut self, text: &[u8]) -> &mut Self {
        for chunk in text.utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some(plain) = rest.find(|character| !is_plain(character)) {
                let (before, after) = rest.split_at(plain);
                self.text(before);
                let mut characters = after.chars();
                if let Some(character) = characters.next() {
                    self.escape(character);
                }
                rest = characters.as_str();
            }
            self.text(rest);
            for byte in chunk.invalid() {
                self.display(format_args!("\\x{byte:02x}"));
            }
        }
        self
    }

    fn escape(&mut self, character: char) -> &mut Self {
        match character {
            '"' => self.text("\\\""),
            '\\' => self.text("\\\\"),
            '\x07' => self.text("\\a"),
            '\x08' => self.text("\\b"),
            '\x0c' => self.text("\\f"),
            '\n' => self.text("\\n"),
            '\r' => self.text("\\r"),
            '\t' => self.text("\\t"),
            '\x0b' => self.text("\\v"),
            '\0'..' ' | '\x7f' => self.display(format_args!("\\x{:02x}", u32::from(character))),
            '\u{80}'..='\u{ffff}' => self.display(format_args!("\\u{:04x}", u32::from(character))),
            _ => self.display(format_args!("\\U{:08x}", u32::from(character))),
        }
    }

    /// The frames of a stack under a heading. Go: `trace.printStack`.
    ///
    /// `stack` is `None` where the reference prints the heading over no frames.
    pub(super) fn stack(&mut self, heading: &str, stack: Option<Stack<'_>>) -> &mut Self {
        self.text("\n").text(heading).text("=\n");
        for frame in stack.iter().flat_map(Stack::frames) {
            self.text("\t").bytes(frame.function.as_bytes());
            self.display(format_args!(" @ {:#x}\n\t\t", frame.pc));
            self.bytes(frame.file.as_bytes()).text(":").decimal(frame.line).text("\n");
        }
        self
    }

    /// `time.RFC3339Nano` in UTC. Go: `time.Time.appendFormatRFC3339`.
    ///
    /// Any 64-bit number of seconds is a time for Go, so the year may have twelve digits; what does not fit
    /// into 64 bits wraps.
    pub(super) fn wall_time(&mut self, wall: WallTime) -> &mut Self {
        const NANOSECONDS: i128 = 1_000_000_000;
        let seconds = wall.0.div_euclid(NANOSECONDS) as i64;
        let nanoseconds = wall.0.rem_euclid(NANOSECONDS);
        let (days, second) = since_first_day(seconds);
        let (year, month, day) = date(days);
        if year < 0 {
            self.text("-");
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        self.display(format_args!("{:04}-{month:02}-{day:02}", year.unsigned_abs()));
        self.display(format_args!("T{hour:02}:{minute:02}:{second:02}"));
        if nanoseconds != 0 {
            self.display(format_args!(".{nanoseconds:09}"));
            while self.0.last() == Some(&b'0') {
                self.0.pop();
            }
        }
        self.text("Z")
    }
}

/// Whether `%q` leaves the character as it is.
fn is_plain(character: char) -> bool {
    match character {
        '"' | '\\' => false,
        ' '..='~' => true,
        _ => is_printable(character),
    }
}

/// The first year that Go's `time` can tell, which begins on 1 March so that leap days end years.
const FIRST_YEAR: i64 = -292_277_022_400;

/// Days since 1 March of the first year, and seconds of the day.
fn since_first_day(unix_seconds: i64) -> (u64, u64) {
    const FIRST_SECOND: i64 = -9_223_372_028_741_760_000;
    let seconds = unix_seconds.wrapping_sub(FIRST_SECOND) as u64;
    (seconds / 86_400, seconds % 86_400)
}

/// Year, month and day of the Gregorian calendar, whose 400 years have 146,097 days.
fn date(days: u64) -> (i64, u64, u64) {
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on, months have 153 days in five.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = FIRST_YEAR + (era * 400 + year_of_era + u64::from(month <= 2)) as i64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: &str, write: impl FnOnce(&mut Line) -> &mut Line) {
        let mut line = Line::default();
        write(&mut line);
        assert_eq!(std::str::from_utf8(line.as_bytes()), Ok(expected));
    }

    /// What `%q` of Go 1.27.3 makes of each text.
    #[test]
    fn texts_are_quoted_as_go_quotes_them() {
        for (text, expected) in [
            (&b""[..], r#""""#),
            (b"plain text", r#""plain text""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"\x07\x08\x0c\n\r\t\x0b\x00\x1f\x7f", r#""\a\b\f\n\r\t\v\x00\x1f\x7f""#),
            (
                "\u{a0}\u{ad}\u{200b}\u{2028}\u{e000}\u{feff}\u{fffd}\u{fffe}".as_bytes(),
                "\"\\u00a0\\u00ad\\u200b\\u2028\\ue000\\ufeff\u{fffd}\\ufffe\"",
            ),
            (
                "\u{e0001}\u{10ffff}\u{1f600}\u{1fae9}".as_bytes(),
                "\"\\U000e0001\\U0010ffff\u{1f600}\u{1fae9}\"",
            ),
            (
                b"\x80\xff\xe2\x82 \xe2\x82\xac\xed\xa0\x80\xf4\x90\x80\x80\xc0\xaf",
                "\"\\x80\\xff\\xe2\\x82 \u{20ac}\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80\\xc0\\xaf\"",
            ),
            ("\u{e9}\u{4e16}\u{754c}\u{301}".as_bytes(), "\"\u{e9}\u{4e16}\u{754c}\u{301}\""),
            ("\u{85}\u{9f}\u{378}\u{3000}".as_bytes(), r#""\u0085\u009f\u0378\u3000""#),
        ] {
            check(expected, |line| line.quoted(text));
        }
    }

    /// What `time.Unix(seconds, nanoseconds).UTC().Format(time.RFC3339Nano)` of Go 1.27.3 makes of each time.
    #[test]
    fn wall_times_are_written_as_go_writes_them() {
        for (seconds, nanoseconds, expected) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (1795333298, 830086983, "2026-11-22T07:41:38.830086983Z"),
            (1795333298, 830000000, "2026-11-22T07:41:38.83Z"),
            (0, -1, "1969-12-31T23:59:59.999999999Z"),
            (0, 1000000000, "1970-01-01T00:00:01Z"),
            (5, 2500000000, "1970-01-01T00:00:07.5Z"),
            (-62135596800, 0, "0001-01-01T00:00:00Z"),
            (-62135596801, 0, "0000-12-31T23:59:59Z"),
            (-62167219200, 0, "0000-01-01T00:00:00Z"),
            (-62167219201, 1, "-0001-12-31T23:59:59.000000001Z"),
            (253402300799, 999999999, "9999-12-31T23:59:59.999999999Z"),
            (253402300800, 0, "10000-01-01T00:00:00Z"),
            (951782400, 100, "2000-02-29T00:00:00.0000001Z"),
            (951868799, 0, "2000-02-29T23:59:59Z"),
            (1709164800, 0, "2024-02-29T00:00:00Z"),
            (4102444800, 0, "2100-01-01T00:00:00Z"),
            (-9223372028741760000, 0, "-292277022400-03-01T00:00:00Z"),
            (i64::MAX, 999999999, "292277026596-12-04T15:30:07.999999999Z"),
            (i64::MIN, 0, "292277026596-12-04T15:30:08Z"),
            (i64::MAX, i64::MAX, "-292277022365-05-08T08:17:07.854775807Z"),
            (i64::MIN, i64::MIN, "292277026304-08-26T15:42:51.145224192Z"),
        ] {
            let wall = WallTime(i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds));
            check(expected, |line| line.wall_time(wall));
        }
    }
}
