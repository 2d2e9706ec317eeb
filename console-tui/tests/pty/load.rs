//! Requests for a server to answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const SHORT_TASKS: &str = "/spawn?n=100";
/// Leaves something of a small machine to others.
const SLOW: &str = "/slow";
/// For an answer of a machine under load.
const DEADLINE: Duration = Duration::from_secs(30);

/// Clients with a connection each, which ask until this is dropped or the server is gone.
pub(crate) struct Load {
    ended: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Each client has had an answer when this returns, and so the server has a task for it.
    pub(crate) fn start(address: SocketAddr, clients: usize) -> Load {
        let ended = Arc::new(AtomicBool::new(false));
        let start = |_| {
            let mut client = Client::connect(address).unwrap();
            client.get(SHORT_TASKS).unwrap();
            let ended = Arc::clone(&ended);
            thread::spawn(move || {
                let mut paths = [SLOW, SHORT_TASKS].into_iter().cycle();
                while !ended.load(Ordering::Relaxed)
                    && paths.next().is_some_and(|path| client.get(path).is_ok())
                {}
            })
        };
        let clients = (0..clients).map(start).collect();
        Load { ended, clients }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            let _ = client.join();
        }
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(Client(BufReader::new(stream)))
    }

    /// Asks for a path, and reads the answer to its end.
    fn get(&mut self, path: &str) -> io::Result<()> {
        write!(
            self.0.get_mut(),
            "GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"
        )?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap(),
                None if line == "\r\n" => break,
                _ => {}
            }
        }
        self.0.read_exact(&mut vec![0; length])
    }
}
