//! Puts a distance between a program and its server: what comes in leaves half a round trip later,
//! in order, in each direction.
//!
//! A reader never waits for its writer, so that the distance costs time and no throughput. Threads
//! and their sleeps, since the runtime's timers step in whole milliseconds.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What is read at once.
const CHUNK: usize = 64 * 1024;

/// What is written at once, at most a little more than this.
const FULL: usize = 256 * 1024;

/// Some bytes, and when they leave.
struct Parcel {
    leaves: Instant,
    bytes: Vec<u8>,
}

/// Forwards the connections that come in to `target`, for ever.
pub(crate) fn serve(listener: &TcpListener, target: &str, round_trip: Duration) {
    for client in listener.incoming().flatten() {
        // A server that can't be reached is told by the connection's end.
        if let Ok(server) = TcpStream::connect(target) {
            // A socket that is gone already ends its threads.
            let _ = join_up(client, server, round_trip / 2);
        }
    }
}

fn join_up(client: TcpStream, server: TcpStream, delay: Duration) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    carry(client.try_clone()?, server.try_clone()?, delay);
    carry(server, client, delay);
    Ok(())
}

/// Starts the two threads of one direction.
fn carry(from: TcpStream, to: TcpStream, delay: Duration) {
    let (sender, receiver) = channel();
    thread::spawn(move || take(from, &sender, delay));
    thread::spawn(move || deliver(&receiver, to));
}

fn take(mut from: TcpStream, parcels: &Sender<Parcel>, delay: Duration) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let parcel = Parcel {
            leaves: Instant::now() + delay,
            bytes: buffer[..length].to_vec(),
        };
        if parcels.send(parcel).is_err() {
            return;
        }
    }
}

fn deliver(parcels: &Receiver<Parcel>, mut to: TcpStream) {
    let mut next = parcels.recv().ok();
    while let Some(Parcel { leaves, mut bytes }) = next.take() {
        thread::sleep(leaves.saturating_duration_since(Instant::now()));
        // What has become due meanwhile goes along.
        while bytes.len() < FULL && next.is_none() {
            match parcels.try_recv() {
                Ok(more) if more.leaves <= Instant::now() => bytes.extend(more.bytes),
                Ok(later) => next = Some(later),
                Err(_) => break,
            }
        }
        if to.write_all(&bytes).is_err() {
            return;
        }
        if next.is_none() {
            next = parcels.recv().ok();
        }
    }
    // The other side learns that no more comes, as it would without this program.
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn far(round_trip: Duration) -> TcpStream {
        let echo = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = echo.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (mut stream, _) = echo.accept().unwrap();
            let mut copy = stream.try_clone().unwrap();
            std::io::copy(&mut stream, &mut copy).unwrap();
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(&listener, &target, round_trip));
        TcpStream::connect(address).unwrap()
    }

    #[test]
    fn an_answer_takes_a_round_trip() {
        let mut stream = far(Duration::from_millis(60));
        let start = Instant::now();
        stream.write_all(b"a").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(60));
    }

    #[test]
    fn much_arrives_whole_in_order_and_after_one_round_trip_and_not_many() {
        let mut stream = far(Duration::from_millis(200));
        let sent: Vec<u8> = (0..4_000_000_u32).map(|i| (i % 251) as u8).collect();
        let start = Instant::now();
        let mut writer = stream.try_clone().unwrap();
        let to_send = sent.clone();
        let writing = thread::spawn(move || writer.write_all(&to_send).unwrap());
        let mut got = vec![0; sent.len()];
        stream.read_exact(&mut got).unwrap();
        writing.join().unwrap();
        assert!(got == sent);
        // Sixty chunks, one round trip each, would take twelve seconds.
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
