'use strict';
// BullMQ's own client, as the interop tests drive it: one command, one JSON line on the output.
// usage: node bullmq.js <command> <redis url> <prefix> <queue> [count]

const { Queue, Worker } = require('bullmq');
const Redis = require('ioredis');

const [command, url, prefix, name, count] = process.argv.slice(2);
const connection = () => new Redis(url, { maxRetriesPerRequest: null });

/** Every job that the queue holds, with the state in which the client finds it. */
async function read() {
  const queue = new Queue(name, { prefix, connection: connection() });
  const jobs = [];
  for (const state of ['waiting', 'prioritized', 'delayed', 'active', 'completed', 'failed']) {
    for (const job of await queue.getJobs([state], 0, -1, true)) {
      const { id, data, opts, returnvalue, failedReason, stacktrace } = job;
      const { attemptsMade, attemptsStarted, timestamp, processedOn, finishedOn } = job;
      jobs.push({
        id, name: job.name, state: await job.getState(), data, opts, returnvalue, failedReason,
        stacktrace, attemptsMade, attemptsStarted, timestamp, processedOn, finishedOn,
        delay: job.delay, priority: job.priority, processedBy: job.processedBy,
      });
    }
  }
  const counts = await queue.getJobCounts();
  const redis = connection();
  const meta = await redis.hgetall(`${prefix}:${name}:meta`);
  redis.disconnect();
  await queue.close();
  return { jobs, counts, meta };
}

/** Works jobs until `count` have completed; what each was, in the order of completion. */
async function work() {
  const seen = [];
  const worker = new Worker(name, async (job) => ({ echoed: job.data }), {
    prefix, connection: connection(),
  });
  await new Promise((resolve, reject) => {
    worker.on('completed', (job) => {
      seen.push({ id: job.id, name: job.name, data: job.data });
      if (seen.length >= Number(count)) resolve();
    });
    worker.on('failed', (_job, error) => reject(error));
  });
  await worker.close();
  return { seen };
}

/** Adds one job of each kind. */
async function add() {
  const queue = new Queue(name, { prefix, connection: connection() });
  const jobs = [
    await queue.add('plain', { n: 1, text: 'schöne Grüße' }),
    await queue.add('prioritized', { n: 2 }, { priority: 3 }),
    await queue.add('delayed', { n: 3 }, { delay: 200 }),
    await queue.add('custom', { n: 4 }, { jobId: 'mine', attempts: 3, backoff: 500 }),
    await queue.add('kept', { n: 5 }, { removeOnComplete: { count: 10 }, removeOnFail: true }),
  ];
  await queue.close();
  return { ids: jobs.map((job) => job.id) };
}

({ read, work, add })[command]().then(
  (result) => {
    console.log(JSON.stringify(result));
    process.exit(0);
  },
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
