'use strict';
// Adds flows and works them, as `interop_flows.rs` does. Each case has queues of its own: a job's
// children are in `<case>-c`, the parents in `<case>-p`.

const { FlowProducer, Queue, WaitingChildrenError, Worker } = require('bullmq');
const { name, options, run } = require('./program');

const child = (queue, data, opts = {}) =>
  ({ name: 'child', queueName: `${queue}-c`, data, opts: { jobId: `${data}`, ...opts } });
const parent = (queue, children, opts = {}) =>
  ({ name: 'parent', queueName: `${queue}-p`, data: {}, opts: { jobId: 'parent', ...opts }, children });
const hour = 3600000;

const flows = {
  done: (q) => parent(q, [child(q, 'a'), child(q, 'b')]),
  fail: (q) => parent(q, [child(q, 'fails', { failParentOnFailure: true }), child(q, 'b', { delay: hour })]),
  continue: (q) => parent(q, [child(q, 'fails', { continueParentOnFailure: true }), child(q, 'b', { delay: hour })]),
  ignore: (q) => parent(q, [child(q, 'fails', { ignoreDependencyOnFailure: true }), child(q, 'b')]),
  remove: (q) => parent(q, [child(q, 'fails', { removeDependencyOnFailure: true }), child(q, 'b')]),
  hold: (q) => parent(q, [child(q, 'fails')]),
  prioritized: (q) => parent(q, [child(q, 'a')], { priority: 4 }),
  delayed: (q) => parent(q, [child(q, 'a')], { delay: hour }),
  unkept: (q) => parent(q, [child(q, 'a', { removeOnComplete: true })]),
  deep: (q) => parent(q, [parent(q, [child(q, 'a')], { jobId: 'middle' })]),
  known: (q) => parent(q, [child(q, 'known')]),
};

/** Adds the flows of all cases. */
async function add() {
  const producer = new FlowProducer(options());
  for (const [name, flow] of Object.entries(flows)) await producer.add(flow(name));
  return {};
}

/** Works children until none is ready: those whose data says so fail. */
async function children() {
  await workAll('c', async (job) => {
    if (job.data === 'fails') throw new Error('it broke');
    return { done: job.data };
  });
  return {};
}

/** Works parents, which return what their children did. */
async function parents() {
  await workAll('p', async (job) => {
    const values = Object.entries(await job.getChildrenValues());
    const short = values.map(([key, value]) => [key.split(':').pop(), value]);
    return Object.fromEntries(short.sort());
  });
  return {};
}

async function workAll(kind, perform) {
  await Promise.all(Object.keys(flows).map(async (name) => {
    const queue = new Queue(`${name}-${kind}`, options());
    const worker = new Worker(`${name}-${kind}`, perform, options());
    for (;;) {
      const counts = await queue.getJobCounts('wait', 'active', 'prioritized');
      if (Object.values(counts).every((count) => count === 0)) break;
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    await worker.close();
  }));
}

/** Retries the failed child of the case `hold`, with data that works. */
async function retry() {
  const queue = new Queue('hold-c', options());
  const job = await queue.getJob('fails');
  await job.updateData('works now');
  await job.retry('failed');
  return {};
}

/** A parent that adds a child of another queue as it runs, and waits for it. */
async function wait() {
  const childQueue = new Queue('child', options());
  let calls = 0;
  const worker = new Worker('parent', async (job, token) => {
    calls += 1;
    if (calls > 1) return job.getChildrenValues();
    const of = { id: job.id, queue: job.queueQualifiedName };
    await childQueue.add('child', { n: 1 }, { parent: of });
    if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
    throw new Error('nothing to wait for');
  }, options());
  const completed = new Promise((resolve, reject) => {
    worker.on('completed', (_job, value) => resolve(value));
    worker.on('failed', (_job, error) => reject(error));
  });
  const value = await completed;
  await worker.close();
  return { calls, value };
}

/** Works one job of the queue. */
async function workOne() {
  const worker = new Worker(name, async (job) => ({ worked: job.data }), options());
  await new Promise((resolve) => { worker.on('completed', resolve); });
  await worker.close();
  return {};
}

/** Completes a job that has a failed child. */
async function complete() {
  const worker = new Worker(name, async () => {}, options());
  const failed = await new Promise((resolve) => {
    worker.on('failed', (job, error) => resolve(error.message));
  });
  await worker.close();
  return failed;
}

run({ add, children, parents, retry, wait, workOne, complete });
