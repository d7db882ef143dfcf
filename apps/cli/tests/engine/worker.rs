//! `bellwether worker run`, and what becomes of its jobs.

use serde_json::{Value, json};
use testkit::program::eventually;

use crate::support::{Bench, until_gone};

/// Does what the job's name says.
const ACTOR: &str = r#"
input=$(cat)
case $input in
  *'"name":"echo"'*) printf '%s' "$input" ;;
  *'"name":"text"'*) printf 'two\nlines\n' ;;
  *'"name":"nothing"'*) ;;
  *'"name":"for good"'*) echo 'log: trying' >&2; echo 'it is broken' >&2; exit 65 ;;
  *'"name":"again"'*) echo 'not yet' >&2; exit 3 ;;
  *'"name":"silent"'*) exit 7 ;;
  *'"name":"killed"'*) kill -9 0 ;;
  *'"name":"telling"'*)
    echo 'progress: {"done": 1}' >&2
    echo 'progress: half' >&2
    echo 'log: half way' >&2
    echo 'progress: 100' >&2
    echo 'log: there' >&2 ;;
  *'"name":"not reading"'*) exec <&-; echo true ;;
esac
"#;

async fn performed(bench: &Bench, arguments: &[&str]) -> Value {
    let id = bench.add(&[&["q"], arguments].concat());
    bench.finished("q", &id).await
}

#[tokio::test]
async fn every_way_to_exit_has_its_outcome() {
    let bench = Bench::new().await;
    let script = bench.script(ACTOR);
    let _worker = bench
        .work(&["--exec", &script, "--name", "actor", "--concurrency", "4"])
        .await;

    let job = performed(&bench, &["echo", "{\"a\": \"ü\"}", "--attempts", "2"]).await;
    assert_eq!(job["state"], "completed");
    assert_eq!(job["processedBy"], "actor");
    let expected = json!({
        "id": job["id"], "name": "echo", "data": {"a": "ü"}, "opts": {"attempts": 2},
        "attemptsMade": 0, "queue": "q",
    });
    assert_eq!(job["returnvalue"], expected);

    let value = async |name| performed(&bench, &[name]).await["returnvalue"].clone();
    assert_eq!(value("text").await, "two\nlines");
    assert_eq!(value("nothing").await, Value::Null);
    assert_eq!(value("not reading").await, true);

    let job = performed(&bench, &["for good", "--attempts", "5"]).await;
    assert_eq!(
        (&job["state"], &job["attemptsMade"]),
        (&json!("failed"), &json!(1))
    );
    assert_eq!(job["failedReason"], "it is broken");
    assert_eq!(
        bench.text(&["job", "logs", "q", job["id"].as_str().unwrap()]),
        "trying\n"
    );

    let job = performed(&bench, &["again", "--attempts", "2"]).await;
    assert_eq!(
        (&job["state"], &job["attemptsMade"]),
        (&json!("failed"), &json!(2))
    );
    assert_eq!(job["failedReason"], "not yet");
    assert_eq!(job["stacktrace"].as_array().unwrap().len(), 2);

    let reason = async |name| performed(&bench, &[name]).await["failedReason"].clone();
    assert_eq!(
        reason("silent").await,
        "the command exited with 7 and said nothing"
    );
    assert_eq!(reason("killed").await, "the command was ended by signal 9");

    let job = performed(&bench, &["telling"]).await;
    assert_eq!(job["progress"], 100);
    let logs = bench.text(&["job", "logs", "q", job["id"].as_str().unwrap()]);
    assert_eq!(logs, "half way\nthere\n");
}

#[tokio::test]
async fn without_a_command_every_job_completes_with_null() {
    let bench = Bench::new().await;
    let mut worker = bench.work(&["--limit", "100/1s"]).await;
    let job = performed(&bench, &["any"]).await;
    assert_eq!(
        (&job["state"], &job["returnvalue"]),
        (&json!("completed"), &Value::Null)
    );
    worker.signal("INT").unwrap();
    assert!(worker.until_ended().await.unwrap().success());
    assert!(worker.output().contains(
        "Stopped working q; of the jobs at work then, 0 finished and 0 were handed back"
    ));
}

#[tokio::test]
async fn workers_that_are_connected_are_listed() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.text(&["worker", "list", "q"]),
        "No workers of q are connected\n"
    );
    let _worker = bench.work(&["--name", "ada"]).await;
    let workers = bench.json(&["worker", "list", "q"]);
    assert_eq!(workers.as_array().unwrap().len(), 1, "{workers}");
    assert_eq!(workers[0]["name"], "ada");
    let table = bench.text(&["worker", "list", "q"]);
    assert!(table.starts_with("NAME  ADDRESS"), "{table}");
    assert!(table.contains("\nada   "), "{table}");
}

#[tokio::test]
async fn a_job_longer_than_its_lock_runs_once() {
    let bench = Bench::new().await;
    let dir = bench.dir.path().display().to_string();
    let script = bench.script(&format!(
        "echo started >> {dir}/starts\nwhile [ ! -e {dir}/go ]; do sleep 0.02; done\necho 1\n"
    ));
    let quick = [
        "--exec",
        &script,
        "--lock-duration",
        "400ms",
        "--stalled-interval",
        "100ms",
    ];
    let _one = bench.work(&quick).await;
    let _other = bench.work(&quick).await;
    let id = bench.add(&["q", "long"]);
    bench.file("starts").await;
    // Each renewal lasts a quarter of the lock, so ten of them outlast it.
    let (mut renewals, mut last) = (0, i64::MAX);
    let lock = format!("{id}:lock");
    while renewals < 10 {
        let left = bench.on("PTTL", &lock, &[]).await;
        let infra_redis::engine::Reply::Int(left) = left else {
            panic!("{left:?}");
        };
        assert!(left > 0, "the lock ran out");
        renewals += u32::from(left > last);
        last = left;
        tokio::task::yield_now().await;
    }
    std::fs::write(bench.dir.path().join("go"), "").unwrap();
    let job = bench.finished("q", &id).await;
    assert_eq!(
        (&job["returnvalue"], &job["stalledCounter"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(bench.file("starts").await, "started\n");
}

#[tokio::test]
async fn a_command_whose_lock_is_lost_is_killed_and_the_worker_goes_on() {
    let bench = Bench::new().await;
    let dir = bench.dir.path().display().to_string();
    let script = bench.script(&format!(
        "grep -q '\"name\":\"next\"' && exit 0\nsleep 600 &\necho $! > {dir}/pid\nwait\n"
    ));
    let lock = ["--lock-duration", "400ms"];
    let _worker = bench
        .work(&[&["--exec", &script], &lock[..]].concat())
        .await;
    let id = bench.add(&["q", "long"]);
    let pid = bench.file("pid").await;
    bench
        .on("SET", &format!("{id}:lock"), &["another worker's"])
        .await;
    until_gone(&pid).await;
    let next = bench.add(&["q", "next"]);
    let next = bench.finished("q", &next).await;
    assert_eq!(next["state"], "completed");
    let lost = eventually("the job to be left alone", || async {
        Some(bench.show("q", &id))
    })
    .await;
    assert_eq!(
        (&lost["state"], &lost["attemptsMade"]),
        (&json!("active"), &json!(0))
    );
}
