/**
 * The official library behind the commands of the interop protocol.
 *
 * Answers have the form that the Rust program gives: `{ok: true, ...}` or `{ok: false, error, detail}`. Commands of one party run
 * one after the other, as the library reads a record, works on it and writes it back.
 */
import { readFileSync } from 'node:fs';
import { errorClass, StoreRefusal } from './error_class.mjs';
import { sessionCommands } from './official_sessions.mjs';
import { groupCommands } from './official_groups.mjs';
import { sealedCommands } from './official_sealed.mjs';
import { primitiveCommands } from './official_primitives.mjs';
import { storesFor } from './official_stores.mjs';

/** @param {string} packageName one of the names in package.json */
export async function openOfficial(packageName) {
  const entry = import.meta.resolve(packageName);
  const library = await import(entry);
  const split = await import(new URL('SealedSenderMultiRecipientMessage.js', entry).href);
  const { version } = JSON.parse(readFileSync(new URL('../package.json', entry), 'utf8'));
  return new Official({ ...library, SentMessage: split.default }, version);
}

export class Official {
  kind = 'official';
  #commands;
  #library;
  #parties = new Map();
  /** The end of each party's queue. */
  #tails = new Map();

  constructor(library, version) {
    this.version = version;
    this.#library = library;
    const context = { library, stores: storesFor(library), parties: this.#parties };
    this.#commands = {
      ...sessionCommands(context), ...groupCommands(context), ...sealedCommands(context), ...primitiveCommands(context),
    };
  }

  /** @returns {Promise<{ok: boolean} & Record<string, unknown>>} never rejects */
  call(cmd, args) {
    if (args.party === undefined) return this.#run(cmd, args);
    const before = this.#tails.get(args.party);
    const answer = before ? before.then(() => this.#run(cmd, args)) : this.#run(cmd, args);
    this.#tails.set(args.party, answer);
    if (cmd === 'drop_party') answer.then(() => this.#tails.get(args.party) === answer && this.#tails.delete(args.party));
    return answer;
  }

  async #run(cmd, args) {
    try {
      const command = this.#commands[cmd];
      if (!command) throw new StoreRefusal('bad_request');
      return { ok: true, ...(await command(args)) };
    } catch (error) {
      return { ok: false, error: errorClass(this.#library, error), detail: String(error?.message ?? error) };
    }
  }

  /** Restarting means nothing here: records are bytes in either case. */
  async fresh() {
    return this;
  }

  async close() {}
}
