//! Perfetto's own format: `TracePacket`s with `TrackEvent`s (`protos/perfetto/trace/trace_packet.proto`,
//! `track_event/*.proto` of Perfetto).
//!
//! All packets are of one sequence. Times are those of the wall clock, given out as the trace's clock, which a
//! snapshot ties to the real-time one, so that the viewer can show dates. Names that come again and again are written
//! once (`InternedData`), up to a limit: those with numbers in them are not. Packets need not be in the order of time:
//! the reader sorts them, and leaves those of the same time in the order of the file. So the end of a slice and the
//! begin of the next at the same time come in the right order, as slices are drawn in the order of their ends.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Write},
    mem::take,
};

use prost::Message;

use super::canvas::{Arrow, Canvas, Detail, DetailValue, Group, Instant, Slice, Tip, Track, TrackKind};
use crate::span::UnixTime;

/// Writes a timeline in Perfetto's format.
#[derive(Debug)]
pub struct PerfettoWriter<W> {
    output: W,
    buffer: Vec<u8>,
    process: u32,
    /// Groups that the process under way has.
    groups: HashSet<Group>,
    has_clock: bool,
    is_first: bool,
    categories: Interner,
    names: Interner,
    keys: Interner,
}

/// Texts that have numbers of their own.
#[derive(Debug, Default)]
struct Interner {
    numbers: HashMap<String, u64>,
    /// Those that no packet has told yet.
    new: Vec<InternedText>,
}

impl Interner {
    /// Texts with numbers; others are written out.
    const MOST: usize = 4096;

    fn number(&mut self, text: &str) -> Option<u64> {
        if let Some(&number) = self.numbers.get(text) {
            return Some(number);
        }
        if self.numbers.len() == Self::MOST {
            return None;
        }
        let number = self.numbers.len() as u64 + 1;
        self.numbers.insert(text.to_owned(), number);
        self.new.push(InternedText { number, text: text.to_owned() });
        Some(number)
    }
}

impl<W: Write> PerfettoWriter<W> {
    /// Writes to `output`, in many small pieces: it ought to be buffered.
    pub fn new(output: W) -> Self {
        Self {
            output,
            buffer: Vec::new(),
            process: 0,
            groups: HashSet::new(),
            has_clock: false,
            is_first: true,
            categories: Interner::default(),
            names: Interner::default(),
            keys: Interner::default(),
        }
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.output
    }

    fn packet(&mut self, data: Data) -> io::Result<()> {
        self.packet_at(None, data)
    }

    fn packet_at(&mut self, time: Option<UnixTime>, data: Data) -> io::Result<()> {
        let interned = InternedData {
            categories: take(&mut self.categories.new),
            names: take(&mut self.names.new),
            keys: take(&mut self.keys.new),
        };
        let packet = Packet {
            timestamp: time.map(|time| time.0),
            sequence: SEQUENCE,
            interned: interned.is_any().then_some(interned),
            flags: if take(&mut self.is_first) { STATE_CLEARED } else { NEEDS_STATE },
            data: Some(data),
        };
        self.buffer.clear();
        Trace { packet: vec![packet] }.encode_raw(&mut self.buffer);
        self.output.write_all(&self.buffer)
    }

    /// Ties the trace's clock to the real-time one, with the first time that is drawn.
    fn clock(&mut self, time: UnixTime) -> io::Result<()> {
        if std::mem::replace(&mut self.has_clock, true) {
            return Ok(());
        }
        let clock = |clock_id| Clock { clock_id, timestamp: time.0 };
        self.packet(Data::ClockSnapshot(ClockSnapshot { clocks: vec![clock(REALTIME), clock(BOOTTIME)] }))
    }

    fn event(&mut self, time: UnixTime, event: TrackEvent) -> io::Result<()> {
        self.clock(time)?;
        self.packet_at(Some(time), Data::TrackEvent(event))
    }

