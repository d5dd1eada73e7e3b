//! The writer of format v1, of Go 1.5 to 1.21: for tests of readers, which old programs are hard to come by for.

use crate::{
    error::Violation,
    spec::Version,
    v1::{Kind, Layout},
    write::record::put_varints,
};

/// Writes a trace of Go 1.5 to 1.21, record by record, right or wrong.
///
/// Every argument is given as it stands on the wire: the time since the event before, and up to Go 1.6 the steps in the numbering of
/// all events before that, come first. Go: `runtime.traceEventLocked` of Go 1.21.
///
/// ```
/// use go_trace_format::{Reader, Version, write::WriterV1};
///
/// let mut trace = WriterV1::new(Version::Go121).unwrap();
/// trace.batch(0, 0, 1_000);
/// trace.record("GoCreate", &[0, 1, 0, 0]).unwrap();
/// trace.record("ProcStart", &[5, 7]).unwrap();
/// trace.record("GoStart", &[5, 1, 1]).unwrap();
/// trace.record("Gomaxprocs", &[5, 4, 0]).unwrap();
/// trace.record("UserTaskCreate", &[5, 1, 0, 1, 0]).unwrap();
/// trace.string(1, b"checkout");
/// trace.record("Frequency", &[1_000_000_000]).unwrap();
/// let bytes = trace.into_inner();
///
/// let mut reader = Reader::from_slice(&bytes).unwrap();
/// while reader.next_event().unwrap().is_some() {}
/// assert!(reader.losses().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct WriterV1 {
    bytes: Vec<u8>,
    layout: Layout,
}

impl WriterV1 {
    /// Begins with the header of a version; `None` where it is not [of format v1](Version::is_v1).
    #[must_use]
    pub fn new(version: Version) -> Option<Self> {
        let layout = Layout::of(version);
        version.is_v1().then(|| Self { bytes: version.header().to_vec(), layout })
    }

    /// Begins a batch of a proc; −1 is none. `sequence` counts up to Go 1.6 only.
    pub fn batch(&mut self, proc: i32, sequence: u64, time: u64) {
        self.bytes.push(1 << 6 | Kind::Batch as u8);
        let proc = i64::from(proc) as u64;
        match self.layout.leading {
            1 => put_varints(&mut self.bytes, &[proc, time]),
            _ => put_varints(&mut self.bytes, &[proc, sequence, time]),
        }
    }

    /// Writes a record that holds nothing but numbers, such as `GoStart`: the name is the one that Go's reader has for it.
    ///
    /// # Errors
    ///
    /// [`Violation::Unknown`] where there is no such record.
    pub fn record(&mut self, name: &str, arguments: &[u64]) -> Result<(), Violation> {
        let kind = Kind::ALL.iter().find(|kind| kind.name() == name).ok_or(Violation::Unknown)?;
        let fewest = self.layout.leading;
        let form = match arguments.len().checked_sub(fewest) {
            Some(form @ 0..=2) if *kind != Kind::Stack => form as u8,
            _ => 3,
        };
        self.bytes.push(form << 6 | *kind as u8);
        if form < 3 {
            put_varints(&mut self.bytes, arguments);
            return Ok(());
        }
        let mut body = Vec::new();
        put_varints(&mut body, arguments);
        put_varints(&mut self.bytes, &[body.len() as u64]);
        self.bytes.extend_from_slice(&body);
        Ok(())
    }

    /// Writes a log: time, task, id of its category and stack, and its message.
    pub fn log(&mut self, arguments: [u64; 4], message: &[u8]) {
        let mut body = Vec::new();
        put_varints(&mut body, &arguments);
        self.bytes.push(3 << 6 | Kind::UserLog as u8);
        put_varints(&mut self.bytes, &[body.len() as u64]);
        self.bytes.extend_from_slice(&body);
        self.text(message);
    }

    /// Writes a string of the string table.
    pub fn string(&mut self, id: u64, text: &[u8]) {
        self.bytes.push(Kind::String as u8);
        put_varints(&mut self.bytes, &[id]);
        self.text(text);
    }

    fn text(&mut self, text: &[u8]) {
        put_varints(&mut self.bytes, &[text.len() as u64]);
        self.bytes.extend_from_slice(text);
    }

    /// The bytes so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All that was written.
    #[must_use]
    pub fn into_inner(self) -> Vec<u8> {
        self.bytes
    }
}
