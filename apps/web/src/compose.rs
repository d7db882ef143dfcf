//! What the web process is made of.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::Context;
use application::SharedStore;
use application::analytics::Analytics;
use application::cards::Cards;
use application::curators::Curators;
use application::dead_letters::DeadLetters;
use application::events::in_process::InProcessPublisher;
use application::events::observer::EventObserver;
use application::events::recovery::Recovery;
use application::events::relay::{OutboxRelay, RelaySettings};
use application::events::upkeep::Upkeep;
use application::feeds::Feeds;
use application::jobs::CancelJob;
use application::notifications::Notifications;
use application::operators::AdminToken;
use application::queues::QueueName;
use application::rates::Rates;
use domain::event::outbox::OutboxReader;
use domain::{Clock, EventPublisher};
use infra_redis::engine::Connection;
use infra_redis::identity::ValkeyData;
use infra_redis::jobs::QueueJobs;
use infra_redis::publisher::QueuePublisher;
use infra_redis::rates::SharedCounter;
use process::SystemClock;
use process::observe::{self, EventCounts};
use process::settings::Database;
use telemetry::metrics::{HttpMetrics, Metrics};
use telemetry::ops::Checks;

use crate::settings::WebSettings;
use crate::{App, Argon2Passwords, Limits};

/// How many passwords are hashed at once; each takes 19 MiB and a core for some 20 ms.
const PASSWORDS_AT_ONCE: NonZeroUsize = NonZeroUsize::new(2).expect("it is not zero");

/// The parts of a web process.
pub struct Web {
    /// The API's use cases.
    pub app: App,
    /// Carries events from the outbox to whoever acts on them.
    pub relay: OutboxRelay,
    /// Publishes again what Valkey has lost, where there is one.
    pub recovery: Option<Arc<Recovery>>,
    /// Forgets what is old.
    pub upkeep: Upkeep,
    /// What health and readiness look at.
    pub checks: Checks,
    /// What is measured.
    pub metrics: Metrics,
    /// What is closed last.
    pub database: Database,
}

/// Builds the adapters and wires them to the ports.
pub async fn compose(settings: &WebSettings) -> anyhow::Result<Web> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    // Everything that may be wrong is looked at before anything is changed.
    let valkey = if settings.embedded {
        None
    } else {
        Some(settings.valkey.connection()?)
    };
    let operators = settings.admin_token.as_ref();
    let operators = operators.map(|token| AdminToken::parse(&token.0));
    let operators = operators.transpose().context("ADMIN_TOKEN")?;
    let retention = settings.retention.settings()?;
    let database = settings.database.open().await?;
    let valkey = match valkey {
        Some(valkey) => {
            let connection = Connection::open_or_wait(&valkey).await;
            Some(connection.context("VALKEY_URL")?)
        }
        None => None,
    };
    database.migrate().await.context("DATABASE_URL")?;
    let outbox: Arc<dyn OutboxReader> = database.outbox();
    let store: SharedStore = database.store();

    let mut metrics = Metrics::new();
    let counts = observe::outbox_backlog(&mut metrics, &outbox, &clock);
    observe::dead_letters(&mut metrics, &store);
    let counts = EventCounts::default().of_outbox(counts);
    let counts: Arc<dyn EventObserver> = Arc::new(if settings.embedded {
        counts.of_inbox(&mut metrics)
    } else {
        counts
    });
    let publisher = publisher(
        settings,
        valkey.as_ref(),
        &store,
        &clock,
        &counts,
        &mut metrics,
    )?;
    let recovery = recovery(settings, valkey.as_ref(), &database, &counts)?;
    let mut relay = OutboxRelay::new(
        outbox,
        publisher,
        Arc::clone(&clock),
        RelaySettings::default(),
    )
    .observed_by(Arc::clone(&counts));
    if let Some(recovery) = &recovery {
        relay = relay.recovered_by(Arc::clone(recovery));
    }
    let upkeep = Upkeep::new(database.retention(), Arc::clone(&clock), retention, counts);

    let passwords = Arc::new(Argon2Passwords::new(PASSWORDS_AT_ONCE));
    let rates = rates(settings, valkey.as_ref(), &clock)?;
    let mut curators = Curators::new(Arc::clone(&store), Arc::clone(&clock), passwords);
    if let Some(limit) = settings.rates.sign_in_rate.0 {
        curators = curators.limiting_sign_ins(rates.clone(), limit);
    }
    let app = App {
        curators,
        cards: Cards::new(Arc::clone(&store), Arc::clone(&clock)),
        feeds: Feeds::new(Arc::clone(&store)),
        notifications: Notifications::new(Arc::clone(&store), Arc::clone(&clock)),
        analytics: Analytics::new(Arc::clone(&store)),
        jobs: valkey.as_ref().map(|connection| {
            let prefix = &settings.valkey.valkey_prefix;
            let jobs = QueueJobs::new(connection, prefix, Arc::clone(&clock));
            let letters = DeadLetters::new(Arc::clone(&store), Arc::clone(&clock));
            CancelJob::new(Arc::new(jobs), letters)
        }),
        operators,
        metrics: HttpMetrics::register(&mut metrics),
        limits: Limits {
            requests: settings.rates.token_rate.0,
            ..Limits::default()
        },
        rates,
        clock,
    };
    Ok(Web {
        app,
        relay,
        recovery,
        upkeep,
        checks: checks(store, valkey),
        metrics,
        database,
    })
}

