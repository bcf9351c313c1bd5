/**
 * What of an answer must be equal when two implementations do the same step with keys of their own.
 *
 * Keys, ciphertexts and MACs differ, and nothing else may: the fields of a message, their order, their lengths and their numbers.
 */
import { parse } from './protobuf.mjs';

const MAC_LENGTH = 8;

function fieldsShape(bytes, nested) {
  const fields = parse(bytes);
  if (!fields) return 'unreadable';
  return fields.map((field) => {
    if (field.wire === 0) return `${field.number}=${field.value}`;
    if (nested === field.number) return `${field.number}{${signalMessageShape(field.bytes)}}`;
    return `${field.number}:${field.bytes.length}`;
  }).join(' ');
}

function signalMessageShape(bytes) {
  return `${bytes[0].toString(16)} ${fieldsShape(bytes.subarray(1, -MAC_LENGTH), 0)}`;
}

/** @param {number} type 2 or 3 */
export function messageShape(type, message) {
  const bytes = Buffer.from(message, 'hex');
  if (bytes.length < 9) return `${bytes.length} bytes`;
  return type === 3 ? `${bytes[0].toString(16)} ${fieldsShape(bytes.subarray(1), 4)}` : signalMessageShape(bytes);
}

const lengthOf = (value) => (typeof value === 'string' ? `${value.length / 2} bytes` : value);

const SHAPES = {
  encrypt: (answer) => ({ type: answer.type, message: messageShape(answer.type, answer.message) }),
  bundle: ({ bundle }) => Object.fromEntries(Object.entries(bundle).map(([name, value]) => [name, lengthOf(value)])),
  save: () => ({}),
  ss1_encrypt: (answer) => ({ message: lengthOf(answer.message) }),
  ss1_seal: (answer) => ({ message: lengthOf(answer.message) }),
  ss2_encrypt: (answer) => ({ message: lengthOf(answer.message) }),
};

/** The comparable part of an answer, as text. */
export function comparable(cmd, answer) {
  if (!answer.ok) return `error ${answer.error}`;
  const { ok, detail, ...results } = answer;
  return canonical(SHAPES[cmd]?.(answer) ?? results);
}

/** JSON that does not depend on the order in which an object's members were written. */
function canonical(value) {
  return JSON.stringify(value, (_, inner) => (
    inner === null || typeof inner !== 'object' || Array.isArray(inner)
      ? inner
      : Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))));
}
