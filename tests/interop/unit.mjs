/** One script of one scenario: what it may use, what it counts, and how it reports a difference. */
import { Ours } from './ours.mjs';
import { Random } from './random.mjs';
import { comparable } from './shape.mjs';
import { tolerated } from './stricter.mjs';

/** A difference between the two implementations, or between one and what must be. */
export class Discrepancy extends Error {}

/** The end of a script in which ours refused what stricter.md says it refuses: from there on the two have seen different things. */
export class Parted extends Error {}

const MAKES_A_MESSAGE = new Set(['encrypt', 'group_encrypt', 'ss1_encrypt', 'ss1_seal', 'ss2_encrypt']);

/** Long byte strings say little to a reader, and a script is repeated from its seed. */
function shorten(key, value) {
  if (key === 'side') return undefined;
  return typeof value === 'string' && value.length > 160 ? `${value.slice(0, 120)}… (${value.length})` : value;
}

export class Unit {
  comparisons = 0;
  messages = 0;
  /** Counts of the rows of docs/spec/stricter.md that were met. */
  stricter = {};
  /** The steps so far, in few letters each. */
  steps = [];
  #opened = [];

  constructor({ scenario, seed, official, ours, crafter }) {
    this.scenario = scenario;
    this.seed = seed;
    this.official = official;
    this.ours = ours;
    this.crafterProgram = crafter;
    this.random = new Random(seed, scenario);
    /** Makes the handles of this script's parties differ from those of the scripts that run beside it. */
    this.prefix = `${scenario}.${seed}`;
  }

  note(step) {
    this.steps.push(step);
  }

  fail(what, details) {
    throw new Discrepancy(`${what}\n${JSON.stringify(details, shorten, 1).slice(0, 6000)}`);
  }

  expect(holds, what, details = {}) {
    this.comparisons += 1;
    if (!holds) this.fail(what, details);
  }

  /** Sends one command to one side. */
  async call(side, cmd, args) {
    const answer = await side.call(cmd, args);
    if (answer.ok && MAKES_A_MESSAGE.has(cmd)) this.messages += 1;
    if (!answer.ok && (answer.error === 'internal' || answer.error === 'bad_request')) {
      this.fail(`${side.kind} answers ${answer.error} to ${cmd}`, { args, answer });
    }
    return answer;
  }

  /** One command that has to succeed. */
  async must(side, cmd, args) {
    const answer = await this.call(side, cmd, args);
    if (!answer.ok) this.fail(`${side.kind} refuses ${cmd}`, { args, answer });
    return answer;
  }

  /**
   * Holds two answers to one question against each other.
   *
   * @param {string} [sender] the identity key under which the message in question was made
   * @returns {boolean} false when ours refused what stricter.md says it refuses
   */
  compare(cmd, official, ours, sender) {
    this.comparisons += 1;
    if (comparable(cmd, official.answer) === comparable(cmd, ours.answer)) return true;
    const row = tolerated(cmd, ours.args, ours.answer, official.answer, { version: this.official.version, sender });
    if (row === null) this.fail(`different answers to ${cmd}`, { official, ours });
    this.stricter[row] = (this.stricter[row] ?? 0) + 1;
    return false;
  }

  /** The same command with the same bytes on both sides. Answers what they agree on, or the official answer where ours is stricter. */
  async both(cmd, args) {
    return (await this.ask(cmd, args)).answer;
  }

  /** {@link both}, and whether they agreed. */
  async ask(cmd, args) {
    const [official, ours] = await Promise.all([this.call(this.official, cmd, args), this.call(this.ours, cmd, args)]);
    const agreed = this.compare(cmd, { args, answer: official }, { args, answer: ours });
    return { answer: agreed ? ours : official, agreed };
  }

  /** {@link both}, and it has to succeed. */
  async bothMust(cmd, args) {
    const answer = await this.both(cmd, args);
    if (!answer.ok) this.fail(`both sides refuse ${cmd}`, { args, answer });
    return answer;
  }

  /** A new process of our program for this script. */
  async fresh() {
    const side = await this.ours.fresh();
    if (side !== this.ours) this.#opened.push(side);
    return side;
  }

  /** A process of the program that makes messages by hand. */
  crafter() {
    const side = Object.assign(new Ours(this.crafterProgram), { kind: 'crafter' });
    this.#opened.push(side);
    return side;
  }

  async close() {
    await Promise.all(this.#opened.map((side) => side.close()));
  }
}
