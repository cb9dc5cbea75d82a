// The guard's page: one screen, no scrolling; it shows the newest view and sends touches.

import { html, render } from "/vendor/preact-htm.js";
import { begin, send, watch } from "/live.js";
import { Fit, Key, Label, isSmall } from "/kit.js";
import { BackKey, Idle, OpenKey, Passage, WhoseKey, ownAlert } from "/passage.js";
import { Lanes, laneNames } from "/lanes.js";
import { AlertRow, Overlay } from "/overlays.js";
import { wantsWord } from "/alerts.js";
import { Strip } from "/strip.js";
import { WORDS } from "/words.js";

/** A second touch within this time is the same touch; so is one on a passage that just came. */
const SAME_TOUCH_S = 0.7;
const NOTE_S = 4;
const OF_A_PASSAGE = ["plate", "temperature", "override", "persons"];

let state = {
  view: null,
  language: localStorage.getItem("language") ?? begin.language,
  chosen: null,
  aside: null,
  open: null,
  note: null,
};
let changedAt = -Infinity;
const touchedAt = new Map();

function put(change) {
  state = { ...state, ...change };
  document.documentElement.lang = state.language === "zh" ? "zh-CN" : "en";
  render(html`<${Page} ...${state} />`, document.getElementById("page"));
  document.documentElement.dataset.now = state.view?.now_ms ?? "";
}

const now_s = () => performance.now() / 1000;

function take(view) {
  const chosen = choose(view);
  const lane = view.lanes.find((one) => one.lane === chosen);
  const aside = (lane.aside ?? []).some((passage) => passage.key === state.aside) ? state.aside : null;
  const before = shownLane(state)?.passage?.key ?? null;
  const after = shownLane({ view, chosen, aside })?.passage?.key ?? null;
  if (before !== after) changedAt = now_s();
  const { open } = state;
  const over = open !== null && open.key !== undefined && open.key !== after;
  put({ view, chosen, aside, open: over ? null : open });
}

/** The lane shown large, with the passage shown in it: the one that stands there, or one aside. */
function shownLane({ view, chosen, aside }) {
  const lane = view?.lanes.find((one) => one.lane === chosen);
  if (lane === undefined || aside === null) return lane;
  return { ...lane, passage: lane.aside.find((passage) => passage.key === aside), isAside: true };
}

/** Keep the lane that is shown, unless it is free and another is not. */
function choose(view) {
  const shown = view.lanes.find((lane) => lane.lane === state.chosen);
  if (shown === undefined) return view.lanes[0].lane;
  if (shown.passage !== null || state.open !== null || state.aside !== null) return shown.lane;
  const busy = view.lanes.find((lane) => lane.passage !== null);
  return busy === undefined ? shown.lane : busy.lane;
}

async function touch(what) {
  const { taken, why } = await send(what);
  if (!taken) note(why);
}

function note(why) {
  const words = WORDS[state.language];
  put({ note: why ? words.sent_refused(words.refusals[why] ?? why) : words.not_sent });
  setTimeout(() => put({ note: null }), NOTE_S * 1000);
}

const act = {
  touch,
  /** Send unless the same key was touched just now. */
  once(name, what) {
    if (now_s() - (touchedAt.get(name) ?? -Infinity) < SAME_TOUCH_S) return;
    touchedAt.set(name, now_s());
    touch(what);
  },
  /** As `once`, and never for a passage that the guard cannot have seen yet. */
  next(what) {
    if (now_s() - changedAt < SAME_TOUCH_S) return;
    act.once("next", what);
  },
  open(name) {
    const key = OF_A_PASSAGE.includes(name) ? shownLane(state).passage?.key : undefined;
    put({ open: { name, key } });
  },
  /** Show a passage that waits aside, or the lane again. */
  show(aside, lane = state.chosen) {
    changedAt = now_s();
    put({ aside, chosen: lane, open: null });
  },
  language() {
    const language = state.language === "zh" ? "en" : "zh";
    localStorage.setItem("language", language);
    put({ language });
  },
  get languageNow() {
    return state.language;
  },
};

