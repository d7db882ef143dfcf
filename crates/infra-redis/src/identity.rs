//! Tells whether Valkey still holds the data that it held.

use async_trait::async_trait;
use domain::event::generation::QueueData;
use domain::store::BoxError;

use crate::engine::data_identity::DataIdentity;
use crate::engine::{Connection, OptionError, QueueId};

/// What the mark lies under, beside the queues.
const NAME: &str = "data";

/// The identity of the data in Valkey: of the server's run and replication, and of a mark among the
/// keys.
pub struct ValkeyData(DataIdentity);

impl ValkeyData {
    /// The data of the queues under this prefix.
    ///
    /// # Errors
    ///
    /// [`OptionError`] if nothing in Valkey can have that prefix.
    pub fn new(connection: &Connection, prefix: &str) -> Result<Self, OptionError> {
        let id = QueueId::parse(prefix, NAME)?;
        Ok(Self(DataIdentity::new(connection.clone(), &id)))
    }
}

#[async_trait]
impl QueueData for ValkeyData {
    async fn identity(&self) -> Result<String, BoxError> {
        self.0.ask().await.map_err(BoxError::from)
    }
}