    fn named(
        &mut self,
        track: Track,
        kind: i32,
        name: &str,
        category: &str,
        details: &[Detail<'_>],
    ) -> TrackEvent {
        // Names of goroutines have numbers in them.
        let number = if has_digit(name) { None } else { self.names.number(name) };
        TrackEvent {
            category_numbers: self.categories.number(category).into_iter().collect(),
            name_number: number,
            name: number.is_none().then(|| name.to_owned()),
            annotations: details.iter().map(|detail| Annotation::of(detail, &mut self.keys)).collect(),
            ..TrackEvent::new(track, kind)
        }
    }

    fn group(&mut self, group: Group) -> io::Result<u64> {
        let uuid = uuid_of_group(self.process, group);
        if self.groups.insert(group) {
            self.packet(Data::TrackDescriptor(TrackDescriptor {
                uuid,
                parent_uuid: Some(uuid_of_process(self.process)),
                name: Some(group.name().to_owned()),
                child_ordering: Some(EXPLICIT),
                sibling_order_rank: Some(group as i32),
                ..TrackDescriptor::default()
            }))?;
        }
        Ok(uuid)
    }
}

impl<W: Write> Canvas for PerfettoWriter<W> {
    fn process(&mut self, number: u32, name: &str) -> io::Result<()> {
        self.process = number;
        self.groups.clear();
        self.packet(Data::TrackDescriptor(TrackDescriptor {
            uuid: uuid_of_process(number),
            name: Some(name.to_owned()),
            child_ordering: Some(EXPLICIT),
            ..TrackDescriptor::default()
        }))
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
        self.packet(Data::TrackDescriptor(descriptor))
    }

    fn slice(&mut self, track: Track, slice: &Slice<'_>) -> io::Result<()> {
        let begin = TrackEvent {
            terminating_flow_ids: slice.arrow.map(|Arrow(number)| number).into_iter().collect(),
            ..self.named(track, SLICE_BEGIN, slice.name, slice.category, slice.details)
        };
        self.event(slice.start, begin)?;
        self.event(slice.end, TrackEvent::new(track, SLICE_END))
    }

    fn instant(&mut self, track: Track, instant: &Instant<'_>) -> io::Result<()> {
        let mut event = self.named(track, INSTANT, instant.name, instant.category, instant.details);
        match instant.tip {
            Tip::None => {}
            Tip::From(Arrow(number)) => event.flow_ids.push(number),
            Tip::To(Arrow(number)) => event.terminating_flow_ids.push(number),
        }
        self.event(instant.time, event)
    }

    fn count(&mut self, track: Track, time: UnixTime, value: u64) -> io::Result<()> {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.event(time, TrackEvent { counter_value: Some(value), ..TrackEvent::new(track, COUNTER) })
    }

