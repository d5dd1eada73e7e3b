//! The command line.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use anstream::ColorChoice;
use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use go_trace_format::{Dialect, Mode, ReaderOptions};
use go_trace_sanitize::{Dialect as SqlDialect, Filter};
use trace_programs::SignalName;
use trace_to_otel::{Collapse, Moment, SamplingRatio, UnixTime, VolumeOptions, profiles::ProfileKind};

use crate::{
    cut::{self, CutArguments},
    diff::{self, DiffArguments},
    export::ExportArguments,
    find::FindArguments,
    read::Opening,
    select::Selecting,
    send::Sending,
    stats::{self, StatsArguments},
    texts,
};

/// Converts Go execution traces and flight-recorder snapshots to OpenTelemetry spans.
///
/// Reads traces of Go 1.5 and newer, stock or of the flight-recorder fork, plain or compressed with gzip or
/// Zstandard; `-` is standard input. Without a verb, it does what `spans` does.
///
/// What a damaged trace has lost is told on standard error, and is no failure unless --strict is given or nothing could be
/// read. The exit status is 0 when all was done, 1 when something failed, 2 for a wrong command line; `find` has grep's.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_long_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
    #[command(flatten)]
    pub(crate) spans: SpansArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Shows the spans: as trees, on a page, or on timelines.
    ///
    /// Trees are for the terminal. The page (html) is one file that needs nothing else, and opens in any browser, on what
    /// the verb stats tells; beside the spans it shows flame graphs of what the goroutines of each process did.
    /// Timelines (perfetto, chrome) show what each goroutine did beside its spans, and what made what go on; open
    /// them at ui.perfetto.dev, which keeps them in the browser. OTLP as JSON lines is the verb otlp.
    #[command(after_long_help = SPANS_EXAMPLES)]
    Spans(SpansArguments),
    /// Sends the spans to a receiver of OTLP, or writes them as OTLP JSON lines, for a collector's otlpjsonfile receiver.
    ///
    /// Sends with --endpoint or --send, writes without. What flags do not say of sending, the environment does, as
    /// OpenTelemetry specifies: OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS, _PROTOCOL, _COMPRESSION, _TIMEOUT, _CERTIFICATE
    /// and so on, also those of one signal, such as OTEL_EXPORTER_OTLP_TRACES_ENDPOINT. OTEL_RESOURCE_ATTRIBUTES and
    /// OTEL_SERVICE_NAME name the service. A refusal by the receiver is a failure, and what it rejected is counted.
    #[command(after_long_help = OTLP_EXAMPLES)]
    Otlp(OtlpArguments),
    /// Tells which spans, or stretches of what goroutines did, match a query: one line each, over many files.
    ///
    /// The exit status is that of grep: 0 where something was found, 1 where nothing was, 2 where something failed.
    #[command(after_long_help = crate::find::HELP)]
    Find(FindArguments),
    /// Writes tables of spans, of what goroutines did and on which stacks, and of garbage collections: for SQL and data frames.
    ///
    /// docs/export.md has their columns with units, and how to load them into DuckDB, pandas, polars and others. Times are those of
    /// the first clock of each process, so that spans and events are on one line.
    #[command(after_long_help = crate::export::EXAMPLES)]
    Export(ExportArguments),
    /// Adds up where goroutines spent their time: a table of the heaviest stacks, or a file for pprof or flame graphs.
    ///
    /// Nothing is sampled: a trace tells what each goroutine does at every moment, and where it stopped. All files make one
    /// profile together; what snapshots of one process share counts once. network, block, syscall and scheduler are equal to
    /// what `go tool trace -pprof=net|sync|syscall|sched` gives.
    ///
    /// With --format otlp, they are sent as the verb otlp sends spans, with the same flags and variables of the environment;
    /// OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT and its like are those of profiles alone.
    #[command(after_long_help = PROFILE_EXAMPLES)]
    Profile(ProfileArguments),
    /// Tells what a program did: how busy it was, its requests and queries, what its goroutines did and waited for.
    ///
    /// One page: requests, queries, tasks and regions by name with rate, quantiles, errors and where their time went; goroutines by the
    /// function that they begin with; where they waited, and for whom; how long they waited for a processor; garbage collections and
    /// pauses. All files make one page together; what snapshots of one process share counts once. Quantiles are less or more 1 in 100,
    /// all else is exact. The keys of --json and the columns of --csv are in docs/stats.md.
    #[command(after_long_help = stats::EXAMPLES)]
    Stats(StatsArguments),
    /// Compares two recordings: what got slower or faster, and where its time goes now.
    ///
    /// By request and by goroutine, so that the recordings may be of different length: spans by name, and goroutines by the function
    /// that they begin with, each recorded from begin to end. What differs has passed a test of ranks (Mann and Whitney's, with all
    /// comparisons taken into account by Holm's procedure), and is large enough to matter: in 65 of 100 pairs of the two recordings one
    /// is slower, and the median or the ninth decile differ by a tenth. The keys of --json are in docs/stats.md.
    #[command(after_long_help = diff::EXAMPLES)]
    Diff(DiffArguments),
    /// Prints every event, byte for byte as `TZ=UTC go tool trace -d=parsed` does.
    ///
    /// As Go's own reader it stops at the first inconsistency, with exit status 1, after all events before it.
    #[command(after_long_help = DUMP_EXAMPLES)]
    Dump(DumpArguments),
    /// Reads the whole trace and tells what is in it.
    #[command(after_long_help = INFO_EXAMPLES)]
    Info(InfoArguments),
    /// Writes a trace again with some categories only, and without the secrets of its texts.
    ///
    /// SQL, URLs and all other texts are sanitized, whatever the recorder did; strings that no event names any more
    /// are left out. Functions and files in stacks stay as they are without
    /// --anonymize. The result is a plain trace of the version that
    /// was read. It has no events of the fork, and opens in Go's own tools, where the trace is a stock one, or the
    /// kept categories are core and custom; core is kept in stock traces whether asked for or not.
    ///
    /// The trace is read twice, with one generation of it in memory at a time; what comes through a pipe is kept in a
    /// temporary file meanwhile.
    #[command(after_long_help = FILTER_EXAMPLES)]
    Filter(FilterArguments),
    /// Cuts a window of time out of a trace, as a trace that opens in Go's own tools.
    ///
    /// All that happened in the window is in it, on every goroutine: a trace of one goroutine alone could not be read. Where it
    /// begins, the states of goroutines and procs are said, as at the beginning of any recording. What begins in the window
    /// becomes the same spans, with the same span ids, as in the whole. Where what they belong to began before it, they may lose
    /// their parent and get another trace id: --trace-id finds a window that has all of a trace. What is under way when the
    /// window begins has no begin, as in any snapshot. Where the world was stopped at the beginning, the window begins with that.
    ///
    /// Where the clock's unit is no whole number of nanoseconds, as in recordings of Windows, times move a little, and ids
    /// may be others. A trace without a clock (Go 1.24 and older) takes its time of day from its file, and so does the window,
    /// whose file is another one: give --base-time to what reads it.
    ///
    /// The trace is read twice, with one generation of it in memory at a time; what comes through a pipe is kept in a
    /// temporary file meanwhile.
    #[command(after_long_help = cut::EXAMPLES)]
    Cut(CutArguments),
    /// Sanitizes texts: one on each line of standard input, or between NUL bytes.
    ///
    /// Each goes to standard output with the end that it had, as soon as it is complete, and in UTF-8. A text of more
    /// than 16 MiB is an error. A text that may itself hold line breaks, as SQL does, needs --null.
    #[command(after_long_help = SANITIZE_EXAMPLES)]
    Sanitize(SanitizeArguments),
    /// Writes manual pages and the completions of shells into a folder.
    #[cfg(feature = "manual")]
    #[command(hide = true)]
    Manual { folder: PathBuf },
}

