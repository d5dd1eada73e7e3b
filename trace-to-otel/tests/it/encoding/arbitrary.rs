//! Records at random, with everything that is rare in recordings.

use std::sync::Arc;

use go_trace_context::{SpanId, TraceFlags, TraceId, TraceState};
use proptest::{collection::vec, option, prelude::*};
use trace_to_otel::{
    Anatomy, Attribute, Exemplar, Histogram, HistogramPoint, InstrumentationScope, Link, LogRecord, Metric,
    MetricData, Number, NumberPoint, Parent, Resource, Scope, Span, SpanContext, SpanEvent, SpanKind, Status,
    Temporality, UnixTime, Value,
};

/// Empty ones, any characters, and lengths around those where a length takes one byte more.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        6 => "[a-z.]{1,40}",
        2 => vec(any::<char>(), 0..20).prop_map(String::from_iter),
        1 => (100_usize..140).prop_map(|length| "x".repeat(length)),
        1 => (16_350_usize..16_400).prop_map(|length| "\"".repeat(length)),
    ]
}

fn shared_text() -> impl Strategy<Value = Arc<str>> {
    text().prop_map(Into::into)
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![0_i64..300, any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(-1)]
}

/// Any but infinity and NaN, which have a test of their own: what reads JSON into messages does not know them.
fn float() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO
}

fn time() -> impl Strategy<Value = UnixTime> {
    prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), Just(1_800_000_000_000_000_000)].prop_map(UnixTime)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        shared_text().prop_map(Value::Text),
        integer().prop_map(Value::Integer),
        float().prop_map(Value::Float),
        any::<bool>().prop_map(Value::Boolean),
    ]
}

fn attribute() -> impl Strategy<Value = Attribute> {
    (text(), value()).prop_map(|(key, value)| Attribute::new(key, value))
}

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    let many = (200_usize..400).prop_map(|count| vec![Attribute::new("k", true); count]);
    prop_oneof![9 => vec(attribute(), 0..9), 1 => many]
}

pub(crate) fn resource() -> impl Strategy<Value = Resource> {
    (attributes(), option::of(text())).prop_map(|(attributes, schema_url)| {
        Resource::empty().with_attributes(attributes).with_schema_url(schema_url.unwrap_or_default())
    })
}

fn trace_id() -> impl Strategy<Value = TraceId> {
    (1..=u128::MAX).prop_map(|id| TraceId::from_u128(id).expect("not 0"))
}

fn span_id() -> impl Strategy<Value = SpanId> {
    (1..=u64::MAX).prop_map(|id| SpanId::from_u64(id).expect("not 0"))
}

fn context() -> impl Strategy<Value = SpanContext> {
    (trace_id(), span_id(), any::<u8>()).prop_map(|(trace_id, span_id, flags)| {
        SpanContext::new(trace_id, span_id, TraceFlags::from_byte(flags))
    })
}

fn trace_state() -> impl Strategy<Value = TraceState> {
    let entries = vec(("[a-z][a-z0-9]{0,9}", "[!-+--<>-~]{1,60}"), 1..5);
    prop_oneof![
        3 => Just(TraceState::new()),
        1 => entries.prop_map(|entries| {
            let mut state = TraceState::new();
            for (key, value) in entries {
                state.set(&key, &value).expect("a member");
            }
            state
        }),
    ]
}

fn link() -> impl Strategy<Value = Link> {
    (context(), trace_state(), attributes(), dropped()).prop_map(|(context, state, attributes, dropped)| {
        let mut link = Link::from(context);
        (link.trace_state, link.attributes, link.dropped_attributes) = (state, attributes, dropped);
        link
    })
}

fn dropped() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0_u32), 1 => any::<u32>()]
}

/// Those that are built in, and a few others that come again.
fn scope() -> impl Strategy<Value = Scope> {
    let custom = (0..3_u8, option::of(text()));
    prop_oneof![
        3 => proptest::sample::select(Scope::ALL.to_vec()),
        1 => custom.prop_map(|(number, version)| {
            InstrumentationScope::new(format!("example.com/{number}"), version.unwrap_or_default()).into()
        }),
        1 => Just(InstrumentationScope::new("", "").into()),
    ]
}

