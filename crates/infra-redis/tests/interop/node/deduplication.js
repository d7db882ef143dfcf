'use strict';
// Adds jobs under deduplication ids, as `interop_deduplication.rs` does. Each case has a queue of
// its own, in which it may go on with what the other client did.

const { Queue, Worker } = require('bullmq');
const { name, prefix, connection, options, run } = require('./program');

const minute = 60000;
const rules = {
  simple: {},
  ttl: { ttl: minute },
  extend: { ttl: minute, extend: true },
  replace: { replace: true },
  throttle: { ttl: minute, replace: true },
  debounce: { ttl: minute, extend: true, replace: true },
  reschedule: { reschedule: true },
  latest: { keepLastIfActive: true },
  latestttl: { keepLastIfActive: true, ttl: minute, extend: true },
};

async function add(queue, data, rule, delay) {
  const job = await queue.add('job', data, { deduplication: { id: 'd', ...rules[rule] }, ...(delay && { delay }) });
  return job.id;
}

/** Adds two jobs to the queue of each rule, ready and delayed; their ids. */
async function addAll() {
  const ids = {};
  for (const rule of Object.keys(rules)) {
    for (const [place, delay] of [['ready', 0], ['delayed', 60 * minute]]) {
      const queue = new Queue(`${rule}-${place}`, options());
      ids[`${rule}-${place}`] = [
        await add(queue, 1, rule, delay), await add(queue, 2, rule, delay * 2), await add(queue, 3, rule, delay * 2),
      ];
    }
  }
  // An owner that vanished.
  const redis = connection();
  for (const rule of ['simple', 'extend', 'replace', 'latest']) {
    await redis.set(`${prefix}:${rule}-stale:de:d`, 'gone');
    const queue = new Queue(`${rule}-stale`, options());
    ids[`${rule}-stale`] = [await add(queue, 1, rule, 0)];
  }
  return ids;
}

/** Adds three jobs while another one is at work in the hands of the other client. */
async function follow() {
  const ids = [];
  const queue = new Queue(name, options());
  for (let n = 2; n <= 4; n += 1) ids.push(await add(queue, n, 'latest', 0));
  await queue.close();
  return ids;
}

/** Works one job, which ends only once the key `go` is there, and the one that follows it. */
async function hold() {
  const redis = connection();
  const seen = [];
  const worker = new Worker(name, async (job) => {
    seen.push([job.id, job.data]);
    while (seen.length === 1 && !(await redis.exists(`${prefix}:${name}:go`))) {
      await new Promise((resolve) => { setTimeout(resolve, 10); });
    }
    return job.data;
  }, options());
  await new Promise((resolve) => {
    worker.on('completed', (job) => { if (job.id === '4') resolve(); });
  });
  await worker.close();
  return seen;
}

/** Works the queues of all rules until nothing is ready. */
async function workAll() {
  for (const rule of Object.keys(rules)) {
    const queue = new Queue(`${rule}-ready`, options());
    const worker = new Worker(queue.name, async () => {}, options());
    for (;;) {
      const counts = await queue.getJobCounts('wait', 'active');
      if (Object.values(counts).every((waiting) => waiting === 0)) break;
      await new Promise((resolve) => { setTimeout(resolve, 10); });
    }
    await worker.close();
  }
  return {};
}

run({ addAll, follow, hold, workAll });
