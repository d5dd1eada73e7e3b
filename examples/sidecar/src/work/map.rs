//! One file through the mapper.

use std::{collections::BTreeMap, io};

use go_trace_format::{
    Content, Continuity, Decompressed, Error, Event, Losses, Reader, ReaderOptions, TraceStream,
};
use trace_programs::SignalName;
use trace_to_otel::{
    AllSignals, Pipeline, PipelineOptions, PipelineState, Resource, UnixTime, Value,
    otlp::Config as ReceiverConfig,
    profiles::{ProfileKind, Profiles, ProfilesOptions},
};
use twox_hash::XxHash3_128;

use super::{
    account::{Account, Admitted},
    office::{Office, Passage},
    outbox::{Hand, Made, Making, Outbox},
    process::Siblings,
    trace::{self, Opened},
};
use crate::{
    config::{Config, Logs, Mapping},
    deliver::Stopped,
    inbox::Arrival,
    session::Stop,
    source::Afterwards,
    store::{FileRecord, Origin, Outcome, ProcessId, ProcessRecord, Tail},
    telemetry::{Tally, Telemetry},
};

/// Of how many processes a file may have traces. The state of each is kept until all of the file is mapped.
const MOST_PROCESSES: usize = 2048;

/// Why a file could not be mapped.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The program ends.
    Stopped,
    /// Nobody can map it.
    Poison(String),
    /// It may go better later.
    Later(String),
    /// It has nothing yet.
    Nothing,
}

impl From<Stopped> for Trouble {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// What was made of a file, all of it sent.
#[derive(Debug)]
pub(super) struct Mapped {
    pub(super) record: FileRecord,
    /// Those that it is of, as they are now: several where traces are put together in it.
    pub(super) processes: BTreeMap<ProcessId, ProcessRecord>,
    pub(super) tally: Tally,
}

/// Maps a file, and sends what comes of it.
pub(super) fn file(
    office: &mut Office,
    config: &Config,
    arrival: &Arrival,
    name: &str,
    record: Option<&FileRecord>,
) -> Result<Mapped, Trouble> {
    let most = config.file.limits.max_generation_bytes.as_u64();
    let opened = trace::open(&arrival.path, &arrival.version, arrival.is_whole, record)
        .map_err(|error| unreadable(&error))?;
    let Opened { bytes, content, damage, shift, is_compressed } = opened;
    if is_compressed && !arrival.is_whole {
        return Err(Trouble::Nothing);
    }
    // It seemed whole, and has grown nevertheless.
    let grown = record.filter(|record| arrival.version.has_grown_from(&record.version));
    let tail = grown.and_then(|record| record.tail.clone());
    office.account.begin(&arrival.origin, tail.as_ref().map(|tail| tail.generation.number()));
    let mut job = Job::new(office, config, arrival, name, tail);
    match content {
        Content::Empty => {
            let damage = damage.found().map(ToString::to_string);
            return Err(Trouble::Poison(damage.unwrap_or_else(|| "it is empty".to_owned())));
        }
        Content::Stream => job.stream(TraceStream::new(bytes).limit(most))?,
        _ => {
            let options = ReaderOptions::new().max_generation_bytes(most);
            job.trace(options.read(bytes).map_err(|error| job.refuse(error))?)?;
        }
    }
    if let Some(damage) = damage.found() {
        tracing::warn!(file = name, "{damage}");
    }
    // Where reading can go on when the file has grown: not within compressed data, nor in a stream.
    let shift = (!is_compressed && content == Content::Trace).then_some(shift);
    job.finish(shift, grown.map_or(0, |record| record.last))
}

fn unreadable(error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::WouldBlock => Trouble::Nothing,
        _ => Trouble::Later(format!("it cannot be read: {error}")),
    }
}

