'use strict';
// BullMQ's own client, measured as `bellwether-bench` measures the engine: the same cases, the same
// environment (src/environment.rs), the same line of JSON.
// usage: node bench.js CASE

const { Queue, Worker } = require('bullmq');
const Redis = require('ioredis');
const { Window, percentile, round } = require('./window');

const text = (name, fallback) => process.env[name] || fallback;
const number = (name, fallback) => Number(text(name, fallback));
const url = text('BENCH_URL', 'redis://127.0.0.1:7400');
const controlUrl = text('BENCH_CTL_URL', url);
const name = text('BENCH_QUEUE', 'bench');
const jobs = number('BENCH_JOBS', 20000);
const concurrency = number('BENCH_CONCURRENCY', 1);
const chunk = number('BENCH_CHUNK', 100);
const rate = number('BENCH_RATE', 50);
const depth = number('BENCH_DEPTH', 1000);
const work = number('BENCH_WORK_MS', 0);
const isPreloaded = text('BENCH_PRELOADED', '0') === '1';
const flushes = !isPreloaded && text('BENCH_NOFLUSH', '0') !== '1';
const filler = 'x'.repeat(number('BENCH_PAYLOAD', 64));
const kept = text('BENCH_KEEP', 'none');

const connect = (to) => new Redis(to, { maxRetriesPerRequest: null });
const control = connect(controlUrl);
const queue = new Queue(name, { connection: connect(url) });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const data = (i) => ({ i, p: filler });
const window_ = new Window(control, { impl: 'bullmq-node', case: process.argv[2], concurrency });

/** The jobs from `first` up to `end`, as addBulk takes them. */
function bulk(first, end, options) {
  const list = [];
  for (let i = first; i < end; i += 1) list.push({ name: 'job', data: data(i), opts: options(i) });
  return list;
}

async function preload(count, options = () => ({})) {
  if (isPreloaded) return;
  const near = controlUrl === url ? queue : new Queue(name, { connection: control });
  for (let i = 0; i < count; i += 1000) await near.addBulk(bulk(i, Math.min(count, i + 1000), options));
}

/** A worker that is connected and claims nothing yet. */
async function connected(perform, more = {}) {
  // Without a policy of the job's own, an absent one keeps all.
  const removeOnComplete = { none: { count: 0 }, all: undefined }[kept];
  const worker = new Worker(name, perform, {
    connection: connect(url),
    concurrency,
    autorun: false,
    removeOnComplete: ['none', 'all'].includes(kept) ? removeOnComplete : { count: Number(kept) },
    ...more,
  });
  worker.on('error', (error) => console.error(error));
  await worker.waitUntilReady();
  return worker;
}

/** Starts a worker, and resolves with its pace once `count` jobs have completed. */
function completed(worker, count) {
  const start = performance.now();
  const half = Math.floor(count / 2) + 1;
  let done = 0;
  let firstAt = 0;
  let halfAt = 0;
  return new Promise((resolve) => {
    worker.on('completed', () => {
      done += 1;
      if (done === 1) firstAt = performance.now();
      if (done === half) halfAt = performance.now();
      if (done !== count) return;
      const took = performance.now() - halfAt;
      resolve({
        first_ms: round(firstAt - start),
        steady_rate: took > 0 ? Math.round(((count - half) * 1000) / took) : 0,
      });
    });
    worker.run();
  });
}

