// The passage shown large: what was decided and why, what to do next, plate, persons.

import { html } from "/vendor/preact-htm.js";
import { Fit, FitParts, Key, Label, Shape, isSmall } from "/kit.js";
import { wantsWord } from "/alerts.js";
import { aged, degrees, said } from "/words.js";
import { painted } from "/plate.js";

const FEVER = ["SUSPECT_FEVER", "FEVER_CONFIRMED"];
const FINE = ["NORMAL", "CLEARED"];

/** The shape of a person's result. */
export function personShape(person) {
  if (person.result === null || person.result === undefined || person.result === "waiting") return "waiting";
  if (FINE.includes(person.result)) return "admit";
  return FEVER.includes(person.result) ? "refer" : "recheck";
}

/** The words of a person's result. */
export function resultOf(words, person) {
  return said(words.result, person.result ?? "waiting");
}

const GRAVITY = { refer: 3, recheck: 2, waiting: 1, admit: 0 };

function worstFirst(persons) {
  return [...persons].sort((a, b) => GRAVITY[personShape(b)] - GRAVITY[personShape(a)]
    || b.person - a.person);
}

/** A free lane: what the last passage came to, for as long as the view tells. */
export function Idle({ words, lane, view, act }) {
  return html`<section class="passage idle">
    <div class="free-words">
      <${Shape} of="free" />
      <${Fit} class="decision-word">${words.idle}<//>
      <${Fit} class="free-do">${words.idle_do}<//>
    </div>
    <${Fit} class="last">
      ${lane.last && html`<${Shape} of=${lane.last.decision} />${words.last(
        words.decision[lane.last.decision] ?? lane.last.decision, aged(words, lane.last.ago_s))}`}
      ${passesOf(words, lane).join(" · ")}
    <//>
    <${Key} name="somebody" class="primary" on=${() => act.open("arrival")}>${words.somebody}<//>
    <${Fit} class="today" min=${12}>${words.today(view.status.today)}<//>
  </section>`;
}

/** Passes that were held to the lane's reader: of this passage, or nobody knows of which. */
function passesOf(words, lane, key = null) {
  return (lane.presented ?? [])
    .filter((one) => one.passage === null || one.passage === key)
    .map((one) => words.presented(said(words.medium, one.medium), one.tail));
}

/** The unacknowledged alert that is about this very passage: it is shown in its decision. */
export function ownAlert(view, lane) {
  if (lane.passage === null || lane.passage.decision !== "refer") return undefined;
  return view.alerts.find((alert) => alert.lane === lane.lane && wantsWord(alert));
}

/** The passage in the lane. */
export function Passage({ words, lane, view, act }) {
  const { passage } = lane;
  const waitingOut = passage.decision === "waiting" && lane.way === "out";
  const own = ownAlert(view, lane);
  const unwritten = passage.recorded === false;
  const todo = todoOf(words, lane);
  return html`<section class="passage">
    <div class=${`decision ${passage.decision} ${own ? "calls" : ""} ${unwritten ? "unwritten" : ""}`} data-name="decision">
      <${Shape} of=${passage.decision} />
      <div class="decision-words">
        <${Fit} class="decision-word">
          ${waitingOut ? words.waiting_out : words.decision[passage.decision]}
        <//>
        ${unwritten && isSmall()
          ? html`<${Unwritten} words=${words} />`
          : html`<${FitParts} class="reasons" parts=${reasonsOf(words, lane)} />`}
      </div>
      ${!(own && isSmall()) && html`<${Temperature} words=${words} passage=${passage} />`}
      ${own && html`<${Key} name=${`ack-${own.alert}`} class="ack-own"
        on=${() => act.touch({ touch: "AlertAcknowledged", alert: own.alert, by: "guard" })}>
        <${Label}>${words.acknowledge}<//>
      <//>`}
    </div>
    ${unwritten && !isSmall() && html`<${Unwritten} words=${words} />`}
    ${todo.length > 0 && html`<${FitParts} class="todo" parts=${todo} />`}
    <div class="who">
      <${Plate} words=${words} passage=${passage} act=${act} />
      <${Persons} words=${words} lane=${lane} act=${act} />
    </div>
    <${Actions} words=${words} lane=${lane} view=${view} act=${act} />
  </section>`;
}

function Unwritten({ words }) {
  return html`<div class="not-recorded" data-name="not-recorded">
    <${Shape} of="device" /><${Fit} min=${12}>${words.not_recorded_do}<//>
  </div>`;
}

/** A reading that is nobody's: the way to say whose. */
export function WhoseKey({ words, view, act }) {
  const [reading] = view.unassigned;
  return html`<${Key} name="whose" class="whose" on=${() => act.open("whose")}>
    <${Label}>
      ${reading.estimate_centi_c === null ? said(words.result, reading.result) : `${degrees(reading.estimate_centi_c)}°C`}
      <br /><b>${words.whose}</b>
    <//>
  <//>`;
}