impl Verb {
    /// The exit status of a failure.
    pub(crate) fn failure(&self) -> u8 {
        if matches!(self, Self::Find(_)) { 2 } else { 1 }
    }
}

const EXAMPLES: &str = "\
Examples:
  trace-converter app.trace
  curl -s localhost:6060/debug/pprof/trace?seconds=5 | trace-converter
  trace-converter spans --format html --out app.html app.trace
  trace-converter otlp --endpoint http://localhost:4318 app.trace

Each verb has more: trace-converter help VERB.";

const SPANS_EXAMPLES: &str = "\
Examples:
  trace-converter spans app.trace
  trace-converter spans --name 'GET *' --sort duration --top 10 app.trace
  trace-converter spans --slower-than 100ms --from 2s --to 5s app.trace
  trace-converter spans --color always --anatomy --critical-path app.trace | less -RS
  trace-converter spans --correlate --service-name front --service-name back front.trace back.trace
  trace-converter spans --format html --out app.html app.trace
  trace-converter spans --format perfetto --out app.pftrace app.trace
  curl -s localhost:6060/debug/pprof/trace?seconds=5 | trace-converter spans --format chrome -o app.json";

const OTLP_EXAMPLES: &str = "\
Examples:
  trace-converter otlp --service-name shop --endpoint http://localhost:4318 app.trace
  trace-converter otlp --endpoint localhost:4317 --protocol grpc --compression zstd --signals traces,metrics app.trace
  OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20… trace-converter otlp --send *.trace
  trace-converter otlp --correlate --service-name front --service-name back -o spans.jsonl front.trace back.trace";

