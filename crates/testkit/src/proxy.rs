//! A TCP proxy that breaks connections on request, to cause the faults that networks have.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a server.
pub struct Proxy {
    address: SocketAddr,
    drop_next_reply: DoomedReply,
    cut: watch::Sender<u64>,
    /// Connections with a lower number than this are frozen.
    frozen: watch::Sender<u64>,
    delay: watch::Sender<Duration>,
    opened: Arc<AtomicU64>,
}

impl Proxy {
    /// Listens on a free port and forwards to `target`, a `host:port`.
    pub async fn start(target: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let drop_next_reply = DoomedReply::default();
        let (cut, _) = watch::channel(0);
        let (frozen, _) = watch::channel(0);
        let (delay, _) = watch::channel(Duration::ZERO);
        let opened = Arc::new(AtomicU64::new(0));
        let numbers = Arc::clone(&opened);
        let (flag, target) = (drop_next_reply.clone(), target.to_owned());
        let (cuts, freezes, delays) = (cut.clone(), frozen.clone(), delay.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "lives as long as the test's runtime"
        )]
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let faults = Faults {
                    drop_next_reply: flag.clone(),
                    cut: cuts.subscribe(),
                    frozen: freezes.subscribe(),
                    delay: delays.subscribe(),
                    number: numbers.fetch_add(1, Ordering::SeqCst),
                };
                tokio::spawn(forward(client, target.clone(), faults));
            }
        });
        Ok(Self {
            address,
            drop_next_reply,
            cut,
            frozen,
            delay,
            opened,
        })
    }

    /// Where it listens, as a Valkey URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// The next answer of the server is lost, and its connection with it: what was asked has
    /// happened, and who asked does not know.
    pub fn drop_next_reply(&self) {
        self.drop_next_reply_with("");
    }

    /// The next answer that contains this text is lost, and its connection with it.
    pub fn drop_next_reply_with(&self, text: &str) {
        *self.drop_next_reply.lock() = Some(text.as_bytes().to_vec());
    }

    /// Whether the reply that was to be dropped still waits for its turn.
    pub fn is_armed(&self) -> bool {
        self.drop_next_reply.lock().is_some()
    }

    /// From now on nothing passes, in either direction, and nobody is told: a network that
    /// swallows packets.
    pub fn freeze(&self) {
        self.frozen.send_replace(u64::MAX);
    }

    /// The same for the connections there are; those that are made later work.
    pub fn freeze_open_connections(&self) {
        self.frozen.send_replace(self.opened.load(Ordering::SeqCst));
    }

    /// From now on what passes arrives this much later, and what follows it waits behind it.
    pub fn delay(&self, delay: Duration) {
        self.delay.send_replace(delay);
    }

    /// Cuts every connection there is.
    pub fn cut(&self) {
        self.cut.send_modify(|n| *n += 1);
    }
}

/// What an answer must contain to be lost; nothing once one was.
#[derive(Clone, Default)]
struct DoomedReply(Arc<Mutex<Option<Vec<u8>>>>);

impl DoomedReply {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this answer is the one to be lost.
    fn takes(&self, reply: &[u8]) -> bool {
        let mut text = self.lock();
        let is_it = text.as_ref().is_some_and(|text| {
            text.is_empty() || reply.windows(text.len()).any(|part| part == text)
        });
        if is_it {
            *text = None;
        }
        is_it
    }
}

struct Faults {
    drop_next_reply: DoomedReply,
    cut: watch::Receiver<u64>,
    frozen: watch::Receiver<u64>,
    delay: watch::Receiver<Duration>,
    number: u64,
}

impl Faults {
    async fn wait(&self) {
        let delay = *self.delay.borrow();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }
}

async fn forward(mut client: TcpStream, target: String, mut faults: Faults) {
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    let (mut from_client, mut from_server) = (vec![0; 65536], vec![0; 65536]);
    loop {
        let is_frozen = faults.number < *faults.frozen.borrow();
        // Reading is cancel-safe; writing happens in the arms' bodies, which run to their end.
        tokio::select! {
            read = client.read(&mut from_client), if !is_frozen => match read {
                Ok(n) if n > 0 => {
                    faults.wait().await;
                    if server.write_all(&from_client[..n]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            read = server.read(&mut from_server), if !is_frozen => match read {
                Ok(n) if n > 0 => {
                    if faults.drop_next_reply.takes(&from_server[..n]) {
                        return;
                    }
                    faults.wait().await;
                    if client.write_all(&from_server[..n]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            _ = faults.cut.changed() => return,
            _ = faults.frozen.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_delayed_arrives_later_in_each_direction() {
        let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = echo.local_addr().unwrap().to_string();
        let proxy = Proxy::start(&target).await.unwrap();
        let mut client = TcpStream::connect(proxy.address).await.unwrap();
        let (mut server, _) = echo.accept().await.unwrap();
        let delay = Duration::from_millis(50);
        proxy.delay(delay);
        let begun = tokio::time::Instant::now();
        let mut byte = [0];
        client.write_all(b"a").await.unwrap();
        server.read_exact(&mut byte).await.unwrap();
        assert!(begun.elapsed() >= delay);
        server.write_all(&byte).await.unwrap();
        client.read_exact(&mut byte).await.unwrap();
        assert!(begun.elapsed() >= delay * 2);
        assert_eq!(byte, *b"a");
    }
}
