'use strict';
// BullMQ's own client as it watches a queue: one command, one JSON line on the output.
// usage: node events.js <command> <redis url> <prefix> <queue> [count]

const { Queue, QueueEvents, QueueEventsProducer } = require('bullmq');
const Redis = require('ioredis');

const [command, url, prefix, name, count] = process.argv.slice(2);
const connection = () => new Redis(url, { maxRetriesPerRequest: null });
const options = () => ({ prefix, connection: connection() });

/** The workers and readers of events that the client finds. */
async function workers() {
  const queue = new Queue(name, options());
  const workers = await queue.getWorkers();
  const readers = await queue.getQueueEvents();
  await queue.close();
  return { workers, readers };
}

/** Adds `count` jobs, waits until all were told to have ended, and then for one of each kind. */
async function watch() {
  const queue = new Queue(name, { ...options(), streams: { events: { maxLen: 500000 } } });
  // From the start: what is added before the first look would be missed otherwise.
  const events = new QueueEvents(name, { ...options(), lastEventId: '0-0' });
  await queue.waitUntilReady();
  await events.waitUntilReady();
  const seen = { completed: 0, progress: 0, errors: [] };
  events.on('error', (error) => seen.errors.push(String(error)));
  events.on('progress', () => { seen.progress += 1; });
  const all = new Promise((resolve) => {
    events.on('completed', () => {
      seen.completed += 1;
      if (seen.completed === Number(count)) resolve();
    });
  });
  for (let from = 0; from < Number(count); from += 1000) {
    const length = Math.min(1000, Number(count) - from);
    const jobs = Array.from({ length }, (_, n) => ({ name: 'job', data: { n: from + n } }));
    await queue.addBulk(jobs);
  }
  await all;
  const last = await queue.add('last', { text: 'schöne Grüße' });
  const value = await last.waitUntilFinished(events, 30000);
  const failing = await queue.add('fails', {});
  const reason = await failing.waitUntilFinished(events, 30000).catch((error) => error.message);
  const nothing = await queue.add('nothing', {});
  const nil = await nothing.waitUntilFinished(events, 30000);
  await events.close();
  await queue.close();
  return { ...seen, value, reason, nil };
}

/** Does what only an administrator does, and tells of it. */
async function administer() {
  const queue = new Queue(name, options());
  const job = await queue.add('job', {});
  await job.updateProgress({ half: true });
  await job.remove();
  await queue.pause();
  await queue.clean(0, 10, 'completed');
  await queue.resume();
  const producer = new QueueEventsProducer(name, options());
  await producer.publishEvent({ eventName: 'greeted', who: 'Ada' });
  await producer.close();
  await queue.close();
  return { id: job.id };
}

/** Reads what an application published, from the start. */
async function hear() {
  const events = new QueueEvents(name, { ...options(), lastEventId: '0-0' });
  const heard = await new Promise((resolve) => {
    events.on('greeted', (fields, id) => resolve({ fields, id }));
  });
  await events.close();
  return heard;
}

({ workers, watch, administer, hear })[command]().then(
  (result) => {
    console.log(JSON.stringify(result));
    process.exit(0);
  },
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
