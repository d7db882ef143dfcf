//! A look into a database, and a hand in it, as an operator has them: statements of one's own,
//! beside the programs that use it.

use anyhow::{Context, Result, bail};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

/// A database under a URL as `DATABASE_URL` has it. Each call makes a connection of its own, so
/// that the server may go away between two of them.
#[derive(Debug, Clone)]
pub struct Sql {
    url: String,
}

/// Something that stays locked until this is dropped.
pub struct Held {
    connection: PgConnection,
}

impl Sql {
    /// The database under this URL.
    pub fn at(url: &str) -> Self {
        let url = url.to_owned();
        Self { url }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// An id's column as text, whichever way the database keeps it.
    pub fn id(&self, column: &str) -> String {
        if self.is_postgres() {
            format!("replace({column}::text, '-', '')")
        } else {
            format!("lower(hex({column}))")
        }
    }

    /// Runs a statement; how many rows it changed.
    pub async fn execute(&self, statement: String) -> Result<u64> {
        let what = statement.clone();
        let statement = AssertSqlSafe(statement);
        let changed = if self.is_postgres() {
            let mut connection = self.postgres().await?;
            let done = connection.execute(statement).await;
            done.map(|done| done.rows_affected())
        } else {
            let mut connection = self.sqlite().await?;
            let done = connection.execute(statement).await;
            done.map(|done| done.rows_affected())
        };
        changed.context(what)
    }

    /// The rows of a query of one number.
    pub async fn numbers(&self, query: &str) -> Result<Vec<i64>> {
        let statement = AssertSqlSafe(query.to_owned());
        let rows = if self.is_postgres() {
            sqlx::query_scalar(statement)
                .fetch_all(&mut self.postgres().await?)
                .await
        } else {
            sqlx::query_scalar(statement)
                .fetch_all(&mut self.sqlite().await?)
                .await
        };
        rows.with_context(|| query.to_owned())
    }

    /// The one number that a query gives.
    pub async fn number(&self, query: &str) -> Result<i64> {
        match self.numbers(query).await?[..] {
            [number] => Ok(number),
            ref rows => bail!("{} rows instead of one: {query}", rows.len()),
        }
    }

    /// The rows of a query of a text and a number.
    pub async fn counts(&self, query: &str) -> Result<Vec<(String, i64)>> {
        let statement = AssertSqlSafe(query.to_owned());
        let rows = if self.is_postgres() {
            sqlx::query_as(statement)
                .fetch_all(&mut self.postgres().await?)
                .await
        } else {
            sqlx::query_as(statement)
                .fetch_all(&mut self.sqlite().await?)
                .await
        };
        rows.with_context(|| query.to_owned())
    }

    /// The rows of a query of one text.
    pub async fn texts(&self, query: &str) -> Result<Vec<String>> {
        let statement = AssertSqlSafe(query.to_owned());
        let rows = if self.is_postgres() {
            sqlx::query_scalar(statement)
                .fetch_all(&mut self.postgres().await?)
                .await
        } else {
            sqlx::query_scalar(statement)
                .fetch_all(&mut self.sqlite().await?)
                .await
        };
        rows.with_context(|| query.to_owned())
    }

    /// Locks a table of a Postgres database against everybody else, readers too.
    pub async fn hold(&self, table: &str) -> Result<Held> {
        let mut connection = self.postgres().await?;
        connection.execute("BEGIN").await?;
        let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        connection.execute(AssertSqlSafe(lock)).await?;
        Ok(Held { connection })
    }

    fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }

    async fn postgres(&self) -> Result<PgConnection> {
        let options: PgConnectOptions = self.url.parse()?;
        let connection = options.disable_statement_logging().connect().await;
        connection.context("the database does not answer")
    }

    async fn sqlite(&self) -> Result<SqliteConnection> {
        let options: SqliteConnectOptions = self.url.parse()?;
        let connection = options.disable_statement_logging().connect().await;
        connection.context("the database can't be opened")
    }
}

impl Held {
    /// Lets go.
    pub async fn release(self) -> Result<()> {
        // The transaction ends with its connection.
        self.connection.close().await?;
        Ok(())
    }
}
