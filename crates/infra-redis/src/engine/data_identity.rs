//! What the server's data is known by, so that other data is noticed.

use uuid::Uuid;

use super::connection::Connection;
use super::error::EngineError;
use super::keys::{QueueId, QueueKeys};
use super::reply::Decoder;
use super::scripts;

/// Asks for the identity of a server's data, and marks data that has no mark.
pub(crate) struct DataIdentity {
    connection: Connection,
    keys: QueueKeys,
}

impl DataIdentity {
    /// The mark lies under this id, which must not be that of a queue.
    pub(crate) fn new(connection: Connection, id: &QueueId) -> Self {
        Self {
            connection,
            keys: QueueKeys::new(id),
        }
    }

    /// The identity of the data as it is now.
    pub(crate) async fn ask(&self) -> Result<String, EngineError> {
        let mark = Uuid::new_v4().simple().to_string();
        let reply = scripts::DATA_IDENTITY.call(&self.connection, &self.keys, [mark]);
        let decoder = Decoder("data_identity");
        let parts: [_; 3] = decoder.array(reply.await?)?;
        let mut texts = Vec::with_capacity(parts.len());
        for part in parts {
            texts.push(decoder.text(part)?);
        }
        Ok(texts.join("/"))
    }
}
