//! A TCP proxy that breaks connections on request, to cause the faults that networks have.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a server.
pub struct Proxy {
    address: SocketAddr,
    drop_next_reply: Arc<AtomicBool>,
    cut: watch::Sender<u64>,
    frozen: watch::Sender<bool>,
}

impl Proxy {
    /// Listens on a free port and forwards to `target`, a `host:port`.
    pub async fn start(target: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let drop_next_reply = Arc::new(AtomicBool::new(false));
        let (cut, _) = watch::channel(0);
        let (frozen, _) = watch::channel(false);
        let (flag, target) = (Arc::clone(&drop_next_reply), target.to_owned());
        let (cuts, freezes) = (cut.clone(), frozen.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "lives as long as the test's runtime"
        )]
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let faults = Faults {
                    drop_next_reply: Arc::clone(&flag),
                    cut: cuts.subscribe(),
                    frozen: freezes.subscribe(),
                };
                tokio::spawn(forward(client, target.clone(), faults));
            }
        });
        Ok(Self {
            address,
            drop_next_reply,
            cut,
            frozen,
        })
    }

    /// Where it listens, as a Valkey URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// The next answer of the server is lost, and its connection with it: what was asked has
    /// happened, and who asked does not know.
    pub fn drop_next_reply(&self) {
        self.drop_next_reply.store(true, Ordering::SeqCst);
    }

    /// Whether the reply that was to be dropped still waits for its turn.
    pub fn is_armed(&self) -> bool {
        self.drop_next_reply.load(Ordering::SeqCst)
    }

    /// From now on nothing passes, in either direction, and nobody is told: a network that
    /// swallows packets.
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// Cuts every connection there is.
    pub fn cut(&self) {
        self.cut.send_modify(|n| *n += 1);
    }
}

struct Faults {
    drop_next_reply: Arc<AtomicBool>,
    cut: watch::Receiver<u64>,
    frozen: watch::Receiver<bool>,
}

async fn forward(mut client: TcpStream, target: String, mut faults: Faults) {
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    let (mut from_client, mut from_server) = (vec![0; 65536], vec![0; 65536]);
    loop {
        let is_frozen = *faults.frozen.borrow();
        // Reading is cancel-safe; writing happens in the arms' bodies, which run to their end.
        tokio::select! {
            read = client.read(&mut from_client), if !is_frozen => match read {
                Ok(n) if n > 0 => {
                    if server.write_all(&from_client[..n]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            read = server.read(&mut from_server), if !is_frozen => match read {
                Ok(n) if n > 0 => {
                    if faults.drop_next_reply.swap(false, Ordering::SeqCst) {
                        return;
                    }
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
