// The pads: plate, temperature, and letters for a name. There is no keyboard at a gate.

import { html, useState } from "/vendor/preact-htm.js";
import { Key, Fit, isSmall } from "/kit.js";
import { after, DIGITS, LETTERS, MARKS, painted, provincesFrom } from "/plate.js";

const PLATE_LETTERS = LETTERS.filter((letter) => letter !== "I");
const FIRST_OTHERS = ["使", "领", "民"];

/** Fill pages of keys: the small panel holds 18 besides the two that turn and delete. */
function paged(keys, each) {
  const pages = [];
  for (let i = 0; i < keys.length; i += each) pages.push(keys.slice(i, i + each));
  return pages;
}

function platePages(text, next, home) {
  const first = [...provincesFrom(home), ...FIRST_OTHERS];
  const rest = [...DIGITS, ...PLATE_LETTERS];
  const marks = MARKS.filter((mark) => next.has(mark));
  const wantsProvince = text === "" || text === "WJ";
  if (!isSmall()) {
    if (wantsProvince) return [first, rest];
    return [[...rest, ...MARKS]];
  }
  if (wantsProvince) return [...paged(first, 17), ...paged(rest, 18)];
  const pages = paged(rest, 18);
  return marks.length ? [...pages, marks] : pages;
}

function keyName(key) {
  return `key-${key}`;
}

/** The plate pad: home province first, impossible keys dead, seven or eight slots. */
export function PlatePad({ words, home, candidates, done, close }) {
  const [text, type] = useState("");
  const [turned, turn] = useState(0);
  const [listing, list] = useState(candidates.length > 0 && isSmall());
  const { next, whole } = after(text);
  const pages = platePages(text, next, home);
  const page = turned % pages.length;
  const put = (key) => {
    type(text + key);
    // A province is followed by letters: each begins on its own first page.
    if (text === "" || key === "J") turn(0);
  };
  const back = () => {
    type([...text].slice(0, -1).join(""));
    turn(0);
  };
  const offered = candidates.slice(0, isSmall() ? 3 : 4).map((candidate) => html`
    <${Key} name=${`candidate-${candidate}`} on=${() => done(candidate)}>${painted(candidate)}<//>`);
  return html`<div class="pad plate-pad">
    <div class="pad-top">
      <${Key} name="cancel" on=${close}>${words.cancel}<//>
      <${Fit} class="typed-plate">${painted(text) || (listing ? words.candidates : "—")}<//>
      ${text === ""
        ? html`<${Key} name="no-plate" on=${() => done("")}>${words.no_plate}<//>`
        : html`<${Key} name="done" class="go" off=${!whole} on=${() => done(text)}>${words.done}<//>`}
    </div>
    ${listing
      ? html`<div class="candidate-list">
          ${offered}
          <${Key} name="type-it" on=${() => list(false)}>${words.fix_plate}<//>
        </div>`
      : html`
        ${!isSmall() && text === "" && offered.length > 0 && html`<div class="candidates">
          <span>${words.candidates}</span>${offered}
        </div>`}
        <div class="keys plate-keys">
          ${pages[page].map((key) => html`
            <${Key} name=${keyName(key)} off=${!next.has(key)} on=${() => put(key)}>${key}<//>`)}
          ${pages.length > 1 && html`
            <${Key} name="turn" class="turn" on=${() => turn(page + 1)}>${page + 1}/${pages.length} ▸<//>`}
          <${Key} name="delete" class="turn" off=${text === ""} on=${back}>⌫<//>
        </div>`}
  </div>`;
}

const SITES = ["contact", "forehead", "wrist", "neck"];
const MIN_CENTI_C = 3000;
const MAX_CENTI_C = 4500;

