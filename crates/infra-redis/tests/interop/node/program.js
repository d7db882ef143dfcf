'use strict';
// What the programs here share: their arguments, connections, and one JSON line on the output.
// usage: node PROGRAM.js <command> <redis url> <prefix> <queue> [count]

const Redis = require('ioredis');

const [command, url, prefix, name, count] = process.argv.slice(2);
const connection = () => new Redis(url, { maxRetriesPerRequest: null });
/** Options of a queue or worker on a connection of its own. */
const options = (more = {}) => ({ prefix, connection: connection(), ...more });
/** What a call answers, or the text and code of its error. */
const outcome = async (call) => {
  try {
    const value = await call();
    return value === undefined ? null : value;
  } catch (error) {
    return error.code === undefined ? error.message : `${error.code} ${error.message}`;
  }
};

/** Runs the command that was asked for. */
function run(commands) {
  commands[command]().then(
    (result) => {
      console.log(JSON.stringify(result));
      process.exit(0);
    },
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

module.exports = { prefix, name, count: Number(count), connection, options, outcome, run };
