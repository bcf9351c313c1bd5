/** 25,000 messages at once, and how far ahead and how late one of them may be read. */
import { SessionScript } from '../session_script.mjs';

export const name = 'burst';
/** Seconds of work: only in runs that are long anyway. */
export const units = (scripts) => (scripts >= 500 ? 1 : 0);

const JUMP = 25_000;
const KEPT = 2000;

export async function run(unit) {
  const script = new SessionScript(unit);
  await script.twin.party({ name: unit.random.uuid(), device: 1, registrationId: 1, identityPrivate: unit.random.hex(32), official: true });
  await script.twin.party({ name: unit.random.uuid(), device: 2, registrationId: 2, identityPrivate: unit.random.hex(32), official: true });
  const [a, b] = script.parties;
  // The second party is official where the first one is ours.
  b.side.reverse();
  await script.twin.recreate(b);
  await script.deliver(script.take(await script.say(a, b)), { must: true });
  await script.deliver(script.take(await script.say(b, a)), { must: true });
  const items = await script.burst(a, b, JUMP + 3);
  script.queue = [];
  const [tooFar, farthest] = [JUMP + 2, JUMP - 1];
  unit.expect(!(await script.deliver(items[tooFar])), 'a jump too far is refused');
  await script.deliver(items[JUMP]);
  await script.deliver(items[farthest]);
  for (const late of [farthest - 1, farthest - KEPT + 1, farthest - KEPT, farthest - KEPT - 1, 0, 1, JUMP - KEPT, JUMP + 1, tooFar]) {
    await script.deliver(items[late]);
  }
  await script.heal(a, b);
  await script.twin.end();
}
