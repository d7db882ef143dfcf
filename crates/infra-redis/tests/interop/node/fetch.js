'use strict';
// Takes jobs as workers do, without working them, and sets limits.

const { Queue, Worker } = require('bullmq');
const { name, count, options, run } = require('./program');

const worker = (suffix, more = {}) =>
  new Worker(`${name}${suffix}`, null, options({ autorun: false, name: 'w', lockDuration: 60000, ...more }));
const idOf = (job) => (job ? job.id : null);

/** Takes two jobs, then what is due, then nothing from a paused queue. */
async function take() {
  const taking = worker('');
  const ids = [];
  for (let n = 0; n < 2; n += 1) ids.push(idOf(await taking.getNextJob(`token-${n}`, { block: false })));
  const due = worker('-due');
  ids.push(idOf(await due.getNextJob('token', { block: false })));
  const unnamed = worker('-unnamed', { name: undefined });
  ids.push(idOf(await unnamed.getNextJob('token', { block: false })));
  const paused = worker('-paused');
  ids.push(idOf(await paused.getNextJob('token', { block: false })));
  return ids;
}

/** Works `count` jobs one after another; their ids in order. */
async function work() {
  const ids = [];
  const working = new Worker(name, async (job) => { ids.push(job.id); }, options());
  await new Promise((resolve) => {
    working.on('completed', () => { if (ids.length === count) resolve(); });
  });
  await working.close();
  return ids;
}

/** How many jobs a worker with a limit of its own takes, and one without. */
async function limits() {
  const limited = worker('', { limiter: { max: 2, duration: 60000 } });
  const free = worker('');
  const taken = async (from) => {
    let taken = 0;
    while (await from.getNextJob(`token-${taken}`, { block: false })) taken += 1;
    return taken;
  };
  return { limited: await taken(limited), free: await taken(free) };
}

/** Lets no job start for a minute. */
async function limit() {
  const queue = new Queue(name, options());
  await queue.rateLimit(60000);
  const ttl = await queue.getRateLimitTtl();
  await queue.setGlobalRateLimit(1, 500);
  return ttl;
}

/** Works until told to stop by a job called `stop`. */
async function workOn() {
  let ids = 0;
  await new Promise((resolve) => {
    const working = new Worker(name, async (job) => {
      ids += 1;
      if (job.name === 'stop') setImmediate(() => working.close().then(resolve));
    }, options({ concurrency: 3 }));
  });
  return ids;
}

run({ take, work, limits, limit, workOn });
