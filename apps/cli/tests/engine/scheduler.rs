//! `bellwether scheduler`.

use serde_json::json;

use crate::support::Bench;

#[tokio::test]
async fn a_scheduler_is_set_up_listed_and_removed() {
    let bench = Bench::new().await;
    let cron = [
        "--cron",
        "0 7 1 1 *",
        "--tz",
        "Europe/Berlin",
        "--limit",
        "10",
    ];
    bench.text(&[&["scheduler", "upsert", "q", "report"], &cron[..]].concat());
    let every = [
        "--every",
        "1h",
        "--offset",
        "5m",
        "--name",
        "tick",
        "--data",
        "{\"a\": 1}",
    ];
    let made = [
        &["scheduler", "upsert", "q", "clock"],
        &every[..],
        &["--attempts", "3"],
    ]
    .concat();
    let made = bench.json(&made);
    let ahead = made["next"]["id"].as_str().unwrap();
    assert!(ahead.starts_with("repeat:clock:"), "{made}");

    let clock = &bench.json(&["scheduler", "list", "q", "clock"])[0];
    assert_eq!(clock["every"], 3_600_000);
    assert_eq!(clock["offset"], 300_000);
    assert_eq!(clock["data"], json!({"a": 1}));
    assert_eq!(clock["opts"]["attempts"], 3);
    let job = bench.show("q", ahead);
    assert_eq!(
        (&job["name"], &job["repeatJobKey"]),
        (&json!("tick"), &json!("clock"))
    );
    bench.settled().bind(|| {
        insta::assert_snapshot!(bench.text(&["scheduler", "list", "q"]), @"
        ID      NAME    SCHEDULE                   JOBS  LIMIT  NEXT
        clock   tick    every 1h                      1         [time]
        report  report  0 7 1 1 * (Europe/Berlin)     1     10  [time]
        ");
    });

    let removed = bench.text(&["scheduler", "remove", "q", "clock"]);
    assert_eq!(removed, "Removed scheduler clock of q\n");
    let gone = bench.failure(&["scheduler", "remove", "q", "clock"]);
    assert_eq!(gone, "error: there is no scheduler clock in q");
    let gone = bench.failure(&["scheduler", "list", "q", "clock"]);
    assert_eq!(gone, "error: there is no scheduler clock in q");
}

#[tokio::test]
async fn a_scheduler_has_one_schedule_that_comes_true() {
    let bench = Bench::new().await;
    let upsert = |options: &[&'static str]| [&["scheduler", "upsert", "q", "s"], options].concat();
    for options in [
        &[][..],
        &["--every", "1s", "--cron", "* * * * *"],
        &["--every", "1s", "--tz", "UTC"],
        &["--every", "1"],
        &["--every", "1s", "--data", "half"],
    ] {
        bench.refusal(&upsert(options));
    }
    let never = bench.failure(&upsert(&["--cron", "0 0 30 2 *"]));
    assert_eq!(never, "error: pattern: never comes true");
    let nowhere = bench.failure(&upsert(&["--cron", "* * * * *", "--tz", "Nowhere/Else"]));
    assert!(nowhere.contains("not a known time zone"), "{nowhere}");
}

#[tokio::test]
async fn a_worker_keeps_a_series_going_to_its_limit() {
    let bench = Bench::new().await;
    let _worker = bench.work(&[]).await;
    bench.text(&[
        "scheduler",
        "upsert",
        "q",
        "s",
        "--every",
        "100ms",
        "--limit",
        "3",
    ]);
    testkit::program::eventually("the series to end", || async {
        (bench.ids("q", "completed").len() == 3).then_some(())
    })
    .await;
    let doctor = bench.text(&["doctor", "--queue", "q"]);
    assert_eq!(doctor, "Looked at 1 queue: nothing is wrong\n");
}
