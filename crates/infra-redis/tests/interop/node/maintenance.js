'use strict';
// Administers queues, as `interop_maintenance.rs` does. Each part has a queue of its own.

const { Queue } = require('bullmq');
const { name, options, outcome, run } = require('./program');

const parts = {
  async remove(queue) {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'unknown', 'locked', 'repeat:tick:5000'];
    const told = [];
    for (const id of ids) told.push(await outcome(() => queue.remove(id)));
    const locked = await queue.getJob('locked');
    told.push(await outcome(() => locked.remove()));
    return told;
  },
  async tree(queue) {
    return [await outcome(() => queue.remove('parent'))];
  },
  async alone(queue) {
    return [await outcome(() => queue.remove('parent', { removeChildren: false }))];
  },
  async lastchild(queue) {
    return [await queue.remove('one'), await queue.remove('two')];
  },
  async unprocessed(queue) {
    const parent = await queue.getJob('parent');
    await parent.removeUnprocessedChildren();
    return [];
  },
  async dependency(queue) {
    const told = [];
    for (const id of ['one', 'two']) {
      const child = await queue.getJob(id);
      told.push(await outcome(() => child.removeChildDependency()));
    }
    return told;
  },
  async drain(queue) {
    await queue.drain(false);
    return [];
  },
  async drainall(queue) {
    await queue.drain(true);
    return [];
  },
  async clean(queue) {
    const told = [];
    for (const state of ['completed', 'failed', 'wait', 'delayed', 'prioritized', 'active']) {
      told.push((await queue.clean(0, 100, state)).sort());
    }
    told.push(await queue.clean(0, 100, 'completed'));
    return told;
  },
  async cleanold(queue) {
    const told = [await queue.clean(3600000, 2, 'completed')];
    told.push(await queue.clean(3600000, 0, 'completed'));
    return told;
  },
  async obliterate(queue) {
    return [await outcome(() => queue.obliterate())];
  },
  async promote(queue) {
    const told = [];
    for (const id of ['1', '2', '5', '1']) {
      const job = await queue.getJob(id);
      told.push(await outcome(() => job.promote()));
    }
    return told;
  },
  async promoteall(queue) {
    await queue.promoteJobs();
    return [];
  },
  async retry(queue) {
    const told = [];
    for (const [id, state, opts] of [
      ['a', 'failed', {}], ['b', 'completed', {}], ['c', 'failed', {}], ['d', 'failed', {}],
      ['e', 'failed', { resetAttemptsMade: true, resetAttemptsStarted: true }],
      ['f', 'failed', {}],
    ]) {
      const job = await queue.getJob(id);
      told.push(await outcome(() => job.retry(state, opts)));
    }
    return told;
  },
  async retryall(queue) {
    await queue.retryJobs({ state: 'failed', timestamp: 6000 });
    await queue.retryJobs({ state: 'completed' });
    return [];
  },
  async priority(queue) {
    const told = [];
    for (const [id, priority, lifo] of [
      ['1', 2, true], ['2', 2, false], ['3', 0, true], ['4', 0, false], ['6', 9, false], ['1', 5, false],
    ]) {
      const job = await queue.getJob(id);
      told.push(await outcome(() => job.changePriority({ priority, lifo })));
    }
    return told;
  },
  async delay(queue) {
    const told = [];
    for (const id of ['1', '5']) {
      const job = await queue.getJob(id);
      told.push(await outcome(() => job.changeDelay(7200000)));
    }
    return told;
  },
  async record(queue) {
    const job = await queue.getJob('1');
    await job.updateData({ other: [1, 'ü'] });
    for (const progress of [42, 'half', { a: null }]) await job.updateProgress(progress);
    for (const line of ['one', 'two', 'three']) await job.log(line);
    const { logs, count } = await queue.getJobLogs('1', 0, 1, true);
    await job.clearLogs(2);
    await queue.setGlobalConcurrency(3);
    await queue.setGlobalRateLimit(5, 1000);
    await queue.rateLimit(60000);
    return [logs, count, await queue.getGlobalConcurrency()];
  },
};

/** Administers the queues of all parts; what the client answered, by part. */
async function administer() {
  const told = {};
  for (const [part, perform] of Object.entries(parts)) {
    const queue = new Queue(part, options());
    told[part] = await perform(queue);
  }
  return told;
}

/** Removes the queue and all in it. */
async function obliterate() {
  const queue = new Queue(name, options());
  await queue.obliterate({ force: true });
  return {};
}

run({ administer, obliterate });
