//! What is used of Perfetto's messages: names and numbers of fields as in its .proto files, where they are declared
//! `optional` unless said otherwise.

use prost::Message;

/// `TracePacket`.
#[derive(Message)]
pub(super) struct Packet {
    #[prost(uint64, optional, tag = "8")]
    pub(super) timestamp: Option<u64>,
    /// `trusted_packet_sequence_id`.
    #[prost(uint32, tag = "10")]
    pub(super) sequence: u32,
    /// `interned_data`.
    #[prost(message, optional, tag = "12")]
    pub(super) interned: Option<InternedData>,
    /// `sequence_flags`.
    #[prost(uint32, tag = "13")]
    pub(super) flags: u32,
    #[prost(uint32, optional, tag = "58")]
    pub(super) timestamp_clock_id: Option<u32>,
    /// `trace_packet_defaults`.
    #[prost(message, optional, tag = "59")]
    pub(super) defaults: Option<PacketDefaults>,
    #[prost(oneof = "Data", tags = "6, 11, 60")]
    pub(super) data: Option<Data>,
}

impl Packet {
    pub(super) fn of(data: Data) -> Self {
        Self { data: Some(data), ..Self::default() }
    }
}

/// `TracePacket`, where it holds others.
#[derive(Message)]
pub(super) struct CompressedPackets {
    /// `compressed_packets`: fields of `Trace`, compressed by zlib.
    #[prost(bytes = "vec", tag = "50")]
    pub(super) packets: Vec<u8>,
}

/// `TracePacketDefaults`.
#[derive(Message)]
pub(super) struct PacketDefaults {
    #[prost(uint32, tag = "58")]
    pub(super) timestamp_clock_id: u32,
}

#[derive(Message)]
pub(super) struct InternedData {
    /// `event_categories`.
    #[prost(message, repeated, tag = "1")]
    pub(super) categories: Vec<InternedText>,
    /// `event_names`.
    #[prost(message, repeated, tag = "2")]
    pub(super) names: Vec<InternedText>,
    /// `debug_annotation_names`.
    #[prost(message, repeated, tag = "3")]
    pub(super) keys: Vec<InternedText>,
    /// `debug_annotation_string_values`.
    #[prost(message, repeated, tag = "29")]
    pub(super) values: Vec<InternedText>,
}

/// `EventCategory`, `EventName` and `DebugAnnotationName`; `InternedString` too, whose text is a field of bytes and looks the
/// same.
#[derive(Message)]
pub(super) struct InternedText {
    /// `iid`.
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
    /// `name`.
    #[prost(string, tag = "2")]
    pub(super) text: String,
}

#[derive(prost::Oneof)]
pub(super) enum Data {
    #[prost(message, tag = "6")]
    ClockSnapshot(ClockSnapshot),
    #[prost(message, tag = "11")]
    TrackEvent(TrackEvent),
    #[prost(message, tag = "60")]
    TrackDescriptor(TrackDescriptor),
}

#[derive(Message)]
pub(super) struct ClockSnapshot {
    #[prost(message, repeated, tag = "1")]
    pub(super) clocks: Vec<Clock>,
}

/// `ClockSnapshot.Clock`.
#[derive(Message)]
pub(super) struct Clock {
    #[prost(uint32, tag = "1")]
    pub(super) clock_id: u32,
    #[prost(uint64, optional, tag = "2")]
    pub(super) timestamp: Option<u64>,
}

#[derive(Message)]
pub(super) struct TrackDescriptor {
    #[prost(uint64, tag = "1")]
    pub(super) uuid: u64,
    #[prost(string, optional, tag = "2")]
    pub(super) name: Option<String>,
    #[prost(uint64, optional, tag = "5")]
    pub(super) parent_uuid: Option<u64>,
    #[prost(message, optional, tag = "8")]
    pub(super) counter: Option<CounterDescriptor>,
    #[prost(int32, optional, tag = "11")]
    pub(super) child_ordering: Option<i32>,
    #[prost(int32, optional, tag = "12")]
    pub(super) sibling_order_rank: Option<i32>,
}

#[derive(Message)]
pub(super) struct CounterDescriptor {
    #[prost(int32, optional, tag = "3")]
    pub(super) unit: Option<i32>,
}

/// `TrackEvent`. Of what it may have several of here it has one at most: then that is written the same.
#[derive(Message)]
pub(super) struct TrackEvent {
    /// `category_iids`.
    #[prost(uint64, optional, tag = "3")]
    pub(super) category_number: Option<u64>,
    /// `debug_annotations`.
    #[prost(message, repeated, tag = "4")]
    pub(super) annotations: Vec<Annotation>,
    #[prost(int32, tag = "9")]
    pub(super) kind: i32,
    /// `name_iid`.
    #[prost(uint64, optional, tag = "10")]
    pub(super) name_number: Option<u64>,
    #[prost(uint64, tag = "11")]
    pub(super) track_uuid: u64,
    /// `categories`.
    #[prost(string, optional, tag = "22")]
    pub(super) category: Option<String>,
    #[prost(string, optional, tag = "23")]
    pub(super) name: Option<String>,
    #[prost(int64, optional, tag = "30")]
    pub(super) counter_value: Option<i64>,
    /// `flow_ids`.
    #[prost(fixed64, optional, tag = "47")]
    pub(super) flow_id: Option<u64>,
    /// `terminating_flow_ids`.
    #[prost(fixed64, optional, tag = "48")]
    pub(super) terminating_flow_id: Option<u64>,
}

impl TrackEvent {
    pub(super) fn new(kind: i32, track_uuid: u64) -> Self {
        Self { kind, track_uuid, ..Self::default() }
    }
}

/// `DebugAnnotation`.
#[derive(Message)]
pub(super) struct Annotation {
    /// `name_iid`.
    #[prost(uint64, optional, tag = "1")]
    pub(super) name_number: Option<u64>,
    #[prost(string, optional, tag = "10")]
    pub(super) name: Option<String>,
    #[prost(oneof = "AnnotationValue", tags = "2, 4, 5, 6, 17")]
    pub(super) value: Option<AnnotationValue>,
}

#[derive(prost::Oneof)]
pub(super) enum AnnotationValue {
    #[prost(bool, tag = "2")]
    Boolean(bool),
    #[prost(int64, tag = "4")]
    Integer(i64),
    #[prost(double, tag = "5")]
    Float(f64),
    #[prost(string, tag = "6")]
    Text(String),
    /// `string_value_iid`.
    #[prost(uint64, tag = "17")]
    TextNumber(u64),
}
