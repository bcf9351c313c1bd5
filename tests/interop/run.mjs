/**
 * Runs our implementation of the Signal protocol against the official library.
 *
 *   node run.mjs --program PATH --package libsignal-newest|libsignal-0.92 --scripts N --seed S [--only SCENARIO] [--selftest]
 *     [--crafter PATH]
 *
 * `--selftest` shows instead that differences are noticed. `--program official` puts the library on both sides. Ends with a status that is
 * not zero when anything differed.
 */
import { fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { join, dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { SCENARIOS } from './scenarios.mjs';
import { selftest } from './selftest.mjs';

const WORKERS = 2;
/** Scripts that one worker has under way, so that neither side waits for the other. */
const AT_A_TIME = 8;
const FAILURES_SHOWN = 10;

const { values: options } = parseArgs({
  options: {
    program: { type: 'string' }, package: { type: 'string', default: 'libsignal-newest' }, scripts: { type: 'string', default: '200' },
    crafter: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' }, selftest: { type: 'boolean', default: false },
  },
});

/** Every unit of work; the seed of a script is the sum of the run's seed and its number, so that each can be repeated alone. */
function plan(scripts, seed, only) {
  const chosen = Object.values(SCENARIOS).filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) throw new Error(`no such scenario: ${only}; there are ${Object.keys(SCENARIOS).join(', ')}`);
  return chosen.flatMap(({ name, units }) => Array.from({ length: units(scripts) }, (_, i) => ({ scenario: name, seed: seed + i })));
}

/** Makes messages by hand; built beside our program. */
const crafter = options.crafter ?? join(dirname(options.program ?? ''), 'crafter');

/** Hands the units to worker processes and collects what they report. */
async function runAll(units, program, packageName) {
  const results = [];
  const waiting = [...units].reverse();
  let version;
  await Promise.all(Array.from({ length: WORKERS }, () => new Promise((resolve, reject) => {
    const worker = fork(new URL('worker.mjs', import.meta.url), [program, packageName, crafter]);
    let running = 0;
    const next = () => {
      const unit = waiting.pop();
      if (unit) {
        running += 1;
        worker.send(unit);
      } else if (running === 0) {
        worker.send(null);
      }
    };
    worker.on('message', (message) => {
      if (message.bye) return resolve();
      if (message.ready) {
        version = message.version;
        for (let i = 0; i < AT_A_TIME && waiting.length > 0; i += 1) next();
        if (running === 0) worker.send(null);
        return undefined;
      }
      results.push(message);
      if (message.scenario === 'program') return undefined;
      running -= 1;
      return next();
    });
    worker.on('error', reject);
    worker.on('exit', (status) => (status === 0 ? resolve() : reject(new Error(`a worker ended with status ${status}`))));
  })));
  return { results, version };
}

function report({ results, version }, seconds) {
  const failures = results.filter((result) => result.failure !== null);
  for (const { scenario, seed, failure, steps } of failures.slice(0, FAILURES_SHOWN)) {
    console.log(`\nDISCREPANCY in ${scenario}, seed ${seed}\n${failure}\nsteps: ${steps.slice(-60).join(' ')}`);
    console.log(`repeat: node run.mjs --program ${options.program} --package ${options.package} --only ${scenario} --scripts 1 --seed ${seed}`);
  }
  const sum = (list, field) => list.reduce((total, result) => total + (result[field] ?? 0), 0);
  console.log(`\n${'scenario'.padEnd(20)}${['scripts', 'comparisons', 'messages', 'seconds'].map((t) => t.padStart(13)).join('')}`);
  const row = (title, list, time) => console.log(title.padEnd(20)
    + [list.length, sum(list, 'comparisons'), sum(list, 'messages'), time.toFixed(1)].map((n) => String(n).padStart(13)).join(''));
  for (const name of Object.keys(SCENARIOS)) {
    const list = results.filter((result) => result.scenario === name);
    if (list.length > 0) row(name, list, sum(list, 'ms') / 1000 / AT_A_TIME / WORKERS);
  }
  row('all', results, seconds);
  const stricter = {};
  for (const result of results) for (const [name, count] of Object.entries(result.stricter ?? {})) stricter[name] = (stricter[name] ?? 0) + count;
  for (const [name, count] of Object.entries(stricter)) console.log(`stricter: ${name}: ${count}`);
  console.log(`official library ${version}: ${failures.length === 0 ? 'no discrepancy' : `${failures.length} scripts with discrepancies`}`);
  return failures.length === 0;
}

if (!options.program) throw new Error('--program is missing');
const seed = options.seed === undefined ? randomInt(2 ** 40) : Number(options.seed);
console.log(`package ${options.package}, seed ${seed}, ${options.selftest ? 'selftest' : `${options.scripts} scripts`}`);
if (options.selftest) {
  process.exitCode = (await selftest({ program: options.program, packageName: options.package, seed })) ? 0 : 1;
} else {
  const started = performance.now();
  const outcome = await runAll(plan(Number(options.scripts), seed, options.only), options.program, options.package);
  process.exitCode = report(outcome, (performance.now() - started) / 1000) ? 0 : 1;
}
