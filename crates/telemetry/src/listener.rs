//! Opening a port, with an error that a person can act on.

use std::io::ErrorKind;
use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;

/// Listens on `addr`; `purpose` says in the error what the port was for, as in `the API`.
pub async fn bind(addr: SocketAddr, purpose: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.map_err(|error| {
        let reason = match error.kind() {
            ErrorKind::AddrInUse => "the address is already in use".to_owned(),
            ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            ErrorKind::PermissionDenied => "this port needs more privileges".to_owned(),
            _ => error.to_string(),
        };
        anyhow::anyhow!("can't listen on {addr} for {purpose}: {reason}")
    })
}

/// The address a listener got, which tells the port when it was left to the system.
pub fn local_addr(listener: &TcpListener) -> anyhow::Result<SocketAddr> {
    listener
        .local_addr()
        .context("a listener has lost its address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_said_in_one_sentence() {
        let taken = bind("127.0.0.1:0".parse().unwrap(), "a test")
            .await
            .unwrap();
        let addr = local_addr(&taken).unwrap();
        let error = bind(addr, "the API").await.unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            format!("can't listen on {addr} for the API: the address is already in use")
        );
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_said_in_one_sentence() {
        let elsewhere = "192.0.2.1:8080".parse().unwrap();
        let error = bind(elsewhere, "the API").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "can't listen on 192.0.2.1:8080 for the API: this machine has no such address"
        );
    }
}
