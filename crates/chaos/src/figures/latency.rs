//! How long an event takes from its commit to its handler on an idle system, beside a job that is
//! only added and fetched.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use application::dead_letters::DeadLetters;
use application::events::dispatcher::Dispatcher;
use application::events::handler::{EventHandler, HandlerError, Progress};
use application::events::recovery::Recovery;
use application::events::relay::{OutboxRelay, RelaySettings};
use application::queues::{QueueName, QueueTable};
use async_trait::async_trait;
use domain::curators::CuratorId;
use domain::{Clock, EventEnvelope, EventKind, UnitOfWork, UnixMillis};
use infra_redis::consumer::EventProcessor;
use infra_redis::engine::{
    Claimed, Connection, ConnectionSettings, JobContext, JobError, JobOptions, Processor, Queue,
    QueueId, Worker, WorkerSettings,
};
use infra_redis::identity::ValkeyData;
use infra_redis::publisher::QueuePublisher;
use infra_sql::Database;
use testkit::builders::{NOW, any_event};
use testkit::clock::FixedClock;
use testkit::postgres::PrivatePostgres;
use testkit::valkey::{Persistence, PrivateValkey};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Figure, millis};
use crate::system::{DatabaseKind, PREFIX};

/// How many times the p99 of a bare job an event's may be.
const TIMES: u32 = 5;

/// The rest between two, so that each finds an idle system.
const REST: Duration = Duration::from_millis(20);

/// How many of the first don't count, since caches fill and connections are made.
const WARM: usize = 100;

const CONNECTIONS: NonZeroU32 = NonZeroU32::new(8).expect("it is not zero");

pub(super) async fn measure(kind: DatabaseKind, samples: usize) -> Result<Figure> {
    let valkey = PrivateValkey::start_keeping(Persistence::Never).await?;
    let settings = ConnectionSettings::parse(&valkey.url())?;
    let bare = p99(bare(&settings, samples).await?);

    let dir = tempfile::tempdir()?;
    let postgres = match kind {
        DatabaseKind::Postgres => Some(PrivatePostgres::start().await?),
        DatabaseKind::Sqlite => None,
    };
    let url = match &postgres {
        Some(postgres) => postgres.url(),
        None => format!("sqlite://{}", dir.path().join("bellwether.db").display()),
    };
    let database = Database::open(&url.parse()?, CONNECTIONS).await?;
    database.migrate().await?;
    let whole = p99(whole(&settings, &database, samples).await?);
    database.close().await;
    Ok(Figure {
        what: format!(
            "commit to handler start, idle, p99 of {samples} events, {}",
            match kind {
                DatabaseKind::Postgres => "Postgres",
                DatabaseKind::Sqlite => "SQLite",
            }
        ),
        target: format!("at most {TIMES} times a bare job's {}", millis(bare)),
        measured: millis(whole),
        is_met: whole <= bare * TIMES,
    })
}

/// From the call that adds a job to its processor.
async fn bare(settings: &ConnectionSettings, samples: usize) -> Result<Vec<Duration>> {
    let connection = Connection::open(settings).await?;
    let id = QueueId::parse(PREFIX, "bare")?;
    let (started, mut starts) = unbounded_channel();
    let note = Note(started);
    let worker = Worker::start(settings, id.clone(), note, WorkerSettings::default()).await?;
    let queue = Queue::<u64>::new(connection, id);
    let mut times = Vec::new();
    for _ in 0..samples + WARM {
        tokio::time::sleep(REST).await;
        let begun = Instant::now();
        queue.add("bare", &0, &JobOptions::default()).await?;
        times.push(next(&mut starts).await?.saturating_duration_since(begun));
    }
    worker.stop(Duration::from_secs(1)).await;
    Ok(times)
}

/// From the return of an event's commit to its handler, through the outbox, its relay, a queue and its worker.
async fn whole(
    settings: &ConnectionSettings,
    database: &Database,
    samples: usize,
) -> Result<Vec<Duration>> {
    let connection = Connection::open(settings).await?;
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::at(NOW));
    let publisher = QueuePublisher::new(&connection, PREFIX, &QueueTable::default())?;
    let relay = OutboxRelay::new(
        database.outbox(),
        Arc::new(publisher),
        Arc::clone(&clock),
        RelaySettings::default(),
    );
    let data = Arc::new(ValkeyData::new(&connection, PREFIX)?);
    let recovery = Recovery::new(data, database.generations(), Arc::new(()));
    let relay = relay.recovered_by(Arc::new(recovery));
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    let token = stop.clone();
    running.spawn(async move { relay.run(token).await });

    let (started, mut starts) = unbounded_channel();
    let store = database.store();
    let handlers: Vec<Arc<dyn EventHandler>> = vec![Arc::new(Note(started))];
    let dispatcher = Dispatcher::new(Arc::clone(&store), Arc::clone(&clock), handlers);
    let letters = DeadLetters::new(Arc::clone(&store), Arc::clone(&clock));
    let processor = EventProcessor::new(QueueName::Feeds, dispatcher, letters, clock);
    let id = QueueId::parse(PREFIX, "feeds")?;
    let worker = Worker::start(settings, id, processor, WorkerSettings::default()).await?;
    let mut times = Vec::new();
    for _ in 0..samples + WARM {
        tokio::time::sleep(REST).await;
        let mut work = store.begin().await?;
        work.outbox().record(&[any_event()]).await?;
        work.commit().await?;
        let begun = Instant::now();
        times.push(next(&mut starts).await?.saturating_duration_since(begun));
    }
    worker.stop(Duration::from_secs(1)).await;
    stop.cancel();
    running.join_all().await;
    Ok(times)
}

async fn next(starts: &mut UnboundedReceiver<Instant>) -> Result<Instant> {
    let start = tokio::time::timeout(Duration::from_secs(30), starts.recv()).await;
    start
        .context("a job did not start within half a minute")?
        .context("the worker is gone")
}

fn p99(mut times: Vec<Duration>) -> Duration {
    let mut times = times.split_off(WARM);
    times.sort();
    times[times.len() * 99 / 100]
}

/// Notes when it was called.
struct Note(UnboundedSender<Instant>);

impl Note {
    fn now(&self) {
        // Nobody listens any more once the measurement is over.
        let _ = self.0.send(Instant::now());
    }
}

impl Processor for Note {
    type Data = u64;
    type Output = ();

    async fn process(&self, _: Claimed<u64>, _: &JobContext) -> Result<(), JobError> {
        self.now();
        Ok(())
    }
}

#[async_trait]
impl EventHandler for Note {
    fn name(&self) -> &'static str {
        "chaos.note"
    }

    fn reacts_to(&self, _: EventKind) -> bool {
        true
    }

    fn bears_repetition(&self) -> bool {
        true
    }

    async fn handle(
        &self,
        _: &EventEnvelope,
        _: Option<CuratorId>,
        _: &mut dyn UnitOfWork,
        _: UnixMillis,
    ) -> Result<Progress, HandlerError> {
        self.now();
        Ok(Progress::Done)
    }
}
