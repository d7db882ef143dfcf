'use strict';
// BullMQ's own job schedulers, as the interop tests drive them: one command, one JSON line on the
// output.
// usage: node scheduler.js <command> <redis url> <prefix> <queue> [count]

const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Queue, Worker } = require('bullmq');
const { CronExpressionParser } = require('cron-parser');
const Redis = require('ioredis');

const [command, url, prefix, name, count] = process.argv.slice(2);
const connection = () => new Redis(url, { maxRetriesPerRequest: null });

async function withQueue(act) {
  const queue = new Queue(name, { prefix, connection: connection() });
  const result = await act(queue);
  await queue.close();
  return result;
}

/** Sets one scheduler of each kind up. */
const upsert = () =>
  withQueue(async (queue) => {
    const backoff = { type: 'fixed', delay: 50 };
    const template = { name: 'greet', data: { to: 'Ada' }, opts: { attempts: 2, backoff } };
    const interval = await queue.upsertJobScheduler('node:every', { every: 250 }, template);
    const cron = { pattern: '* * * * * *', tz: 'Europe/Berlin', limit: 2 };
    const pattern = await queue.upsertJobScheduler('node-cron', cron, template);
    return { ids: [interval.id, pattern.id] };
  });

/** Every scheduler, and what its job ahead was added with. */
const read = () =>
  withQueue(async (queue) => {
    const schedulers = await queue.getJobSchedulers(0, -1, true);
    const jobs = [];
    for (const { key, next } of schedulers) {
      const job = await queue.getJob(`repeat:${key}:${next}`);
      jobs.push(job && { id: job.id, name: job.name, data: job.data, opts: job.opts });
    }
    return { schedulers, jobs };
  });

/** Works jobs until `count` have completed; their ids. */
async function work() {
  const ids = [];
  const worker = new Worker(name, async () => null, { prefix, connection: connection() });
  await new Promise((resolve, reject) => {
    worker.on('completed', (job) => {
      ids.push(job.id);
      if (ids.length >= Number(count)) resolve();
    });
    worker.on('failed', (_job, error) => reject(error));
    worker.on('error', reject);
  });
  await worker.close();
  return { ids };
}

/** For each row of the table, `count` times, beginning at several times around the row's own. */
async function cron() {
  const table = readFileSync(join(__dirname, '../../cron_table.txt'), 'utf8');
  const rows = table.split('\n').filter((row) => row !== '' && !row.startsWith('# '));
  const times = [];
  for (const row of rows) {
    const [pattern, tz, after] = row.split(' ; ');
    for (let minutes = 0; minutes <= 360; minutes += 40) {
      const from = Date.parse(after) + minutes * 60_000;
      const next = [];
      for (let at = from; next.length < Number(count); ) {
        // A new search each time, as a worker makes it.
        const search = CronExpressionParser.parse(pattern, { currentDate: new Date(at), tz });
        at = search.next().getTime();
        next.push(at);
      }
      times.push({ pattern, tz, from, next });
    }
  }
  return { times };
}

({ upsert, read, work, cron })[command]().then(
  (result) => {
    // A long line takes several writes, which an exit would cut short.
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
  },
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
