// The pads: plate, temperature, and letters for a name. There is no keyboard at a gate.

import { html, useState } from "/vendor/preact-htm.js";
import { Fit, Key, Label, isSmall } from "/kit.js";
import { after, DIGITS, LETTERS, MARKS, painted, provincesFrom, RARE_MARKS } from "/plate.js";

const PLATE_LETTERS = LETTERS.filter((letter) => letter !== "I");
const FIRST_OTHERS = ["使", "领", "民"];
const SMALL_PAGE = 16;
/** The small panel has 20 cells of 10 mm: 16 keys, and back, turn, delete and done. */

function paged(keys) {
  const pages = [];
  for (let i = 0; i < keys.length; i += SMALL_PAGE) pages.push(keys.slice(i, i + SMALL_PAGE));
  return pages;
}

/** The nine keys of marks; a rare one takes the place of one that cannot follow. */
function marksFor(next) {
  const rare = RARE_MARKS.filter((mark) => next.has(mark));
  return MARKS.map((mark) => (next.has(mark) || rare.length === 0 ? mark : rare.shift()));
}

function platePages(text, home, next) {
  const first = provincesFrom(home);
  const rest = [...DIGITS, ...PLATE_LETTERS];
  const wantsProvince = text === "" || text === "WJ";
  if (!isSmall()) return wantsProvince ? [[...first, ...FIRST_OTHERS], rest] : [[...rest, ...marksFor(next)]];
  // 31 provinces and the embassy's sign fill two pages exactly.
  if (wantsProvince) return [...paged([...first, ...FIRST_OTHERS.slice(0, 1)]), ...paged([...rest, ...FIRST_OTHERS.slice(1)])];
  return paged([...rest, ...MARKS, ...RARE_MARKS]);
}

const keyName = (key) => `key-${key}`;

