//! A small HTTP server for what stands between the real parts: it can refuse, delay, stream, and break a connection off,
//! which a well-behaved one cannot. HTTP/1.1, a thread for each connection, on loopback.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Result, bail, ensure};
use rustix::net::sockopt::set_socket_linger;

/// Larger requests are refused by closing the connection.
const MAX_BODY: u64 = 512 << 20;
const MAX_HEAD: usize = 64 << 10;
/// How often an idle connection looks whether the server has ended.
const LOOK: Duration = Duration::from_millis(200);
const WRITE_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(&**value))
    }

    /// The value of a parameter in the query, as it stands there.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Writes a body of unknown length, piece by piece.
pub(crate) type Body = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

pub(crate) enum Answer {
    Whole {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    Stream(Body),
    /// None: the connection is reset.
    Reset,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self::Whole { status, headers: Vec::new(), body: Vec::new() }
    }
}

pub(crate) trait Handler: Send + Sync + 'static {
    fn answer(&self, request: Request) -> Answer;
}

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(handler: Arc<dyn Handler>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let ends = Arc::new(AtomicBool::new(false));
        let its_end = Arc::clone(&ends);
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming() {
                if its_end.load(Ordering::Relaxed) {
                    break;
                }
                let (Ok(stream), handler, end) = (stream, Arc::clone(&handler), Arc::clone(&its_end)) else {
                    continue;
                };
                // A peer that breaks off is everyday life here.
                thread::spawn(move || serve(&stream, &*handler, &end).unwrap_or_default());
            }
        });
        Ok(Self { address, ends, acceptor: Some(acceptor) })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Wakes up the acceptor.
        let woken = TcpStream::connect_timeout(&self.address, LOOK).is_ok();
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            let _ = acceptor.join();
        }
    }
}

fn serve(stream: &TcpStream, handler: &dyn Handler, ends: &AtomicBool) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_LIMIT))?;
    let mut reader = BufReader::new(stream);
    while wait_for_request(stream, &mut reader, ends)? {
        // Who has begun a request goes on with it.
        stream.set_read_timeout(Some(WRITE_LIMIT))?;
        let request = read_request(&mut reader, stream)?;
        let is_last = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let mut writer = stream;
        match handler.answer(request) {
            Answer::Whole { status, headers, body } => write_whole(&mut writer, status, &headers, &body)?,
            Answer::Stream(body) => write_stream(&mut writer, body)?,
            Answer::Reset => {
                // Without time to linger, closing sends a reset.
                set_socket_linger(stream, Some(Duration::ZERO))?;
                return Ok(());
            }
        }
        if is_last {
            break;
        }
    }
    Ok(stream.shutdown(Shutdown::Both)?)
}

/// Waits for the first byte; none comes on a connection that was closed.
fn wait_for_request(stream: &TcpStream, reader: &mut impl BufRead, ends: &AtomicBool) -> Result<bool> {
    stream.set_read_timeout(Some(LOOK))?;
    while !ends.load(Ordering::Relaxed) {
        match reader.fill_buf() {
            Ok(bytes) => return Ok(!bytes.is_empty()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

fn read_request(reader: &mut impl BufRead, mut writer: &TcpStream) -> Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(reader.read_until(b'\n', &mut head)? > 0 && head.len() < MAX_HEAD, "no whole head");
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed.parse(&head)?;
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    for header in parsed.headers {
        request.headers.push((header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()));
    }
    if request.header("expect").is_some() {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = read_body(reader, &request)?;
    Ok(request)
}

fn read_body(reader: &mut impl BufRead, request: &Request) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    if request.header("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
            ensure!(size + body.len() as u64 <= MAX_BODY, "too large");
            reader.by_ref().take(size).read_to_end(&mut body)?;
            reader.read_line(&mut line)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = request.header("content-length").map_or(Ok(0), str::parse::<u64>)?;
    ensure!(length <= MAX_BODY, "too large");
    if reader.take(length).read_to_end(&mut body)? as u64 != length {
        bail!("the request is cut off");
    }
    Ok(body)
}

fn write_whole(
    to: &mut impl Write,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> io::Result<()> {
    let mut answer = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        answer += &format!("{name}: {value}\r\n");
    }
    answer += "\r\n";
    to.write_all(&[answer.as_bytes(), body].concat())
}

fn write_stream(to: &mut impl Write, body: Body) -> io::Result<()> {
    to.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    let mut chunks = Chunks(&mut *to);
    body(&mut chunks)?;
    to.write_all(b"0\r\n\r\n")
}

struct Chunks<W>(W);

impl<W: Write> Write for Chunks<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            let head = format!("{:x}\r\n", bytes.len());
            self.0.write_all(&[head.as_bytes(), bytes, b"\r\n"].concat())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
