/** One of the processes that run scripts: takes units from the parent, several at a time, and reports each result. */
import { openOfficial } from './official.mjs';
import { Ours } from './ours.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { Parted, Unit } from './unit.mjs';

const [program, packageName, crafter] = process.argv.slice(2);
const official = await openOfficial(packageName);
// `official` in place of a program runs the library against itself, which tests this driver.
const ours = program === 'official' ? Object.assign(await openOfficial(packageName), { kind: 'ours' }) : new Ours(program);

async function runUnit({ scenario, seed }) {
  const unit = new Unit({ scenario, seed, official, ours, crafter });
  const started = performance.now();
  let failure = null;
  try {
    await SCENARIOS[scenario].run(unit);
  } catch (error) {
    if (!(error instanceof Parted)) failure = error.constructor.name === 'Discrepancy' ? error.message : String(error.stack ?? error);
  }
  await unit.close().catch((error) => { failure ??= error.message; });
  const { comparisons, messages, stricter } = unit;
  return { scenario, seed, comparisons, messages, stricter, ms: performance.now() - started, failure, steps: failure ? unit.steps : [] };
}

process.on('message', async (unit) => {
  if (unit === null) {
    await ours.close().catch((error) => process.send({ scenario: 'program', seed: 0, failure: error.message, steps: [] }));
    process.send({ bye: true }, () => process.exit(0));
    return;
  }
  process.send(await runUnit(unit));
});
process.send({ ready: true, version: official.version });
