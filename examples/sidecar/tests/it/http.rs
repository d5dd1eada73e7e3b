//! As much of HTTP as the tests need, byte by byte: libraries refuse to misbehave.

use std::{
    io::{self, BufRead, Read, Write},
    net::{SocketAddr, TcpStream},
};

use tokio::net::TcpSocket;

use crate::sidecar::{ANY, PATIENCE};

/// The head of a request, or of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) line: String,
    /// Of a request.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| &**value).collect()
    }

    pub(crate) fn length(&self) -> usize {
        self.header("content-length").map_or(0, |length| length.parse().unwrap())
    }
}

/// Reads a head; none where the other side has hung up.
pub(crate) fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut head = Head::default();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => return Ok(Some(head)),
            line if head.line.is_empty() => {
                head.path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                head.line = line.to_owned();
            }
            line => {
                let (name, value) = line.split_once(':').unwrap();
                head.headers.push((name.to_lowercase(), value.trim().to_owned()));
            }
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks with these bytes. The connection ends with the answer.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    // Who refuses what is too large need not read all of it.
    let written = connection.write_all(request);
    let mut answer = Vec::new();
    let read = connection.read_to_end(&mut answer);
    if answer.is_empty() {
        written.and(read)?;
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.ok_or(io::ErrorKind::InvalidData)?,
        head: head.to_lowercase(),
        body: body.to_owned(),
    })
}

pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    ask(address, format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").as_bytes())
}

/// Posts a body, with more lines of the head.
pub(crate) fn post(address: SocketAddr, path: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    ask(address, &[head.as_bytes(), body].concat())
}

/// An address at which nobody listens, and nobody else can as long as this is kept.
pub(crate) fn deserted() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(ANY.parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}