function reasonsOf(words, lane) {
  const { passage } = lane;
  const said_ = passage.reasons.map((code) => said(words.reason, code));
  if (passage.unsure) said_.unshift(words.unsure_vehicle);
  if (lane.isAside) said_.unshift(words.apart);
  if (passage.overridden) said_.unshift(words.overridden);
  if (!lane.isAside) said_.push(...passesOf(words, lane, passage.key));
  return [...new Set(said_)];
}

function todoOf(words, lane) {
  const { passage } = lane;
  const codes = passage.next.length > 0 ? passage.next : worstFirst(passage.persons).slice(0, 1)
    .map((person) => person.next);
  const waits = passage.persons.map((person) => person.wait_s).filter((wait_s) => wait_s > 0);
  const parts = [...new Set(codes)].filter((code) => code !== "none").map((code) => said(words.next, code));
  if (passage.decision === "admit" && parts.length === 0) parts.push(words.admit_do[lane.way]);
  if (parts.length > 0) parts[0] = `➜ ${waits.length > 0 ? `${clockLike(Math.max(...waits))} ` : ""}${parts[0]}`;
  return parts;
}

function clockLike(seconds) {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** The worst person's temperature; a raw value is never shown as if it were judged. */
function Temperature({ words, passage }) {
  const [person] = worstFirst(passage.persons);
  if (passage.measuring) return html`<div class="temperature"><${Fit} class="degrees-word">${words.measuring}<//></div>`;
  if (person === undefined && passage.failed) {
    return html`<div class="temperature"><div class="degrees">––.–</div>
      <${Fit} class="degrees-who" min=${12}>${said(words.result, passage.failed)}<//></div>`;
  }
  if (person === undefined) return html`<div class="temperature"><div class="degrees">––.–</div></div>`;
  const judged = person.estimate_centi_c;
  return html`<div class="temperature">
    <${Fit} class=${`degrees ${judged === null ? "raw" : ""}`}>
      ${judged !== null ? `${degrees(judged)}°C`
        : person.raw_centi_c !== null ? `(${degrees(person.raw_centi_c)})` : "––.–"}
    <//>
    <${Fit} class="degrees-who" min=${12}>
      ${passage.persons.length > 1 ? `${words.person(person.person)} ` : ""}${resultOf(words, person)}
    <//>
  </div>`;
}

const PLATE_MARKS = { waiting: "…", unsure: "?", unread: "?", none: "–", typed: "✎" };

function Plate({ words, passage, act }) {
  const { plate, traveller } = passage;
  if (plate === null || traveller === "bicycle" || traveller === "person") {
    const text = traveller === "bicycle" ? words.plate_bicycle : words.plate_foot;
    return html`<div class="plate none"><${Fit} class="plate-note" min=${12}>${text}<//></div>`;
  }
  return html`<button type="button" data-name="plate" class=${`plate ${plate.status}`}
      onClick=${() => act.open("plate")}>
    ${plate.crop && html`<img src=${plate.crop} alt="" />`}
    ${plate.text && html`<${Fit} class=${`plate-text ${plate.plate_kind}`} min=${14}>${painted(plate.text)}<//>`}
    <${Fit} class="plate-note" min=${12}>
      ${plate.status !== "read" && html`<span class="plate-mark">${PLATE_MARKS[plate.status]}</span>`}
      ${words.plate[plate.status]}
      ${plate.status === "unsure" ? ` ${plate.confidence_pct}%` : ""}
    <//>
  </button>`;
}

/** A person's last readings side by side: a repeat never hides the first. */
function valuesOf(person) {
  const all = [...(person.earlier_centi_c ?? []), person.estimate_centi_c];
  if (all.every((value) => value === null)) return "";
  return all.map((value) => (value === null ? "–" : degrees(value))).join("→");
}

function Persons({ words, lane, act }) {
  const { persons } = lane.passage;
  const room = isSmall() ? 2 : 3;
  const order = worstFirst(persons);
  const shown = persons.length > room ? order.slice(0, room - 1) : [...persons];
  return html`<div class=${`persons n${Math.min(persons.length, room)}`}>
    ${shown.map((person) => html`<button type="button" data-name=${`again-${person.person}`}
        class=${`person ${personShape(person)} ${person.marked ? "marked" : ""}`}
        onClick=${() => act.touch({ touch: "AgainTouched", lane: lane.lane, person: person.person, passage: lane.passage.key })}>
      <span class="person-top">
        <${Shape} of=${personShape(person)} />
        <${Fit} class="person-what" min=${12}>
          ${words.person(person.person)} ${valuesOf(person)}
        <//>
      </span>
      <${Fit} class="person-result" min=${12}>
        ${resultOf(words, person)}${person.attempts > 1 ? ` ×${person.attempts}` : ""}
      <//>
      <${Fit} class="person-again" min=${12}>${person.marked ? `● ${words.again_marked}` : `↻ ${words.again}`}<//>
    </button>`)}
    ${persons.length > room && html`<${Key} name="persons" class="person" on=${() => act.open("persons")}>
      <${Label}>${words.more_persons(persons.length - shown.length)}<//>
    <//>`}
  </div>`;
}

function Actions({ words, lane, view, act }) {
  const { passage } = lane;
  const about = { lane: lane.lane, passage: passage.key };
  const open = html`<${OpenKey} words=${words} lane=${lane} act=${act} />`;
  const nextPerson = html`<${Key} name="next-person" class="one"
    on=${() => act.touch({ touch: "PersonTouched", ...about })}>
      <${Label}>${words.next_person}<//><//>`;
  const typed = html`<${Key} name="temperature" class="one" on=${() => act.open("temperature")}>
    <${Label}>${words.type_temperature}<//><//>`;
  const override = html`<${Key} name="override" class="one" on=${() => act.open("override")}>
    <${Label}>${words.override}<//><//>`;
  const aside = html`<${Key} name="aside" class="one" on=${() => act.once("aside", { touch: "AsideTouched", ...about })}>
    <${Label}>${words.step_aside}<//><//>`;
  if (isSmall()) {
    return html`<div class="actions">
      ${lane.isAside && html`<${BackKey} words=${words} act=${act} />`}
      ${passage.decision === "admit" ? open : canStepAside(lane) ? aside : override}${!lane.isAside && nextPerson}
      ${view.unassigned.length > 0 ? html`<${WhoseKey} words=${words} view=${view} act=${act} />` : typed}
    </div>`;
  }
  const plate = html`<${Key} name="fix-plate" class="one" off=${passage.plate === null || passage.traveller === "bicycle"}
    on=${() => act.open("plate")}><${Label}>${words.fix_plate}<//><//>`;
  return html`<div class="actions">${canStepAside(lane) && aside}${nextPerson}${typed}${plate}${override}</div>`;
}

/** From a passage that waits aside back to the lane. */
export function BackKey({ words, act }) {
  return html`<${Key} name="back-to-lane" class="apart" on=${() => act.show(null)}>
    <${Label}>◂ ${words.back_to_lane}<//>
  <//>`;
}

/** Whoever has to wait waits beside the lane, so that the next can come. */
export function canStepAside(lane) {
  return !lane.isAside && ["recheck", "refer"].includes(lane.passage.decision);
}

/** Open the barrier: alive only when the passage is admitted; otherwise there is "override". */
export function OpenKey({ words, lane, act }) {
  const can = lane.passage !== null && lane.passage.decision === "admit";
  return html`<${Key} name="open" class=${`open ${can ? "go" : ""}`} off=${!can}
    on=${() => act.once("open", { touch: "OpenTouched", lane: lane.lane, passage: lane.passage.key })}>
    <${Label}>${!can ? words.open_not : lane.opens_by_hand ? words.open_by_hand : words.open}<//>
  <//>`;
}
