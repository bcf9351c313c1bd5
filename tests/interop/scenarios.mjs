/** All scenarios by name, in the order in which they are started: the long ones first. */
import * as burst from './scenarios/burst.mjs';
import * as decryptionErrors from './scenarios/decryption_errors.mjs';
import * as groups from './scenarios/groups.mjs';
import * as mutations from './scenarios/mutations.mjs';
import * as crafted from './scenarios/crafted.mjs';
import * as negative from './scenarios/negative.mjs';
import * as primitives from './scenarios/primitives.mjs';
import * as safetyNumbers from './scenarios/safety_numbers.mjs';
import * as sealed from './scenarios/sealed.mjs';
import * as sessions from './scenarios/sessions.mjs';

/** @type {Record<string, {name: string, units: (scripts: number) => number, run: (unit: import('./unit.mjs').Unit) => Promise<void>}>} */
export const SCENARIOS = Object.fromEntries(
  [burst, groups, sealed, safetyNumbers, primitives, decryptionErrors, mutations, negative, crafted, sessions].map((scenario) => [scenario.name, scenario]),
);
