//! Where secrets may not be: in what processes print, in the database, and in Valkey.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use infra_redis::engine::{Connection, ConnectionSettings, Reply};
use reqwest::{Method, StatusCode};
use serde_json::json;
use testkit::postgres::PrivatePostgres;
use testkit::program::Program;
use testkit::valkey::PrivateValkey;

use crate::support::System;

const VALKEY_PASSWORD: &str = "valkeys-own-secret";
const DATABASE_PASSWORD: &str = "databases-own-secret";

/// What the curators of `System` have.
const PASSWORD: &str = "correct horse battery";
const WRONG_PASSWORD: &str = "wrong horse entirely";
const ADMIN_TOKEN: &str = "operators-own-secret-0123456789ab";
const WRONG_TOKEN: &str = "bw_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The URL of this server for a user with a password.
async fn with_password(valkey: &PrivateValkey) -> String {
    let settings = ConnectionSettings::parse(&valkey.url()).unwrap();
    let connection = Connection::open(&settings).await.unwrap();
    let user = ["SETUSER", "web", "on", "~*", "&*", "+@all"].map(str::to_owned);
    let mut user = Vec::from(user);
    user.push(format!(">{VALKEY_PASSWORD}"));
    connection.command("ACL", user).await.unwrap();
    let place = valkey.url();
    let place = place.strip_prefix("redis://").unwrap();
    format!("redis://web:{VALKEY_PASSWORD}@{place}")
}

/// Does what people do, and what they do by mistake; the tokens that were issued.
async fn use_it(system: &System) -> Vec<String> {
    let (ada, ada_token) = system.curator("ada").await;
    let (_, bob_token) = system.curator("bob").await;
    system.follow(&bob_token, &ada).await;
    let card = system.save(&ada_token, "https://example.org/").await;
    system.until_arrived(&bob_token, &card, 1).await;

    let post = async |token, body| {
        let answer = system.request(Method::POST, "/v1/tokens", token, Some(body));
        answer.await.0
    };
    let wrong = json!({"handle": "ada", "password": WRONG_PASSWORD});
    assert_eq!(post(None, wrong).await, StatusCode::UNAUTHORIZED);
    let odd = json!({"handle": "ada", "password": [PASSWORD], "name": WRONG_PASSWORD});
    assert_eq!(post(None, odd).await, StatusCode::BAD_REQUEST);
    let unknown = json!({"handle": "ada", "pass": WRONG_PASSWORD});
    assert_eq!(
        post(Some(WRONG_TOKEN), unknown).await,
        StatusCode::BAD_REQUEST
    );
    let refused = system.request(Method::GET, "/v1/me", Some(WRONG_TOKEN), None);
    assert_eq!(refused.await.0, StatusCode::UNAUTHORIZED);
    vec![ada_token, bob_token]
}

/// The secrets that a text has.
fn found<'a>(text: &str, secrets: &[&'a str]) -> Vec<&'a str> {
    let is_there = |secret: &&&str| text.contains(**secret);
    secrets.iter().filter(is_there).copied().collect()
}

/// Every file of this folder, as text.
fn files(dir: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.is_file());
    files
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            (
                path.display().to_string(),
                String::from_utf8_lossy(&bytes).into_owned(),
            )
        })
        .collect()
}

/// Everything in this Valkey, as text.
async fn keyspace(url: &str) -> String {
    let settings = ConnectionSettings::parse(url).unwrap();
    let connection = Connection::open(&settings).await.unwrap();
    let keys = connection
        .command("KEYS", vec!["*".to_owned()])
        .await
        .unwrap();
    let Reply::List(keys) = keys else {
        panic!("{keys:?}")
    };
    let mut text = String::new();
    for key in keys {
        let Reply::Text(key) = key else {
            panic!("{key:?}")
        };
        let dump = connection.command("DUMP", vec![key.clone()]).await.unwrap();
        writeln!(text, "{key} {dump:?}").unwrap();
    }
    text
}

