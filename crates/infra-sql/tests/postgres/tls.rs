//! Connecting with TLS: to whom, and why not.

use domain::Store;
use infra_sql::{DatabaseUrl, OpenError, PostgresStore};
use testkit::postgres::SecurePostgres;
use testkit::sql::Sql;

use super::CONNECTIONS;

async fn open(url: &str) -> Result<PostgresStore, OpenError> {
    let url: DatabaseUrl = url.parse().unwrap();
    PostgresStore::open(&url, CONNECTIONS).await
}

async fn refusal(url: &str) -> String {
    open(url).await.map(|_| ()).unwrap_err().to_string()
}

/// How many sessions are encrypted.
async fn encrypted(server: &SecurePostgres) -> i64 {
    let sql = Sql::at(&server.url("localhost", "sslmode=disable"));
    let query = "SELECT count(*) FROM pg_stat_ssl WHERE ssl";
    sql.number(query).await.unwrap()
}

#[tokio::test]
async fn sessions_are_encrypted_with_whoever_has_a_trusted_certificate() {
    let server = SecurePostgres::start().await.unwrap();
    let trusted = server.ca_file().display();
    let full = format!("sslmode=verify-full&sslrootcert={trusted}");
    let store = open(&server.url("localhost", &full)).await.unwrap();
    store.migrate().await.unwrap();
    store.ping().await.unwrap();
    assert!(encrypted(&server).await >= 1);
    store.close().await;
    assert_eq!(encrypted(&server).await, 0);

    // Under another name it is somebody else, unless names don't matter.
    let sentence = refusal(&server.url("127.0.0.1", &full)).await;
    assert!(sentence.contains("not valid for name"), "{sentence}");
    let authority_alone = format!("sslmode=verify-ca&sslrootcert={trusted}");
    let store = open(&server.url("127.0.0.1", &authority_alone)).await;
    store.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_with_the_reason() {
    let server = SecurePostgres::start().await.unwrap();
    for mode in ["verify-ca", "verify-full"] {
        for authority in [Some(server.other_ca_file()), None] {
            let authority = authority.map(|file| format!("&sslrootcert={}", file.display()));
            let parameters = format!("sslmode={mode}{}", authority.unwrap_or_default());
            let sentence = refusal(&server.url("localhost", &parameters)).await;
            assert!(sentence.contains("UnknownIssuer"), "{sentence}");
        }
    }
}

#[tokio::test]
async fn whoever_insists_on_tls_alone_trusts_any_certificate() {
    let server = SecurePostgres::start().await.unwrap();
    let store = open(&server.url("localhost", "sslmode=require")).await;
    let store = store.unwrap();
    store.ping().await.unwrap();
    assert!(encrypted(&server).await >= 1);
}

#[tokio::test]
async fn a_file_of_authorities_that_is_not_there_is_named() {
    let server = SecurePostgres::start().await.unwrap();
    let parameters = "sslmode=verify-full&sslrootcert=/nowhere/ca.pem";
    let sentence = refusal(&server.url("localhost", parameters)).await;
    assert!(sentence.contains("No such file"), "{sentence}");
}
