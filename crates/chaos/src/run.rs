//! A run: load on the system, what the plan says is broken meanwhile, and then a look at what was
//! promised.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use testkit::valkey::Persistence;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::load::{Load, Told};
use crate::plan::{Amounts, Cut, Fault, Planned, plan};
use crate::promises::{self, Promise};
use crate::queues::Queues;
use crate::report::{self, Done, Tally};
use crate::say;
use crate::skew::Skew;
use crate::system::{DatabaseKind, Locks, System};

/// The locks of a run: short, because so many workers die in it.
const LOCKS: Locks = Locks {
    duration: Duration::from_secs(5),
    check: Duration::from_secs(1),
    // A job that is killed with its worker again and again is not at fault here.
    max_stalls: 20,
};

/// How often the run looks around.
const TICK: Duration = Duration::from_millis(20);

/// How often it is counted what was handled.
const COUNT: Duration = Duration::from_millis(500);

/// How long nothing may happen before the system counts as settled, or as stuck.
const PATIENCE: Duration = Duration::from_mins(2);

/// How many events the relays have still to publish.
const UNPUBLISHED: &str = "SELECT COUNT(*) FROM outbox WHERE published_at IS NULL";

/// What a run is made of.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct RunSettings {
    #[command(flatten)]
    amounts: Amounts,

    /// The number that the plan of faults follows from; another each time if absent
    #[arg(long)]
    seed: Option<u64>,

    /// Where everything is stored
    #[arg(long, value_enum, default_value_t = DatabaseKind::Postgres)]
    database: DatabaseKind,

    /// What Valkey keeps when it is killed; one run after the other if absent
    #[arg(long, value_enum)]
    persistence: Option<Kept>,

    /// By how many seconds clocks of workers are wrong
    #[arg(long, default_value_t = 4)]
    skew: u32,
}

/// What Valkey keeps when it is killed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Kept {
    /// An append-only file, written to disk once a second.
    Everysec,
    /// Nothing.
    None,
}

/// Runs; whether every promise was kept.
pub(crate) async fn run(settings: RunSettings) -> Result<bool> {
    let seed = settings.seed.unwrap_or_else(|| {
        // Some of the bits of such an id are fixed; these are not.
        let (high, _) = uuid::Uuid::new_v4().as_u64_pair();
        high >> 32
    });
    let profiles = match settings.persistence {
        Some(kept) => vec![kept],
        None => vec![Kept::Everysec, Kept::None],
    };
    let mut is_kept = true;
    for kept in profiles {
        is_kept &= run_on(settings, seed, kept).await?;
        if !is_kept {
            break;
        }
    }
    Ok(is_kept)
}

async fn run_on(settings: RunSettings, seed: u64, kept: Kept) -> Result<bool> {
    let skew = Skew::of_seconds(settings.skew);
    let persistence = match kept {
        Kept::Everysec => Persistence::EverySecond,
        Kept::None => Persistence::Never,
    };
    say(&format!(
        "Seed {seed}: {} events, {:?} database, Valkey keeps {}.",
        settings.amounts.events,
        settings.database,
        in_words(kept)
    ))?;
    let mut system = System::start(settings.database, persistence, LOCKS, &skew).await?;
    let mut amounts = settings.amounts;
    if settings.database == DatabaseKind::Sqlite {
        amounts.postgres_restarts = 0;
    }
    let plan = plan(seed, &amounts, system.slots.len());
    let mut chaos = Chaos::new(&mut system, plan);
    let promises = chaos.run(amounts.events).await?;
    let tally = chaos.tally;
    let told = Arc::clone(&chaos.told);

    let done = Done {
        seed,
        kept: in_words(kept),
        clocks: skew.told(),
        tally,
        told: &told,
    };
    say(&done.table())?;
    say(&report::verdicts(&promises))?;
    let broken: Vec<_> = promises
        .iter()
        .flat_map(|promise| &promise.broken)
        .collect();
    let Some(first) = broken.first() else {
        return Ok(true);
    };
    let logs = system.keep_logs();
    say(&format!(
        "A promise was broken: {first}. ({} in all; seed {seed}; what the processes printed is in {})",
        broken.len(),
        logs.display()
    ))?;
    Ok(false)
}