#[tokio::test]
async fn no_secret_is_printed_at_any_level_or_kept_anywhere() {
    let valkey = PrivateValkey::start().await.unwrap();
    let url = with_password(&valkey).await;
    let everything = ["--log-filter", "trace"];
    let operators = [&everything[..], &["--admin-token", ADMIN_TOKEN]].concat();
    let mut system = System::start_with(&url, &operators).await;
    let mut workers = Vec::new();
    for name in crate::support::WORKERS {
        workers.push(system.worker_at(name, &url, &everything).await);
    }
    let tokens = use_it(&system).await;
    for (token, status) in [
        (WRONG_TOKEN, StatusCode::UNAUTHORIZED),
        (ADMIN_TOKEN, StatusCode::NOT_FOUND),
    ] {
        let path = "/v1/admin/queues/feeds/jobs/nobody/cancel";
        let answer = system.request(Method::POST, path, Some(token), None);
        assert_eq!(answer.await.0, status);
    }
    let mut secrets = vec![
        PASSWORD,
        WRONG_PASSWORD,
        WRONG_TOKEN,
        VALKEY_PASSWORD,
        ADMIN_TOKEN,
    ];
    secrets.extend(tokens.iter().map(String::as_str));

    let kept = keyspace(&url).await;
    assert!(
        kept.contains(":rates:"),
        "requests are counted there: {kept}"
    );
    assert_eq!(found(&kept, &secrets), [""; 0], "in Valkey");
    // Stopping is logged, too.
    system.web.signal("TERM").unwrap();
    system.web.until_ended().await.unwrap();
    for mut worker in workers {
        worker.program.signal("TERM").unwrap();
        worker.program.until_ended().await.unwrap();
    }
    let files = files(system.dir.path());
    let has = |text: &str| files.iter().any(|(_, content)| content.contains(text));
    assert!(has("\"level\":\"TRACE\""), "everything is logged");
    assert!(
        has("$argon2id$v=19$m=19456,t=2,p=1$"),
        "a password's hash is kept"
    );
    for (path, content) in &files {
        assert_eq!(found(content, &secrets), [""; 0], "in {path}");
    }
}

#[tokio::test]
async fn the_password_of_the_database_is_never_printed() {
    let postgres = PrivatePostgres::start().await.unwrap();
    let url = postgres.url();
    let place = url.rsplit_once('@').map_or_else(
        || url.split_once("://").unwrap().1.to_owned(),
        |(_, place)| place.to_owned(),
    );
    let user = url.split_once("://").unwrap().1;
    let user = user.split([':', '@']).next().unwrap();
    // The server trusts whoever comes from this machine, and asks for no password.
    let secret = format!("postgres://{user}:{DATABASE_PASSWORD}@{place}");
    let valkey = PrivateValkey::start().await.unwrap();
    let mut system = System::start_on(&secret, &valkey.url(), &["--log-filter", "trace"]).await;
    system.curator("ada").await;
    system.web.signal("TERM").unwrap();
    system.web.until_ended().await.unwrap();
    let output = system.web.output();
    assert!(output.contains("\"level\":\"TRACE\""), "{output}");
    assert_eq!(found(&output, &[DATABASE_PASSWORD, PASSWORD]), [""; 0]);
}

#[tokio::test]
async fn a_url_that_leads_nowhere_is_told_without_its_password() {
    let dir = tempfile::tempdir().unwrap();
    let ops = format!("127.0.0.1:{}", testkit::port::free_port().unwrap());
    let api = format!("127.0.0.1:{}", testkit::port::free_port().unwrap());
    let closed = testkit::port::free_port().unwrap();
    let database = format!("postgres://ada:{DATABASE_PASSWORD}@127.0.0.1:{closed}/bellwether");
    let nonsense = format!("redis://ada:{VALKEY_PASSWORD}@127.0.0.1:{closed}/nonsense");
    for extra in [
        [
            "--database-url",
            &database,
            "--log-filter",
            "trace",
            "--embedded",
        ]
        .as_slice(),
        ["--valkey-url", &nonsense, "--log-filter", "trace"].as_slice(),
    ] {
        let mut args = vec!["--http-addr", &api, "--ops-addr", &ops];
        args.extend(extra);
        let mut web = Program::start("web", dir.path(), &args).unwrap();
        assert!(!web.until_ended().await.unwrap().success());
        let output = web.output();
        assert!(output.contains("127.0.0.1"), "it says where: {output}");
        let secrets = [DATABASE_PASSWORD, VALKEY_PASSWORD];
        assert_eq!(found(&output, &secrets), [""; 0], "{output}");
    }
}

#[tokio::test]
async fn a_token_of_operators_that_can_be_guessed_is_refused_at_the_start_and_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let ops = format!("127.0.0.1:{}", testkit::port::free_port().unwrap());
    let api = format!("127.0.0.1:{}", testkit::port::free_port().unwrap());
    let weak = &ADMIN_TOKEN[..31];
    let args = ["--http-addr", &api, "--ops-addr", &ops, "--embedded"];
    let args = [&args[..], &["--log-filter", "trace", "--admin-token", weak]].concat();
    let mut web = Program::start("web", dir.path(), &args).unwrap();
    assert!(!web.until_ended().await.unwrap().success());
    let output = web.output();
    assert!(
        output.contains("ADMIN_TOKEN: a token for operators must have at least 32"),
        "{output}"
    );
    assert_eq!(found(&output, &[weak]), [""; 0]);
    assert!(
        !dir.path().join("bellwether.db").exists(),
        "nothing was changed"
    );
}
