/** All scenarios by name, in the order of the report. */
import * as negative from './scenarios/negative.mjs';
import * as sessions from './scenarios/sessions.mjs';

/** @type {Record<string, {name: string, units: (scripts: number) => number, run: (unit: import('./unit.mjs').Unit) => Promise<void>}>} */
export const SCENARIOS = Object.fromEntries([sessions, negative].map((scenario) => [scenario.name, scenario]));