/// The mapping of one file.
struct Job<'a> {
    /// In the outbox while a process is being mapped.
    office: Option<&'a mut Office>,
    /// Likewise, once something of the file goes out.
    passage: Option<Passage>,
    config: &'a Config,
    arrival: &'a Arrival,
    name: &'a str,
    account: Account,
    telemetry: Telemetry,
    stop: Stop,
    live: Option<Live<'a>>,
    /// None before the first process of the file.
    siblings: Option<Siblings>,
    /// Where to go on with the generation that was cut off.
    cut: Option<Tail>,
    /// The last generation.
    tail: Option<Tail>,
    /// Whether the end of the trace may not be the end of its last generation.
    may_be_cut: bool,
    /// Whether the last generation can be read behind the header of the file.
    is_of_header: bool,
    last: u64,
    tally: Tally,
}

/// The process that is being mapped.
struct Live<'a> {
    id: ProcessId,
    record: ProcessRecord,
    pipeline: Pipeline<AllSignals<Outbox<'a>>>,
}

impl<'a> Job<'a> {
    fn new(
        office: &'a mut Office,
        config: &'a Config,
        arrival: &'a Arrival,
        name: &'a str,
        cut: Option<Tail>,
    ) -> Self {
        let account = office.account.clone();
        let service = service_of(&config.resource(&[], arrival.origin.attributes()).0);
        // One that still grows is read again and again.
        let bytes = if arrival.is_whole { arrival.version.length } else { 0 };
        let tally = Tally { service, bytes, ..Tally::default() };
        Self {
            telemetry: office.telemetry.clone(),
            stop: office.stop.clone(),
            office: Some(office),
            passage: None,
            config,
            arrival,
            name,
            account,
            live: None,
            siblings: None,
            cut,
            tail: None,
            may_be_cut: false,
            is_of_header: true,
            last: 0,
            tally,
        }
    }

    /// Traces that came one after the other, each behind its length.
    fn stream(&mut self, mut traces: TraceStream<Decompressed>) -> Result<(), Trouble> {
        loop {
            match traces.next_trace() {
                Ok(None) => return Ok(()),
                Ok(Some(trace)) => {
                    let reader = Reader::from_slice(trace).map_err(|error| self.refuse(error))?;
                    self.trace(reader)?;
                }
                Err(Error::TruncatedTrace { .. }) if self.arrival.is_whole => {
                    // Of what is cut off, the beginning is worth reading.
                    if let Ok(reader) = Reader::from_slice(traces.truncated()) {
                        self.trace(reader)?;
                    }
                    tracing::warn!(file = self.name, "the stream breaks off");
                    return Ok(());
                }
                Err(Error::Io { error, .. }) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(self.refuse(error)),
            }
        }
    }

