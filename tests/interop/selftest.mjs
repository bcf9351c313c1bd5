/**
 * Shows that the driver can fail: our side is replaced by one that errs in a single way, and each of these has to be reported.
 * The same scripts without sabotage have to pass.
 */
import { openOfficial } from './official.mjs';
import { Ours } from './ours.mjs';
import { SABOTAGES } from './sabotages.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { Discrepancy, Parted, Unit } from './unit.mjs';

/** Scripts of a scenario that have to pass without sabotage. */
const CONTROL_SCRIPTS = 8;
/** Scripts in which a sabotage has to be noticed: for the rare ones, some go by before there is anything to spoil. */
const SCRIPTS = 300;

/** Our side with one kind of answer spoiled, now and then. */
class Saboteur {
  kind = 'ours';
  /** How many answers were spoiled: a sabotage that is never committed says nothing about the driver. */
  committed = 0;
  #before = new Map();

  constructor(side, sabotage) {
    this.side = side;
    this.sabotage = sabotage;
  }

  async call(cmd, args) {
    const answer = await this.side.call(cmd, args);
    const { sabotage } = this;
    if (cmd !== sabotage.cmd || !sabotage.when(answer, args)) return answer;
    const key = `${args.party}/${args.name}`;
    const spoiled = { ok: true, ...sabotage.spoil(answer, args, this.#before.get(key)) };
    this.#before.set(key, answer);
    if (JSON.stringify(spoiled) !== JSON.stringify({ ok: true, ...answer })) this.committed += 1;
    return spoiled;
  }

  async fresh() {
    const fresh = await this.side.fresh();
    return fresh === this.side ? this : Object.assign(new Saboteur(fresh, this.sabotage), { close: () => fresh.close() });
  }
}

/** Runs a scenario's first scripts. Answers the first discrepancy. */
async function firstDiscrepancy(scripts, scenario, seed, official, ours) {
  for (let i = 0; i < scripts; i += 1) {
    const unit = new Unit({ scenario, seed: seed + i, official, ours });
    try {
      await SCENARIOS[scenario].run(unit);
    } catch (error) {
      if (error instanceof Discrepancy) return error;
      if (!(error instanceof Parted)) throw error;
    } finally {
      await unit.close();
    }
  }
  return null;
}

/** `tee` echoes requests, which are no answers; `true` ends; `yes` says what nobody asked for; without a file name, `tail` is silent. */
const BROKEN_PROGRAMS = { 'a program that echoes': 'tee', 'a program that ends': 'true', 'a program that babbles': 'yes', 'a silent program': 'tail' };

/** A program that is not one: what it does must be reported, not waited for. */
async function brokenPrograms(official) {
  const unnoticed = [];
  for (const [what, path] of Object.entries(BROKEN_PROGRAMS)) {
    const ours = new Ours(path, 500);
    const noticed = await new Unit({ scenario: 'primitives', seed: 1, official, ours }).both('public_key', { private_key: '00'.repeat(32) })
      .then(() => false, () => true);
    await ours.close().catch(() => {});
    if (!noticed) unnoticed.push(what);
  }
  return unnoticed;
}

/** @returns {Promise<boolean>} whether everything was noticed */
export async function selftest({ program, packageName, seed }) {
  const official = await openOfficial(packageName);
  const ours = program === 'official' ? Object.assign(await openOfficial(packageName), { kind: 'ours' }) : new Ours(program);
  const unnoticed = await brokenPrograms(official);
  for (const scenario of new Set(SABOTAGES.map((sabotage) => sabotage.scenario))) {
    const found = await firstDiscrepancy(CONTROL_SCRIPTS, scenario, seed, official, ours);
    if (found) unnoticed.push(`without sabotage, ${scenario} fails: ${found.message}`);
  }
  for (const sabotage of SABOTAGES) {
    const saboteur = new Saboteur(ours, sabotage);
    const found = await firstDiscrepancy(SCRIPTS, sabotage.scenario, seed, official, saboteur);
    if (!found) unnoticed.push(`${sabotage.what} (${sabotage.cmd}, committed ${saboteur.committed} times)`);
  }
  await ours.close();
  for (const what of unnoticed) console.log(`NOT NOTICED: ${what}`);
  console.log(`selftest: ${SABOTAGES.length + Object.keys(BROKEN_PROGRAMS).length} sabotages, ${unnoticed.length} not noticed`);
  return unnoticed.length === 0;
}
