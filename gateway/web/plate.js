// Which key may come next on a plate, as GA 36 and the special series have it. Pure.

export const PROVINCES = [..."京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"];
export const DIGITS = [..."0123456789"];
export const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
export const MARKS = [..."警学挂港澳领使试超"];
export const RARE_MARKS = [..."临应急航"];

const P = new Set(PROVINCES);
const D = new Set(DIGITS);
const L = new Set("ABCDEFGHJKLMNPQRSTUVWXYZ"); // No I and no O: they would be 1 and 0.
const O = new Set([...L, "O"]); // O stands only as the office of old official plates.
const S = new Set([...L, ...D]);
const E = new Set("DABCEFGHJK"); // New energy: battery alone, then the others.
const just = (text) => new Set(text);
const times = (set, n) => Array(n).fill(set);

// One row a form; each slot is the set of what may stand there.
const FORMS = [
  [P, O, ...times(S, 5)], // ordinary, blue or yellow
  [P, O, ...times(S, 4), just("警学挂试超临")],
  [P, O, ...times(S, 5), just("试超临")], // temporary, of eight places
  [just("粤"), just("Z"), ...times(S, 4), just("港澳")],
  [P, O, E, S, ...times(D, 4)], // new energy, small
  [P, O, ...times(D, 5), E], // new energy, large
  [P, L, ...times(D, 4), just("领")],
  [just("领"), ...times(D, 6)],
  [...times(D, 6), just("领使")],
  [just("使"), ...times(D, 6)],
  [P, ...times(D, 7)], // tractors
  [P, just("XS"), ...times(D, 4), just("应"), just("急")], // fire and rescue
  [just("W"), just("J"), P, ...times(D, 4), S], // armed police
  [just("W"), just("J"), ...times(D, 4), S],
  [just("W"), just("J"), ...times(D, 6), new Set([...D, ..."BDHJLSTX"])],
  [L, L, ...times(D, 5)], // army, navy, air force
  [just("民"), just("航"), ...times(S, 5)],
];

/** What may come after `text`, and whether `text` is a whole plate. */
export function after(text) {
  const typed = [...text];
  const next = new Set();
  let whole = false;
  for (const form of FORMS) {
    if (typed.length > form.length || !typed.every((key, slot) => form[slot].has(key))) continue;
    if (typed.length === form.length) whole = true;
    else for (const key of form[typed.length]) next.add(key);
  }
  return { next, whole };
}

/** The provinces, home first. */
export function provincesFrom(home) {
  return PROVINCES.includes(home) ? [home, ...PROVINCES.filter((p) => p !== home)] : PROVINCES;
}

/** A plate as it is painted: a dot after the office. */
export function painted(text) {
  const keys = [...text];
  if (keys.length < 7 || !P.has(keys[0]) || !/[A-Z]/.test(keys[1])) return text;
  return `${keys[0]}${keys[1]}·${keys.slice(2).join("")}`;
}
