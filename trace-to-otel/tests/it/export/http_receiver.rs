//! An HTTP server that answers as it is told, byte by byte where it has to: libraries refuse to misbehave.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// What to do with one request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Answer(Answer),
    /// Answers and closes the connection without having said so.
    Last(Answer),
    /// Answers after the head of the request, and leaves its content unread.
    Early(Answer),
    /// Takes its time between head and content.
    Slow(Answer, Duration),
    /// Promises more content than it sends.
    Cut(Answer),
    Hang,
    /// Breaks the connection by a TCP reset.
    Reset,
    /// Ends its side of the connection, and goes on listening.
    HalfClose,
    /// Answers with these bytes.
    Raw(&'static [u8]),
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers =
            if content_type.is_empty() { vec![] } else { vec![("content-type", content_type.to_owned())] };
        Self { status, headers, body: body.into() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Said\r\ncontent-length: {}\r\n", self.status, self.body.len());
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        (head + "\r\n").into_bytes()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let of_name = self.headers.iter().filter(|(known, _)| known == name);
        of_name.map(|(_, value)| value.as_str()).collect()
    }
}

/// Gives the replies in turn, the last one for ever.
#[derive(Debug)]
pub(crate) struct HttpReceiver {
    pub(crate) endpoint: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    replies: Vec<Reply>,
    received: Mutex<Vec<Received>>,
    connections: Mutex<usize>,
    left: Notify,
}

impl HttpReceiver {
    pub(crate) async fn start(replies: impl Into<Vec<Reply>>) -> Self {
        Self::listen(replies.into(), None).await
    }

    pub(crate) async fn start_tls(replies: impl Into<Vec<Reply>>, acceptor: TlsAcceptor) -> Self {
        Self::listen(replies.into(), Some(acceptor)).await
    }

    async fn listen(replies: Vec<Reply>, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let endpoint = match acceptor {
            None => format!("http://127.0.0.1:{port}"),
            Some(_) => format!("https://localhost:{port}"),
        };
        let (received, connections, left) = Default::default();
        let state = Arc::new(State { replies, received, connections, left });
        let task = tokio::spawn(accept(listener, acceptor, state.clone()));
        Self { endpoint, state, task }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.state.connections.lock().unwrap()
    }

    /// Waits until the client has ended its side of a connection too that a [last answer](Reply::Last) has ended.
    pub(crate) async fn is_left(&self) {
        self.state.left.notified().await;
    }
}

impl Drop for HttpReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        *state.connections.lock().unwrap() += 1;
        if state.replies.iter().any(|reply| matches!(reply, Reply::Reset)) {
            stream.set_zero_linger().unwrap();
        }
        tokio::spawn(speak(stream, acceptor.clone(), state.clone()));
    }
}

async fn speak(stream: TcpStream, acceptor: Option<TlsAcceptor>, state: Arc<State>) -> io::Result<()> {
    match acceptor {
        None => converse(stream, &state).await,
        Some(acceptor) => converse(acceptor.accept(stream).await?, &state).await,
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, state: &State) -> io::Result<()> {
    loop {
        let mut received = read_head(&mut stream).await?;
        let index = state.received.lock().unwrap().len();
        let reply = &state.replies[index.min(state.replies.len() - 1)];
        if !matches!(reply, Reply::Early(_)) {
            received.body = read_body(&mut stream, &received).await?;
        }
        state.received.lock().unwrap().push(received);
        match reply {
            Reply::Answer(answer) => {
                stream.write_all(&[answer.head(), answer.body.clone()].concat()).await?;
            }
            Reply::Last(answer) => {
                stream.write_all(&[answer.head(), answer.body.clone()].concat()).await?;
                stream.shutdown().await?;
                stream.read_to_end(&mut Vec::new()).await?;
                state.left.notify_one();
                return Ok(());
            }
            Reply::Early(answer) => {
                stream.write_all(&[answer.head(), answer.body.clone()].concat()).await?;
                return stream.shutdown().await;
            }
            Reply::Slow(answer, pause) => {
                stream.write_all(&answer.head()).await?;
                tokio::time::sleep(*pause).await;
                stream.write_all(&answer.body).await?;
            }
            Reply::Cut(answer) => {
                stream.write_all(&answer.head()).await?;
                stream.write_all(&answer.body[..answer.body.len() / 2]).await?;
                return stream.shutdown().await;
            }
            Reply::Hang => std::future::pending().await,
            Reply::Reset => return Ok(()),
            Reply::HalfClose => {
                stream.shutdown().await?;
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await?;
                return Ok(());
            }
            Reply::Raw(bytes) => stream.write_all(bytes).await?,
        }
    }
}

async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Ok(Received { line, headers, body: Vec::new() })
}

async fn read_body<S: AsyncRead + Unpin>(stream: &mut S, head: &Received) -> io::Result<Vec<u8>> {
    let length = head.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(body)
}
