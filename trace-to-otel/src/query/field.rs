//! What a query can ask for.

use super::Subject;
use crate::anatomy::Waiting;

/// A field of spans, or of what goroutines did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Text(TextField),
    Time(TimeField),
    Goroutine,
    Attribute(Box<str>),
}

/// A field that is a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextField {
    Name,
    Scope,
    Kind,
    Status,
    TraceId,
    SpanId,
    ParentId,
    Function,
    File,
    State,
    Reason,
    Place,
}

/// A field that is a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeField {
    Duration,
    Running,
    Runnable,
    Syscall,
    Waiting,
    WaitingFor(Waiting),
    GcAssist,
}

impl TextField {
    /// Whether it is digits, of which capital letters mean the same.
    pub(super) const fn is_hexadecimal(self) -> bool {
        matches!(self, Self::TraceId | Self::SpanId | Self::ParentId)
    }

    /// The values that there can be, where these are few.
    pub(super) const fn values(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Kind => Some(&["internal", "server", "client", "producer", "consumer"]),
            Self::Status => Some(&["unset", "ok", "error"]),
            Self::State => Some(&["running", "runnable", "syscall", "waiting"]),
            _ => None,
        }
    }
}

/// The fields by their names.
pub(super) const FIELDS: [(&str, Field); 26] = {
    use TextField as T;
    use TimeField as D;
    [
        ("name", Field::Text(T::Name)),
        ("scope", Field::Text(T::Scope)),
        ("kind", Field::Text(T::Kind)),
        ("status", Field::Text(T::Status)),
        ("trace_id", Field::Text(T::TraceId)),
        ("span_id", Field::Text(T::SpanId)),
        ("parent_id", Field::Text(T::ParentId)),
        ("function", Field::Text(T::Function)),
        ("file", Field::Text(T::File)),
        ("goroutine", Field::Goroutine),
        ("goroutine.state", Field::Text(T::State)),
        ("reason", Field::Text(T::Reason)),
        ("place", Field::Text(T::Place)),
        ("duration", Field::Time(D::Duration)),
        ("running", Field::Time(D::Running)),
        ("runnable", Field::Time(D::Runnable)),
        ("syscall", Field::Time(D::Syscall)),
        ("waiting", Field::Time(D::Waiting)),
        ("waiting.network", Field::Time(D::WaitingFor(Waiting::Network))),
        ("waiting.sync", Field::Time(D::WaitingFor(Waiting::Sync))),
        ("waiting.channel", Field::Time(D::WaitingFor(Waiting::Channel))),
        ("waiting.select", Field::Time(D::WaitingFor(Waiting::Select))),
        ("waiting.sleep", Field::Time(D::WaitingFor(Waiting::Sleep))),
        ("waiting.gc", Field::Time(D::WaitingFor(Waiting::Gc))),
        ("waiting.other", Field::Time(D::WaitingFor(Waiting::Other))),
        ("gc_assist", Field::Time(D::GcAssist)),
    ]
};

impl Field {
    /// The field of this name that is none of attributes.
    pub(super) fn named(name: &str) -> Option<Self> {
        FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| field.clone())
    }

    /// What has it; none where both do.
    pub(super) const fn subject(&self) -> Option<Subject> {
        use TextField as T;
        match self {
            Self::Text(T::State | T::Reason | T::Place) => Some(Subject::Stretches),
            Self::Text(T::Function | T::File) | Self::Goroutine | Self::Time(TimeField::Duration) => None,
            Self::Text(_) | Self::Time(_) | Self::Attribute(_) => Some(Subject::Spans),
        }
    }

    /// Its name; of an attribute the key.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Attribute(key) => key,
            known => FIELDS.iter().find(|(_, field)| field == known).map_or("", |(name, _)| name),
        }
    }
}
