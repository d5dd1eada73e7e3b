//! An HTTP client of one's own: OTLP over a plain socket, without tokio. A batch that the receiver does not take waits.
//!
//! `cargo run --example own_client -- HOST:PORT FILE`; without a file, it sends a recording of a small service.

use std::{
    env,
    error::Error,
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use trace_to_otel::{
    Mapper, Resource,
    go_trace_format::Reader,
    otlp::{Batch, BatchSink, Encoder, Encoding},
};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/http.trace");

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().ok_or("usage: own_client HOST:PORT [FILE]")?;
    let file = File::open(arguments.next().unwrap_or_else(|| RECORDING.to_owned()))?;
    own_client(file, &address, &mut io::stdout())
}

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

pub(crate) fn own_client(
    trace: impl Read + Send,
    address: &str,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let (mut requests, mut spans) = (0, 0);
    let encoder = Encoder::new(Encoding::Protobuf, &Resource::new().with("service.name", "orders"));
    let mut sink = BatchSink::new(encoder, |batch: &Batch| {
        post(address, batch)?;
        (requests, spans) = (requests + 1, spans + batch.records());
        Ok::<(), io::Error>(())
    });
    let mut mapper = Mapper::new();
    mapper.read(&mut Reader::new(trace)?, &mut sink)?;
    mapper.finish(&mut sink)?;
    sink.flush()?;
    drop(sink);
    Ok(writeln!(out, "{spans} spans in {requests} requests to {address}")?)
}
