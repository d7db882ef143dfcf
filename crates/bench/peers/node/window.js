'use strict';
// The time in which is counted, and the line that tells what was: see src/window.rs and src/report.rs.

const round = (value) => Math.round(value * 1000) / 1000;

/** The time that this share of the times does not exceed. */
function percentile(times, share) {
  const sorted = [...times].sort((a, b) => a - b);
  return round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]);
}

const looking = /^(info|config|client|command)/;

class Window {
  constructor(control, facts) {
    this.control = control;
    this.facts = facts;
  }

  async serverCpu() {
    const info = await this.control.info('cpu');
    const seconds = (field) => Number(new RegExp(`${field}:([\\d.]+)`).exec(info)[1]);
    return seconds('used_cpu_user') + seconds('used_cpu_sys');
  }

  async calls() {
    const info = await this.control.info('commandstats');
    const calls = [...info.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)];
    return calls
      .filter(([, command]) => !looking.test(command))
      .map(([, command, count]) => [command, Number(count)]);
  }

  async open() {
    await this.control.config('RESETSTAT');
    this.server = await this.serverCpu();
    this.own = process.cpuUsage();
    this.since = performance.now();
  }

  /** Closes, and prints the line. */
  async close(jobs, extras = {}) {
    const server = (await this.serverCpu()) - this.server;
    const seconds = (performance.now() - this.since) / 1000;
    const own = process.cpuUsage(this.own);
    const calls = await this.calls();
    const total = (list) => list.reduce((sum, [, count]) => sum + count, 0);
    const scripts = calls.filter(([command]) => /^(eval|fcall)/.test(command));
    console.log(JSON.stringify({
      ...this.facts,
      jobs,
      seconds: round(seconds),
      rate: Math.round(jobs / seconds),
      server_cpu_s_per_10k: round((server / jobs) * 1e4),
      client_cpu_s_per_10k: round(((own.user + own.system) / 1e6 / jobs) * 1e4),
      rss_mb: Math.round(process.memoryUsage.rss() / 1048576),
      server_calls_per_job: round(total(calls) / jobs),
      evalsha_per_job: round(total(scripts) / jobs),
      ...extras,
    }));
  }
}

module.exports = { Window, percentile, round };