/// Counted in Valkey by all web processes, or by this one alone.
fn rates(
    settings: &WebSettings,
    valkey: Option<&Connection>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Rates> {
    let Some(connection) = valkey else {
        return Ok(Rates::of_this_process(Arc::clone(clock)));
    };
    let counter = SharedCounter::new(connection, &settings.valkey.valkey_prefix)?;
    Ok(Rates::shared(Arc::new(counter), Arc::clone(clock)))
}

/// What Valkey holds may be lost; what is handled in this process is not.
fn recovery(
    settings: &WebSettings,
    valkey: Option<&Connection>,
    database: &Database,
    counts: &Arc<dyn EventObserver>,
) -> anyhow::Result<Option<Arc<Recovery>>> {
    let Some(connection) = valkey else {
        return Ok(None);
    };
    let data = Arc::new(ValkeyData::new(connection, &settings.valkey.valkey_prefix)?);
    let recovery = Recovery::new(data, database.generations(), Arc::clone(counts));
    Ok(Some(Arc::new(recovery)))
}

/// Queues in Valkey, or the handlers in this process.
fn publisher(
    settings: &WebSettings,
    valkey: Option<&Connection>,
    store: &SharedStore,
    clock: &Arc<dyn Clock>,
    counts: &Arc<dyn EventObserver>,
    metrics: &mut Metrics,
) -> anyhow::Result<Arc<dyn EventPublisher>> {
    let Some(connection) = valkey else {
        return Ok(Arc::new(
            InProcessPublisher::new(store, clock).observed_by(counts),
        ));
    };
    let prefix = &settings.valkey.valkey_prefix;
    observe::queue_depth(metrics, connection, prefix, &QueueName::ALL)?;
    let table = settings.queues.table();
    Ok(Arc::new(QueuePublisher::new(connection, prefix, &table)?))
}

/// Ready means that requests can be served. Valkey is shown but not asked for: while it is away
/// events wait in the outbox, and every request is served all the same.
fn checks(store: SharedStore, valkey: Option<Connection>) -> Checks {
    let checks = Checks::new().ready_if("database", move || {
        let store = Arc::clone(&store);
        async move { store.ping().await.map_err(|error| error.to_string()) }
    });
    let Some(connection) = valkey else {
        return checks;
    };
    checks.shows("valkey", move || {
        let connection = connection.clone();
        async move { connection.ping().await.map_err(|error| error.to_string()) }
    })
}