    /// One trace, or one snapshot.
    fn trace(&mut self, reader: Reader<'_>) -> Result<(), Trouble> {
        let account = self.account.clone();
        let header = reader.version();
        let telemetry = self.telemetry.clone();
        let mut reader = reader.leaving_out(move |generation| {
            telemetry.beat();
            account.is_known(generation)
        });
        loop {
            let event = match reader.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(Error::Io { error, .. }) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(self.refuse(error)),
            };
            if let Some(begun) = event.generation_begun() {
                let Some(admitted) = self.account.next() else { continue };
                self.is_of_header = event.tables().version() == header;
                self.begin_generation(admitted, begun.continuity, &event)?;
            }
            if let Some(live) = &mut self.live {
                live.pipeline.event(&event)?;
            }
        }
        self.may_be_cut = !reader.version().has_end_of_generation() || !reader.losses().is_empty();
        self.note_losses(reader.losses());
        Ok(())
    }

    fn begin_generation(
        &mut self,
        admitted: Admitted,
        continuity: Continuity,
        event: &Event<'_>,
    ) -> Result<(), Trouble> {
        if self.stop.is_stopped() {
            return Err(Trouble::Stopped);
        }
        self.tally.generations += 1;
        self.last = admitted.start;
        if continuity != Continuity::Next {
            // Whose it is, is found out as if it stood in a file of its own.
            self.end_process()?;
        }
        match &mut self.live {
            Some(live) => {
                live.record.last = admitted.key;
                live.record.threads = admitted.threads.clone();
                self.account.note_process(&admitted, live.id);
            }
            None => self.begin_process(&admitted, event)?,
        }
        self.note_tail()
    }

    fn begin_process(&mut self, admitted: &Admitted, event: &Event<'_>) -> Result<(), Trouble> {
        let Some(office) = self.office.take() else { return Ok(()) };
        let origin = &self.arrival.origin;
        let siblings = match &mut self.siblings {
            Some(siblings) => siblings,
            None => {
                let siblings = self.siblings.insert(Siblings::new(office.processes_of(origin)?));
                tracing::debug!(
                    file = self.name,
                    processes = siblings.len(),
                    "its origin's processes are read"
                );
                siblings
            }
        };
        let found = match &self.cut {
            None => siblings.take(admitted),
            // Where its process has gone on meanwhile, it can only be taken for another one's.
            Some(cut) => siblings.take_at(cut.generation),
        };
        let (id, mut record) =
            found.unwrap_or_else(|| (siblings.next_id(origin), new_process(origin, admitted, event)));
        if siblings.note(id) > MOST_PROCESSES {
            return Err(Trouble::Poison(format!(
                "it has traces of more than {MOST_PROCESSES} processes: give it in several files"
            )));
        }
        if let Some(Tail { state, .. }) = self.cut.take() {
            record.state = state;
        }
        let begun = Begun::new(self.config, &record, self.base_time());
        let passage = self.passage.take();
        let mut passage = passage.unwrap_or_else(|| office.passage(self.name, self.arrival.version));
        passage.take_up(begun.fingerprint(&record, admitted, self.arrival.is_whole));
        let pipeline = begun.open(Hand::Send(office, passage), &record.state);
        (record.last, record.threads) = (admitted.key, admitted.threads.clone());
        self.account.note_process(admitted, id);
        self.live = Some(Live { id, record, pipeline });
        Ok(())
    }

    /// Nothing more comes of the process for now. What is open in it stays so.
    fn end_process(&mut self) -> Result<(), Trouble> {
        let Some(Live { id, mut record, mut pipeline }) = self.live.take() else { return Ok(()) };
        record.state = pipeline.save()?;
        pipeline.sink_mut().0.finish()?;
        // What is under way in goroutines, the profiles of the next file begin anew.
        if let Some(profiles) = pipeline.take_profiles() {
            self.tally.unexplained = self.tally.unexplained.saturating_add(unexplained(&profiles));
            pipeline.sink_mut().0.take_profiles(profiles)?;
        }
        count(&mut self.tally, &pipeline);
        if let Hand::Send(office, passage) = pipeline.into_sink().0.into_hand() {
            (self.office, self.passage) = (Some(office), Some(passage));
        }
        if let Some(siblings) = &mut self.siblings {
            siblings.put(id, record);
        }
        Ok(())
    }

    /// Keeps what the generation that begins would need to be mapped again.
    fn note_tail(&mut self) -> Result<(), Trouble> {
        let Some(live) = &mut self.live else { return Ok(()) };
        // What is held back goes out with its generation, however much of the file is read at once.
        live.pipeline.flush()?;
        // Files that go afterwards do not grow.
        if self.arrival.is_whole && self.arrival.afterwards == Afterwards::Keep {
            self.tail = Some(Tail { generation: live.record.last, state: live.pipeline.save()? });
        }
        Ok(())
    }

    /// Where a trace without clock begins.
    fn base_time(&self) -> UnixTime {
        let seconds = u64::try_from(self.arrival.version.modified).unwrap_or(0) / 1_000_000_000;
        UnixTime(seconds * 1_000_000_000)
    }

    fn note_losses(&mut self, losses: &Losses) {
        if !losses.is_empty() {
            self.tally.lost_bytes += losses.bytes();
            tracing::warn!(file = self.name, "{losses}");
        }
    }

    /// Why a trace cannot be read.
    fn refuse(&self, error: Error) -> Trouble {
        let kind = match &error {
            Error::Io { error, .. } => Some(error.kind()),
            _ => None,
        };
        match kind {
            Some(io::ErrorKind::WouldBlock | io::ErrorKind::UnexpectedEof) if !self.arrival.is_whole => {
                Trouble::Nothing
            }
            Some(_) => Trouble::Later(format!("it cannot be read: {error}")),
            // Of what is still being written, the end is awaited before it is judged.
            None if !self.arrival.is_whole => Trouble::Nothing,
            None if matches!(error, Error::GenerationTooLarge { .. }) => {
                let most = self.config.file.limits.max_generation_bytes;
                Trouble::Poison(format!(
                    "a generation (of Go 1.21 and older, the whole trace) is larger than [limits] max_generation_bytes = {most}"
                ))
            }
            None => Trouble::Poison(error.to_string()),
        }
    }

    fn finish(mut self, shift: Option<u64>, last_before: u64) -> Result<Mapped, Trouble> {
        self.tally.repeated_generations =
            self.account.repeated().map_err(|error| Trouble::Later(format!("{error:#}")))?;
        let is_empty = self.tally.generations + self.tally.repeated_generations == 0;
        if is_empty && self.tally.lost_bytes > 0 && self.arrival.is_whole {
            return Err(Trouble::Poison("behind its header nothing can be read".to_owned()));
        }
        self.end_process()?;
        let outcome = if self.arrival.is_whole { Outcome::Delivered } else { Outcome::Growing };
        let last = match shift {
            Some(_) if self.last == 0 => last_before,
            Some(shift) if self.is_of_header => self.last + shift,
            // Then all of it is read again, and what is known is left out.
            _ => 0,
        };
        let processes = self.siblings.map_or_else(BTreeMap::new, Siblings::into_mapped);
        let tail = match processes.is_empty() {
            false => self.tail.filter(|_| self.may_be_cut && self.is_of_header),
            // There was not enough more of it.
            true => self.cut,
        };
        Ok(Mapped {
            record: FileRecord { version: self.arrival.version, last, tail, outcome },
            processes,
            tally: self.tally,
        })
    }
}