/** Keys of one page with what stands beside them on each panel. */
function Keys({ keys, can, put, page, pages, turn, back, empty, ends }) {
  const small = isSmall();
  const blank = small ? Array.from({ length: SMALL_PAGE - keys.length }) : [];
  return html`<div class="keys plate-keys">
    ${keys.map((key) => html`
      <${Key} name=${keyName(key)} off=${!can(key)} on=${() => put(key)}>${key === " " ? "␣" : key}<//>`)}
    ${blank.map(() => html`<span></span>`)}
    ${small && ends[0]}
    ${(small || pages > 1) && html`<${Key} name="turn" class="turn" off=${pages < 2} on=${() => turn(page + 1)}>
      ${page + 1}/${pages} ▸<//>`}
    <${Key} name="delete" class="turn" off=${empty} on=${back}>⌫<//>
    ${small && ends[1]}
  </div>`;
}

/** The plate pad: home province first, impossible keys dead, seven or eight slots. */
export function PlatePad({ words, home, candidates, done, close }) {
  const [text, type] = useState("");
  const [turned, turn] = useState(0);
  const [listing, list] = useState(candidates.length > 0 && isSmall());
  const { next, whole } = after(text);
  const pages = platePages(text, home, next);
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
  const cancel = html`<${Key} name="cancel" on=${close}><${Label}>${words.cancel}<//><//>`;
  const end = text === ""
    ? html`<${Key} name="no-plate" on=${() => done("")}><${Label}>${words.no_plate}<//><//>`
    : html`<${Key} name="done" class="go" off=${!whole} on=${() => done(text)}><${Label}>${words.done}<//><//>`;
  const offered = candidates.slice(0, isSmall() ? 3 : 4).map((candidate) => html`
    <${Key} name=${`candidate-${candidate}`} on=${() => done(candidate)}><${Label}>${painted(candidate)}<//><//>`);
  if (listing) {
    return html`<div class="pad">
      <div class="pad-top">${cancel}<${Fit} class="overlay-title">${words.candidates}<//>${end}</div>
      <div class="candidate-list">
        ${offered}
        <${Key} name="type-it" on=${() => list(false)}><${Label}>${words.fix_plate}<//><//>
      </div>
    </div>`;
  }
  return html`<div class="pad">
    <div class="pad-top">
      ${!isSmall() && cancel}
      <${Fit} class="typed">${painted(text) || "—"}<//>
      ${!isSmall() && end}
    </div>
    ${!isSmall() && text === "" && offered.length > 0 && html`<div class="candidates">
      <span>${words.candidates}</span>${offered}
    </div>`}
    <${Keys} keys=${pages[page]} can=${(key) => next.has(key)} put=${put} page=${page}
      pages=${pages.length} turn=${turn} back=${back} empty=${text === ""} ends=${[cancel, end]} />
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
  const wrong = digits.length >= 3 && !fits;
  const shown = digits === "" ? "––.–" : `${digits.slice(0, 2)}${digits.length > 1 ? "." : ""}${digits.slice(2)}`;
  const whom = [...persons, null];
  const can = (key) => digits.length < 4 && (digits.length > 0 || key === "3" || key === "4");
  const cancel = html`<${Key} name="cancel" on=${close}><${Label}>${words.cancel}<//><//>`;
  const whose = html`<${Key} name="whom" off=${whom.length < 2}
    on=${() => turn(whom[(whom.indexOf(person) + 1) % whom.length])}>
      <${Label}>${person === null ? words.person_new : words.person(person)}${whom.length > 1 ? " ▸" : ""}<//>
    <//>`;
  return html`<div class="pad">
    <div class="pad-top">
      ${!isSmall() && cancel}
      <${Fit} class=${`typed ${wrong ? "wrong" : ""}`}>${wrong ? words.temperature_range : `${shown} °C`}<//>
      ${!isSmall() && whose}
    </div>
    <div class="pad-halves">
      <div class="sites">
        ${isSmall()
          ? html`${whose}<${Key} name="site" on=${() => choose(SITES[(SITES.indexOf(site) + 1) % SITES.length])}>
              <${Label}>${words.site[site]} ▸<//><//>${cancel}`
          : SITES.map((code) => html`
              <${Key} name=${`site-${code}`} class=${code === site ? "chosen" : ""} on=${() => choose(code)}>
                <${Label}>${code === site ? "● " : "○ "}${words.site[code]}<//>
              <//>`)}
      </div>
      <div class="keys number-keys">
        ${[..."123456789"].map((key) => html`
          <${Key} name=${keyName(key)} off=${!can(key)} on=${() => type(digits + key)}>${key}<//>`)}
        <${Key} name="delete" off=${digits === ""} on=${() => type(digits.slice(0, -1))}>⌫<//>
        <${Key} name="key-0" off=${!can("0")} on=${() => type(`${digits}0`)}>0<//>
        <${Key} name="done" class="go" off=${!fits} on=${() => done(person, centi_c, site)}>
          <${Label}>${words.done}<//>
        <//>
      </div>
    </div>
  </div>`;
}

/** Letters and digits for a name or a reason; a plugged-in keyboard works too. */
export function TextPad({ words, title, text, type, max, offered, done, close }) {
  const [turned, turn] = useState(0);
  const keys = [...DIGITS, ...LETTERS, " "];
  const pages = isSmall() ? paged(keys) : [keys];
  const page = turned % pages.length;
  const put = (key) => type((text + key).slice(0, max));
  const cancel = html`<${Key} name="cancel" on=${close}><${Label}>${words.cancel}<//><//>`;
  const end = html`<${Key} name="done" class="go" off=${text.trim() === ""} on=${done}>
    <${Label}>${words.done}<//><//>`;
  return html`<div class="pad">
    <div class="pad-top">
      ${!isSmall() && cancel}
      <input class="typed-text" value=${text} maxlength=${max} placeholder=${title} aria-label=${title}
        inputmode="none" autocomplete="off" onInput=${(event) => type(event.target.value)} />
      ${!isSmall() && end}
    </div>
    ${offered.length > 0 && text === "" && !isSmall() && html`<div class="candidates">
      ${offered.map((name) => html`<${Key} name=${`offered-${name}`} on=${() => type(name)}>${name}<//>`)}
    </div>`}
    <${Keys} keys=${pages[page]} can=${() => true} put=${put} page=${page} pages=${pages.length}
      turn=${turn} back=${() => type([...text].slice(0, -1).join(""))} empty=${text === ""}
      ends=${[cancel, end]} />
  </div>`;
}