fn in_words(kept: Kept) -> &'static str {
    match kept {
        Kept::Everysec => "an append-only file, written to disk every second",
        Kept::None => "nothing",
    }
}

/// A run that is under way.
struct Chaos<'a> {
    system: &'a mut System,
    plan: VecDeque<Planned>,
    told: Arc<Told>,
    tally: Tally,
    valkey_back: Option<Instant>,
    postgres_back: Option<Instant>,
    delays: Vec<(usize, Instant)>,
}

impl<'a> Chaos<'a> {
    fn new(system: &'a mut System, plan: Vec<Planned>) -> Self {
        Self {
            system,
            plan: plan.into(),
            told: Arc::default(),
            tally: Tally::default(),
            valkey_back: None,
            postgres_back: None,
            delays: Vec::new(),
        }
    }

    async fn run(&mut self, events: u64) -> Result<Vec<Promise>> {
        let load = Load::prepare(self.system.apis()).await?;
        let mut running = JoinSet::new();
        running.spawn(load.run(events, Arc::clone(&self.told)));
        let queues = Queues::open(&self.system.valkey.url()).await?;
        let begun = Instant::now();
        let (mut counted, mut told) = (begun, begun);
        while !running.is_empty() || !self.is_whole() {
            tokio::time::sleep(TICK).await;
            if let Some(ended) = running.try_join_next() {
                ended.context("the load has ended before its time")?;
            }
            self.tick().await?;
            if counted.elapsed() > COUNT {
                self.count(&queues).await;
                counted = Instant::now();
            }
            if told.elapsed() > Duration::from_secs(20) {
                say(&format!(
                    "{} events accepted, {} faults to come",
                    self.told.accepted(),
                    self.plan.len()
                ))?;
                told = Instant::now();
            }
        }
        self.tally.load = begun.elapsed();
        self.settle().await?;
        self.tally.all = begun.elapsed();
        let queues = Queues::open(&self.system.valkey.url()).await?;
        promises::look(&self.system.sql, &self.told, &queues).await
    }

    /// Whether nothing is broken, and nothing is still to be.
    fn is_whole(&self) -> bool {
        self.plan.is_empty()
            && self.delays.is_empty()
            && self.valkey_back.is_none()
            && self.postgres_back.is_none()
    }

    async fn tick(&mut self) -> Result<()> {
        self.mend().await?;
        let accepted = self.told.accepted();
        if self.plan.front().is_some_and(|next| next.after <= accepted)
            && let Some(next) = self.plan.pop_front()
        {
            self.commit(next.fault).await?;
        }
        Ok(())
    }

    /// Ends faults whose time is over, and starts again what has ended by itself.
    async fn mend(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.valkey_back.is_some_and(|back| back <= now) {
            self.bring_valkey_back().await?;
        }
        if self.postgres_back.is_some_and(|back| back <= now) {
            self.bring_postgres_back().await?;
        }
        let slots = &self.system.slots;
        self.delays.retain(|(slot, end)| {
            let is_over = *end <= now;
            if is_over {
                slots[*slot].proxy.delay(Duration::ZERO);
            }
            !is_over
        });
        for slot in &mut self.system.slots {
            if let Some(how) = slot.supervise()? {
                self.tally.ended += 1;
                say(&how)?;
            }
        }
        Ok(())
    }