    fn finish(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
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
/// `BuiltinClock`; packets are of this clock unless they say otherwise.
const BOOTTIME: u32 = 6;
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

// What is used of Perfetto's messages: names and numbers of fields as in its .proto files, where they are declared
// `optional` unless said otherwise.

#[derive(Message)]
struct Trace {
    #[prost(message, repeated, tag = "1")]
    packet: Vec<Packet>,
}

/// `TracePacket`.
#[derive(Message)]
struct Packet {
    #[prost(uint64, optional, tag = "8")]
    timestamp: Option<u64>,
    /// `trusted_packet_sequence_id`.
    #[prost(uint32, tag = "10")]
    sequence: u32,
    /// `interned_data`.
    #[prost(message, optional, tag = "12")]
    interned: Option<InternedData>,
    /// `sequence_flags`.
    #[prost(uint32, tag = "13")]
    flags: u32,
    #[prost(oneof = "Data", tags = "6, 11, 60")]
    data: Option<Data>,
}

#[derive(Message)]
struct InternedData {
    /// `event_categories`.
    #[prost(message, repeated, tag = "1")]
    categories: Vec<InternedText>,
    /// `event_names`.
    #[prost(message, repeated, tag = "2")]
    names: Vec<InternedText>,
    /// `debug_annotation_names`.
    #[prost(message, repeated, tag = "3")]
    keys: Vec<InternedText>,
}

impl InternedData {
    fn is_any(&self) -> bool {
        !(self.categories.is_empty() && self.names.is_empty() && self.keys.is_empty())
    }
}

/// `EventCategory`, `EventName` and `DebugAnnotationName`.
#[derive(Message)]
struct InternedText {
    /// `iid`.
    #[prost(uint64, tag = "1")]
    number: u64,
    /// `name`.
    #[prost(string, tag = "2")]
    text: String,
}

#[derive(prost::Oneof)]
enum Data {
    #[prost(message, tag = "6")]
    ClockSnapshot(ClockSnapshot),
    #[prost(message, tag = "11")]
    TrackEvent(TrackEvent),
    #[prost(message, tag = "60")]
    TrackDescriptor(TrackDescriptor),
}

#[derive(Message)]
struct ClockSnapshot {
    #[prost(message, repeated, tag = "1")]
    clocks: Vec<Clock>,
}

/// `ClockSnapshot.Clock`.
#[derive(Message)]
struct Clock {
    #[prost(uint32, tag = "1")]
    clock_id: u32,
    #[prost(uint64, tag = "2")]
    timestamp: u64,
}

#[derive(Message)]
struct TrackDescriptor {
    #[prost(uint64, tag = "1")]
    uuid: u64,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
    #[prost(uint64, optional, tag = "5")]
    parent_uuid: Option<u64>,
    #[prost(message, optional, tag = "8")]
    counter: Option<CounterDescriptor>,
    #[prost(int32, optional, tag = "11")]
    child_ordering: Option<i32>,
    #[prost(int32, optional, tag = "12")]
    sibling_order_rank: Option<i32>,
}

#[derive(Message)]
struct CounterDescriptor {
    #[prost(int32, optional, tag = "3")]
    unit: Option<i32>,
}

#[derive(Message)]
struct TrackEvent {
    /// `category_iids`.
    #[prost(uint64, repeated, packed = "false", tag = "3")]
    category_numbers: Vec<u64>,
    /// `debug_annotations`.
    #[prost(message, repeated, tag = "4")]
    annotations: Vec<Annotation>,
    #[prost(int32, tag = "9")]
    kind: i32,
    /// `name_iid`.
    #[prost(uint64, optional, tag = "10")]
    name_number: Option<u64>,
    #[prost(uint64, tag = "11")]
    track_uuid: u64,
    #[prost(string, optional, tag = "23")]
    name: Option<String>,
    #[prost(int64, optional, tag = "30")]
    counter_value: Option<i64>,
    #[prost(fixed64, repeated, packed = "false", tag = "47")]
    flow_ids: Vec<u64>,
    #[prost(fixed64, repeated, packed = "false", tag = "48")]
    terminating_flow_ids: Vec<u64>,
}

impl TrackEvent {
    fn new(track: Track, kind: i32) -> Self {
        Self { kind, track_uuid: uuid(track), ..Self::default() }
    }
}

/// `DebugAnnotation`.
#[derive(Message)]
struct Annotation {
    /// `name_iid`.
    #[prost(uint64, optional, tag = "1")]
    name_number: Option<u64>,
    #[prost(string, optional, tag = "10")]
    name: Option<String>,
    #[prost(oneof = "AnnotationValue", tags = "2, 4, 5, 6")]
    value: Option<AnnotationValue>,
}

#[derive(prost::Oneof)]
enum AnnotationValue {
    #[prost(bool, tag = "2")]
    Boolean(bool),
    #[prost(int64, tag = "4")]
    Integer(i64),
    #[prost(double, tag = "5")]
    Float(f64),
    #[prost(string, tag = "6")]
    Text(String),
}

impl Annotation {
    fn of(detail: &Detail<'_>, keys: &mut Interner) -> Self {
        let value = match detail.value {
            DetailValue::Text(text) => AnnotationValue::Text(text.to_owned()),
            DetailValue::Integer(number) => AnnotationValue::Integer(number),
            DetailValue::Float(number) => AnnotationValue::Float(number),
            DetailValue::Boolean(yes) => AnnotationValue::Boolean(yes),
        };
        let number = keys.number(detail.key);
        let name = number.is_none().then(|| detail.key.to_owned());
        Self { name_number: number, name, value: Some(value) }
    }
}
