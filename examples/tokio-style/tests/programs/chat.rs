use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::Program;

struct Client {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writing: OwnedWriteHalf,
}

impl Client {
    /// Gives a name, and reads the server's first line.
    async fn new(address: &str, name: &str) -> Client {
        let (reading, writing) = TcpStream::connect(address).await.unwrap().into_split();
        let lines = BufReader::new(reading).lines();
        let mut client = Client { lines, writing };
        assert_eq!(client.hear().await, "your name?");
        client.say(name).await;
        client
    }

    async fn say(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.writing.write_all(line.as_bytes()).await.unwrap();
    }

    /// The next line, or nothing at the end.
    async fn hear(&mut self) -> String {
        self.lines.next_line().await.unwrap().unwrap_or_default()
    }
}

#[tokio::test]
async fn clients_hear_each_other_and_the_servers_goodbye() {
    let program = env!("CARGO_BIN_EXE_chat");
    let (server, address) = Program::listening(program, &["--addr", "127.0.0.1:0"]);
    let mut ada = Client::new(&address, "ada").await;
    assert_eq!(ada.hear().await, "welcome");
    let mut grace = Client::new(&address, "grace").await;
    assert_eq!(grace.hear().await, "welcome");

    ada.say("hello").await;
    assert_eq!(grace.hear().await, "ada: hello");
    grace.say("hello yourself").await;
    // Its own line has not come back to her.
    assert_eq!(ada.hear().await, "grace: hello yourself");
    ada.say("/who").await;
    assert_eq!(ada.hear().await, "here: ada, grace");

    let mut impostor = Client::new(&address, "ada").await;
    assert_eq!(impostor.hear().await, "that name is taken");
    assert_eq!(impostor.hear().await, "");

    grace.say("/quit").await;
    assert_eq!(grace.hear().await, "");
    ada.say("/who").await;
    assert_eq!(ada.hear().await, "here: ada");

    assert_eq!(server.interrupt(), ("stopped\n".to_owned(), true));
    assert_eq!(ada.hear().await, "goodbye");
    assert_eq!(ada.hear().await, "");
}
