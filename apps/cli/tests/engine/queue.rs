//! `bellwether queue`.

use serde_json::json;

use crate::support::Bench;

#[tokio::test]
async fn queues_are_listed_with_their_counts() {
    let bench = Bench::new().await;
    bench.add(&["orders", "charge"]);
    bench.add(&["orders", "charge", "--priority", "2"]);
    bench.add(&["orders", "remind", "--delay", "1h"]);
    bench.add(&["mails", "welcome"]);
    bench.text(&["queue", "pause", "mails"]);
    bench.settled().bind(|| {
        insta::assert_snapshot!(bench.text(&["queue", "list"]), @"
        QUEUE   PAUSED  WAITING  PRIORITIZED  DELAYED  ACTIVE  WAITING-CHILDREN  COMPLETED  FAILED
        mails   yes           1            0        0       0                 0          0       0
        orders  no            1            1        1       0                 0          0       0
        ");
        insta::assert_snapshot!(bench.text(&["queue", "counts", "mails"]), @"
        Queue mails, paused
          waiting           1
          prioritized       0
          delayed           0
          active            0
          waiting-children  0
          completed         0
          failed            0
        ");
    });
    let list = bench.json(&["queue", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(list[1]["queue"], "orders");
    assert_eq!(list[1]["paused"], false);
    let counts = bench.json(&["queue", "counts", "orders"]);
    assert_eq!(
        counts["counts"],
        json!({
            "waiting": 1, "prioritized": 1, "delayed": 1, "active": 0, "waiting-children": 0,
            "completed": 0, "failed": 0,
        })
    );
}

#[tokio::test]
async fn a_prefix_is_no_pattern() {
    let mut bench = Bench::new().await;
    let prefix = bench.prefix.clone();
    bench.add(&["plain", "job"]);
    bench.prefix = format!("{prefix}*");
    assert_eq!(
        bench.text(&["queue", "list"]),
        format!("No queues with the prefix {prefix}*\n")
    );
    bench.prefix = format!("{prefix}:[a]?");
    bench.add(&["odd", "job"]);
    let list = bench.json(&["queue", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list[0]["queue"], "odd");
}

#[tokio::test]
async fn a_paused_queue_is_resumed() {
    let bench = Bench::new().await;
    assert_eq!(bench.text(&["queue", "pause", "q"]), "Paused q\n");
    assert_eq!(bench.json(&["queue", "counts", "q"])["paused"], true);
    assert_eq!(bench.text(&["queue", "resume", "q"]), "Resumed q\n");
    assert_eq!(bench.json(&["queue", "counts", "q"])["paused"], false);
}

#[tokio::test]
async fn jobs_are_drained_and_promoted() {
    let bench = Bench::new().await;
    bench.add(&["q", "now"]);
    let delayed = bench.add(&["q", "later", "--delay", "1h"]);
    assert_eq!(bench.text(&["queue", "drain", "q"]), "Removed 1 job of q\n");
    assert_eq!(bench.ids("q", "delayed"), std::slice::from_ref(&delayed));
    assert_eq!(bench.json(&["queue", "promote", "q"])["promoted"], 1);
    assert_eq!(bench.ids("q", "waiting"), [delayed]);
    bench.add(&["q", "later", "--delay", "1h"]);
    let drained = bench.json(&["queue", "drain", "q", "--delayed", "--yes"]);
    assert_eq!(drained["removed"], 2);
}

#[tokio::test]
async fn finished_jobs_are_retried_and_cleaned() {
    let bench = Bench::new().await;
    let script = bench.script("grep -q '\"name\":\"good\"' || { echo no >&2; exit 65; }");
    let _worker = bench.work(&["--exec", &script]).await;
    let good = bench.add(&["q", "good"]);
    let bad = bench.add(&["q", "bad"]);
    bench.finished("q", &good).await;
    bench.finished("q", &bad).await;

    bench.text(&["queue", "pause", "q"]);
    let retried = bench.text(&["queue", "retry", "q"]);
    assert_eq!(retried, "Let 1 failed job of q run once more\n");
    assert_eq!(bench.ids("q", "waiting"), [bad]);
    let young = bench.json(&["queue", "clean", "q", "--grace", "1h"]);
    assert_eq!(young["removed"], 0);
    let cleaned = bench.json(&[
        "queue",
        "clean",
        "q",
        "--state",
        "completed",
        "--limit",
        "5",
    ]);
    assert_eq!(cleaned["ids"], json!([good]));
    let again = bench.text(&["queue", "retry", "q", "--state", "completed"]);
    assert_eq!(again, "Let 0 completed jobs of q run once more\n");
}

#[tokio::test]
async fn only_a_paused_queue_is_obliterated() {
    let bench = Bench::new().await;
    bench.add(&["q", "job"]);
    assert_eq!(
        bench.failure(&["queue", "obliterate", "q"]),
        "error: q can't be removed: Cannot obliterate non-paused queue"
    );
    bench.text(&["queue", "pause", "q"]);
    let done = bench.json(&["queue", "obliterate", "q"]);
    assert_eq!(done, json!({"queue": "q", "obliterated": true}));
    assert_eq!(bench.json(&["queue", "list"]), json!([]));
}

#[tokio::test]
async fn limits_are_set_shown_and_removed() {
    let bench = Bench::new().await;
    let none = json!({"queue": "q", "concurrency": null, "rateLimit": null});
    assert_eq!(bench.json(&["queue", "limit", "q"]), none);
    bench.text(&[
        "queue",
        "limit",
        "q",
        "--concurrency",
        "3",
        "--rate",
        "100/5s",
    ]);
    insta::assert_snapshot!(bench.text(&["queue", "limit", "q"]), @"
    Limits of q
      concurrency  3
      rate         100 jobs in 5s
    ");
    bench.text(&["queue", "limit", "q", "--concurrency", "none"]);
    assert_eq!(
        bench.json(&["queue", "limit", "q"]),
        json!({"queue": "q", "concurrency": null, "rateLimit": {"max": 100, "duration": 5000}})
    );
    assert_eq!(bench.json(&["queue", "limit", "q", "--rate", "none"]), none);
}

#[tokio::test]
async fn what_can_not_be_meant_is_a_usage_error() {
    let bench = Bench::new().await;
    for arguments in [
        &["queue", "counts", "a:b"][..],
        &["queue", "counts"],
        &["queue", "clean", "q", "--state", "done"],
        &["queue", "clean", "q", "--grace", "5"],
        &["queue", "limit", "q", "--rate", "0/1s"],
        &["queue", "limit", "q", "--concurrency", "0"],
    ] {
        let refusal = bench.refusal(arguments);
        assert!(refusal.starts_with("error: "), "{refusal}");
    }
    let waiting = bench.failure(&["queue", "clean", "q", "--state", "waiting-children"]);
    assert!(waiting.contains("can't be cleaned"), "{waiting}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_one_sentence() {
    let mut bench = Bench::new().await;
    // A port that was free a moment ago.
    let port = testkit::port::free_port().unwrap();
    bench.url = format!("redis://user:secret@127.0.0.1:{port}");
    let sentence = bench.failure(&["queue", "list"]);
    assert!(
        sentence.starts_with("error: VALKEY_URL: no Valkey answers"),
        "{sentence}"
    );
    assert!(!sentence.contains("secret"), "{sentence}");
}
