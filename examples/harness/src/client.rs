//! Asking the parts by HTTP.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result};
use ureq::{Agent, http};

use crate::http::Request;

const LIMIT: Duration = Duration::from_secs(60);
/// All traces of a window may come in one answer.
const MAX_ANSWER: u64 = 1 << 30;

/// Status, headers and body.
pub(crate) type Answered = (u16, Vec<(String, String)>, Vec<u8>);

#[derive(Debug)]
pub(crate) struct Client(Agent);

impl Client {
    pub(crate) fn new() -> Self {
        let config = Agent::config_builder().timeout_global(Some(LIMIT)).http_status_as_error(false);
        Self(config.build().into())
    }

    /// Status and body.
    pub(crate) fn get(&self, url: &str) -> Result<(u16, Vec<u8>)> {
        let (status, _, body) = answered(self.0.get(url).call().with_context(|| url.to_owned())?)?;
        Ok((status, body))
    }

    /// The body of an answer that says 200.
    pub(crate) fn get_text(&self, url: &str) -> Result<String> {
        let (status, body) = self.get(url)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        anyhow::ensure!(status == 200, "{url}: {status}: {body:.300}");
        Ok(body)
    }

    pub(crate) fn post(&self, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answered> {
        let mut request = self.0.post(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answered(request.send(body).with_context(|| url.to_owned())?)
    }

    /// Sends a request on as it came.
    pub(crate) fn forward(&self, url: &str, request: &Request) -> Result<Answered> {
        if request.method == "GET" {
            return answered(self.0.get(url).call()?);
        }
        let of_this_hop = ["host", "content-length", "connection", "transfer-encoding", "expect"];
        let headers = request
            .headers
            .iter()
            .filter(|(name, _)| !of_this_hop.iter().any(|hop| name.eq_ignore_ascii_case(hop)));
        let headers: Vec<_> = headers.map(|(name, value)| (&**name, &**value)).collect();
        self.post(url, &headers, &request.body)
    }
}

/// The status of the answer to a request that may be answered before all of it is there, and whose connection may be
/// closed then.
pub(crate) fn post_in_vain(receiver: &str, target: &str, headers: &str, body: &[u8]) -> Result<u16> {
    let mut stream = TcpStream::connect(receiver.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let length = body.len();
    let head =
        format!("POST {target} HTTP/1.1\r\nhost: receiver\r\ncontent-length: {length}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes())?;
    // Whoever does not want to read it has said why.
    let _ = stream.write_all(body);
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.with_context(|| format!("not a status line: {line:?}"))
}

fn answered(mut answer: http::Response<ureq::Body>) -> Result<Answered> {
    let mut body = Vec::new();
    answer.body_mut().with_config().limit(MAX_ANSWER).reader().read_to_end(&mut body)?;
    let kept = ["content-type", "retry-after"];
    let headers = answer.headers().iter().filter(|(name, _)| kept.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Ok((answer.status().as_u16(), headers.collect(), body))
}