const PROFILE_EXAMPLES: &str = "\
Examples:
  trace-converter profile app.trace
  trace-converter profile --format html --out profiles.html app.trace
  trace-converter profile --kind mutex --format pprof --out mutex.pb.gz app.trace && go tool pprof -http : mutex.pb.gz
  trace-converter profile --format otlp --kind off-cpu,cpu --endpoint http://localhost:4318 app.trace
  trace-converter profile --format folded app.trace | inferno-flamegraph > off-cpu.svg
  trace-converter profile --span 'GET /orders' --from 2s --to 3s app.trace
  curl -s localhost:6060/debug/pprof/trace?seconds=5 | trace-converter profile --kind network -";

const DUMP_EXAMPLES: &str = "\
Examples:
  trace-converter dump app.trace | less
  trace-converter dump app.trace | grep --count GoBlock
  TZ=UTC go tool trace -d=parsed app.trace | diff - <(trace-converter dump app.trace)";

const INFO_EXAMPLES: &str = "\
Examples:
  trace-converter info app.trace
  trace-converter info --json app.trace | python3 -m json.tool
  trace-converter info --strict app.trace.gz || echo damaged";

const FILTER_EXAMPLES: &str = "\
Examples:
  trace-converter filter app.trace --keep core,custom --out stock.trace
  trace-converter filter app.trace --sql-dialect postgres --out without-secrets.trace
  trace-converter filter app.trace --anonymize --out for-others.trace";

const SANITIZE_EXAMPLES: &str = "\
Examples:
  trace-converter sanitize sql --dialect postgres < queries
  printf 'SELECT 1\\0SELECT 2\\0' | trace-converter sanitize sql --null
  echo https://bob:hunter2@example.com/?key=1 | trace-converter sanitize url";

#[derive(Debug, Args)]
pub(crate) struct SpansArguments {
    /// Trace files; `-` is standard input [default: standard input, or a bundled demonstration where that is a terminal or
    /// empty].
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How to show the spans.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: Format,
    /// Where to write; `-` is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) out: PathBuf,
    /// Shows below each span how its time splits: running, runnable, in system calls, waiting for what (tree; the others
    /// always do).
    #[arg(long)]
    pub(crate) anatomy: bool,
    /// Marks the spans that each trace was waiting for, and for how long (tree; html always does); and tells what these waited
    /// for themselves, and where in the source (tree; pages tell it of each span).
    ///
    /// The path goes back from the end of the trace: to the child that finished last, through it to its begin, from
    /// there to the child that had finished last before, and so on. What no child covers is the span's own.
    #[arg(long)]
    pub(crate) critical_path: bool,
    /// Shows each garbage collection, stop of the world and the like as a span, instead of summing them up (tree, html;
    /// timelines always do).
    #[arg(long)]
    pub(crate) ranges: bool,
    /// Cuts lines at so many columns, at none with 0 [default: the terminal's width] (tree).
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) width: Option<usize>,
    /// Keeps this many spans of a process in memory, the first to end, and counts the others (tree, html); timelines
    /// hold all spans, and need memory for none [default: 1000000 for tree, 100000 for html].
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_spans: Option<usize>,
    /// Leaves out what the verb stats tells (html).
    ///
    /// It is of all that was recorded between --from and --to, whichever spans are chosen, with the names of others, of functions and
    /// of files.
    #[arg(long)]
    pub(crate) no_overview: bool,
    /// When to use colours.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub(crate) color: Color,
    #[command(flatten)]
    pub(crate) correlation: Correlation,
    #[command(flatten)]
    pub(crate) selection: Selecting,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) mapping: Mapping,
}

