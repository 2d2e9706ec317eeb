//! Every limit of the server, exceeded once, and what is said to it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tonic::metadata::MetadataValue;
use tonic::{Request, Status};
use zokio_console_proto::v1;

use super::console::{connect, describe, request};

/// The limits, and a part of the words that each is told with.
pub(super) const LIMITS: [(&str, &str); 10] = [
    ("calls of a connection", "end one"),
    ("connections", "close one and try again"),
    ("filter", "a value is missing"),
    ("headers", "send less metadata"),
    ("host", "ask for 127.0.0.1"),
    ("message", "ask for less in one message"),
    ("requests", "ask less often"),
    ("version", "update zokio-instrumentation"),
    ("viewers", "close one and try again"),
    ("web page", "requests from web pages"),
];

/// Streams or connections that are tried until one is refused.
const MOST: u32 = 400;

/// What was said to each.
pub(super) async fn all(address: SocketAddr) -> BTreeMap<String, String> {
    let mut said = BTreeMap::new();
    let mut add = |limit: &str, words: Result<(), String>| {
        let words = words
            .err()
            .unwrap_or_else(|| "nothing is refused".to_owned());
        said.insert(limit.to_owned(), words);
    };
    let web_page = "host: localhost\r\norigin: http://evil.example";
    add("web page", ask_in_the_clear(address, web_page));
    add("host", ask_in_the_clear(address, "host: evil.example"));
    add("headers", headers(address).await);
    let long = v1::TaskQuery {
        filter: "x".repeat(70_000),
        ..Default::default()
    };
    add("message", subscribe(address, long).await);
    let wrong = v1::TaskQuery {
        filter: "polls >".to_owned(),
        ..Default::default()
    };
    add("filter", subscribe(address, wrong).await);
    add("version", version(address).await);
    add("calls of a connection", calls(address).await);
    add("viewers", viewers(address).await);
    add("requests", requests(address));
    add("connections", connections(address));
    said
}

fn words(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

/// One request of HTTP/1. `Err`: what came instead of `200 OK`.
fn ask_in_the_clear(address: SocketAddr, headers: &str) -> Result<(), String> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    ask(&mut stream, headers)
}

/// The same, on a connection that is there.
fn ask(stream: &mut TcpStream, headers: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .map_err(failed)?;
    let request = format!("GET / HTTP/1.1\r\n{headers}\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut bytes = [0; 4_096];
    let mut said = String::new();
    // Head and body end with a line each; the body may come later.
    while said
        .split_once("\r\n\r\n")
        .is_none_or(|(_, body)| !body.ends_with('\n'))
    {
        match stream.read(&mut bytes).map_err(failed)? {
            0 => break,
            n => said.push_str(&String::from_utf8_lossy(&bytes[..n])),
        }
    }
    if said.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    Err(one_line(&said))
}

async fn headers(address: SocketAddr) -> Result<(), String> {
    let mut client = connect(address).await?;
    let mut request = Request::new(describe());
    let large = MetadataValue::try_from("x".repeat(20_000)).map_err(|error| error.to_string())?;
    request.metadata_mut().insert("x-large", large);
    let answer = client.describe(request).await;
    answer.map(drop).map_err(|status| words(&status))
}

async fn subscribe(address: SocketAddr, tasks: v1::TaskQuery) -> Result<(), String> {
    let mut client = connect(address).await?;
    let wish = v1::SubscribeRequest {
        tasks: Some(tasks),
        ..request(0)
    };
    let answer = client.subscribe(wish).await;
    answer.map(drop).map_err(|status| words(&status))
}

async fn version(address: SocketAddr) -> Result<(), String> {
    let mut client = connect(address).await?;
    let answer = client
        .describe(v1::DescribeRequest {
            major: 99,
            minor: 0,
        })
        .await;
    answer.map(drop).map_err(|status| words(&status))
}

async fn calls(address: SocketAddr) -> Result<(), String> {
    let mut client = connect(address).await?;
    let mut streams = Vec::new();
    for _ in 0..MOST {
        let answer = client.subscribe(request(0)).await;
        streams.push(answer.map_err(|status| words(&status))?);
    }
    Ok(())
}

/// Ten on each connection, which is less than it may have.
async fn viewers(address: SocketAddr) -> Result<(), String> {
    let mut streams = Vec::new();
    while streams.len() < MOST as usize {
        let mut client = connect(address).await?;
        for _ in 0..10 {
            let answer = client.subscribe(request(0)).await;
            streams.push(answer.map_err(|status| words(&status))?);
        }
    }
    Ok(())
}

fn connections(address: SocketAddr) -> Result<(), String> {
    let mut streams = Vec::new();
    for _ in 0..MOST {
        let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
        ask(&mut stream, "host: localhost")?;
        streams.push(stream);
    }
    Ok(())
}

/// One after the other, on one connection.
fn requests(address: SocketAddr) -> Result<(), String> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    (0..10 * MOST).try_for_each(|_| ask(&mut stream, "host: localhost"))
}

/// Status and body of an answer.
fn one_line(said: &str) -> String {
    let status = said.lines().next().unwrap_or_default();
    let body = said.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    format!("{status}: {}", body.trim_end())
}
