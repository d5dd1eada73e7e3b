//! Perfetto's own format: `TracePacket`s with `TrackEvent`s (`protos/perfetto/trace/trace_packet.proto`,
//! `track_event/*.proto` of Perfetto).
//!
//! All packets are of one sequence. Times are those of the wall clock, given out as the trace's clock, which a
//! snapshot ties to the real-time one, so that the viewer can show dates; events count theirs from that snapshot, on a
//! clock of the sequence's own. Packets need not be in the order of time: the reader sorts them, and leaves those of the
//! same time in the order of the file. So the end of a slice and the begin of the next at the same time come in the right
//! order, as slices are drawn in the order of their ends.
//!
//! A begin and an end for each thing that a goroutine does are many times the size of the trace, so that everything keeps
//! them small: texts go by numbers, and packets are compressed together, as Perfetto's own service does it on request.

mod messages;
mod packets;
mod texts;

use std::{
    collections::HashSet,
    io::{self, Write},
    mem,
};

use self::{
    messages::{
        Annotation, AnnotationValue, Clock, ClockSnapshot, CounterDescriptor, Data, Packet, PacketDefaults,
        TrackDescriptor, TrackEvent,
    },
    packets::Packets,
    texts::Texts,
};
use super::canvas::{Arrow, Canvas, Detail, DetailValue, Group, Instant, Slice, Tip, Track, TrackKind};
use crate::span::UnixTime;

/// Writes a timeline in Perfetto's format.
#[derive(Debug)]
pub struct PerfettoWriter<W> {
    packets: Packets<W>,
    texts: Texts,
    has_begun: bool,
    process: u32,
    /// Groups that the process under way has.
    groups: HashSet<Group>,
    /// The time from which others are counted: that of the first event.
    origin: Option<UnixTime>,
    /// Room for the annotations of the next event.
    annotations: Vec<Annotation>,
}

impl<W: Write> PerfettoWriter<W> {
    /// Writes to `output`, in pieces of some tens of KiB; the last ones when the timeline is
    /// [finished](super::Timeline::finish).
    pub fn new(output: W) -> Self {
        Self {
            packets: Packets::new(output),
            texts: Texts::default(),
            has_begun: false,
            process: 0,
            groups: HashSet::new(),
            origin: None,
            annotations: Vec::new(),
        }
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.packets.into_inner()
    }

    fn packet(&mut self, packet: Packet) -> io::Result<Packet> {
        if !mem::replace(&mut self.has_begun, true) {
            self.begin_state()?;
        }
        let packet =
            Packet { sequence: SEQUENCE, flags: NEEDS_STATE, interned: self.texts.take_new(), ..packet };
        self.packets.write(&packet)?;
        Ok(packet)
    }

    fn describe(&mut self, track: TrackDescriptor) -> io::Result<()> {
        self.packet(Packet::of(Data::TrackDescriptor(track))).map(drop)
    }

    /// Lets numbers of texts begin here, and says which clock is meant where none is named.
    fn begin_state(&mut self) -> io::Result<()> {
        self.texts = Texts::default();
        let defaults = PacketDefaults { timestamp_clock_id: SINCE_ORIGIN };
        self.packets.write(&Packet {
            sequence: SEQUENCE,
            flags: STATE_CLEARED,
            defaults: Some(defaults),
            ..Packet::default()
        })
    }

    /// The time from which others are counted. Ties the clocks to each other there.
    fn origin(&mut self, time: UnixTime) -> io::Result<UnixTime> {
        if let Some(origin) = self.origin {
            return Ok(origin);
        }
        let clock = |clock_id, timestamp| Clock { clock_id, timestamp: Some(timestamp) };
        let clocks = vec![clock(REALTIME, time.0), clock(BOOTTIME, time.0), clock(SINCE_ORIGIN, 0)];
        self.packet(Packet::of(Data::ClockSnapshot(ClockSnapshot { clocks })))?;
        Ok(*self.origin.insert(time))
    }

    fn event(&mut self, time: UnixTime, event: TrackEvent) -> io::Result<()> {
        let origin = self.origin(time)?;
        let (timestamp, timestamp_clock_id) = match time.0.checked_sub(origin.0) {
            Some(since) => (since, None),
            // Something that began before the first thing that was drawn.
            None => (time.0, Some(BOOTTIME)),
        };
        let packet =
            Packet { timestamp: Some(timestamp), timestamp_clock_id, ..Packet::of(Data::TrackEvent(event)) };
        if let Some(Data::TrackEvent(TrackEvent { mut annotations, .. })) = self.packet(packet)?.data {
            annotations.clear();
            self.annotations = annotations;
        }
        Ok(())
    }

