//! Traces that Go programs are asked for.

use std::{
    collections::VecDeque,
    io::{BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::{
    http::{Head, get, read_head},
    receiver::Receiver,
    sidecar::{Home, otlp},
    truth::{self, Truth, assert_once},
};

/// What a program answers. Then it closes the connection.
enum Said {
    /// A status and a content.
    All(u16, Vec<u8>),
    /// A content that breaks off after so many bytes.
    Cut(Vec<u8>, usize),
    /// Pieces of unknown number.
    Pieces(Vec<Vec<u8>>),
}

/// A Go program with `/debug/pprof/trace`. What it has said all, it is being traced already.
struct Program {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    says: Mutex<VecDeque<Said>>,
    asked: Mutex<Vec<Head>>,
    is_over: AtomicBool,
}

impl Program {
    fn start(says: impl IntoIterator<Item = Said>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            says: Mutex::new(says.into_iter().collect()),
            asked: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let program = Self { address, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for connection in listener.incoming() {
                if shared.is_over.load(Ordering::Relaxed) {
                    break;
                }
                // Whoever asks may have gone.
                let _ = connection.and_then(|connection| shared.answer(connection));
            }
        });
        program
    }

    fn url(&self) -> String {
        format!("http://{}/debug/pprof/trace", self.address)
    }

    fn asked(&self) -> Vec<Head> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn answer(&self, mut connection: TcpStream) -> std::io::Result<()> {
        let Some(head) = read_head(&mut BufReader::new(connection.try_clone()?))? else { return Ok(()) };
        self.asked.lock().unwrap().push(head);
        let says = self.says.lock().unwrap().pop_front();
        let says =
            says.unwrap_or_else(|| Said::All(500, b"Could not enable tracing: already enabled\n".to_vec()));
        let head = |status, length| {
            format!("HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n")
                .into_bytes()
        };
        match says {
            Said::All(status, body) => connection.write_all(&[head(status, body.len()), body].concat()),
            Said::Cut(body, length) => {
                connection.write_all(&[head(200, body.len()), body[..length].to_vec()].concat())
            }
            Said::Pieces(pieces) => {
                connection.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
                pieces.iter().try_for_each(|piece| connection.write_all(piece))
            }
        }
    }
}

fn home(receiver: &Receiver, program: &Program, settings: &str) -> Home {
    let home = Home::empty().with(&otlp(&receiver.endpoint()));
    home.with(&format!("[[pull]]\nurl = {:?}\n{settings}", program.url()))
}

#[test]
fn recordings_come_again_and_again() {
    let receiver = Receiver::start();
    let traces = ["go1.27/tasks.trace", "go1.27/regions.trace"].map(truth::read);
    let [one, two] = &traces;
    let program = Program::start([
        // It is being traced already: that is waited for.
        Said::All(500, b"Could not enable tracing: already enabled\n".to_vec()),
        Said::All(200, one.clone()),
        // What breaks off is none.
        Said::Cut(two.clone(), 3000),
        Said::All(200, two.clone()),
        // What is no trace is put aside.
        Said::All(200, b"<html>log in first</html>".to_vec()),
    ]);
    let settings = "seconds = 1.5\nevery = \"10ms\"\nservice = \"pulled\"\ntoken = \"s3cret\"\n";
    let home = home(&receiver, &program, settings);
    let sidecar = home.start();
    sidecar.until_delivered(2);
    sidecar.until("it is put aside", || home.reasons().len() == 1);
    let asked = program.asked();
    assert_eq!(asked[0].path, "/debug/pprof/trace?seconds=1.5");
    assert_eq!(asked[0].header("authorization"), Some("Bearer s3cret"));
    let log = sidecar.terminate().join("\n");
    assert!(log.contains("it is being traced already"), "{log}");
    assert!(log.contains("nothing was recorded meanwhile"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
    home.once_without_source();
    let truth: Vec<_> = traces.iter().flat_map(|trace| Truth::of(trace).all()).collect();
    assert_once(&receiver.spans_of("pulled"), &truth, "pulled");
}

/// A program that never answers with a trace is told of, and counted.
#[test]
fn a_pull_that_never_works() {
    let receiver = Receiver::start();
    let program = Program::start([]);
    let home = home(&receiver, &program, "every = \"10ms\"\n").telling();
    let sidecar = home.start();
    let address = sidecar.telemetry_address();
    sidecar.until("it is told", || get(address, "/readyz").is_ok_and(|ready| ready.status == 503));
    let ready = get(address, "/readyz").unwrap().body;
    assert!(ready.contains("no trace comes from") && ready.contains("being traced already"), "{ready}");
    let metrics = get(address, "/metrics").unwrap().body;
    let failed = metrics.lines().find(|line| line.starts_with("trace_sidecar_pulls_total"));
    assert!(
        failed.is_some_and(|line| line.contains("outcome=\"failed\"") && !line.ends_with(" 0")),
        "{metrics}"
    );
    sidecar.terminate();
}

#[test]
fn the_forks_stream_is_taken_snapshot_by_snapshot() {
    let receiver = Receiver::start();
    let stream = truth::read("fork/stream.bin");
    let frames = truth::frames(&stream);
    assert_eq!(frames.len(), 2);
    let of_length = |frame: &[u8]| [&(frame.len() as u64).to_le_bytes(), frame].concat();
    // The first frame is whole, and the second breaks off; the stream after that has all.
    let first = of_length(&frames[0]);
    let pieces = stream.chunks(1000).map(<[u8]>::to_vec);
    let program = Program::start([
        Said::Pieces(vec![first.clone(), of_length(&frames[1])[..500].to_vec()]),
        Said::Pieces(pieces.collect()),
    ]);
    let home = home(
        &receiver,
        &program,
        "stream = true\ninterval = \"2s\"\nfilter = \"http,sql\"\nservice = \"s\"\n",
    );
    let sidecar = home.start();
    sidecar.until_delivered(3);
    let path = &program.asked()[0].path;
    for part in ["stream=1", "interval=2", "filter=http"] {
        assert!(path.contains(part), "{path}");
    }
    // A stream that breaks off within a snapshot has been one all the same.
    sidecar.until("both have ended", || sidecar.says("the stream has ended:") == 2);
    sidecar.terminate();
    home.once_without_source();
    assert_once(&receiver.spans_of("s"), &Truth::of_snapshots(&frames).all(), "s");
}

/// What was spooled before the program was killed is delivered after the next start.
#[test]
fn what_was_spooled_outlives_a_kill() {
    let receiver = Receiver::with(|_, _, _| crate::receiver::Reply::Refuse(503, ""));
    let traces = ["go1.27/tasks.trace", "go1.27/regions.trace"].map(truth::read);
    let program = Program::start(traces.iter().map(|trace| Said::All(200, trace.clone())));
    let home = home(&receiver, &program, "every = \"10ms\"\nservice = \"pulled\"\n");
    let sidecar = home.start();
    sidecar.until("two are spooled", || home.contents("state/spool/whole").len() == 2);
    sidecar.kill();
    receiver.until_left();
    receiver.answer(|_, _, _| crate::receiver::Reply::Accept);
    let sidecar = home.start();
    sidecar.until_delivered(2);
    sidecar.until_it_says("no trace");
    sidecar.terminate();
    home.once_without_source();
    let truth: Vec<_> = traces.iter().flat_map(|trace| Truth::of(trace).all()).collect();
    assert_once(&receiver.spans_of("pulled"), &truth, "pulled");
}
