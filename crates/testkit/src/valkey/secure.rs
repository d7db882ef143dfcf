//! A server that speaks TLS.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::node::Node;
use crate::certificates::Authority;
use crate::port::free_port;

/// A Valkey with a certificate for `localhost`, from an authority that nobody knows. It speaks
/// without TLS, too, on a port of its own, so that tests can set it up. Ends with the value.
pub struct SecureValkey {
    node: Node,
    tls_port: u16,
    ca_file: PathBuf,
    other_ca_file: PathBuf,
}

impl SecureValkey {
    /// Starts a server.
    pub async fn start() -> Result<Self> {
        let mut node = Node::new()?;
        let tls_port = free_port()?;
        let authority = Authority::new()?;
        let (certificate, key) = authority.issue("localhost")?;
        let place = |name: &str| node.dir().join(name);
        let (ca_file, other_ca_file) = (place("ca.pem"), place("other-ca.pem"));
        std::fs::write(&ca_file, authority.certificate())?;
        std::fs::write(&other_ca_file, Authority::new()?.certificate())?;
        let (certificate_file, key_file) = (place("server.pem"), place("server.key"));
        std::fs::write(&certificate_file, certificate)?;
        std::fs::write(&key_file, key)?;
        let in_words = |path: &Path| path.display().to_string();
        let arguments = [
            ("--tls-port", tls_port.to_string()),
            ("--tls-cert-file", in_words(&certificate_file)),
            ("--tls-key-file", in_words(&key_file)),
            ("--tls-ca-cert-file", in_words(&ca_file)),
            ("--tls-auth-clients", "no".to_owned()),
        ];
        let arguments = arguments
            .iter()
            .flat_map(|(name, value)| [*name, value.as_str()]);
        node.run(&arguments.collect::<Vec<_>>()).await?;
        Ok(Self {
            node,
            tls_port,
            ca_file,
            other_ca_file,
        })
    }

    /// The port that speaks TLS.
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// The URL of the port that does not.
    pub fn plain_url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.node.port())
    }

    /// The certificate of the authority that the server's own comes from, as a PEM file.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// That of an authority which has nothing to do with it.
    pub fn other_ca_file(&self) -> &Path {
        &self.other_ca_file
    }
}
