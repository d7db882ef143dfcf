//! Connections that are encrypted and authenticated, and what those are told that can't be made.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

mod support;

use std::path::Path;
use std::time::Duration;

use infra_redis::engine::{
    Cancellation, ConnectError, Connection, ConnectionSettings, EngineError, Flow, Flows,
    JobContext, JobError, JobOptions, Queue, QueueEvents, QueueId, ReadFrom, Reply, Worker,
    WorkerSettings, find_queues,
};
use serde_json::{Value, json};
use support::{echo, next, quick, telling};
use testkit::program::eventually;
use testkit::valkey::SecureValkey;

/// What docs/operations.md tells operators to allow the user of the queues, whose keys begin with
/// `bull:`.
fn documented_rules() -> String {
    let docs = include_str!("../../../docs/operations.md");
    let (_, rest) = docs
        .split_once("ACL SETUSER bellwether on >PASSWORD ")
        .unwrap();
    let (rules, _) = rest.split_once("\n```").unwrap();
    rules.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A server with the documented user, whose password needs to be encoded in a URL.
async fn with_user() -> SecureValkey {
    let valkey = SecureValkey::start().await.unwrap();
    let settings = ConnectionSettings::parse(&valkey.plain_url()).unwrap();
    let admin = Connection::open(&settings).await.unwrap();
    let user = format!("SETUSER bellwether on >p@ss:w/rd {}", documented_rules());
    let args = user.split(' ').map(str::to_owned).collect();
    admin.command("ACL", args).await.unwrap();
    valkey
}

fn secure(valkey: &SecureValkey, credentials: &str, ca_file: &Path) -> ConnectionSettings {
    let url = format!("rediss://{credentials}localhost:{}", valkey.tls_port());
    let settings = ConnectionSettings::parse(&url).unwrap();
    settings.with_ca_file(ca_file).unwrap()
}

#[tokio::test]
async fn everything_works_encrypted_and_as_a_user_who_may_do_what_is_documented_and_no_more() {
    let valkey = with_user().await;
    let settings = secure(&valkey, "bellwether:p%40ss%3Aw%2Frd@", valkey.ca_file());
    let connection = Connection::open(&settings).await.unwrap();
    connection.ping().await.unwrap();
    let id = QueueId::parse("bull", "q").unwrap();
    let queue = Queue::<Value>::new(connection.clone(), id.clone());

    let (processor, _told) = echo();
    let worker = Worker::start(&settings, id.clone(), processor, quick());
    let worker = worker.await.unwrap();
    let mut events = QueueEvents::open(&settings, &id, ReadFrom::Start)
        .await
        .unwrap();
    queue
        .add("job", &json!(1), &JobOptions::default())
        .await
        .unwrap();
    let later = JobOptions {
        delay: Duration::from_millis(20),
        priority: 1,
        ..JobOptions::default()
    };
    queue.add("later", &json!(2), &later).await.unwrap();
    let flow = Flow::new(id.clone(), "parent", json!(3)).with_child(Flow::new(
        id.clone(),
        "child",
        json!(4),
    ));
    Flows::new(connection.clone()).add(&flow).await.unwrap();
    eventually("the jobs to complete", || async {
        (queue.counts().await.ok()?.completed == 4).then_some(())
    })
    .await;
    events.next().await.unwrap();
    assert_eq!(queue.workers().await.unwrap().len(), 1);
    assert_eq!(
        find_queues(&connection, "bull").await.unwrap(),
        std::slice::from_ref(&id)
    );
    worker.stop(Duration::from_secs(5)).await;
    let plain = ConnectionSettings::parse(&valkey.plain_url()).unwrap();
    let admin = Connection::open(&plain).await.unwrap();
    let refused = admin.command("ACL", vec!["LOG".to_owned()]).await;
    assert_eq!(refused.unwrap(), Reply::List(Vec::new()));

    let elsewhere = QueueId::parse("other", "q").unwrap();
    let elsewhere = Queue::<Value>::new(connection.clone(), elsewhere);
    let refused = elsewhere
        .add("job", &json!(1), &JobOptions::default())
        .await;
    let Err(EngineError::Refused { reason, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert!(reason.contains("NOPERM"), "{reason}");
    for command in ["FLUSHALL", "CONFIG"] {
        let refused = connection.command(command, vec!["GET".to_owned()]).await;
        assert!(
            matches!(refused, Err(EngineError::Refused { .. })),
            "{command}"
        );
    }
}

async fn error(settings: &ConnectionSettings) -> ConnectError {
    match Connection::open(settings).await {
        Ok(_) => panic!("{settings:?} leads to a connection"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn what_can_not_be_made_is_told_in_one_sentence() {
    let valkey = with_user().await;
    let (tls, plain) = (valkey.tls_port(), valkey.plain_url());
    let at = |url: &str| ConnectionSettings::parse(url).unwrap();

    let denied = error(&secure(&valkey, "bellwether:wrong@", valkey.ca_file())).await;
    assert!(matches!(denied, ConnectError::Denied { .. }), "{denied}");
    let told = denied.to_string();
    assert!(
        told.starts_with(&format!(
            "the Valkey at rediss://…@localhost:{tls} does not let this user in: WRONGPASS"
        )),
        "{told}"
    );

    let other = error(&secure(&valkey, "", valkey.other_ca_file())).await;
    let told = other.to_string();
    assert!(
        told.ends_with(
            "can't be trusted: its certificate comes from an authority that is not trusted here"
        ),
        "{told}"
    );
    let system = error(&at(&format!("rediss://localhost:{tls}"))).await;
    assert!(matches!(system, ConnectError::Untrusted { .. }), "{system}");
    let by_address = at(&format!("rediss://127.0.0.1:{tls}"));
    let told = error(&by_address.with_ca_file(valkey.ca_file()).unwrap())
        .await
        .to_string();
    assert!(
        told.ends_with("its certificate is for another name"),
        "{told}"
    );

    let unencrypted = error(&at(&format!("redis://localhost:{tls}"))).await;
    let told = unencrypted.to_string();
    assert!(
        told.contains("if the port expects TLS, the URL must begin with rediss"),
        "{told}"
    );
    assert!(unencrypted.may_pass());
    let encrypted = error(&at(&plain.replace("redis://", "rediss://"))).await;
    let told = encrypted.to_string();
    assert!(
        told.contains("if the port does not expect TLS, the URL must begin with redis"),
        "{told}"
    );

    let told = at(&plain)
        .with_ca_file(valkey.ca_file())
        .unwrap_err()
        .to_string();
    assert!(told.contains("is not encrypted"), "{told}");
    let rediss = at("rediss://localhost");
    let told = rediss
        .clone()
        .with_ca_file(Path::new("/nowhere/ca.pem"))
        .unwrap_err()
        .to_string();
    assert!(
        told.starts_with("the CA file /nowhere/ca.pem can't be used"),
        "{told}"
    );
    let empty = tempfile::NamedTempFile::new().unwrap();
    let told = rediss.with_ca_file(empty.path()).unwrap_err().to_string();
    assert!(
        told.ends_with("it holds no certificate; expected PEM"),
        "{told}"
    );
}

#[tokio::test]
async fn a_connection_whose_password_was_changed_comes_back_when_it_is_right_again() {
    let valkey = with_user().await;
    let settings = secure(&valkey, "bellwether:p%40ss%3Aw%2Frd@", valkey.ca_file());
    let connection = Connection::open(&settings).await.unwrap();
    let admin = ConnectionSettings::parse(&valkey.plain_url()).unwrap();
    let admin = Connection::open(&admin).await.unwrap();
    let tell = async |name: &'static str, words: &str| {
        let args = words.split(' ').map(str::to_owned).collect();
        admin.command(name, args).await.unwrap();
    };
    tell("ACL", "SETUSER bellwether resetpass >another").await;
    tell("CLIENT", "KILL USER bellwether").await;
    let told = eventually("the connection to be refused", || async {
        let told = connection.ping().await.err()?.to_string();
        told.contains("WRONGPASS").then_some(told)
    })
    .await;
    assert!(!told.contains("p@ss"), "{told}");
    tell("ACL", "SETUSER bellwether >p@ss:w/rd").await;
    eventually("the connection to come back", || async {
        connection.ping().await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_user_who_may_not_ask_for_the_time_has_every_job_performed() {
    let valkey = with_user().await;
    let admin = ConnectionSettings::parse(&valkey.plain_url()).unwrap();
    let admin = Connection::open(&admin).await.unwrap();
    let args = ["SETUSER", "bellwether", "-time"].map(str::to_owned);
    admin.command("ACL", args.to_vec()).await.unwrap();
    let settings = secure(&valkey, "bellwether:p%40ss%3Aw%2Frd@", valkey.ca_file());
    let id = QueueId::parse("bull", "q").unwrap();
    let queue = Queue::<Value>::new(Connection::open(&settings).await.unwrap(), id.clone());
    let (processor, mut told) = echo();
    let worker = Worker::start(&settings, id, processor, quick());
    let worker = worker.await.unwrap();
    let refused = async || {
        let log = admin.command("ACL", vec!["LOG".to_owned()]).await;
        format!("{log:?}").contains("\"time\"")
    };
    let mut n = 0;
    // Until one came to a worker that slept with a claim.
    while !refused().await {
        n += 1;
        assert!(n < 100, "no sleep had a claim behind it");
        queue
            .add("job", &json!(n), &JobOptions::default())
            .await
            .unwrap();
        assert_eq!(next(&mut told).await.data, json!(n));
        eventually("the job to complete", || async {
            (queue.counts().await.ok()?.completed == n).then_some(())
        })
        .await;
    }
    worker.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn cancelling_is_heard_at_once_by_who_may_subscribe_and_with_a_renewal_by_who_may_not() {
    let valkey = with_user().await;
    let admin = ConnectionSettings::parse(&valkey.plain_url()).unwrap();
    let admin = Connection::open(&admin).await.unwrap();
    let tell = async |name: &'static str, words: &str| {
        let args = words.split(' ').map(str::to_owned).collect();
        admin.command(name, args).await.unwrap()
    };
    let settings = secure(&valkey, "bellwether:p%40ss%3Aw%2Frd@", valkey.ca_file());
    let id = QueueId::parse("bull", "q").unwrap();
    for may_subscribe in [true, false] {
        let lock_duration = if may_subscribe {
            // Nothing is renewed before the test ends.
            Duration::from_secs(600)
        } else {
            tell("ACL", "SETUSER bellwether resetchannels").await;
            quick().lock_duration
        };
        let connection = Connection::open(&settings).await.unwrap();
        let queue = Queue::<Value>::new(connection, id.clone());
        let (processor, mut told) = telling(async |_, context: JobContext| {
            context.cancelled().await;
            Err(JobError::transient("it was told to end"))
        });
        let worker = WorkerSettings {
            lock_duration,
            ..quick()
        };
        let worker = Worker::start(&settings, id.clone(), processor, worker);
        let worker = worker.await.unwrap();
        if may_subscribe {
            eventually("the subscription", || async {
                let heard = tell("PUBSUB", "NUMSUB bull:q:cancel").await;
                format!("{heard:?}").contains("Int(1)").then_some(())
            })
            .await;
        }
        let job = queue
            .add("job", &json!(1), &JobOptions::default())
            .await
            .unwrap();
        next(&mut told).await;
        let asked = queue.cancel(&job, None).await.unwrap();
        assert_eq!(asked, Cancellation::Asked);
        eventually("the job to fail", || async {
            let job = queue.job(&job).await.ok()??;
            (job.failed_reason.as_deref() == Some("cancelled")).then_some(())
        })
        .await;
        worker.stop(Duration::from_secs(5)).await;
    }
}
