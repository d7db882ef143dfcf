//! Flows: trees of jobs, in which a parent runs once its children have ended.

use std::collections::VecDeque;

use serde_json::Value;

use super::connection::Connection;
use super::error::{EngineError, OptionError, ScriptError};
use super::job::Job;
use super::keys::{QueueId, QueueKeys};
use super::options::{JobOptions, ParentJob};
use super::producer::{self, EncodedJob, Placement};
use super::reply::{Decoder, Reply};

/// The most jobs in one flow: all of them are added in one step, which must stay short.
const MAX_JOBS: usize = 1000;

/// A job to be added, and the jobs that it waits for.
///
/// ```
/// use infra_redis::engine::{Flow, QueueId};
/// use serde_json::json;
///
/// let pages = QueueId::parse("{bull}", "pages")?;
/// let books = QueueId::parse("{bull}", "books")?;
/// let book = Flow::new(books, "bind", json!({"title": "Notes"}))
///     .with_child(Flow::new(pages.clone(), "print", json!(1)))
///     .with_child(Flow::new(pages, "print", json!(2)));
/// assert_eq!(book.children.len(), 2);
/// # Ok::<(), infra_redis::engine::OptionError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// Where the job goes. In a cluster all queues of a flow must share a slot, so put a hash tag
    /// into their prefix.
    pub queue: QueueId,
    /// The kind of job.
    pub name: String,
    /// What it works on.
    pub data: Value,
    /// What it is added with. Only the root may have a parent of its own.
    pub options: JobOptions,
    /// The jobs that it waits for.
    pub children: Vec<Flow>,
}

/// A job of a flow that was added.
///
/// ```
/// use infra_redis::engine::AddedFlow;
///
/// /// How many jobs became no child of this flow.
/// fn refused(flow: &AddedFlow) -> usize {
///     let below: usize = flow.children.iter().map(refused).sum();
///     below + usize::from(flow.refused.is_some())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedFlow {
    /// Its queue.
    pub queue: QueueId,
    /// Its id; a new UUID unless one was chosen.
    pub id: String,
    /// Why it is not a child of its parent: a job with its id is another parent's child.
    pub refused: Option<ScriptError>,
    /// The jobs that it waits for.
    pub children: Vec<AddedFlow>,
}

/// A stored job and its children.
///
/// ```
/// use infra_redis::engine::FlowTree;
///
/// /// The kinds of the jobs, each indented by its depth.
/// fn outline(tree: &FlowTree, depth: usize) -> String {
///     let below = tree.children.iter().map(|child| outline(child, depth + 1));
///     format!("{}{}\n", "  ".repeat(depth), tree.job.name) + &below.collect::<String>()
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FlowTree {
    /// The job's queue.
    pub queue: QueueId,
    /// The job.
    pub job: Job,
    /// Its children that are still stored, whether they have ended or not.
    pub children: Vec<FlowTree>,
}

/// Adds and reads flows.
///
/// ```no_run
/// # use infra_redis::engine::{Connection, EngineError, Flow, Flows, QueueId};
/// # async fn example(connection: Connection) -> Result<(), EngineError> {
/// let pages = QueueId::parse("bull", "pages")?;
/// let books = QueueId::parse("bull", "books")?;
/// let page = Flow::new(pages, "print", serde_json::json!(1));
/// let book = Flow::new(books, "bind", serde_json::json!("Notes")).with_child(page);
/// let added = Flows::new(connection).add(&book).await?;
/// tracing::info!("job {} waits for {} pages", added.id, added.children.len());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Flows {
    connection: Connection,
}

impl Flow {
    /// A job without children.
    ///
    /// ```
    /// # use infra_redis::engine::{Flow, QueueId};
    /// let page = Flow::new(QueueId::parse("bull", "pages")?, "print", serde_json::json!(1));
    /// assert!(page.children.is_empty());
    /// # Ok::<(), infra_redis::engine::OptionError>(())
    /// ```
    pub fn new(queue: QueueId, name: impl Into<String>, data: Value) -> Self {
        Self {
            queue,
            name: name.into(),
            data,
            options: JobOptions::default(),
            children: Vec::new(),
        }
    }

    /// This job with one more child.
    ///
    /// ```
    /// # use infra_redis::engine::{Flow, QueueId};
    /// # let queue = QueueId::parse("bull", "pages")?;
    /// let page = Flow::new(queue.clone(), "print", serde_json::json!(1));
    /// let book = Flow::new(queue, "bind", serde_json::json!("Notes")).with_child(page);
    /// assert_eq!(book.children[0].name, "print");
    /// # Ok::<(), infra_redis::engine::OptionError>(())
    /// ```
    #[must_use]
    pub fn with_child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// This job with other options.
    ///
    /// ```
    /// # use infra_redis::engine::{Flow, JobOptions, QueueId};
    /// let options = JobOptions { attempts: 3, ..JobOptions::default() };
    /// let page = Flow::new(QueueId::parse("bull", "pages")?, "print", serde_json::json!(1))
    ///     .with_options(options);
    /// assert_eq!(page.options.attempts, 3);
    /// # Ok::<(), infra_redis::engine::OptionError>(())
    /// ```
    #[must_use]
    pub fn with_options(mut self, options: JobOptions) -> Self {
        self.options = options;
        self
    }
}

