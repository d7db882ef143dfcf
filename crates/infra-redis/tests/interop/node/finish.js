'use strict';
// Works jobs that end in every way, as `interop_finish.rs` does, and asks for what can't be done.

const { DelayedError, Queue, UnrecoverableError, Worker } = require('bullmq');
const { name, connection, prefix, options, outcome, run } = require('./program');

/** What a job's name says. */
async function perform(job, token) {
  switch (job.name) {
    case 'value': return { echoed: job.data };
    case 'text': return 'schöne "Grüße"';
    case 'nothing': return undefined;
    case 'unrecoverable': throw new UnrecoverableError('never');
    case 'later':
      await job.moveToDelayed(Date.now() + 3600000, token);
      throw new DelayedError();
    case 'logs':
      await job.log('one');
      await job.updateProgress({ half: true });
      return 1;
    default: throw new Error('it broke');
  }
}

/** Works one job after another until none is ready. */
async function work() {
  const worker = new Worker(name, perform, options({ name: 'w' }));
  await settled(worker);
  return {};
}

/** The same, keeping only the newest completed job and no failed ones. */
async function keep() {
  const worker = new Worker(name, perform, options({
    name: 'w', removeOnComplete: { count: 1 }, removeOnFail: { count: 0 },
  }));
  await settled(worker);
  return {};
}

async function settled(worker) {
  const ended = new Promise((resolve) => {
    worker.on('drained', resolve);
  });
  await ended;
  await worker.close();
}

/** What the client says to a worker that has lost its job. */
async function lose() {
  const queue = new Queue(name, options());
  const worker = new Worker(name, null, options({ autorun: false }));
  const redis = connection();
  const key = (id) => `${prefix}:${name}:${id}`;
  const told = {};
  const jobs = [];
  for (const id of ['mismatch', 'missing-lock', 'not-active', 'missing']) {
    await queue.add('job', {}, { jobId: id });
    jobs.push(await worker.getNextJob('token', { block: false }));
  }
  await redis.del(`${key('missing-lock')}:lock`);
  await redis.lrem(`${prefix}:${name}:active`, 1, 'not-active');
  await redis.del(key('missing'));
  for (const job of jobs) {
    const token = job.id === 'mismatch' ? 'wrong' : 'token';
    const calls = {
      moveToDelayed: () => job.moveToDelayed(Date.now() + 1000, token),
      moveJobFromActiveToWait: () => job.moveToWait(token),
      moveToFinished: () => job.moveToCompleted(1, token, false),
      moveToWaitingChildren: async () => {
        const parent = { id: job.id, queue: `${prefix}:${name}` };
        if (job.id !== 'missing') await queue.add('child', {}, { parent });
        return job.moveToWaitingChildren(token);
      },
    };
    // A call that finds its job not active has taken the lock by then.
    const names = job.id === 'not-active' ? ['moveToFinished'] : Object.keys(calls);
    for (const name of names) told[`${job.id} ${name}`] = await outcome(calls[name]);
  }
  return told;
}

/** The counts of finished jobs a minute. */
async function metrics() {
  const queue = new Queue(name, options());
  return { completed: await queue.getMetrics('completed'), failed: await queue.getMetrics('failed') };
}

run({ work, keep, lose, metrics });
