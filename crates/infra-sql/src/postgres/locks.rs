//! Locks on things that are no rows, which Postgres calls advisory. Each ends with its transaction.
//!
//! A key is two numbers: what the lock is about, and a subject's low bits. Two subjects that share
//! their bits wait for each other now and then, and that is all.

use sqlx::PgConnection;
use uuid::Uuid;

/// What a lock is about. The numbers are in use by processes that run: never give one a new meaning.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lock {
    /// Bringing the schema up to date.
    Migrations = 1,
    /// Recording events of a subject, so that they are seen in the order of their numbers.
    Recording = 2,
    /// Publishing events of a subject.
    Relaying = 3,
    /// Putting an author's cards in feeds (shared), or taking them back.
    Feeds = 4,
    /// Looking at what was published in earlier generations of the queues' data.
    Recovering = 5,
}

impl Lock {
    pub(super) fn number(self) -> i32 {
        self as i32
    }

    /// Waits for the lock on a subject.
    pub(super) async fn take(
        self,
        connection: &mut PgConnection,
        subject: Uuid,
    ) -> sqlx::Result<()> {
        sqlx::query("SELECT pg_advisory_xact_lock($1, $2)")
            .bind(self.number())
            .bind(key(subject))
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Waits for a share of the lock on a subject, which keeps others from taking all of it.
    pub(super) async fn share(
        self,
        connection: &mut PgConnection,
        subject: Uuid,
    ) -> sqlx::Result<()> {
        sqlx::query("SELECT pg_advisory_xact_lock_shared($1, $2)")
            .bind(self.number())
            .bind(key(subject))
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Waits for the locks on several subjects, in an order that all agree on.
    pub(super) async fn take_all(
        self,
        connection: &mut PgConnection,
        subjects: impl Iterator<Item = Uuid>,
    ) -> sqlx::Result<()> {
        let keys: std::collections::BTreeSet<i32> = subjects.map(key).collect();
        sqlx::query("SELECT pg_advisory_xact_lock($1, key) FROM unnest($2::int[]) AS key")
            .bind(self.number())
            .bind(keys.into_iter().collect::<Vec<_>>())
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Takes the locks that nobody holds, and waits for none; which of the subjects they are on.
    pub(super) async fn take_free(
        self,
        connection: &mut PgConnection,
        subjects: &[Uuid],
    ) -> sqlx::Result<Vec<Uuid>> {
        let keys: Vec<i32> = subjects.iter().copied().map(key).collect();
        sqlx::query_scalar(
            "SELECT subject
             FROM unnest($2::uuid[], $3::int[]) AS wanted (subject, key)
             WHERE pg_try_advisory_xact_lock($1, key)",
        )
        .bind(self.number())
        .bind(subjects)
        .bind(keys)
        .fetch_all(connection)
        .await
    }
}

/// The last bits of an id of version 7 are random.
fn key(subject: Uuid) -> i32 {
    let [.., a, b, c, d] = subject.into_bytes();
    i32::from_be_bytes([a, b, c, d])
}