impl Flows {
    /// Flows in this Valkey.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{Connection, EngineError, Flows};
    /// # async fn example(connection: Connection) -> Result<(), EngineError> {
    /// let flows = Flows::new(connection);
    /// # Ok(()) }
    /// ```
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Adds a job and everything it waits for in one step: either all of it is there or nothing.
    ///
    /// A child whose id is in use is not added again; it becomes a child of this flow unless it is
    /// another one's, which is told in [`AddedFlow::refused`]. At most 1,000 jobs.
    ///
    /// # Errors
    ///
    /// As with [`Queue::add`](crate::engine::Queue::add), for any of the jobs; and
    /// [`EngineError::Option`] if there are too many of them, or if a job below the root names a
    /// parent.
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Flow, Flows};
    /// # async fn example(flows: Flows, book: Flow) -> Result<(), EngineError> {
    /// let added = flows.add(&book).await?;
    /// for page in added.children.iter().filter(|page| page.refused.is_some()) {
    ///     tracing::warn!("page {} belongs to another book", page.id);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn add(&self, flow: &Flow) -> Result<AddedFlow, EngineError> {
        let mut jobs = Vec::new();
        let mut added = encode(flow, flow.options.parent.clone(), &mut jobs)?;
        if jobs.len() > MAX_JOBS {
            let reason = format!("has {} jobs, and may have {MAX_JOBS}", jobs.len());
            return Err(OptionError::new("flow", reason).into());
        }
        let results = producer::add(&self.connection, &jobs).await?;
        let mut results = VecDeque::from(results);
        if let Some(Err(error)) = results.front() {
            return Err(error.clone().into());
        }
        note(&mut added, &mut results);
        Ok(added)
    }

    /// A job with its children, theirs, and so on down to `depth` levels below it; absent if there
    /// is no such job. A depth of 0 is the job alone. At most `max_children` of each job are read.
    ///
    /// # Errors
    ///
    /// Only those of every call, see [`EngineError`](crate::engine::EngineError).
    ///
    /// ```no_run
    /// # use infra_redis::engine::{EngineError, Flows, QueueId};
    /// # async fn example(flows: Flows) -> Result<(), EngineError> {
    /// let books = QueueId::parse("bull", "books")?;
    /// if let Some(book) = flows.get(&books, "17", 1, 100).await? {
    ///     tracing::info!("{} has {} pages", book.job.data, book.children.len());
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn get(
        &self,
        queue: &QueueId,
        id: &str,
        depth: usize,
        max_children: usize,
    ) -> Result<Option<FlowTree>, EngineError> {
        let keys = QueueKeys::new(queue);
        let fields = self.connection.command("HGETALL", vec![keys.job(id)]);
        let Some(job) = Job::from_fields(id, fields.await?)? else {
            return Ok(None);
        };
        let mut children = Vec::new();
        if depth > 0 {
            for key in self
                .children_of(&keys.job(id))
                .await?
                .into_iter()
                .take(max_children)
            {
                // An id with colons can't be told from its key; such a child is left out.
                let Some((queue, id)) = QueueId::of_job_key(&key) else {
                    continue;
                };
                let child = Box::pin(self.get(&queue, &id, depth - 1, max_children));
                children.extend(child.await?);
            }
        }
        Ok(Some(FlowTree {
            queue: queue.clone(),
            job,
            children,
        }))
    }

    /// The keys of a job's children: those at work, those that completed, those that failed.
    async fn children_of(&self, key: &str) -> Result<Vec<String>, EngineError> {
        let list = async |command, suffix: &str, args: &[&str]| {
            let mut all = vec![format!("{key}:{suffix}")];
            all.extend(args.iter().map(ToString::to_string));
            let reply: Reply = self.connection.command(command, all).await?;
            Decoder(command).texts(reply)
        };
        let mut children = list("SMEMBERS", "dependencies", &[]).await?;
        children.extend(list("HKEYS", "processed", &[]).await?);
        children.extend(list("HKEYS", "failed", &[]).await?);
        children.extend(list("ZRANGE", "unsuccessful", &["0", "-1"]).await?);
        children.sort();
        children.dedup();
        Ok(children)
    }
}

/// Turns a tree into jobs, parents first, because a child is refused whose parent is missing.
fn encode(
    flow: &Flow,
    parent: Option<ParentJob>,
    jobs: &mut Vec<EncodedJob>,
) -> Result<AddedFlow, EngineError> {
    let mut options = flow.options.clone();
    options.parent = parent;
    let chosen = options.id.as_ref().map(|id| id.as_str().to_owned());
    let id = chosen.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let placement = Placement {
        waits_for_children: !flow.children.is_empty(),
        is_in_flow: true,
    };
    let keys = QueueKeys::new(&flow.queue);
    let job = EncodedJob::new(&keys, &flow.name, &flow.data, &options, placement)?;
    jobs.push(job.with_made_up_id(&id));
    let mut children = Vec::with_capacity(flow.children.len());
    for child in &flow.children {
        if child.options.parent.is_some() {
            let reason = "a child's parent is the job above it in the flow";
            return Err(OptionError::new("parent", reason).into());
        }
        let parent = ParentJob {
            queue: flow.queue.clone(),
            id: id.clone(),
        };
        children.push(encode(child, Some(parent), jobs)?);
    }
    Ok(AddedFlow {
        queue: flow.queue.clone(),
        id,
        refused: None,
        children,
    })
}

/// Notes what became of each job, in the order in which they were sent.
fn note(flow: &mut AddedFlow, results: &mut VecDeque<Result<String, ScriptError>>) {
    match results.pop_front() {
        Some(Ok(id)) => flow.id = id,
        Some(Err(error)) => flow.refused = Some(error),
        None => {}
    }
    for child in &mut flow.children {
        note(child, results);
    }
}
