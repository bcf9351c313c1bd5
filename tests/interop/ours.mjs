/** Our program behind the same commands: one JSON object per line, answered in order, many requests on their way at once. */
import { spawn } from 'node:child_process';

/** Long enough for the worst single step on a busy machine. */
const PATIENCE_MS = 120_000;

export class Ours {
  kind = 'ours';
  #child;
  #program;
  #waiting = [];
  /** Where the oldest unanswered request stands; shifting an array of thousands would cost more than the request. */
  #head = 0;
  #outgoing = [];
  #partial = [];
  #nextId = 1;
  #failure = null;
  #ended = null;
  #patienceMs;
  #watch;

  /** @param {number} patienceMs how long the program may be silent while it owes answers, before that counts as a failure */
  constructor(program, patienceMs = PATIENCE_MS) {
    this.#program = program;
    this.#patienceMs = patienceMs;
    this.#watch = setTimeout(() => this.#impatient(), patienceMs).unref();
    this.#child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout.on('data', (chunk) => this.#take(chunk));
    this.#child.on('error', (error) => this.#fail(`cannot run the program: ${error.message}`));
    this.#child.stdin.on('error', (error) => this.#fail(`the program does not read: ${error.message}`));
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (status, signal) => {
        this.#fail(`the program ended (status ${status}, signal ${signal})`);
        resolve(status);
      });
    });
  }

  /** @returns {Promise<{ok: boolean} & Record<string, unknown>>} rejects when the program is gone or breaks the line protocol */
  call(cmd, args) {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    if (this.#outgoing.length === 0) setImmediate(() => this.#flush());
    this.#outgoing.push(JSON.stringify({ id, cmd, ...args }), '\n');
    return new Promise((resolve, reject) => this.#waiting.push({ id, resolve, reject }));
  }

  #impatient() {
    if (this.#waiting.length === this.#head) return;
    this.#fail(`no answer for ${this.#patienceMs / 1000} seconds`);
  }

  #flush() {
    const text = this.#outgoing.join('');
    this.#outgoing = [];
    this.#watch.refresh();
    if (!this.#failure) this.#child.stdin.write(text);
  }

  #take(chunk) {
    this.#watch.refresh();
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#partial.push(chunk.subarray(start, end));
      const line = this.#partial.length === 1 ? this.#partial[0] : Buffer.concat(this.#partial);
      this.#partial = [];
      start = end + 1;
      this.#answer(line.toString());
    }
    if (start < chunk.length) this.#partial.push(chunk.subarray(start));
  }

  #answer(line) {
    if (this.#failure) return undefined;
    const waiting = this.#waiting[this.#head];
    let answer;
    try {
      answer = JSON.parse(line);
    } catch {
      return this.#fail(`not JSON: ${line.slice(0, 200)}`);
    }
    if (!waiting || answer.id !== waiting.id) return this.#fail(`an answer out of order: ${line.slice(0, 200)}`);
    this.#waiting[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    }
    delete answer.id;
    return waiting.resolve(answer);
  }

  /** Nothing that it says from now on means anything. */
  #fail(reason) {
    this.#failure ??= new Error(reason);
    this.#child.kill();
    for (const waiting of this.#waiting.splice(this.#head)) waiting.reject(this.#failure);
    this.#head = 0;
    this.#waiting = [];
  }

  /** Another process of the same program. */
  async fresh() {
    return new Ours(this.#program);
  }

  /** Ends the input; the program must then end with status 0. */
  async close() {
    this.#child.stdin.end();
    const status = await this.#ended;
    clearTimeout(this.#watch);
    if (status !== 0) throw new Error(`the program ended with status ${status} at the end of its input`);
  }
}