    /// An event with a name. Until it is written no other may be made.
    fn named(
        &mut self,
        track: Track,
        kind: i32,
        (name, category): (&str, &str),
        details: &[Detail<'_>],
    ) -> io::Result<TrackEvent> {
        if self.texts.is_full() {
            self.begin_state()?;
        }
        let (name_number, category_number) = (self.texts.name(name), self.texts.category(category));
        let mut annotations = mem::take(&mut self.annotations);
        annotations.extend(details.iter().map(|detail| annotation(detail, &mut self.texts)));
        Ok(TrackEvent {
            category_number,
            category: category_number.is_none().then(|| category.to_owned()),
            name_number,
            name: name_number.is_none().then(|| name.to_owned()),
            annotations,
            ..TrackEvent::new(kind, uuid(track))
        })
    }

    fn group(&mut self, group: Group) -> io::Result<u64> {
        let uuid = uuid_of_group(self.process, group);
        if self.groups.insert(group) {
            self.describe(TrackDescriptor {
                uuid,
                parent_uuid: Some(uuid_of_process(self.process)),
                name: Some(group.name().to_owned()),
                child_ordering: Some(EXPLICIT),
                sibling_order_rank: Some(group as i32),
                ..TrackDescriptor::default()
            })?;
        }
        Ok(uuid)
    }
}

impl<W: Write> Canvas for PerfettoWriter<W> {
    fn process(&mut self, number: u32, name: &str) -> io::Result<()> {
        self.process = number;
        self.groups.clear();
        self.describe(TrackDescriptor {
            uuid: uuid_of_process(number),
            name: Some(name.to_owned()),
            child_ordering: Some(EXPLICIT),
            ..TrackDescriptor::default()
        })
    }

    fn track(&mut self, track: Track, name: Option<&str>, kind: TrackKind) -> io::Result<()> {
        let mut descriptor = TrackDescriptor {
            uuid: uuid(track),
            name: name.map(str::to_owned),
            ..TrackDescriptor::default()
        };
        descriptor.parent_uuid = Some(match kind {
            TrackKind::Below(track) => uuid(track),
            _ => self.group(track.group)?,
        });
        descriptor.counter = match kind {
            TrackKind::Bytes => Some(CounterDescriptor { unit: Some(BYTES) }),
            TrackKind::Counts => Some(CounterDescriptor { unit: Some(COUNT) }),
            _ => None,
        };
        // Ranks are of 32 bits. Goroutines that are numbered beyond come last.
        descriptor.sibling_order_rank = Some(i32::try_from(track.row.order).unwrap_or(i32::MAX));
        descriptor.child_ordering = Some(EXPLICIT);
        self.describe(descriptor)
    }

    fn slice(&mut self, track: Track, slice: &Slice<'_>) -> io::Result<()> {
        let mut begin = self.named(track, SLICE_BEGIN, (slice.name, slice.category), slice.details)?;
        begin.terminating_flow_id = slice.arrow.map(|Arrow(number)| number);
        self.event(slice.start, begin)?;
        self.event(slice.end, TrackEvent::new(SLICE_END, uuid(track)))
    }

    fn instant(&mut self, track: Track, instant: &Instant<'_>) -> io::Result<()> {
        let mut event = self.named(track, INSTANT, (instant.name, instant.category), instant.details)?;
        match instant.tip {
            Tip::None => {}
            Tip::From(Arrow(number)) => event.flow_id = Some(number),
            Tip::To(Arrow(number)) => event.terminating_flow_id = Some(number),
        }
        self.event(instant.time, event)
    }

    fn count(&mut self, track: Track, time: UnixTime, value: u64) -> io::Result<()> {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.event(time, TrackEvent { counter_value: Some(value), ..TrackEvent::new(COUNTER, uuid(track)) })
    }

    fn finish(&mut self) -> io::Result<()> {
        self.packets.finish()
    }
}

fn annotation(detail: &Detail<'_>, texts: &mut Texts) -> Annotation {
    let value = match detail.value {
        DetailValue::Text(text) => match texts.value(text) {
            Some(number) => AnnotationValue::TextNumber(number),
            None => AnnotationValue::Text(text.to_owned()),
        },
        DetailValue::Integer(number) => AnnotationValue::Integer(number),
        DetailValue::Float(number) => AnnotationValue::Float(number),
        DetailValue::Boolean(yes) => AnnotationValue::Boolean(yes),
    };
    let name_number = texts.key(detail.key);
    let name = name_number.is_none().then(|| detail.key.to_owned());
    Annotation { name_number, name, value: Some(value) }
}

/// Tracks have their numbers, processes and groups numbers that no track has.
fn uuid(track: Track) -> u64 {
    u64::from(track.number)
}

fn uuid_of_process(process: u32) -> u64 {
    u64::from(process) << 40
}

fn uuid_of_group(process: u32, group: Group) -> u64 {
    uuid_of_process(process) | (1 + group as u64) << 32
}

/// The only sequence of packets.
const SEQUENCE: u32 = 1;
/// `TracePacket.SequenceFlags`: numbers of texts begin here; and those before count.
const STATE_CLEARED: u32 = 1;
const NEEDS_STATE: u32 = 2;
/// `BuiltinClock`.
const REALTIME: u32 = 1;
/// `BuiltinClock`; the clock that the viewer shows.
const BOOTTIME: u32 = 6;
/// The first of the numbers of clocks that are a sequence's own.
const SINCE_ORIGIN: u32 = 64;
/// `TrackDescriptor.ChildTracksOrdering`.
const EXPLICIT: i32 = 3;
/// `CounterDescriptor.Unit`.
const COUNT: i32 = 2;
const BYTES: i32 = 3;
/// `TrackEvent.Type`.
const SLICE_BEGIN: i32 = 1;
const SLICE_END: i32 = 2;
const INSTANT: i32 = 3;
const COUNTER: i32 = 4;
