//! Workers that die with a job in their hands.

use super::*;

/// A saved URL whose jobs are at work in all three workers, which wait for the database that the
/// test holds.
struct AtWork {
    card: String,
    reader: String,
    workers: Vec<WorkerProgram>,
    held: Box<dyn domain::UnitOfWork>,
}

/// Brings a saved URL to the middle of its work, with workers that reach Valkey at `url`.
async fn in_the_middle(system: &System, url: &str) -> AtWork {
    let (ada, ada_token) = system.curator("ada").await;
    let (_, reader) = system.curator("bob").await;
    system.follow(&reader, &ada).await;
    let mut workers = Vec::new();
    for name in WORKERS {
        workers.push(system.worker_at(name, url, &[]).await);
    }
    for name in QUEUES {
        let queue = queue(system, name).await;
        eventually("the follow to be handled", || async {
            (queue.counts().await.ok()?.completed == 1).then_some(())
        })
        .await;
        queue.pause().await.unwrap();
    }
    let card = system.save(&ada_token, "https://example.org/").await;
    for name in QUEUES {
        until(system, name, |counts| counts.prioritized == 1).await;
    }
    let held = hold_the_database(system).await;
    for name in QUEUES {
        queue(system, name).await.resume().await.unwrap();
        until(system, name, |counts| counts.active == 1).await;
    }
    AtWork {
        card,
        reader,
        workers,
        held,
    }
}

/// The completed job of a queue whose data names this card.
async fn job_about(system: &System, name: &str, card: &str) -> Job {
    let settings = ConnectionSettings::parse(&system.valkey_url).unwrap();
    let connection = Connection::open(&settings).await.unwrap();
    let key = format!("{}:{name}:completed", system.prefix);
    let ids = connection
        .command("ZRANGE", vec![key, "0".into(), "-1".into()])
        .await
        .unwrap();
    let Reply::List(ids) = ids else {
        panic!("not a list: {ids:?}")
    };
    let queue = queue(system, name).await;
    for id in ids {
        let Reply::Text(id) = id else {
            panic!("not an id: {id:?}")
        };
        let job = queue.job(&id).await.unwrap().unwrap();
        if job.data.contains(card) {
            return job;
        }
    }
    panic!("no completed job of `{name}` is about {card}")
}

/// Starts other workers; waits until they have taken the jobs over, and asserts that each job
/// started twice, took effect once, and is done.
async fn taken_over(system: &System, card: &str, reader: &str) {
    let _others = system.all_workers().await;
    system.until_arrived(reader, card, 1).await;
    for name in QUEUES {
        until(system, name, |counts| {
            counts.completed == 2 && counts.active == 0
        })
        .await;
        let job = job_about(system, name, card).await;
        assert_eq!(
            (job.attempts_started, job.stalls, job.attempts_made),
            (2, 1, 1),
            "{name}"
        );
    }
    system.assert_once(reader, card, 1).await;
}

#[tokio::test]
async fn a_worker_killed_in_the_middle_of_a_job_leaves_it_to_another() {
    let url = shared_url().await;
    let system = System::start(&url).await;
    let mut at_work = in_the_middle(&system, &url).await;
    for worker in &mut at_work.workers {
        worker.program.kill().unwrap();
    }
    drop(at_work.held);
    assert!(
        system.feed(&at_work.reader).await.is_empty(),
        "nothing was committed"
    );
    taken_over(&system, &at_work.card, &at_work.reader).await;
}

#[tokio::test]
async fn a_worker_killed_between_its_effect_and_its_answer_does_nothing_twice() {
    let url = shared_url().await;
    let system = System::start(&url).await;
    let proxy = Proxy::start(url.strip_prefix("redis://").unwrap())
        .await
        .unwrap();
    let mut at_work = in_the_middle(&system, &proxy.url()).await;
    // The network swallows every answer from now on; the database does not.
    proxy.freeze();
    drop(at_work.held);
    system
        .until_arrived(&at_work.reader, &at_work.card, 1)
        .await;
    for worker in &mut at_work.workers {
        worker.program.kill().unwrap();
    }
    for name in QUEUES {
        let counts = queue(&system, name).await.counts().await.unwrap();
        assert_eq!(counts.active, 1, "{name}: Valkey knows of no answer");
    }
    taken_over(&system, &at_work.card, &at_work.reader).await;
}
