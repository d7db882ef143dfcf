'use strict';
// Bull Board on one queue, opened in a browser: one JSON question per line on the input, one JSON
// answer per line on the output, until the input ends.
// usage: node board.js <browser> <redis url> <prefix> <queue>

const { createInterface } = require('node:readline');
const { createBullBoard } = require('@bull-board/api');
const { BullMQAdapter } = require('@bull-board/api/bullMQAdapter');
const { ExpressAdapter } = require('@bull-board/express');
const { Queue } = require('bullmq');
const express = require('express');
const Redis = require('ioredis');
const { chromium } = require('playwright-core');

const [executablePath, url, prefix, name] = process.argv.slice(2);
const args = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/** Serves the board; where. */
async function serve() {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const queue = new Queue(name, { prefix, connection });
  const serverAdapter = new ExpressAdapter();
  createBullBoard({ queues: [new BullMQAdapter(queue)], serverAdapter });
  const app = express().use(serverAdapter.getRouter());
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  return `http://127.0.0.1:${server.address().port}`;
}

async function main() {
  const origin = await serve();
  const browser = await chromium.launch({ executablePath, args });
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
  // What the page loads from elsewhere is only for show, and there may be no elsewhere.
  await page.route((target) => target.origin !== origin, (route) => route.abort());

  const answers = {
    /** Opens a page. */
    open: async ({ path }) => { await page.goto(origin + path); },
    /** Waits until the page shows a text, as the whole of an element if `exact`. */
    find: async ({ text, exact }) => { await page.getByText(text, { exact }).first().waitFor(); },
    /** Clicks on a tab or a button. */
    click: async ({ role, name }) => { await page.getByRole(role, { name }).first().click(); },
    /** All that the page shows. */
    text: () => page.locator('body').innerText(),
    /** Keeps a picture of what the window shows. */
    picture: async ({ file }) => { await page.screenshot({ path: file }); },
  };

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
  await browser.close();
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
