//! `bellwether job`.

use serde_json::json;

use crate::support::Bench;

#[tokio::test]
async fn every_option_reaches_the_job() {
    let bench = Bench::new().await;
    let id = bench.add(&[
        "q",
        "charge",
        r#"{"amount": 12345678901234567890123}"#,
        "--priority",
        "7",
        "--delay",
        "2s",
        "--attempts",
        "5",
        "--backoff",
        "exponential:1000",
        "--jitter",
        "0.5",
        "--id",
        "charge-1",
        "--dedup-id",
        "charge",
        "--dedup-ttl",
        "5s",
        "--dedup-extend",
        "--dedup-replace",
        "--keep-completed",
        "100/24h",
        "--keep-failed",
        "none",
        "--keep-logs",
        "50",
        "--stack-trace-limit",
        "3",
        "--size-limit",
        "1000",
        "--timestamp",
        "2026-11-24T10:00:00Z",
    ]);
    assert_eq!(id, "charge-1");
    let job = bench.show("q", &id);
    assert_eq!(
        job["opts"],
        json!({
            "priority": 7, "delay": 2000, "attempts": 5,
            "backoff": {"type": "exponential", "delay": 1000, "jitter": 0.5},
            "jobId": "charge-1",
            "de": {"id": "charge", "ttl": 5000, "extend": true, "replace": true},
            "removeOnComplete": {"count": 100, "age": 86_400}, "removeOnFail": true,
            "kl": 50, "stackTraceLimit": 3, "sizeLimit": 1000, "timestamp": 1_795_514_400_000_u64,
        })
    );
    assert_eq!(job["deduplicationId"], "charge");
    assert_eq!(job["state"], "delayed");
    let shown = bench.text(&["job", "show", "q", &id, "--json"]);
    assert!(shown.contains("12345678901234567890123"), "{shown}");
}

#[tokio::test]
async fn a_child_waits_beside_its_parent() {
    let bench = Bench::new().await;
    let tree = r#"{"queue": "q", "name": "parent", "opts": {"jobId": "p"},
        "children": [{"queue": "q", "name": "first"}]}"#;
    let ran = bench.run_with_input(&["flow", "add", "-"], tree);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let child = bench.add(&["q", "second", "--parent", "q:p", "--on-failure", "ignore"]);
    let job = bench.show("q", &child);
    assert_eq!(job["parentKey"], format!("{}:q:p", bench.prefix));
    assert_eq!(job["opts"]["idof"], true);
    let children = &bench.show("q", "p")["children"];
    assert_eq!(children["unprocessed"], 2, "{children}");
    let missing = bench.failure(&["job", "add", "q", "third", "--parent", "q:nobody"]);
    assert!(missing.contains("Missing key for parent job"), "{missing}");
}

#[tokio::test]
async fn jobs_of_one_deduplication_id_stand_for_each_other() {
    let bench = Bench::new().await;
    let first = bench.add(&[
        "q",
        "a",
        "--dedup-id",
        "d",
        "--delay",
        "1h",
        "--dedup-reschedule",
    ]);
    let second = bench.add(&["q", "a", "--dedup-id", "d", "--dedup-keep-last"]);
    assert_eq!(first, second);
}

#[tokio::test]
async fn data_is_json_from_the_argument_or_from_standard_input() {
    let bench = Bench::new().await;
    let ran = bench.run_with_input(&["job", "add", "q", "a", "-", "--lifo"], "{\n\"a\": [1]}\n");
    assert_eq!(ran.stdout, "Added job 1 to q\n", "{ran:?}");
    assert_eq!(bench.show("q", "1")["data"], json!({"a": [1]}));
    let negative = bench.add(&["q", "a", "-5"]);
    assert_eq!(bench.show("q", &negative)["data"], -5);

    let refusal = bench.refusal(&["job", "add", "q", "a", "{half"]);
    assert!(refusal.contains("is not JSON"), "{refusal}");
    let ran = bench.run_with_input(&["job", "add", "q", "a", "-"], "half");
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.starts_with("error: standard input is not JSON"),
        "{}",
        ran.stderr
    );
    let large = bench.failure(&["job", "add", "q", "a", "\"12345\"", "--size-limit", "5"]);
    assert!(large.contains("exceeds the limit 5 bytes"), "{large}");
}