/// What the first generation of a process tells of it.
fn new_process(origin: &Origin, admitted: &Admitted, event: &Event<'_>) -> ProcessRecord {
    let resource = Resource::empty().with_told_by(event.tables());
    let told = resource.attributes().iter();
    ProcessRecord {
        origin: origin.clone(),
        last: admitted.key,
        threads: Vec::new(),
        told: told.map(|attribute| (attribute.key.to_string(), attribute.value.to_string())).collect(),
        state: PipelineState::default(),
        is_closing: false,
    }
}

fn service_of(resource: &Resource) -> String {
    match resource.attribute("service.name") {
        Some(Value::Text(name)) => name.to_string(),
        _ => String::new(),
    }
}

/// How a process is mapped.
struct Begun {
    service: String,
    resource: Resource,
    mapping: Mapping,
    making: Making,
    base_time: UnixTime,
}

impl Begun {
    fn new(config: &Config, record: &ProcessRecord, base_time: UnixTime) -> Self {
        let (resource, mapping) = config.resource(&record.told, record.origin.attributes());
        let service = service_of(&resource);
        let encoding = |receiver: &ReceiverConfig| receiver.protocol.encoding();
        let making = Making {
            spans: config.file.otlp.wants(SignalName::Traces).then(|| encoding(&config.traces)),
            logs: (mapping.logs() == Logs::Records).then(|| encoding(&config.logs)),
            metrics: config.metrics.as_ref().map(encoding),
            profiles: config.profiles.as_ref().map(encoding),
            max_bytes: config.file.otlp.max_batch_bytes,
        };
        Self { service, resource, mapping, making, base_time }
    }

