//! An HTTP client of one's own: OTLP over a plain socket, without tokio. A batch that the receiver does not take waits.
//!
//! `cargo run --example own_client -- HOST:PORT FILE`. Without an address, the example is its own receiver; without a file,
//! it sends a recording of a small service.

use std::{
    env,
    error::Error,
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use trace_to_otel::{
    Mapper, Resource,
    go_trace_format::Reader,
    otlp::{Batch, BatchSink, Encoder, Encoding},
};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/http.trace");

fn post(address: &str, batch: &Batch) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let (path, content_type) = (batch.signal().path(), batch.encoding().content_type());
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        batch.bytes().len()
    )?;
    stream.write_all(batch.bytes())?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status)?;
    match status.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(io::Error::other(format!("the receiver said {:?}", status.trim()))),
    }
}

/// Takes whatever comes, on a port of its own.
fn receiver() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || listener.incoming().flatten().try_for_each(answer));
    Ok(address)
}

fn answer(stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().map_or_else(receiver, Ok)?;
    let trace = fs::read(arguments.next().unwrap_or_else(|| RECORDING.to_owned()))?;
    let mut sent = (0, 0);
    let encoder = Encoder::new(Encoding::Protobuf, &Resource::new().with("service.name", "orders"));
    let mut sink = BatchSink::new(encoder, |batch: &Batch| {
        post(&address, batch)?;
        sent = (sent.0 + 1, sent.1 + batch.records());
        Ok::<(), io::Error>(())
    });
    let mut mapper = Mapper::new();
    mapper.read(&mut Reader::from_slice(&trace)?, &mut sink)?;
    mapper.finish(&mut sink)?;
    sink.flush()?;
    drop(sink);
    println!("{} spans in {} requests to {address}", sent.1, sent.0);
    Ok(())
}
