//! `--correlate`: the spans of several processes, put together before they go out.

use trace_to_otel::{
    CorrelationReport, Correlator, ProcessIndex, Span, SpanSink, UnixTime, profiles::Profiles,
};

use crate::{
    cli::{Correlation, Mapping, Reading},
    map::{Begun, Conversion, Output, Wanted},
    read::Trace,
    recording::{Gathered, Gathering},
    report,
};

/// Maps the traces to `output`, in one step or in two. `gathering`, if there is one, gets everything as it comes.
pub(crate) fn run(
    correlation: &Correlation,
    (reading, mapping): (&Reading, &Mapping),
    output: &mut dyn Output,
    gathering: Option<&mut Gathering>,
    traces: impl Iterator<Item = anyhow::Result<Trace>>,
) -> anyhow::Result<()> {
    let convert = |output: &mut dyn Output| match gathering {
        Some(gathering) => {
            Conversion::new(mapping, reading.details, &mut Gathered { gathering, output }).run(traces)
        }
        None => Conversion::new(mapping, reading.details, output).run(traces),
    };
    if !correlation.correlate {
        return convert(output);
    }
    let mut held = Held { output, correlator: Correlator::new(), processes: Vec::new() };
    let outcome = convert(&mut held);
    held.hand_on(correlation.align_clocks)?;
    outcome
}

/// Holds all spans until those of every process are there.
struct Held<'o> {
    output: &'o mut dyn Output,
    correlator: Correlator,
    processes: Vec<Process>,
}

struct Process {
    index: ProcessIndex,
    begun: Begun,
    start: Option<UnixTime>,
    spans: Vec<Span>,
    profiles: Option<Profiles>,
}

impl Held<'_> {
    fn hand_on(self, align_clocks: bool) -> anyhow::Result<()> {
        let mut correlation = self.correlator.finish();
        tell(correlation.report(), &self.processes);
        let reference = self.processes.first().map(|process| process.index);
        for process in self.processes.iter().skip(1) {
            let Some(reference) = reference.filter(|_| align_clocks) else { break };
            if correlation.align(process.index, reference).is_none() {
                report::warning(
                    process.begun.source.title(),
                    "its clock cannot be compared with the first one's: times stay",
                );
            }
        }
        for Process { index, begun, start, spans, profiles } in self.processes {
            self.output.begin(&begun)?;
            start.map_or(Ok(()), |start| self.output.starts(start))?;
            for mut span in spans {
                correlation.apply(index, &mut span);
                self.output.take(span)?;
            }
            if let Some(mut profiles) = profiles {
                correlation.apply_to_profiles(index, &mut profiles);
                self.output.profiles(profiles)?;
            }
            self.output.end()?;
        }
        Ok(())
    }
}

impl SpanSink for Held<'_> {
    type Error = anyhow::Error;

    fn take(&mut self, span: Span) -> anyhow::Result<()> {
        if let Some(process) = self.processes.last_mut() {
            self.correlator.observe(process.index, &span);
            process.spans.push(span);
        }
        Ok(())
    }
}

impl Output for Held<'_> {
    fn wanted(&self) -> Wanted {
        let Wanted { profiles, no_links, .. } = self.output.wanted();
        Wanted { profiles, no_links, ..Wanted::default() }
    }

    fn begin(&mut self, begun: &Begun) -> anyhow::Result<()> {
        let index = self.correlator.add_process();
        let begun = begun.clone();
        self.processes.push(Process { index, begun, start: None, spans: Vec::new(), profiles: None });
        Ok(())
    }

    fn profiles(&mut self, profiles: Profiles) -> anyhow::Result<()> {
        if let Some(process) = self.processes.last_mut() {
            process.profiles = Some(profiles);
        }
        Ok(())
    }

    fn starts(&mut self, time: UnixTime) -> anyhow::Result<()> {
        if let Some(process) = self.processes.last_mut() {
            process.start = Some(time);
        }
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}

/// What was found out, on standard error.
fn tell(report: &CorrelationReport, processes: &[Process]) {
    for (count, what) in [
        (report.resolved_traces, "traces have their real ids"),
        (report.joined_servers, "requests lead from one process to another"),
        (report.ambiguous_traces, "traces have several real ids that would fit, and keep the made-up one"),
        (report.ambiguous_servers, "requests may come from several clients, and are left alone"),
        (report.contradicted_servers, "requests were at other times than their clients"),
        (report.dropped_spans, "HTTP spans were too many to look at"),
        (report.forgotten_traces, "traces were too many to remember"),
    ] {
        if count > 0 {
            anstream::eprintln!("correlated: {count} {what}");
        }
    }
    let name =
        |index: ProcessIndex| processes.get(index.get()).map_or("?", |process| process.begun.source.title());
    for offset in &report.offsets {
        let (of, to) = (name(offset.process), name(offset.reference));
        match offset.estimate {
            Some(estimate) => {
                let (value, error) = (estimate.nanoseconds as f64 / 1e3, estimate.error as f64 / 1e3);
                let pairs = offset.pairs;
                anstream::eprintln!(
                    "clocks: {value:+.1} µs (±{error:.1} µs, {pairs} requests) from {of} to {to}"
                );
            }
            None => anstream::eprintln!("clocks: {of} and {to} contradict each other"),
        }
    }
}
