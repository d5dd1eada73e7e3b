//! serde: events as maps of what they say, names as Go has them.

use core::{fmt, str::FromStr};

use serde::{
    de::{Deserialize, Deserializer, Error, Visitor},
    ser::{Serialize, SerializeStruct, Serializer},
};

use crate::{
    event::{Event, Experimental, Metric, RangeKind},
    spec::EventType,
    tables::{Stack, Text, WallTime},
};

/// What the event's accessors give.
impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serializer.serialize_struct("Event", 10)?;
        event.serialize_field("type", &self.event_type())?;
        event.serialize_field("time", &self.time())?;
        event.serialize_field("raw_time", &self.raw_time())?;
        event.serialize_field("wall_time", &self.wall_time())?;
        event.serialize_field("thread", &self.thread())?;
        event.serialize_field("proc", &self.proc())?;
        event.serialize_field("goroutine", &self.goroutine())?;
        event.serialize_field("offset", &self.offset())?;
        event.serialize_field("kind", &self.kind())?;
        event.serialize_field("stack", &self.stack())?;
        event.end()
    }
}

/// By the reference's name for it.
impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(EventTypeName)
    }
}

struct EventTypeName;

impl Visitor<'_> for EventTypeName {
    type Value = EventType;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an event of Go's execution traces")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<EventType, E> {
        EventType::from_str(name).map_err(E::custom)
    }
}

/// Nanoseconds: see [`WallTime`].
impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_i128(self.0);
        }
        match (i64::try_from(self.0), u64::try_from(self.0)) {
            (Ok(nanoseconds), _) => serializer.serialize_i64(nanoseconds),
            (_, Ok(nanoseconds)) => serializer.serialize_u64(nanoseconds),
            _ => serializer.collect_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.is_human_readable() {
            true => deserializer.deserialize_any(Nanoseconds),
            false => deserializer.deserialize_i128(Nanoseconds),
        }
    }
}

struct Nanoseconds;

impl Visitor<'_> for Nanoseconds {
    type Value = WallTime;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nanoseconds since 1970, as an integer or its digits")
    }

    fn visit_i64<E: Error>(self, nanoseconds: i64) -> Result<WallTime, E> {
        Ok(WallTime(nanoseconds.into()))
    }

    fn visit_u64<E: Error>(self, nanoseconds: u64) -> Result<WallTime, E> {
        Ok(WallTime(nanoseconds.into()))
    }

    fn visit_i128<E: Error>(self, nanoseconds: i128) -> Result<WallTime, E> {
        Ok(WallTime(nanoseconds))
    }

    fn visit_str<E: Error>(self, digits: &str) -> Result<WallTime, E> {
        digits.parse().map(WallTime).map_err(E::custom)
    }
}

/// With U+FFFD for what is no UTF-8; none where the text is lost.
impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.is_lost() {
            true => serializer.serialize_none(),
            false => serializer.serialize_some(&*self.to_string_lossy()),
        }
    }
}

/// The frames, innermost first.
impl Serialize for Stack<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.frames())
    }
}

/// The name that the reference gives the range.
impl Serialize for RangeKind<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// By its name in `runtime/metrics`.
impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut metric = serializer.serialize_struct("Metric", 2)?;
        metric.serialize_field("name", self.name())?;
        metric.serialize_field("value", &self.value())?;
        metric.end()
    }
}

/// The arguments by their names.
impl Serialize for Experimental {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.arguments().map(|argument| (argument.name, argument.value)))
    }
}
