'use strict';
// BullMQ's own client as a member of a fleet: one JSON question per line on the input, one JSON
// answer per line on the output, until the input ends.
// usage: node peer.js <folder of the client> <redis url> <prefix> <queue>

const { createRequire } = require('node:module');
const { join } = require('node:path');
const { createInterface } = require('node:readline');

const [folder, url, prefix, name] = process.argv.slice(2);
const load = createRequire(join(__dirname, folder, 'package.json'));
const { Queue, Worker } = load('bullmq');
const Redis = load('ioredis');

const connection = () => new Redis(url, { maxRetriesPerRequest: null });
const queue = new Queue(name, { prefix, connection: connection() });
const workers = [];
const worked = [];

/** Keeps a job for so many milliseconds, or for ever. */
const hold = (time) =>
  time === 'for ever' ? new Promise(() => {}) : new Promise((done) => setTimeout(done, time));

const answers = {
  add: async ({ jobs }) => (await queue.addBulk(jobs)).map((job) => job.id),
  counts: () => queue.getJobCounts(),
  pause: () => queue.pause(),
  resume: () => queue.resume(),
  isPaused: () => queue.isPaused(),

  async job({ id }) {
    const job = await queue.getJob(id);
    return job && { ...job.asJSON(), state: await job.getState() };
  },

  /** Starts a worker that notes every job it gets, keeps it for `hold` and returns its data. */
  async work({ hold: time, options }) {
    const process = async (job) => {
      worked.push(job.id);
      if (time !== 0) await hold(time);
      return { by: folder, data: job.data };
    };
    const worker = new Worker(name, process, { prefix, connection: connection(), ...options });
    worker.on('error', (error) => console.error(error));
    workers.push(worker);
    await worker.waitUntilReady();
  },

  worked: async () => worked,

  async stop() {
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
    return worked;
  },
};

(async () => {
  for await (const line of createInterface({ input: process.stdin })) {
    const { ask, ...question } = JSON.parse(line);
    let answer;
    try {
      answer = { ok: (await answers[ask](question)) ?? null };
    } catch (error) {
      answer = { error: String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
})();