#[derive(Debug, Args)]
pub(crate) struct OtlpArguments {
    /// Trace files; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Where to write the lines; `-` is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-", conflicts_with = "sending")]
    pub(crate) out: PathBuf,
    /// What goes out: traces, metrics, logs, profiles, separated by commas. A file has one of them. With logs, the program's logs
    /// are log records and no longer events of spans.
    #[arg(long, value_enum, value_name = "SIGNALS", value_delimiter = ',', default_value = "traces")]
    pub(crate) signals: Vec<SignalName>,
    #[command(flatten)]
    pub(crate) sending: Sending,
    /// A further attribute of the resource; may be given again and again.
    #[arg(long = "resource", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(crate) resource: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) correlation: Correlation,
    #[command(flatten)]
    pub(crate) selection: Selecting,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) mapping: Mapping,
}

#[derive(Debug, Args)]
pub(crate) struct ProfileArguments {
    /// Trace files; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Which time to add up; for OTLP several of them, separated by commas.
    #[arg(long, value_enum, value_name = "KIND", value_delimiter = ',', default_value = "off-cpu")]
    pub(crate) kind: Vec<Kind>,
    /// How to write it.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ProfileFormat,
    /// Shows what the runtime's own goroutines waited for too (top, off-cpu).
    #[arg(long)]
    pub(crate) runtime_waits: bool,
    /// Only the time within spans of this name: while one was open on a goroutine, and in its descendants wherever they were.
    /// Samples then tell of which span each is, in pprof by labels.
    #[arg(long, value_name = "NAME")]
    pub(crate) span: Option<String>,
    /// Only the time from here on: so long after the beginning of the first trace, such as 500ms, or a time of day, as
    /// 2026-11-23T15:04:05Z.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub(crate) from: Option<Moment>,
    /// Only the time up to here.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub(crate) to: Option<Moment>,
    /// When a trace without a clock began (Go 1.24 and older), as 2026-11-23T15:04:05Z
    /// [default: when the file was last modified].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) base_time: Option<UnixTime>,
    /// Where to write; `-` is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-", conflicts_with = "sending")]
    pub(crate) out: PathBuf,
    /// What the service is called in OTLP, the resource's service.name [default: $OTEL_SERVICE_NAME, or
    /// $OTEL_RESOURCE_ATTRIBUTES, or flightrecorder].
    #[arg(long, value_name = "NAME")]
    pub(crate) service_name: Option<String>,
    #[command(flatten)]
    pub(crate) sending: Sending,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Debug, Args)]
pub(crate) struct DumpArguments {
    /// The trace file; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Prints URLs, paths, SQL and hosts of the fork's events as they were recorded, secrets included.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Which toolchain wrote the trace [default: told by the trace].
    #[arg(long, value_enum)]
    dialect: Option<DialectName>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArguments {
    /// The trace file; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Tells it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// The trace file; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Which categories to keep: core, http, sql, tls, net, custom or all, separated by commas.
    #[arg(long, value_name = "CATEGORIES", default_value = "all", value_parser = categories)]
    pub(crate) keep: Filter,
    /// Where to write the trace; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The dialect of the trace's SQL, such as postgres, mysql or sqlite.
    #[arg(long, value_name = "DIALECT", default_value_t)]
    pub(crate) sql_dialect: SqlDialect,
    #[arg(long, help = texts::ANONYMIZE, long_help = texts::ANONYMIZE_AT_LENGTH)]
    pub(crate) anonymize: bool,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Debug, Args)]
pub(crate) struct SanitizeArguments {
    #[command(subcommand)]
    pub(crate) kind: TextKind,
    /// Texts end with a NUL byte instead of a line break.
    #[arg(short = '0', long, global = true)]
    pub(crate) null: bool,
}

/// What the texts are.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum TextKind {
    /// SQL: literals become `?`, and comments are left out.
    Sql {
        /// The dialect, such as postgres, mysql or sqlite.
        #[arg(long, value_name = "DIALECT", default_value_t)]
        dialect: SqlDialect,
    },
    /// URLs: without user and password, query and fragment.
    Url,
    /// Connection strings of databases: without user, password and other secrets.
    Dsn,
    /// Free text, such as log messages: without the secrets in it.
    Text,
}

/// How spans are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Trees, a line for each span.
    #[default]
    Tree,
    /// A page with a waterfall of each trace, and the profiles of each process.
    Html,
    /// A timeline in Perfetto's own format.
    Perfetto,
    /// A timeline as JSON, Chrome's trace event format: larger than perfetto's, and read by more tools.
    Chrome,
}