function Page({ view, language, chosen, aside, open, note: said_ }) {
  const words = WORDS[language];
  if (view === null) return null;
  const lane = shownLane({ view, chosen, aside });
  const names = laneNames(words, view.lanes);
  const many = view.lanes.length > 1;
  const close = () => put({ open: null });
  return html`<main class=${`page ${language} ${many ? "many" : ""}`}>
    <${Strip} words=${words} view=${view} language=${language} />
    ${many && html`<${Lanes} words=${words} view=${view} names=${names} chosen=${chosen}
      choose=${(name) => act.show(null, name)} />`}
    <div class="main">
      <${Notices} words=${words} view=${view} names=${names} lane=${lane} />
      ${lane.passage === null
        ? html`<${Idle} words=${words} lane=${lane} view=${view} act=${act} />`
        : html`<${Passage} words=${words} lane=${lane} view=${view} act=${act} />`}
    </div>
    <${Side} words=${words} view=${view} lane=${lane} names=${names} many=${many} />
    ${open !== null && html`<div class="over"><${Overlay} key=${open.name} open=${open} words=${words}
      view=${view} lane=${lane} names=${names} home=${begin.home} close=${close} act=${act} /></div>`}
    ${said_ && html`<div class="toast" role="status"><${Fit}>${said_}<//></div>`}
  </main>`;
}

/** What waits for the guard's word: the gravest alert, and a reading that is nobody's. */
function Notices({ words, view, names, lane }) {
  const own = ownAlert(view, lane);
  // The small panel keeps its height for the passage: what is of low priority waits in the strip.
  const waiting = view.alerts
    .filter((alert) => wantsWord(alert) && alert !== own && !(isSmall() && (own || alert.priority > 2)))
    .sort((a, b) => a.priority - b.priority);
  const whose = view.unassigned.length > 0 && (!isSmall() || waiting.length > 0 || lane.passage === null);
  const apart = view.lanes.reduce((sum, one) => sum + (one.aside ?? []).length, 0);
  const list = apart > 0 && !lane.isAside && (!isSmall() || lane.passage === null);
  const back = lane.isAside && !isSmall();
  if (waiting.length === 0 && !whose && !list && !back) return null;
  return html`<div class="notices">
    ${waiting.length > 0 && html`<${AlertRow} words=${words} alert=${waiting[0]} names=${names} act=${act} />`}
    ${waiting.length > 1 && html`<${Key} name="alerts" class="more-alerts" on=${() => act.open("alerts")}>
      <${Label}>${words.more_alerts(waiting.length - 1)}<//>
    <//>`}
    ${whose && html`<${WhoseKey} words=${words} view=${view} act=${act} />`}
    ${list && html`<${Key} name="apart" class="apart" on=${() => act.open("apart")}>
      <${Label}>${words.apart} ${apart}<//><//>`}
    ${back && html`<${BackKey} words=${words} act=${act} />`}
  </div>`;
}

/** Always there: emergency for each lane with a barrier, open, next, more. */
function Side({ words, view, lane, names, many }) {
  const cars = view.lanes.filter((one) => one.way !== "foot");
  const gates = cars.length === 2 ? cars : [cars.includes(lane) || cars.length === 0 ? lane : cars[0]];
  return html`<aside class="side">
    <div class=${`emergencies n${gates.length}`}>
      ${gates.map((one) => html`<${Key} name=${`emergency-${one.lane}`} class="emergency"
          on=${() => act.once(`emergency-${one.lane}`, { touch: "EmergencyTouched", lane: one.lane })}>
        <${Label}>${words.emergency}${many ? html` <b>${names[one.lane]}</b>` : ""}<//>
      <//>`)}
    </div>
    ${!isSmall() && html`<${OpenKey} words=${words} lane=${lane} act=${act} />`}
    <${Key} name="next" class="next" off=${lane.passage === null} 
      on=${() => act.next({ touch: "NextTouched", lane: lane.lane, passage: lane.passage.key })}>
      <${Label}>${lane.isAside ? words.finish : words.next_one[lane.way]}${many ? html`<br /><small>${names[lane.lane]}</small>` : ""}<//>
    <//>
    <div class="corner">
      <${Key} name="more" on=${() => act.open("more")}><${Label}>${words.more}<//><//>
      ${!isSmall() && html`<${Key} name="language" on=${act.language}><${Label}>${words.language_other}<//><//>`}
    </div>
  </aside>`;
}

addEventListener("contextmenu", (event) => event.preventDefault());
matchMedia("(max-width: 640px), (max-height: 400px)").addEventListener("change", () => put({}));
watch(take);