/** The temperature pad: three digits make 37.4, and nothing but a person's temperature is taken. */
export function TemperaturePad({ words, persons, person: first, done, close }) {
  const [digits, type] = useState("");
  const [site, choose] = useState("contact");
  const [person, turn] = useState(first);
  const centi_c = digits.length >= 3 ? Number(digits.padEnd(4, "0")) : 0;
  const fits = centi_c >= MIN_CENTI_C && centi_c <= MAX_CENTI_C;
  const shown = digits === "" ? "––.–" : `${digits.slice(0, 2)}${digits.length > 1 ? "." : ""}${digits.slice(2)}`;
  const whom = [...persons, null];
  const following = whom[(whom.indexOf(person) + 1) % whom.length];
  const can = (key) => digits.length < 4 && (digits.length > 0 || key === "3" || key === "4");
  return html`<div class="pad temperature-pad">
    <div class="pad-top">
      <${Key} name="cancel" on=${close}>${words.cancel}<//>
      <${Fit} class=${`typed-degrees ${digits.length >= 3 && !fits ? "wrong" : ""}`}>
        ${digits.length >= 3 && !fits ? words.temperature_range : `${shown} ℃`}
      <//>
      <${Key} name="whom" off=${whom.length < 2} on=${() => turn(following)}>
        ${person === null ? words.person_new : words.person(person)}${whom.length > 1 ? " ▸" : ""}
      <//>
    </div>
    <div class="pad-halves">
      <div class="sites">
        ${SITES.map((code) => html`
          <${Key} name=${`site-${code}`} class=${code === site ? "chosen" : ""} on=${() => choose(code)}>
            ${code === site ? "● " : "○ "}${words.site[code]}
          <//>`)}
      </div>
      <div class="keys number-keys">
        ${[..."123456789"].map((key) => html`
          <${Key} name=${keyName(key)} off=${!can(key)} on=${() => type(digits + key)}>${key}<//>`)}
        <${Key} name="delete" off=${digits === ""} on=${() => type(digits.slice(0, -1))}>⌫<//>
        <${Key} name="key-0" off=${!can("0")} on=${() => type(`${digits}0`)}>0<//>
        <${Key} name="done" class="go" off=${!fits} on=${() => done(person, centi_c, site)}>
          ${words.done}
        <//>
      </div>
    </div>
  </div>`;
}

/** Letters and digits for a name or a reason; a plugged-in keyboard works too. */
export function TextPad({ words, title, text, type, max, offered, done, close }) {
  const [turned, turn] = useState(0);
  const keys = [...DIGITS, ...LETTERS];
  const pages = isSmall() ? paged(keys, 18) : [keys];
  const page = turned % pages.length;
  const put = (key) => type((text + key).slice(0, max));
  return html`<div class="pad text-pad">
    <div class="pad-top">
      <${Key} name="cancel" on=${close}>${words.cancel}<//>
      <input class="typed-text" value=${text} maxlength=${max} placeholder=${title} aria-label=${title}
        inputmode="none" autocomplete="off" onInput=${(event) => type(event.target.value)} />
      <${Key} name="done" class="go" off=${text.trim() === ""} on=${done}>${words.done}<//>
    </div>
    ${offered.length > 0 && text === "" && !isSmall() && html`<div class="candidates">
      ${offered.map((name) => html`<${Key} name=${`offered-${name}`} on=${() => type(name)}>${name}<//>`)}
    </div>`}
    <div class="keys plate-keys">
      ${pages[page].map((key) => html`
        <${Key} name=${keyName(key)} on=${() => put(key)}>${key}<//>`)}
      ${!isSmall() && html`<${Key} name="space" class="turn" on=${() => put(" ")}>␣<//>`}
      ${pages.length > 1 && html`
        <${Key} name="turn" class="turn" on=${() => turn(page + 1)}>${page + 1}/${pages.length} ▸<//>`}
      <${Key} name="delete" class="turn" off=${text === ""}
        on=${() => type([...text].slice(0, -1).join(""))}>⌫<//>
    </div>
  </div>`;
}