/// What a profile is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// All time in which goroutines did not run, by what they waited for.
    OffCpu,
    /// Time blocked on channels, mutexes and the like.
    Block,
    /// The part of block before a Mutex or RWMutex.
    Mutex,
    /// Time blocked on the network.
    Network,
    /// Time in system calls and in C.
    Syscall,
    /// Time from being able to run to running, by who made it so.
    Scheduler,
    /// Time in which goroutines ran, by where each stretch ended.
    Cpu,
    /// Samples of the CPU profile, where one ran beside the recording.
    Samples,
    /// Time of assisting the garbage collector, and in which the world was stopped.
    Gc,
}

impl From<Kind> for ProfileKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::OffCpu => Self::OffCpu,
            Kind::Block => Self::Block,
            Kind::Mutex => Self::Mutex,
            Kind::Network => Self::Network,
            Kind::Syscall => Self::Syscall,
            Kind::Scheduler => Self::Scheduler,
            Kind::Cpu => Self::Cpu,
            Kind::Samples => Self::Samples,
            Kind::Gc => Self::Gc,
        }
    }
}

/// How a profile is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileFormat {
    /// A table of the heaviest stacks, with their shares.
    #[default]
    Top,
    /// pprof's own, compressed: for go tool pprof, and whatever else reads it.
    Pprof,
    /// Folded stacks, a line for each: for the tools of others that draw flame graphs.
    Folded,
    /// A page with a flame graph of each kind, that of --kind first: one file that opens in any browser.
    Html,
    /// OTLP: as JSON lines or, with --endpoint or --send, to a receiver. OTLP's profiles are in development: this is their
    /// version v1development, which a receiver may not know or have to be told to take.
    Otlp,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set, or where CLICOLOR_FORCE is.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    pub(crate) fn choice(self) -> ColorChoice {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
    }
}

/// How to read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct Reading {
    /// Fails where Go's own reader would, instead of salvaging what can be read.
    #[arg(long)]
    strict: bool,
    /// Which toolchain wrote the trace [default: told by the trace].
    #[arg(long, value_enum)]
    dialect: Option<DialectName>,
    /// Tells each thing that was lost, one by one.
    #[arg(long)]
    pub(crate) details: bool,
    #[command(flatten)]
    limit: Limit,
}

/// How much to keep in memory.
#[derive(Clone, Copy, Debug, Args)]
struct Limit {
    /// Fails where a generation, which is kept in memory while it is read, has more bytes, such as 256MiB.
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    max_generation_bytes: ByteSize,
}

/// How several processes are put together.
#[derive(Debug, Args)]
#[command(next_help_heading = "Several processes")]
pub(crate) struct Correlation {
    /// What the service is called, the resource's service.name: one name for all files, or given again and again, one for
    /// each FILE [default for OTLP: $OTEL_SERVICE_NAME, or $OTEL_RESOURCE_ATTRIBUTES, or flightrecorder].
    #[arg(long = "service-name", value_name = "NAME")]
    pub(crate) service_names: Vec<String>,
    /// Puts the spans of all processes together: trace ids of which one process knows a part only become the real ones
    /// that another knows, and HTTP servers become children of their clients in other processes. Keeps all spans in
    /// memory meanwhile. Trees and pages show as one what goes over several of them.
    #[arg(long)]
    pub(crate) correlate: bool,
    /// Moves the times of each process onto the clock of the first, as far as requests between them tell how much the
    /// clocks differ.
    #[arg(long, requires = "correlate")]
    pub(crate) align_clocks: bool,
}

/// How to make spans.
#[derive(Debug, Args)]
#[command(next_help_heading = "Mapping")]
pub(crate) struct Mapping {
    /// When a trace without a clock began (Go 1.24 and older), as 2026-11-23T15:04:05Z
    /// [default: when the file was last modified].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) base_time: Option<UnixTime>,
    /// Leaves log messages out.
    #[arg(long)]
    pub(crate) no_logs: bool,
    /// Keeps spans whose own trace context says that they are not sampled.
    #[arg(long)]
    pub(crate) unsampled: bool,
    /// Leaves spans out whose trace context the program has logged: its own SDK exports them. Only how their time
    /// splits is kept, as an event of the span around them.
    #[arg(long)]
    pub(crate) sdk_exports: bool,
    /// The database that the program asks, as db.system.name has it: postgresql, mysql, microsoft.sql_server. It says by
    /// which rules queries are sanitized.
    #[arg(long, value_name = "NAME", default_value = "other_sql")]
    pub(crate) db_system: String,
    /// Gives each span the stack that it began with, as code.stacktrace.
    #[arg(long)]
    pub(crate) stacks: bool,
    /// Leaves requests, calls and queries out of which nothing but the stacks of events tells: HTTP, gRPC, database/sql,
    /// Redis, MongoDB, Kafka, TLS, DNS and connects of an unmodified program.
    #[arg(long)]
    pub(crate) no_from_stacks: bool,
    /// Functions whose calls become spans in the same way, separated by commas, by their whole names such as
    /// example.com/shop.(*Client).Order. Experimental.
    #[arg(long, value_name = "FUNCTIONS", value_delimiter = ',', conflicts_with = "no_from_stacks")]
    pub(crate) span_functions: Vec<String>,
    /// Makes each change of a goroutine's state an event of the span that is open on it.
    #[arg(long)]
    pub(crate) state_events: bool,
    #[command(flatten)]
    pub(crate) volume: Volume,
}