#[tokio::test]
async fn options_that_can_not_be_meant_are_usage_errors() {
    let bench = Bench::new().await;
    for options in [
        &["--id", "17"][..],
        &["--priority", "2097152"],
        &["--backoff", "linear:5"],
        &["--jitter", "0.5"],
        &["--keep-completed", "500ms"],
        &["--dedup-ttl", "5s"],
        &["--dedup-id", "a", "--parent", "q:1"],
        &["--on-failure", "ignore"],
        &["--parent", "q"],
        &["--delay", "-1s"],
    ] {
        bench.refusal(&[&["job", "add", "q", "a"], options].concat());
    }
    let jitter = ["--backoff", "fixed:5", "--jitter", "2"];
    let sentence = bench.failure(&[&["job", "add", "q", "a"], &jitter[..]].concat());
    assert_eq!(sentence, "error: jitter: Jitter should be between 0 and 1");
}

#[tokio::test]
async fn jobs_are_listed_by_state_and_page() {
    let bench = Bench::new().await;
    for number in 1..=5 {
        bench.add(&["q", "charge", &format!("{{\"number\": {number}}}")]);
    }
    bench.add(&["q", "remind", "--delay", "1h", "--priority", "3"]);
    bench.settled().bind(|| {
        insta::assert_snapshot!(bench.text(&["job", "list", "q", "--limit", "2"]), @r#"
        ID  NAME    STATE    PRIORITY  ATTEMPTS  ADDED                     DATA
         5  charge  waiting         0         0  [time]  {"number": 5}
         4  charge  waiting         0         0  [time]  {"number": 4}
         6  remind  delayed         3         0  [time]  {}
        "#);
    });
    assert_eq!(bench.ids("q", "waiting"), ["1", "2", "3", "4", "5"]);
    let page = [
        "--state",
        "waiting,delayed",
        "--limit",
        "2",
        "--offset",
        "4",
        "--oldest-first",
    ];
    let page = bench.json(&[&["job", "list", "q"], &page[..]].concat());
    assert_eq!(page.as_array().unwrap().len(), 1);
    assert_eq!(page[0]["id"], "5");
    let none = bench.text(&["job", "list", "q", "--state", "failed"]);
    assert_eq!(none, "No such jobs in q\n");
}

#[tokio::test]
async fn what_is_known_about_a_job_is_shown() {
    let bench = Bench::new().await;
    let id = bench.add(&[
        "q",
        "char\u{1b}[31mge",
        "{\"a\": 1}",
        "--priority",
        "3",
        "--delay",
        "5m",
    ]);
    bench.settled().bind(|| {
        insta::assert_snapshot!(bench.text(&["job", "show", "q", &id]), @r#"
        Job 1 of q
          name           char\u{1b}[31mge
          state          delayed
          data           {"a": 1}
          options        {"attempts":0,"delay":300000,"priority":3}
          added          [time]
          delay          5m
          priority       3
          attempts made  0
        "#);
    });
    let missing = bench.failure(&["job", "show", "q", "nobody"]);
    assert_eq!(missing, "error: there is no job nobody in q");
}

#[tokio::test]
async fn a_delayed_job_is_moved_and_promoted() {
    let bench = Bench::new().await;
    let id = bench.add(&["q", "a", "--delay", "1h"]);
    let moved = bench.json(&["job", "move", "q", &id, "--to", "delayed", "--delay", "2h"]);
    assert_eq!(moved["state"], "delayed");
    assert_eq!(bench.show("q", &id)["delay"], 7_200_000);
    let promoted = bench.text(&["job", "promote", "q", &id]);
    assert_eq!(promoted, format!("Job {id} of q is waiting now\n"));
    let again = bench.failure(&["job", "promote", "q", &id]);
    assert!(again.contains("is not in the delayed state"), "{again}");
    let late = bench.failure(&["job", "move", "q", &id, "--delay", "5m"]);
    assert!(
        late.contains("is waiting; only the time of a delayed job"),
        "{late}"
    );

    let other = bench.add(&["q", "b", "--delay", "1h"]);
    let moved = bench.json(&[
        "job",
        "move",
        "q",
        &other,
        "--to",
        "waiting",
        "--priority",
        "4",
    ]);
    assert_eq!(moved["state"], "prioritized");
    let first = bench.add(&["q", "c", "--priority", "4"]);
    bench.text(&["job", "move", "q", &first, "--priority", "4", "--first"]);
    assert_eq!(bench.ids("q", "prioritized"), [first, other]);
}

#[tokio::test]
async fn moves_that_say_nothing_or_too_much_are_usage_errors() {
    let bench = Bench::new().await;
    let id = bench.add(&["q", "a"]);
    for options in [
        &[][..],
        &["--to", "waiting", "--delay", "1s"],
        &["--to", "delayed"],
        &["--to", "completed"],
        &["--to", "waiting", "--first"],
    ] {
        bench.refusal(&[&["job", "move", "q", &id], options].concat());
    }
}

#[tokio::test]
async fn a_finished_job_is_retried_and_removed() {
    let bench = Bench::new().await;
    let script = bench.script("echo 'log: one' >&2; echo 'log: two' >&2; echo why >&2; exit 65");
    let mut worker = bench.work(&["--exec", &script]).await;
    let id = bench.add(&["q", "a"]);
    bench.finished("q", &id).await;
    worker.signal("TERM").unwrap();
    worker.until_ended().await.unwrap();

    assert_eq!(bench.text(&["job", "logs", "q", &id]), "one\ntwo\n");
    assert_eq!(
        bench.json(&["job", "logs", "q", &id, "--limit", "1"]),
        json!({"queue": "q", "id": id, "total": 2, "lines": ["two"]})
    );
    let retried = bench.json(&["job", "retry", "q", &id, "--reset-attempts"]);
    assert_eq!(retried["state"], "waiting");
    assert_eq!(bench.show("q", &id)["attemptsMade"], 0);
    let again = bench.failure(&["job", "retry", "q", &id]);
    assert!(
        again.contains("is waiting; only completed and failed jobs"),
        "{again}"
    );
    let removed = bench.text(&["job", "remove", "q", &id, "--children"]);
    assert_eq!(removed, format!("Removed job {id} of q and its children\n"));
    let gone = bench.failure(&["job", "remove", "q", &id]);
    assert_eq!(gone, format!("error: there is no job {id} in q"));
}

#[tokio::test]
async fn jobs_are_cancelled_wherever_they_are_and_say_so() {
    let bench = Bench::new().await;
    let script = bench.script("echo began >&2; exec sleep 600");
    let mut worker = bench.work(&["--exec", &script]).await;
    let active = bench.add(&["q", "a", "--attempts", "5"]);
    testkit::program::eventually("the job to be active", || async {
        (bench.ids("q", "active") == [active.clone()]).then_some(())
    })
    .await;
    let delayed = bench.add(&["q", "a", "--delay", "1h"]);
    let cancel = [
        "job",
        "cancel",
        "q",
        &active,
        &delayed,
        "--reason",
        "a mistake",
    ];
    assert_eq!(
        bench.json(&cancel),
        json!({"queue": "q", "jobs": [
            {"id": active, "outcome": "asked"}, {"id": delayed, "outcome": "cancelled"},
        ]})
    );
    for id in [&active, &delayed] {
        let job = bench.finished("q", id).await;
        assert_eq!(job["failedReason"], "cancelled: a mistake");
        assert_eq!(job["state"], "failed");
    }
    worker.signal("TERM").unwrap();
    worker.until_ended().await.unwrap();

    let waiting = bench.add(&["q", "a"]);
    let ran = bench.run(&["job", "cancel", "q", &waiting, &delayed, "nobody"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(
        ran.stdout,
        format!(
            "Cancelled job {waiting} of q\nJob {delayed} of q had finished already\nThere is no job \
             nobody in q\n"
        )
    );
    assert_eq!(bench.show("q", &waiting)["failedReason"], "cancelled");
    let endless = "a".repeat(1001);
    let refused = bench.failure(&["job", "cancel", "q", &waiting, "--reason", &endless]);
    assert!(refused.contains("1000 characters"), "{refused}");
}
