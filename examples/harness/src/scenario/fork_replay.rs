//! The recordings of the flight-recorder fork, as files of a watched folder and as its streaming endpoint would send them.
//! What arrives is what the library makes of the same bytes.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use go_trace_format::{Reader, TraceStream};
use trace_to_otel::{Mapper, Span};

use crate::{
    http::{Answer, Handler, Request, Server},
    report::Report,
    spans::{Key, Spans},
    stage::Stage,
};

/// The service whose stream is played.
const STREAM: &str = "stream";

pub(super) fn run(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let recordings = Recordings::find()?;
    report.figure("recordings", format_args!("{} processes", recordings.files.len()));
    let player = Arc::new(Player { stream: fs::read(&recordings.stream)?, plays: AtomicUsize::new(0) });
    let handler = Arc::clone(&player);
    let server = Server::start(handler)?;
    let mut configuration = stage.configuration()?.watch(&stage.traces(), "move");
    let moved = stage.directory.join("moved");
    fs::create_dir_all(&moved)?;
    if let Some(watch) = configuration.tables.last_mut() {
        watch.push_str(&format!("move_to = {:?}\n", moved.to_string_lossy()));
    }
    configuration.general.push("open_span_deadline = \"3s\"".to_owned());
    configuration.tables.push(format!(
        "[[pull]]\nurl = \"{}/debug/pprof/trace\"\nseconds = 1\nevery = \"1s\"\nstream = true\nservice = {STREAM:?}\n\
         instance = \"a\"\n",
        server.url()
    ));
    let sidecar = stage.sidecar(&configuration)?;
    recordings.copy_into(&stage.traces())?;

    let expected = recordings.map()?;
    let all: usize = expected.values().map(BTreeMap::len).sum();
    let keys: Vec<_> = expected.values().flat_map(BTreeMap::keys).collect();
    let delivered = stage.wait(Duration::from_secs(40), || {
        let seen = stage.proxy.seen();
        keys.iter().all(|key| seen.spans.contains(key))
    });
    report.check("all has been delivered", delivered, format_args!("{all} spans"));
    let played = stage.wait(Duration::from_secs(20), || player.plays.load(Ordering::Relaxed) > 2);
    report.check("the stream was played again", played, player.plays.load(Ordering::Relaxed));
    stage.end_sidecar(report, sidecar);
    let spans = stage.receive(report)?;
    report.none("spans that came again and were not the same", &spans.differing);
    report.none("secrets", &spans.leaks);
    compare(report, &expected, &spans);
    Ok(())
}

/// By service, what the library makes of its bytes.
type Expected = BTreeMap<String, BTreeMap<Key, Span>>;

fn compare(report: &mut Report, expected: &Expected, found: &Spans) {
    for (service, spans) in expected {
        let is_right = |key: &Key, span: &Span| {
            let Some(found) = found.all.get(key) else { return false };
            let parent = span.parent.map_or(0, |parent| parent.span_id.as_u64());
            *found.service == **service
                && (found.start, found.end) == (span.start.0, span.end.0)
                && found.parent == parent
                && *found.name == *span.name
        };
        let wrong = spans.iter().filter(|(key, span)| !is_right(key, span));
        let wrong: Vec<_> =
            wrong.map(|(key, span)| format!("{span:?}, found {:?}", found.all.get(key))).collect();
        report.all(&format!("spans of {service}"), spans.len(), &wrong);
        let count = found.all.values().filter(|span| *span.service == **service).count();
        report.equal(&format!("number of spans of {service}"), spans.len(), count);
    }
}

/// The fork's recordings, wherever they are.
struct Recordings {
    /// The snapshots of each process, in their order.
    files: BTreeMap<String, Vec<PathBuf>>,
    stream: PathBuf,
}

impl Recordings {
    fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folders = [root.join("../shared/traces/fork"), root.join("testdata/fork")];
        let folder = folders.iter().find(|folder| folder.is_dir()).context("no recordings of the fork")?;
        let mut names =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        let mut files = BTreeMap::<_, Vec<_>>::new();
        for path in names.iter().filter(|path| path.extension().is_some_and(|name| name == "trace")) {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let process = name.split('.').next().unwrap_or_default();
            // A trace of the stream, which is played.
            if process != STREAM {
                files.entry(process.to_owned()).or_default().push(path.clone());
            }
        }
        let stream = names.iter().find(|path| path.to_string_lossy().ends_with("stream.bin"));
        let stream = stream.context("no recorded stream")?.clone();
        ensure!(!files.is_empty(), "{} has no recordings", folder.display());
        Ok(Self { files, stream })
    }

    /// As an application would write them, one after the other.
    fn copy_into(&self, folder: &Path) -> Result<()> {
        for (service, files) in &self.files {
            let of_service = folder.join(service).join("a");
            fs::create_dir_all(&of_service)?;
            for file in files {
                let name = file.file_name().unwrap_or_default();
                let hidden = of_service.join(".new");
                fs::copy(file, &hidden)?;
                fs::rename(hidden, of_service.join(name))?;
                thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    fn map(&self) -> Result<Expected> {
        let mut expected = Expected::new();
        for (service, files) in &self.files {
            let snapshots = files.iter().map(fs::read).collect::<io::Result<Vec<_>>>()?;
            expected.insert(service.clone(), map(&snapshots)?);
        }
        let mut traces = TraceStream::new(File::open(&self.stream)?);
        let mut snapshots = Vec::new();
        while let Some(trace) = traces.next_trace()? {
            snapshots.push(trace.to_vec());
        }
        expected.insert(STREAM.to_owned(), map(&snapshots)?);
        Ok(expected)
    }
}

/// The spans of a process, from its snapshots.
fn map(snapshots: &[Vec<u8>]) -> Result<BTreeMap<Key, Span>> {
    let (mut mapper, mut spans) = (Mapper::new(), Vec::new());
    let mut earlier = None;
    for snapshot in snapshots {
        let mut reader = Reader::from_slice(snapshot)?;
        if let Some(earlier) = earlier.take() {
            reader = reader.follow(earlier);
        }
        while let Some(event) = reader.next_event()? {
            mapper.event(&event, &mut spans)?;
        }
        earlier = Some(reader);
    }
    mapper.finish(&mut spans)?;
    let key = |span: &Span| Key { trace: span.trace_id.as_u128(), span: span.span_id.as_u64() };
    Ok(spans.into_iter().map(|span| (key(&span), span)).collect())
}

/// Plays the stream: whole, broken off within a trace, and whole again for as long as it is asked.
struct Player {
    stream: Vec<u8>,
    plays: AtomicUsize,
}

impl Handler for Player {
    fn answer(&self, request: Request) -> Answer {
        const PIECES: usize = 20;
        if request.parameter("stream") != Some("1") {
            return Answer::status(400);
        }
        let play = self.plays.fetch_add(1, Ordering::Relaxed);
        // However long the rest takes, the source never fails: that would be an alarm.
        let end = match play {
            1 => self.stream.len() / 2 + 1,
            _ => self.stream.len(),
        };
        let pieces: Vec<_> = self.stream[..end].chunks(end.div_ceil(PIECES)).map(<[u8]>::to_vec).collect();
        Answer::Stream(Box::new(move |to: &mut dyn Write| {
            for piece in pieces {
                thread::sleep(Duration::from_millis(50));
                to.write_all(&piece)?;
            }
            Ok(())
        }))
    }
}