/// How many spans to let through.
#[derive(Debug, Args)]
#[command(next_help_heading = "Volume")]
pub(crate) struct Volume {
    /// Which kinds of spans to keep, separated by commas: core (garbage collections and the like), custom (tasks and
    /// regions), http, sql, tls, net or all.
    #[arg(long, value_name = "CATEGORIES", default_value = "all", value_parser = categories)]
    keep: Filter,
    /// Leaves spans out that are shorter, such as 100us, unless they failed.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    min_duration: Option<Duration>,
    /// Keeps this share of the traces, from 0 to 1, each whole or not at all.
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    sample: Option<SamplingRatio>,
    /// Keeps at most so many spans of each second of the trace.
    #[arg(long, value_name = "COUNT")]
    spans_per_second: Option<NonZeroU32>,
    /// Makes one span of like regions that follow on each other and are each shorter than this.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    collapse: Option<Duration>,
}

impl Volume {
    pub(crate) fn options(&self) -> VolumeOptions {
        let mut options = VolumeOptions::default();
        options.keep = self.keep;
        options.minimum_duration = self.min_duration.unwrap_or_default();
        options.ratio = self.sample.unwrap_or_default();
        options.spans_per_second = self.spans_per_second;
        options.collapse = self.collapse.map(Collapse::shorter_than);
        options
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DialectName {
    Stock,
    Fork,
}

impl Reading {
    pub(crate) fn opening(&self) -> Opening {
        let mode = if self.strict { Mode::Strict } else { Mode::Salvage };
        self.limit.opening(mode, self.dialect)
    }
}

impl DumpArguments {
    pub(crate) fn opening(&self) -> Opening {
        self.limit.opening(Mode::Strict, self.dialect)
    }
}

impl Limit {
    fn opening(self, mode: Mode, dialect: Option<DialectName>) -> Opening {
        let most = self.max_generation_bytes.as_u64();
        let options = with_dialect(ReaderOptions::new().mode(mode), dialect).max_generation_bytes(most);
        Opening { options, mode, most }
    }
}

fn with_dialect(options: ReaderOptions, dialect: Option<DialectName>) -> ReaderOptions {
    match dialect {
        Some(DialectName::Stock) => options.dialect(Dialect::Stock),
        Some(DialectName::Fork) => options.dialect(Dialect::Fork),
        None => options,
    }
}

fn categories(names: &str) -> Result<Filter, String> {
    match names.parse::<Filter>() {
        Ok(filter) if filter.is_empty() => Err("name at least one category".to_owned()),
        Ok(filter) => Ok(filter),
        Err(error) => Err(error.to_string()),
    }
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration: jiff::SignedDuration =
        text.parse().map_err(|_| "write a number with its unit, such as 500us, 20ms or 3s".to_owned())?;
    Duration::try_from(duration).map_err(|_| "it cannot be negative".to_owned())
}

pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    let moment = duration(text).map(Moment::After).or_else(|_| time(text).map(Moment::At));
    moment.map_err(|_| {
        "write how long after the beginning, such as 500ms, or a time of day, as 2026-11-23T15:04:05Z"
            .to_owned()
    })
}

fn ratio(text: &str) -> Result<SamplingRatio, String> {
    let ratio: f64 = text.parse().map_err(|_| "write a number from 0 to 1".to_owned())?;
    SamplingRatio::try_from(ratio).map_err(|error| error.to_string())
}

pub(crate) fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

pub(crate) fn time(text: &str) -> Result<UnixTime, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|error| format!("{error}; write 2026-11-23T15:04:05Z"))?;
    let nanoseconds = u64::try_from(time.as_nanosecond());
    nanoseconds.map(UnixTime).map_err(|_| "it has to lie between 1970 and 2554".to_owned())
}