fn anatomy() -> impl Strategy<Value = Anatomy> {
    (any::<[u64; 4]>(), proptest::array::uniform7(prop_oneof![Just(0), any::<u64>()])).prop_map(
        |([running, runnable, syscall, gc_assist], waiting_for)| {
            let mut anatomy = Anatomy::default();
            (anatomy.running, anatomy.runnable, anatomy.syscall) = (running, runnable, syscall);
            (anatomy.gc_assist, anatomy.waiting_for) = (gc_assist, waiting_for);
            anatomy
        },
    )
}

fn event() -> impl Strategy<Value = SpanEvent> {
    (time(), shared_text(), attributes()).prop_map(|(time, name, attributes)| {
        let mut event = SpanEvent::new(time, name);
        event.attributes = attributes;
        event
    })
}

pub(crate) fn span() -> impl Strategy<Value = Span> {
    use SpanKind::{Client, Consumer, Internal, Producer, Server};
    let kinds = proptest::sample::select(vec![Internal, Server, Client, Producer, Consumer]);
    let status = prop_oneof![
        Just(Status::Unset),
        Just(Status::Ok),
        Just(Status::ERROR),
        text().prop_map(Status::error),
    ];
    let parent = option::of((span_id(), any::<bool>()));
    (
        ((context(), trace_state()), parent, scope(), kinds, status),
        (shared_text(), time(), time()),
        (attributes(), dropped(), option::of(anatomy())),
        (vec(event(), 0..4), dropped(), vec(link(), 0..4), dropped()),
    )
        .prop_map(
            |(((context, state), parent, scope, kind, status), (name, start, end), own, others)| {
                let mut span = Span::new(context.trace_id, context.span_id, scope, name, (start, end));
                (span.flags, span.trace_state, span.kind, span.status) = (context.flags, state, kind, status);
                span.parent = parent.map(|(span_id, is_remote)| Parent::new(span_id, is_remote));
                (span.attributes, span.dropped_attributes, span.anatomy) = own;
                (span.events, span.dropped_events, span.links, span.dropped_links) = others;
                span
            },
        )
}

pub(crate) fn log() -> impl Strategy<Value = LogRecord> {
    (time(), option::of(context()), shared_text(), shared_text(), attributes(), any::<u32>()).prop_map(
        |(time, span, name, body, attributes, dropped)| {
            let mut log = LogRecord::new(time, body);
            (log.span, log.event_name) = (span, name);
            (log.attributes, log.dropped_attributes) = (attributes, dropped);
            log
        },
    )
}

fn number_point() -> impl Strategy<Value = NumberPoint> {
    let number = prop_oneof![integer().prop_map(Number::Integer), float().prop_map(Number::Float)];
    (option::of(time()), time(), number, attributes()).prop_map(|(start, time, number, attributes)| {
        let mut point = NumberPoint::new(time, number);
        (point.start, point.attributes) = (start, attributes);
        point
    })
}

fn histogram() -> impl Strategy<Value = Histogram> {
    // Their sum is finite.
    let values = || vec(-1e300_f64..1e300, 0..40);
    (values(), values()).prop_map(|(mut bounds, values)| {
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let mut histogram = Histogram::new(bounds);
        values.into_iter().for_each(|value| histogram.record(value));
        histogram
    })
}

fn histogram_point() -> impl Strategy<Value = HistogramPoint> {
    let points = (time(), time(), histogram(), attributes(), vec(exemplar(), 0..4));
    points.prop_map(|(start, time, histogram, attributes, exemplars)| {
        let mut point = HistogramPoint::new(start, time, histogram);
        (point.attributes, point.exemplars) = (attributes, exemplars);
        point
    })
}

fn exemplar() -> impl Strategy<Value = Exemplar> {
    (time(), float(), trace_id(), span_id())
        .prop_map(|(time, value, trace_id, span_id)| Exemplar::new(time, value, trace_id, span_id))
}

pub(crate) fn metric() -> impl Strategy<Value = Metric> {
    let temporality = || prop_oneof![Just(Temporality::Delta), Just(Temporality::Cumulative)];
    let numbers = || vec(number_point(), 0..4);
    let data = prop_oneof![
        numbers().prop_map(MetricData::Gauge),
        (temporality(), any::<bool>(), numbers()).prop_map(|(temporality, is_monotonic, points)| {
            MetricData::Sum { temporality, is_monotonic, points }
        }),
        (temporality(), vec(histogram_point(), 0..4))
            .prop_map(|(temporality, points)| MetricData::Histogram { temporality, points }),
    ];
    (text(), text(), text(), data)
        .prop_map(|(name, unit, description, data)| Metric::new(name, unit, description, data))
}