    /// Everything that the batches of the process depend on besides the file.
    fn fingerprint(&self, record: &ProcessRecord, admitted: &Admitted, is_whole: bool) -> u128 {
        let Self { resource, mapping, making, base_time, .. } = self;
        let facts = format!(
            "{resource:?} {mapping:?} {making:?} {base_time:?} {admitted:?} {is_whole} {}",
            env!("CARGO_PKG_VERSION")
        );
        let PipelineState { mapper, volume, metrics, .. } = &record.state;
        XxHash3_128::oneshot(&[facts.as_bytes(), mapper, volume, metrics].concat())
    }

    fn open<'o>(self, hand: Hand<'o>, state: &PipelineState) -> Pipeline<AllSignals<Outbox<'o>>> {
        let mut options = PipelineOptions::default();
        options.mapper = self.mapping.mapper(self.base_time);
        // Where no log records are wanted, logs stay events of their spans.
        options.mapper.log_records = self.making.logs.is_some();
        // The settings have been checked.
        options.volume = self.mapping.volume().unwrap_or_default();
        options.metrics = self.making.metrics.is_some();
        // What names a span that nobody gets would lead nowhere.
        let are_spans_sent = self.making.spans.is_some();
        options.exemplars = are_spans_sent;
        options.profiles = self.making.profiles.map(|_| {
            let mut options = ProfilesOptions::default();
            if !are_spans_sent {
                options.max_spans = 0;
            }
            options
        });
        let outbox = Outbox::new(hand, self.making, &self.resource);
        let mut pipeline = Pipeline::new(options, AllSignals(outbox));
        if let Err(error) = pipeline.resume(state) {
            tracing::error!(service = self.service, "of what was known of a process, {error}");
        }
        pipeline
    }
}

/// How long goroutines waited for what nothing tells of, in nanoseconds.
fn unexplained(profiles: &Profiles) -> u64 {
    let off_cpu = profiles.profile(ProfileKind::OffCpu);
    let unexplained = off_cpu.samples().iter().filter(|sample| sample.reason.is_none());
    unexplained.fold(0, |sum, sample| sum.saturating_add(sample.nanoseconds))
}

/// What has become of spans.
fn count(tally: &mut Tally, pipeline: &Pipeline<AllSignals<Outbox<'_>>>) {
    let (counters, too_large) = (pipeline.counters(), pipeline.sink().0.too_large);
    let too_large = Some((too_large, "records larger than any receiver takes")).filter(|_| too_large > 0);
    for (count, what) in counters.losses().chain(too_large) {
        *tally.dropped.entry(what).or_default() += count;
    }
    tally.clock_steps += counters.mapper.clock_steps;
}

/// What goes out of a process that nothing comes of any more: all that is open in it. The same state gives the same batches.
pub(super) fn close(config: &Config, record: &ProcessRecord) -> Result<(Tally, Vec<Made>), Stopped> {
    let begun = Begun::new(config, record, UnixTime(0));
    let mut tally = Tally { service: begun.service.clone(), ..Tally::default() };
    let mut pipeline = begun.open(Hand::Keep(Vec::new()), &record.state);
    pipeline.finish()?;
    pipeline.sink_mut().0.finish()?;
    count(&mut tally, &pipeline);
    match pipeline.into_sink().0.into_hand() {
        Hand::Keep(made) => Ok((tally, made)),
        Hand::Send(..) => Ok((tally, Vec::new())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_of_each_process_adds_up() {
        let making = Making { spans: None, logs: None, metrics: None, profiles: None, max_bytes: 1024 };
        let mut tally = Tally::default();
        for too_large in [3, 0, 4] {
            let mut outbox = Outbox::new(Hand::Keep(Vec::new()), making, &Resource::empty());
            outbox.too_large = too_large;
            count(&mut tally, &Pipeline::new(PipelineOptions::default(), AllSignals(outbox)));
        }
        assert_eq!(tally.dropped, BTreeMap::from([("records larger than any receiver takes", 7)]));
    }
}
