//! A plain connection to a server, without the engine's library: what that library does is part of
//! what is measured.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use url::Url;

/// What a server answers, in version 2 of its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Text(String),
    Number(i64),
    Nothing,
    List(Vec<Reply>),
}

/// A connection; its halves can be used apart.
pub(crate) struct PlainConnection {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
}

impl PlainConnection {
    /// Connects to `redis://[user:password@]host[:port][/database]`.
    pub(crate) async fn open(address: &str) -> Result<Self> {
        let url = Url::parse(address).context("the server's address is no URL")?;
        let host = url.host_str().context("the server's address has no host")?;
        let port = url.port().unwrap_or(6379);
        let host = host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, port))
            .await
            .with_context(|| format!("no server answers at {host}:{port}"))?;
        stream.set_nodelay(true)?;
        let (receiving, sending) = stream.into_split();
        let mut connection = Self {
            sender: Sender {
                half: sending,
                pending: Vec::new(),
            },
            receiver: Receiver {
                half: BufReader::new(receiving),
                line: String::new(),
            },
        };
        if let Some(password) = url.password() {
            let user = match url.username() {
                "" => "default",
                user => user,
            };
            connection.ask(&["AUTH", user, password]).await?;
        }
        match url.path().trim_start_matches('/') {
            "" => {}
            database => drop(connection.ask(&["SELECT", database]).await?),
        }
        connection.ask(&["PING"]).await?;
        Ok(connection)
    }

    /// Sends a command; its answer.
    pub(crate) async fn ask(&mut self, words: &[&str]) -> Result<Reply> {
        self.sender.put(words);
        let asked = async {
            self.sender.flush().await?;
            self.receiver.reply().await
        };
        asked
            .await
            .with_context(|| format!("{} could not be asked of the server", words[0]))
    }
}

/// The half that sends commands.
pub(crate) struct Sender {
    half: OwnedWriteHalf,
    pending: Vec<u8>,
}

impl Sender {
    /// Puts a command behind those that the next write sends.
    pub(crate) fn put(&mut self, words: &[&str]) {
        self.pending
            .extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            self.pending
                .extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            self.pending.extend_from_slice(word.as_bytes());
            self.pending.extend_from_slice(b"\r\n");
        }
    }

    /// Sends what was put, in one write.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        self.half.write_all(&self.pending).await?;
        self.pending.clear();
        Ok(())
    }
}

/// The half that receives answers, in the order of the commands.
pub(crate) struct Receiver {
    half: BufReader<OwnedReadHalf>,
    line: String,
}

impl Receiver {
    /// The next answer; an error if that is one.
    pub(crate) async fn reply(&mut self) -> Result<Reply> {
        // Lists that are begun, each with how many of its answers are still to come.
        let mut begun: Vec<(usize, Vec<Reply>)> = Vec::new();
        loop {
            let mut reply = match self.item().await? {
                Item::Whole(reply) => reply,
                Item::List(0) => Reply::List(Vec::new()),
                Item::List(length) => {
                    begun.push((length, Vec::with_capacity(length)));
                    continue;
                }
            };
            loop {
                let Some((missing, mut replies)) = begun.pop() else {
                    return Ok(reply);
                };
                replies.push(reply);
                if missing > 1 {
                    begun.push((missing - 1, replies));
                    break;
                }
                reply = Reply::List(replies);
            }
        }
    }

    async fn item(&mut self) -> Result<Item> {
        self.line.clear();
        self.half.read_line(&mut self.line).await?;
        let line = self.line.trim_end();
        let Some((kind, rest)) = line.split_at_checked(1) else {
            bail!("the server closed the connection");
        };
        let length = || rest.parse().context("an answer has no length");
        Ok(Item::Whole(match kind {
            "+" => Reply::Text(rest.to_owned()),
            ":" => Reply::Number(rest.parse().context("an answer is no number")?),
            "$" | "*" if rest == "-1" => Reply::Nothing,
            "*" => return Ok(Item::List(length()?)),
            "$" => {
                let length = length()?;
                let mut text = vec![0; length + 2];
                self.half.read_exact(&mut text).await?;
                text.truncate(length);
                Reply::Text(String::from_utf8(text)?)
            }
            "-" => bail!("{rest}"),
            _ => bail!("an answer of a kind that was not expected: {line}"),
        }))
    }
}

enum Item {
    Whole(Reply),
    /// A list of so many answers, which follow.
    List(usize),
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn answered(bytes: &'static [u8]) -> Result<Reply> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stream, ()) = tokio::join!(TcpStream::connect(address), async {
            let (mut server, _) = listener.accept().await.unwrap();
            server.write_all(bytes).await.unwrap();
        });
        let (half, _) = stream.unwrap().into_split();
        let mut receiver = Receiver {
            half: BufReader::new(half),
            line: String::new(),
        };
        receiver.reply().await
    }

    fn text(text: &str) -> Reply {
        Reply::Text(text.to_owned())
    }

    #[tokio::test]
    async fn answers_of_every_kind_are_read() {
        assert_eq!(answered(b"+OK\r\n").await.unwrap(), text("OK"));
        assert_eq!(answered(b":-7\r\n").await.unwrap(), Reply::Number(-7));
        assert_eq!(answered(b"$4\r\na\r\nb\r\n").await.unwrap(), text("a\r\nb"));
        assert_eq!(answered(b"$-1\r\n").await.unwrap(), Reply::Nothing);
        assert_eq!(answered(b"*-1\r\n").await.unwrap(), Reply::Nothing);
        let nested = answered(b"*3\r\n*2\r\n$1\r\na\r\n:1\r\n*0\r\n$1\r\nb\r\n");
        let inner = Reply::List(vec![text("a"), Reply::Number(1)]);
        assert_eq!(
            nested.await.unwrap(),
            Reply::List(vec![inner, Reply::List(Vec::new()), text("b")])
        );
    }

    #[tokio::test]
    async fn what_is_no_answer_is_told() {
        let said = async |bytes| answered(bytes).await.unwrap_err().to_string();
        assert_eq!(said(b"-ERR no such thing\r\n").await, "ERR no such thing");
        assert_eq!(said(b"").await, "the server closed the connection");
        assert_eq!(said(b"$x\r\n").await, "an answer has no length");
        assert!(said(b"?1\r\n").await.contains("not expected: ?1"));
    }
}
