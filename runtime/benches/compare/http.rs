//! HTTP/1.1 through hyper: a server on one runtime in a process of its own, loaded by another
//! process. Wall time of a request and CPU time of the server.

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Instant;

use crate::child::Conversation;
use crate::harness::{Bound, Sample, cpu_time};
use crate::{on_tokio, on_zokio};

const REQUESTS: u64 = 20_000;
const CONNECTIONS: usize = 32;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const BODY: &str = "hello, world";

/// The rows, with `program` (this one, or another build of it) as the server.
pub fn rows(runtime: &str, program: &Path, workers: usize) -> Vec<Bound> {
    if runtime == "smol" {
        return Vec::new();
    }
    let (runtime, program) = (runtime.to_owned(), program.to_owned());
    let mut server: Option<(Conversation, String)> = None;
    vec![Bound {
        name: "http/hello-32",
        metrics: vec!["", "cpu"],
        ops: REQUESTS,
        run: Box::new(move |ops| {
            let (server, address) = server.get_or_insert_with(|| {
                let args = ["http", &runtime, &workers.to_string()];
                let mut server = Conversation::start(&program, &args);
                let address = server.hear();
                (server, address)
            });
            let cpu = |server: &mut Conversation| -> f64 { server.ask("cpu").parse().unwrap() };
            let before = cpu(server);
            let mut load = Conversation::own(&["load", address, &ops.to_string()]);
            let ns: f64 = load.hear().parse().unwrap();
            let after = cpu(server);
            Sample::values(vec![ns, (after - before) / ops as f64])
        }),
    }]
}

/// Serves until its input ends: says the address, then for every line its CPU time.
pub fn serve(runtime: &str, workers: usize) {
    let address = match runtime {
        "zokio" => on_zokio(workers),
        _ => on_tokio(workers),
    };
    println!("{address}");
    for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
        println!("{}", cpu_time().as_nanos());
    }
}

type Response = hyper::Response<http_body_util::Full<bytes::Bytes>>;

async fn hello(
    _: hyper::Request<hyper::body::Incoming>,
) -> Result<Response, std::convert::Infallible> {
    Ok(hyper::Response::new(BODY.into()))
}

fn on_zokio(workers: usize) -> SocketAddr {
    let runtime = on_zokio::build(workers);
    let listener = runtime
        .block_on(zokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    drop(runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            drop(zokio::spawn(async move {
                let service = hyper::service::service_fn(hello);
                let connection = hyper::server::conn::http1::Builder::new();
                let _ = connection.serve_connection(stream, service).await;
            }));
        }
    }));
    std::mem::forget(runtime);
    address
}

fn on_tokio(workers: usize) -> SocketAddr {
    let runtime = on_tokio::build(workers);
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    drop(runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            drop(tokio::spawn(async move {
                let service = hyper::service::service_fn(hello);
                let connection = hyper::server::conn::http1::Builder::new();
                let io = hyper_util::rt::TokioIo::new(stream);
                let _ = connection.serve_connection(io, service).await;
            }));
        }
    }));
    std::mem::forget(runtime);
    address
}

/// Makes requests, one at a time on each connection, and says how many nanoseconds each took.
/// One thread: it sends on every connection, then reads from every one.
pub fn load(address: &str, requests: u64) {
    let mut streams: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| {
            let stream = TcpStream::connect(address).expect("the server listens");
            stream.set_nodelay(true).expect("a TCP socket");
            stream
        })
        .collect();
    let rounds = (requests / CONNECTIONS as u64).max(1);
    let begin = Instant::now();
    for _ in 0..rounds {
        for stream in &mut streams {
            stream.write_all(REQUEST).expect("the server reads");
        }
        for stream in &mut streams {
            read_response(stream);
        }
    }
    let ns = begin.elapsed().as_nanos() as f64 / (rounds * CONNECTIONS as u64) as f64;
    println!("{ns}");
}

fn read_response(stream: &mut TcpStream) {
    let mut response = [0; 1024];
    let mut length = 0;
    while !response[..length].ends_with(BODY.as_bytes()) {
        let n = stream
            .read(&mut response[length..])
            .expect("the server answers");
        assert!(n > 0, "the server closed the connection");
        length += n;
    }
}