/** `lanes` loops that take turns with the numbers below `jobs`, `step` at a time. */
async function inLanes(lanes, step, each) {
  let next = 0;
  const lane = async () => {
    while (next < jobs) {
      const i = next;
      next += step;
      await each(i);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

const addAll = () => inLanes(concurrency, 1, (i) => queue.add('job', data(i)));
const prioritized = (i) => ({ priority: 1 + ((i * 7) % 10) });

const cases = {
  async add() {
    await window_.open();
    await addAll();
    await window_.close(jobs);
  },

  async addbulk() {
    await window_.open();
    await inLanes(concurrency, chunk, (i) =>
      queue.addBulk(bulk(i, Math.min(jobs, i + chunk), () => ({}))));
    await window_.close(jobs, { chunk });
  },

  async process() {
    await preload(jobs);
    const worker = await connected(work > 0 ? () => sleep(work) : async () => {});
    await window_.open();
    const pace = await completed(worker, jobs);
    await window_.close(jobs, pace);
  },

  async prio() {
    await preload(depth, prioritized);
    const count = Math.min(jobs, depth);
    const worker = await connected(async () => {});
    await window_.open();
    const pace = await completed(worker, count);
    await window_.close(count, { ...pace, depth });
  },

  async pipe() {
    const worker = await connected(async () => {});
    await window_.open();
    const done = completed(worker, jobs);
    await addAll();
    await done;
    await window_.close(jobs);
  },

  async latency() {
    const added = new Array(jobs);
    const started = [];
    const ended = [];
    const worker = await connected(async (job) => {
      started.push(performance.now() - added[job.data.i]);
    });
    const all = new Promise((resolve) => {
      worker.on('completed', (job) => {
        ended.push(performance.now() - added[job.data.i]);
        if (ended.length === jobs) resolve();
      });
    });
    worker.run();
    await sleep(number('BENCH_SETTLE_MS', 500));
    await window_.open();
    const start = performance.now();
    const due = (i) => start + (i * 1000) / rate;
    let next = 0;
    // No spinning: that would keep a core awake and flatter the worker.
    const addDue = () => {
      for (; next < jobs && due(next) <= performance.now(); next += 1) {
        added[next] = performance.now();
        queue.add('job', data(next));
      }
      if (next < jobs) setTimeout(addDue, Math.max(1, due(next) - performance.now()));
    };
    addDue();
    await all;
    const warm = (times) => times.slice(Math.floor(jobs / 5));
    await window_.close(jobs, {
      offered: rate,
      pickup_p50_ms: percentile(warm(started), 0.5),
      pickup_p99_ms: percentile(warm(started), 0.99),
      done_p50_ms: percentile(warm(ended), 0.5),
      done_p99_ms: percentile(warm(ended), 0.99),
    });
  },

  async delayed() {
    const due = Date.now() + number('BENCH_DELAY_MS', 6000);
    await preload(jobs, () => ({ delay: Math.max(1, due - Date.now()) }));
    if (Date.now() > due - 20) throw new Error('the jobs were due before they were all loaded');
    let first = 0;
    const worker = await connected(async () => {
      if (first === 0) first = Date.now();
    });
    const done = completed(worker, jobs);
    await sleep(due - Date.now() - 20);
    await window_.open();
    await done;
    await window_.close(jobs, { first_late_ms: first - due });
  },

  async delaylat() {
    const late = [];
    const worker = await connected(async (job) => {
      late.push(Date.now() - job.timestamp - job.opts.delay);
    });
    const done = completed(worker, jobs);
    await sleep(300);
    await window_.open();
    const delay = (i) => 500 + Math.floor((i * 1000) / rate);
    const adds = Array.from({ length: jobs }, (_, i) => queue.add('job', data(i), { delay: delay(i) }));
    await Promise.all(adds);
    await done;
    await window_.close(jobs, {
      offered: rate,
      late_p50_ms: percentile(late, 0.5),
      late_p99_ms: percentile(late, 0.99),
    });
  },

  async retry() {
    const backoff = { type: 'fixed', delay: number('BENCH_BACKOFF_MS', 100) };
    await preload(jobs, () => ({ attempts: 3, backoff }));
    const worker = await connected(async (job) => {
      if (job.attemptsMade < 2) throw new Error('this attempt is meant to fail');
    });
    await window_.open();
    await completed(worker, jobs);
    await window_.close(jobs, { attempts: 3 });
  },

  async memory() {
    // The stream of events has a limit, and so is no job's.
    const used = async () => {
      await control.xtrim(`bull:${name}:events`, 'MAXLEN', 0);
      return Number(/used_memory:(\d+)/.exec(await control.info('memory'))[1]);
    };
    await queue.add('job', data(jobs));
    const empty = await used();
    await preload(jobs);
    const waiting = await used();
    const worker = await connected(async () => {}, { removeOnComplete: undefined });
    await window_.open();
    await completed(worker, jobs + 1);
    const done = await used();
    await window_.close(jobs, {
      bytes_per_waiting: Math.round((waiting - empty) / jobs),
      bytes_per_completed: Math.round((done - empty) / jobs),
    });
  },

  async ramp() {
    await preload(concurrency);
    const starts = [];
    let told;
    const all = new Promise((resolve) => { told = resolve; });
    const worker = await connected(() => {
      starts.push(performance.now());
      if (starts.length === concurrency) told();
      return sleep(120000);
    });
    await window_.open();
    const start = performance.now();
    worker.run();
    await Promise.race([all, sleep(90000)]);
    const since = (at) => (at === undefined ? null : round(at - start));
    await window_.close(concurrency, {
      first_ms: since(starts[0]),
      all_ms: since(starts[concurrency - 1]),
    });
  },
};

async function main() {
  const run = cases[process.argv[2]];
  if (!run) throw new Error(`no such case; expected one of ${Object.keys(cases).join(' ')}`);
  if (flushes) await control.flushall('SYNC');
  await queue.waitUntilReady();
  await run();
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
