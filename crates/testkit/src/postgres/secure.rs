//! A server that speaks TLS.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;

use anyhow::Result;
use tempfile::TempDir;
use testcontainers::{ContainerAsync, GenericImage};

use super::launch::{self, Source};
use crate::certificates::Authority;
use crate::port::free_port;

/// A Postgres with a certificate for `localhost`, from an authority that nobody knows. Ends with the
/// value.
pub struct SecurePostgres {
    port: u16,
    _server: Server,
    ca_file: PathBuf,
    other_ca_file: PathBuf,
    _dir: TempDir,
    _data: TempDir,
}

/// Held for as long as it is to run.
#[expect(dead_code, reason = "it ends when it is dropped")]
enum Server {
    Container(Box<ContainerAsync<GenericImage>>),
    Process(Process),
}

struct Process(Child);

impl SecurePostgres {
    /// Starts a server.
    pub async fn start() -> Result<Self> {
        let port = free_port()?;
        // One folder for the test, and one for the server, whose user may be another.
        let (dir, data) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let authority = Authority::new()?;
        let (certificate, key) = authority.issue("localhost")?;
        let place = |name: &str| dir.path().join(name);
        let (ca_file, other_ca_file) = (place("ca.pem"), place("other-ca.pem"));
        std::fs::write(&ca_file, authority.certificate())?;
        std::fs::write(&other_ca_file, Authority::new()?.certificate())?;
        let server = match Source::find()? {
            Source::Container => {
                let container = launch::secure_container(port, &certificate, &key).await?;
                Server::Container(Box::new(container))
            }
            Source::Local => {
                launch::make_data(data.path())?;
                let certificate_file = secret(data.path(), "server.pem", &certificate)?;
                let key_file = secret(data.path(), "server.key", &key)?;
                let settings = [
                    "fsync=off".to_owned(),
                    "ssl=on".to_owned(),
                    format!("ssl_cert_file={}", certificate_file.display()),
                    format!("ssl_key_file={}", key_file.display()),
                ];
                let settings = settings.each_ref().map(String::as_str);
                Server::Process(Process(launch::process(port, data.path(), &settings)?))
            }
        };
        launch::until_it_answers(port).await?;
        Ok(Self {
            port,
            _server: server,
            ca_file,
            other_ca_file,
            _dir: dir,
            _data: data,
        })
    }

    /// The URL of its database for a client that calls the server by this name, with these
    /// parameters.
    pub fn url(&self, host: &str, parameters: &str) -> String {
        let url = launch::url(self.port, "postgres");
        format!("{}?{parameters}", url.replace("127.0.0.1", host))
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

/// A file in the server's folder that nobody but the server's user may read.
fn secret(dir: &Path, name: &str, content: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    std::fs::write(&path, content)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    launch::give_to_server(&path, dir)?;
    Ok(path)
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which is what is wanted.
        let _ = launch::end_at_once(&mut self.0);
    }
}