    async fn commit(&mut self, fault: Fault) -> Result<()> {
        let now = Instant::now();
        match fault {
            Fault::Kill { slot } => {
                self.system.slots[slot].kill()?;
                self.tally.kills += 1;
            }
            Fault::Valkey { away } => {
                if self.valkey_back.is_some() {
                    self.bring_valkey_back().await?;
                }
                self.system.valkey.kill().await?;
                self.valkey_back = Some(now + away);
                self.tally.valkey += 1;
            }
            Fault::Postgres { away } => {
                if self.postgres_back.is_some() {
                    self.bring_postgres_back().await?;
                }
                let postgres = self.system.postgres.as_mut();
                postgres.context("there is no Postgres")?.kill().await?;
                self.postgres_back = Some(now + away);
                self.tally.postgres += 1;
            }
            Fault::Cut { slot, cut } => {
                let proxy = &self.system.slots[slot].proxy;
                match cut {
                    Cut::All => {
                        proxy.cut();
                        self.tally.cuts += 1;
                    }
                    Cut::Answer => {
                        proxy.drop_next_reply();
                        self.tally.answers += 1;
                    }
                    Cut::Silence => {
                        proxy.freeze_open_connections();
                        self.tally.silences += 1;
                    }
                }
            }
            Fault::Delay { slot, delay, lasts } => {
                self.system.slots[slot].proxy.delay(delay);
                self.delays.push((slot, now + lasts));
                self.tally.delays += 1;
            }
        }
        Ok(())
    }

    async fn bring_valkey_back(&mut self) -> Result<()> {
        self.system.valkey.restart().await?;
        self.valkey_back = None;
        Ok(())
    }

    async fn bring_postgres_back(&mut self) -> Result<()> {
        let postgres = self.system.postgres.as_mut();
        postgres.context("there is no Postgres")?.restart().await?;
        self.postgres_back = None;
        Ok(())
    }

    /// How many events wait for their handlers, for the load to go by. Asked of what waits rather
    /// than of all there is, or a long run would do little else than count.
    async fn count(&self, queues: &Queues) {
        // While a server is away, the last count is as good as any.
        let unpublished = self.system.sql.number(UNPUBLISHED);
        let (Ok(unpublished), Some(jobs)) = (unpublished.await, queues.longest().await) else {
            return;
        };
        let waiting = u64::try_from(unpublished).unwrap_or(0) + jobs;
        self.told.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Whether the loss of what Valkey held has been noticed, and all that was published before has
    /// been looked at: until then empty queues say little.
    async fn is_recovered(&mut self, queues: &Queues) -> Result<bool> {
        let identity = queues.identity().await?;
        let sql = &self.system.sql;
        let noticed = format!("SELECT COUNT(*) FROM queue_data WHERE identity = '{identity}'");
        if sql.number(&noticed).await? == 0 {
            return Ok(false);
        }
        let losses = sql.number("SELECT generation FROM queue_data").await?;
        self.tally.losses = u64::try_from(losses)?;
        let still_to_look_at = "SELECT COUNT(*) FROM outbox JOIN queue_data
             ON published_in < generation AND (published_in, seq) > (looked_in, looked_up_to)
             WHERE published_at IS NOT NULL";
        Ok(sql.number(still_to_look_at).await? == 0)
    }

    /// Waits until no event is on its way any more, or nothing moves.
    async fn settle(&mut self) -> Result<()> {
        let queues = Queues::open(&self.system.valkey.url()).await?;
        let (mut last, mut moved) = (None, Instant::now());
        loop {
            self.mend().await?;
            // In the order of an event's way, or it could hide from this look.
            let is_recovered = self.is_recovered(&queues).await?;
            let unpublished = self.system.sql.number(UNPUBLISHED).await?;
            let left = queues.left().await?;
            let is_over = unpublished == 0 && left.iter().all(|(_, jobs)| *jobs == 0);
            if is_recovered && is_over {
                return Ok(());
            }
            let now = Some((is_recovered, unpublished, left));
            if now != last {
                (last, moved) = (now, Instant::now());
            }
            if moved.elapsed() > PATIENCE {
                // What is left is told as broken promises.
                return Ok(());
            }
            tokio::time::sleep(COUNT).await;
        }
    }
}
