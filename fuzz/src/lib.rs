//! What the fuzz targets share.

mod mapped;
mod signals;

pub use mapped::{Mapped, in_pieces, map};
pub use signals::check_signals;

use go_trace_format::{
    Dumper, Error, EventType, Losses, Reader, ReaderOptions, Selection, Time,
    event::ThreadId,
    write::{Copier, SyncBatch, Writer},
};

/// What reading a trace to its end, or to an error, comes to.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Dump {
    /// The events as text.
    pub text: Vec<u8>,
    /// How many there were.
    pub events: usize,
    /// What ended the reading before the end.
    pub error: Option<Error>,
    /// What salvaging could not read.
    pub losses: Losses,
}

/// Reads a trace and prints all of it.
#[must_use]
pub fn dump(mut reader: Reader<'_>) -> Dump {
    let mut dumper = Dumper::new(Vec::new(), |_, text| text.into());
    let mut events = 0;
    let error = loop {
        match reader.next_event() {
            Ok(Some(event)) => dumper.write(&event).expect("a Vec takes everything"),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        events += 1;
    };
    Dump { text: dumper.into_inner(), events, error, losses: reader.losses().clone() }
}

/// Which events of a selection a reader gives of each generation, and when they happened, in the order of that.
#[must_use]
pub fn places<O>(mut reader: Reader<'_, O>, selection: Selection) -> Vec<Vec<(Time, u64, Option<ThreadId>)>> {
    let mut generations = vec![Vec::new()];
    while let Some(event) = reader.next_event().expect("salvaging never fails") {
        if event.event_type() == EventType::Sync {
            generations.push(Vec::new());
        } else if selection.contains(event.event_type()) {
            let place = (event.raw_time(), event.offset(), event.thread());
            generations.last_mut().expect("there is always one").push(place);
        }
    }
    generations.iter_mut().for_each(|places| places.sort_unstable());
    generations
}

/// Writes what can be read of a trace, generation by generation; `None` where it is none, or in no dialect of its version.
#[must_use]
pub fn copy(trace: &[u8]) -> Option<Vec<u8>> {
    let generations = ReaderOptions::new().generations(trace).ok()?;
    let (version, dialect) = (generations.version(), generations.dialect());
    let mut writer = Writer::new(Vec::new(), version, dialect).ok()?;
    for generation in generations.map(|generation| generation.expect("salvaging never fails")) {
        let sync = SyncBatch::of(generation.clock(), 0);
        let Ok(mut copy) = writer.generation(generation.number(), sync) else { continue };
        let mut copier = Copier::new(&generation, |_| true, |text| text.text.into());
        // A batch may be damaged, or have no place behind another.
        generation.batches().for_each(|batch| _ = copier.batch(&batch, &mut copy));
        copy.finish().expect("memory takes it");
    }
    Some(writer.into_inner())
}
