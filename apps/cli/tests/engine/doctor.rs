//! `bellwether doctor`, on faults that were planted.

use serde_json::{Value, json};

use crate::support::Bench;

/// What it finds, and the exit code.
fn examined(bench: &Bench, arguments: &[&str]) -> (Value, Option<i32>) {
    let ran = bench.run(&[&["doctor", "--json"], arguments].concat());
    assert_eq!(ran.stderr, "");
    (serde_json::from_str(&ran.stdout).unwrap(), ran.code)
}

async fn plant(bench: &Bench) {
    // An id without a job, in a list and in a sorted set.
    bench.on("RPUSH", "wait", &["ghost"]).await;
    bench.on("ZADD", "failed", &["1", "spirit"]).await;
    // Jobs in no state: one ready, one with a priority, one delayed, one that completed.
    for (name, options) in [
        ("ready", &["--id", "lost-ready"][..]),
        (
            "prioritized",
            &["--id", "lost-prioritized", "--priority", "4"],
        ),
        ("delayed", &["--id", "lost-delayed", "--delay", "1h"]),
        ("completed", &["--id", "lost-completed"]),
    ] {
        bench.add(&[&["q", name], options].concat());
    }
    bench
        .on(
            "HSET",
            "lost-completed",
            &["finishedOn", "5", "returnvalue", "1"],
        )
        .await;
    for list in ["lost-ready", "lost-completed"] {
        bench.on("LREM", "wait", &["0", list]).await;
    }
    bench.on("ZREM", "prioritized", &["lost-prioritized"]).await;
    bench.on("ZREM", "delayed", &["lost-delayed"]).await;
    // A job whose worker is gone.
    bench.add(&["q", "unheld", "--id", "unheld"]);
    bench.on("LREM", "wait", &["0", "unheld"]).await;
    bench.on("LPUSH", "active", &["unheld"]).await;
    // A scheduler whose job is gone.
    let made = bench.json(&["scheduler", "upsert", "q", "clock", "--cron", "0 0 1 1 *"]);
    let ahead = made["next"]["id"].as_str().unwrap();
    bench.on("ZREM", "delayed", &[ahead]).await;
    bench.on("DEL", ahead, &[]).await;
    // What a client of BullMQ 5 put aside.
    bench.add(&["q", "aside", "--id", "aside"]);
    bench.on("LREM", "wait", &["0", "aside"]).await;
    bench.on("LPUSH", "paused", &["aside"]).await;
}

#[tokio::test]
async fn planted_faults_are_found_repaired_and_gone() {
    let bench = Bench::new().await;
    plant(&bench).await;
    bench.add(&["healthy", "job"]);

    let ran = bench.run(&["doctor"]);
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.stdout, @"
    QUEUE  FAULT                  WHERE             REPAIRED
    q      id-without-job         ghost in wait     no
    q      active-without-lock    unheld            no
    q      id-without-job         spirit in failed  no
    q      job-without-state      lost-completed    no
    q      job-without-state      lost-delayed      no
    q      job-without-state      lost-prioritized  no
    q      job-without-state      lost-ready        no
    q      scheduler-without-job  clock             no
    q      left-in-paused         1 job             no
    Looked at 2 queues: 9 faults, 0 repaired
    ");
    let (found, code) = examined(&bench, &["--queue", "q"]);
    assert_eq!(code, Some(1));
    assert_eq!(found["faults"].as_array().unwrap().len(), 9, "{found}");
    assert_eq!(
        found["faults"][0],
        json!({
            "queue": "q", "fault": "id-without-job", "id": "ghost", "place": "wait",
            "repaired": false,
        })
    );

    let (repaired, code) = examined(&bench, &["--repair"]);
    assert_eq!(code, Some(0), "{repaired}");
    let faults = repaired["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 9);
    assert!(
        faults.iter().all(|fault| fault["repaired"] == true),
        "{repaired}"
    );
    let clean = bench.text(&["doctor"]);
    assert_eq!(clean, "Looked at 2 queues: nothing is wrong\n");

    assert_eq!(bench.ids("q", "waiting"), ["aside", "unheld", "lost-ready"]);
    assert_eq!(bench.ids("q", "prioritized"), ["lost-prioritized"]);
    assert_eq!(bench.ids("q", "completed"), ["lost-completed"]);
    let delayed = bench.ids("q", "delayed");
    assert_eq!(delayed.len(), 2, "{delayed:?}");
    assert!(delayed.contains(&"lost-delayed".to_owned()), "{delayed:?}");
    assert_eq!(bench.show("q", "unheld")["stalledCounter"], 1);
}

#[tokio::test]
async fn a_queue_at_work_is_well() {
    let bench = Bench::new().await;
    let dir = bench.dir.path().display().to_string();
    let script = bench.script(&format!("echo started > {dir}/started\nsleep 600\n"));
    let _worker = bench.work(&["--exec", &script]).await;
    bench.add(&["q", "active", "--dedup-id", "d"]);
    bench.file("started").await;
    bench.add(&["q", "last", "--dedup-id", "d", "--dedup-keep-last"]);
    bench.add(&["q", "prioritized", "--priority", "1"]);
    bench.text(&["scheduler", "upsert", "q", "clock", "--every", "1h"]);
    let tree = r#"{"queue": "q", "name": "parent", "children": [{"queue": "r", "name": "child"}]}"#;
    bench.run_with_input(&["flow", "add", "-"], tree);
    // Jobs that a client of BullMQ 5 puts aside wait there rightly while the queue is paused.
    bench.text(&["queue", "pause", "r"]);
    let (found, code) = examined(&bench, &[]);
    assert_eq!((found, code), (json!({"queues": 2, "faults": []}), Some(0)));
}
