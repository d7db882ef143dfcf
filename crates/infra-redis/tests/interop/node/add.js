'use strict';
// Adds jobs of every kind, as `interop_add.rs` does.

const { Queue } = require('bullmq');
const { prefix, name, options, outcome, run } = require('./program');

// In 2030, so that no time depends on when the test runs.
const timestamp = 1900000000000;

async function kinds(queue) {
  const add = (job, data, opts) => queue.add(job, data, { timestamp, ...opts });
  await add('plain', { n: 1, text: 'schöne Grüße / "quoted"' });
  await add('second', [1, 'two', null]);
  await add('lifo', 'text', { lifo: true });
  await add('low', 1.5, { priority: 2097151 });
  await add('high', true, { priority: 3 });
  await add('high again', false, { priority: 3 });
  for (let n = 0; n < 3; n += 1) await add('delayed', {}, { delay: 60000 });
  await add('sooner', {}, { delay: 30000, priority: 7 });
  await add('mine', { n: 2 }, { jobId: 'mine', attempts: 3, backoff: 500 });
  await add('mine', { n: 3 }, { jobId: 'mine' });
  await add('colons', {}, { jobId: 'a:b:c' });
  await add('absent', undefined);
  await add('nothing', null);
  await add('backoff', {}, { attempts: 4, backoff: { type: 'exponential', delay: 100, jitter: 0.5 } });
  await add('kept', {}, {
    removeOnComplete: true, removeOnFail: { age: 60, count: 5 }, keepLogs: 7, stackTraceLimit: 2,
    sizeLimit: 1000, telemetry: { metadata: '00-trace', omitContext: true },
  });
  await add('forever', {}, { removeOnComplete: false, removeOnFail: 9 });
  await add('deduplicated', {}, { deduplication: { id: 'd', ttl: 60000, extend: true } });
  await add('deduplicated', {}, { deduplication: { id: 'd', ttl: 60000 } });
  await add('parent', {}, { jobId: 'parent' });
  const parent = { id: 'parent', queue: `${prefix}:${queue.name}` };
  await add('child', {}, { parent });
  for (const policy of ['fail', 'continue']) {
    await add('child', {}, { parent, [`${policy}ParentOnFailure`]: true });
  }
  for (const policy of ['ignore', 'remove']) {
    await add('child', {}, { parent, [`${policy}DependencyOnFailure`]: true });
  }
}

async function blocked(queue) {
  const add = (job, opts) => queue.add(job, {}, { timestamp, ...opts });
  await add('plain', {});
  await add('prioritized', { priority: 1 });
  await add('delayed', { delay: 60000 });
}

/** Adds all of them, to a queue that is paused, and to one at its global concurrency. */
async function add() {
  const queue = new Queue(name, options());
  await kinds(queue);
  const paused = new Queue(`${name}-paused`, options());
  await paused.pause();
  await blocked(paused);
  const full = new Queue(`${name}-full`, options());
  await full.setGlobalConcurrency(1);
  await blocked(full);
  return {};
}

/** All jobs as the client knows them. */
async function read() {
  const queue = new Queue(name, options());
  const states = ['waiting', 'prioritized', 'delayed', 'waiting-children'];
  const jobs = await queue.getJobs(states, 0, -1, true);
  const read = [];
  for (const { id } of jobs) {
    const job = await queue.getJob(id);
    read.push({ ...job.toJSON(), state: await job.getState() });
  }
  return read;
}

/** What the client says to what can't be added. */
async function refuse() {
  const queue = new Queue(name, options());
  const refused = (opts) => outcome(async () => (await queue.add('job', {}, opts)).id);
  const ids = [];
  for (const jobId of ['17', '-3', '0', '0:a', '0:a:b', 'a:b', 'a:b:c:d', 'a:b:c']) {
    ids.push(await refused({ jobId }));
  }
  const missing = await refused({ parent: { id: 'gone', queue: `${prefix}:${name}` } });
  for (const id of ['one', 'two']) await queue.add('job', {}, { jobId: id });
  const child = (id) => refused({ jobId: 'child', parent: { id, queue: `${prefix}:${name}` } });
  await child('one');
  const other = await child('two');
  const same = await child('one');
  const priority = await refused({ priority: 2097152 });
  const deduplication = await refused({ deduplication: { id: '' } });
  const size = await refused({ sizeLimit: 1 });
  return { ids, missing, other, same, priority, deduplication, size };
}

/** Opens the queue as a producer does that keeps few events. */
async function configure() {
  const queue = new Queue(name, options({ streams: { events: { maxLen: 7 } } }));
  await queue.waitUntilReady();
  await queue.add('job', {});
  return {};
}

run({ add, read, refuse, configure });
