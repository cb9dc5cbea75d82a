// What opens over the passage: each closes by its own key, and "emergency" and "next" stay beside it.

import { html, useState } from "/vendor/preact-htm.js";
import { Fit, Key, Label, Pages, Shape, isSmall } from "/kit.js";
import { PlatePad, TemperaturePad, TextPad } from "/pads.js";
import { personShape, resultOf } from "/passage.js";
import { wantsWord } from "/alerts.js";
import { aged, degrees, said } from "/words.js";
import { painted } from "/plate.js";

const NAME_MAX = 20;
const REASON_MAX = 60;
const NAMES_KEPT = 3;
/** Who decided lately, for this page's life only: a name is never written to the browser's disk. */
const namesLately = [];

function Title({ words, close, children }) {
  return html`<div class="overlay-top">
    <${Key} name="cancel" on=${close}>${words.cancel}<//>
    <${Fit} class="overlay-title">${children}<//>
  </div>`;
}

/** Everything that has no key of its own on the front. */
export function More({ words, lane, view, open, close, act }) {
  const passage = lane.passage;
  const tiles = [
    ["persons", words.again, passage && passage.persons.length > 0, () => open("persons")],
    ["temperature", words.type_temperature, passage, () => open("temperature")],
    ["plate", words.fix_plate, passage && passage.plate && passage.traveller !== "bicycle", () => open("plate")],
    ["override", words.override, passage, () => open("override")],
    ["whose", words.whose, view.unassigned.length > 0, () => open("whose")],
    ["alerts", `${words.alerts} ${view.alerts.length || ""}`, true, () => open("alerts")],
    ["apart", words.apart, view.lanes.some((one) => (one.aside ?? []).length > 0), () => open("apart")],
    ["arrival", words.somebody, !passage, () => open("arrival")],
    ["status", words.status, true, () => open("status")],
    ["language", words.language_other, true, act.language],
  ];
  const shown = isSmall() ? tiles.filter(([, , can]) => can) : tiles;
  return html`<div class="overlay more">
    <${Title} words=${words} close=${close}>${words.more}<//>
    <div class="tiles">
      ${shown.map(([name, text, can, on]) => html`
        <${Key} name=${`more-${name}`} off=${!can} on=${on}>${text}<//>`)}
    </div>
  </div>`;
}

/** Who came that no sensor saw; asked, so that a stray touch opens nothing. */
export function Arrival({ words, lane, close, act }) {
  const kinds = lane.way === "foot" ? ["person"] : ["vehicle", "bicycle", "person"];
  return html`<div class="overlay">
    <${Title} words=${words} close=${close}>${words.somebody}<//>
    <div class="tiles big">
      ${kinds.map((kind) => html`
        <${Key} name=${`arrival-${kind}`} on=${() => {
          act.touch({ touch: "ArrivalTouched", lane: lane.lane, traveller: kind });
          close();
        }}>${words.traveller[kind]}<//>`)}
    </div>
  </div>`;
}

/** All persons of a passage, to measure one again. */
export function Persons({ words, lane, close, act }) {
  const { persons } = lane.passage;
  return html`<div class="overlay">
    <div class="overlay-title only">${words.again}</div>
    <${Pages} words=${words} each=${isSmall() ? 4 : 9} class=${isSmall() ? "two" : "three"}
      items=${persons.map((person) => html`
        <${Key} name=${`again-${person.person}`} class="person" on=${() => {
          act.touch({ touch: "AgainTouched", lane: lane.lane, person: person.person, passage: lane.passage.key });
          close();
        }}>
          <${Shape} of=${personShape(person)} />
          <span>${words.person(person.person)} ${temperatureOf(person)}<br />${resultOf(words, person)}</span>
        <//>`)}
      foot=${html`<${Key} name="cancel" on=${close}>${words.cancel}<//>`} />
  </div>`;
}

function temperatureOf(person) {
  const centi_c = person.estimate_centi_c ?? person.raw_centi_c;
  return centi_c === null ? "" : `${degrees(centi_c)}°C`;
}

/** Open alerts; the whole row acknowledges. */
export function Alerts({ words, view, names, close, act }) {
  const rows = view.alerts.slice(0, 5);
  return html`<div class="overlay">
    ${rows.length === 0 && html`<${Fit} class="empty">${words.alerts_none}<//>`}
    <${Pages} words=${words} each=${isSmall() ? 3 : 5} class="rows"
      items=${rows.map((alert) => html`<${AlertRow} words=${words} alert=${alert} names=${names} act=${act} />`)}
      foot=${html`<${Key} name="cancel" on=${close}>${words.cancel}<//>`} />
  </div>`;
}

/** One alert, as a key that acknowledges it. */
export function AlertRow({ words, alert, names, act }) {
  const where = alert.device ?? (alert.lane ? (names[alert.lane] ?? alert.lane) : "");
  return html`<button type="button" data-name=${`ack-${alert.alert}`} disabled=${!wantsWord(alert)}
      class=${`alert p${alert.priority} ${alert.state}`}
      onClick=${() => act.touch({ touch: "AlertAcknowledged", alert: alert.alert, by: "guard" })}>
    <${Shape} of=${alert.priority === 1 ? "alarm" : alert.priority === 2 ? "device" : "note"} />
    <${Fit} class="alert-text" min=${12}>
      <b>${said(words.alert, alert.what)}</b> ${where}
      <br /><small>${words.ago(aged(words, alert.since_s))} · ${words.alert_state[alert.state]}</small>
    <//>
    ${wantsWord(alert) && html`<span class="ack">${words.acknowledge}</span>`}
  </button>`;
}

/** A reading that is nobody's: the guard says whose. */
export function Whose({ words, view, names, close, act }) {
  const reading = view.unassigned[0];
  if (reading === undefined) return html`<div class="overlay"><${Title} words=${words} close=${close} /></div>`;
  const here = view.lanes.flatMap((lane) => [lane.passage, ...(lane.aside ?? [])]
    .filter((passage) => passage !== null).map((passage) => [lane, passage]));
  const choices = here.flatMap(([lane, passage]) => [
    [lane, passage, null],
    ...passage.persons.map((person) => [lane, passage, person.person]),
  ]);
  const centi_c = reading.estimate_centi_c;
  return html`<div class="overlay">
    <${Fit} class="overlay-title only">
      ${words.whose_title} ${centi_c === null ? "" : `${degrees(centi_c)}°C`}
      ${" "}${said(words.result, reading.result)} · ${words.ago(aged(words, reading.ago_s))}
      ${reading.why ? ` · ${said(words.why, reading.why)}` : ""}
    <//>
    ${choices.length === 0 && html`<${Fit} class="empty">${words.whose_nobody}<//>`}
    <${Pages} words=${words} each=${isSmall() ? 4 : 9} class=${isSmall() ? "two" : "three"}
      items=${choices.map(([lane, passage, person]) => html`
        <${Key} name=${`whose-${passage.key}-${person ?? "new"}`} on=${() => {
          act.touch({
            touch: "ReadingAssigned", reading: reading.reading, lane: lane.lane, person, passage: passage.key,
          });
          close();
        }}>
          <b>${person === null ? words.person_new : words.person(person)}</b><br />
          ${passageName(words, names, lane, passage)}
        <//>`)}
      foot=${html`<${Key} name="cancel" on=${close}><${Label}>${words.unknown_leave}<//><//>
        <${Key} name="nobodys" on=${() => {
          act.touch({ touch: "ReadingDismissed", reading: reading.reading });
          close();
        }}><${Label}>${words.nobodys}<//><//>`} />
  </div>`;
}

function passageName(words, names, lane, passage) {
  const where = passage === lane.passage ? names[lane.lane] : words.apart;
  const what = passage.plate?.text ? painted(passage.plate.text) : words.traveller[passage.traveller];
  return `${where} ${what}`;
}

/** Who waits aside: in shelter, for a contact thermometer. */
export function Apart({ words, view, names, close, act }) {
  const apart = view.lanes.flatMap((lane) => (lane.aside ?? []).map((passage) => [lane, passage]));
  return html`<div class="overlay">
    <div class="overlay-title only">${words.apart}</div>
    <${Pages} words=${words} each=${isSmall() ? 4 : 9} class=${isSmall() ? "two" : "three"}
      items=${apart.map(([lane, passage]) => html`
        <${Key} name=${`apart-${passage.key}`} class="person" on=${() => act.show(passage.key, lane.lane)}>
          <${Shape} of=${passage.decision} />
          <span>${passageName(words, names, lane, passage).replace(`${words.apart} `, "")}
            <br />${names[lane.lane]} ${words.decision_short[passage.decision]} ${leftOf(words, passage)}</span>
        <//>`)}
      foot=${html`<${Key} name="cancel" on=${close}>${words.cancel}<//>`} />
  </div>`;
}

function leftOf(words, passage) {
  const wait_s = Math.max(0, ...passage.persons.map((person) => person.wait_s));
  return wait_s > 0 ? aged(words, wait_s) : "";
}

/** Against the advice: what, why and who; nothing is sent until all three are there. */
export function Override({ words, lane, close, act }) {
  const [decision, decide] = useState(null);
  const [reason, explain] = useState("");
  const [typing, type] = useState(false);
  const [operator, sign] = useState("");
  const [naming, name] = useState(false);
  if (decision === null) {
    const others = ["admit", "recheck", "refer"].filter((code) => code !== lane.passage.decision);
    return html`<div class="overlay">
      <${Title} words=${words} close=${close}>${words.override_what}<//>
      <div class="tiles big">
        ${others.map((code) => html`<${Key} name=${`decide-${code}`} on=${() => decide(code)}>
          <${Shape} of=${code} /> ${words.decision[code]}<//>`)}
      </div>
    </div>`;
  }
  if (typing) {
    return html`<${TextPad} words=${words} title=${words.reason_type} text=${reason} type=${explain}
      max=${REASON_MAX} offered=${[]} done=${() => { type(false); name(true); }}
      close=${() => { explain(""); type(false); }} />`;
  }
  if (!naming) {
    return html`<div class="overlay">
      <${Title} words=${words} close=${close}>${words.override_reason}<//>
      <div class="tiles">
        ${words.reasons_offered.map((text, i) => html`
          <${Key} name=${`reason-${i}`} on=${() => { explain(text); name(true); }}>${text}<//>`)}
        <${Key} name="reason-other" on=${() => type(true)}>${words.reason_other}<//>
      </div>
    </div>`;
  }
  const finish = () => {
    const [who, why] = [operator.trim(), reason.trim()];
    if (who === "" || why === "") return;
    if (!namesLately.includes(who)) namesLately.unshift(who);
    namesLately.length = Math.min(namesLately.length, NAMES_KEPT);
    act.touch({
      touch: "OverrideTouched", lane: lane.lane, decision, operator: who, reason: why, passage: lane.passage.key,
    });
    close();
  };
  return html`<${TextPad} words=${words} title=${words.override_name} text=${operator} type=${sign}
    max=${NAME_MAX} offered=${namesLately} done=${finish} close=${() => name(false)} />`;
}

/** How the gate itself is, in full. */
export function Status({ words, view, close, act }) {
  const { status } = view;
  const rows = [
    [words.link_name, words.link[status.link], status.link === "up"],
    [words.waiting, waitingText(words, status), status.waiting === 0 || status.link === "up"],
    [words.clock_name, words.clock[status.clock], status.clock !== "unset"],
    [words.disk_name, words.disk[status.disk], status.disk === "ok"],
    ...(status.not_recorded > 0 ? [[words.not_recorded, status.not_recorded, false]] : []),
    ...status.devices.slice(0, isSmall() ? 4 : 8).map((device) => [
      `${words.device_kind[device.kind] ?? device.kind} ${device.device}`,
      deviceText(words, device),
      device.state === "ok",
    ]),
  ];
  return html`<div class="overlay">
    <div class="overlay-top">
      <${Key} name="cancel" on=${close}>${words.cancel}<//>
      <${Fit} class="overlay-title">${view.names[words === undefined ? "zh" : act.languageNow] ?? view.gate}<//>
      <${Key} name="language" on=${act.language}>${words.language_other}<//>
    </div>
    <div class="status-rows">
      ${rows.map(([what, how, fine]) => html`<div class=${fine ? "" : "bad"}>
        <${Shape} of=${fine ? "ok" : "bad"} /><${Fit} class="what" min=${11}>${what}<//>
        <${Fit} class="how" min=${12}>${how}<//>
      </div>`)}
    </div>
    <${Fit} class="status-foot" min=${11}>${words.today(status.today)}${isSmall() ? "" : ` · ${words.screening}`}<//>
  </div>`;
}

function waitingText(words, status) {
  if (status.waiting === 0) return "0";
  return `${status.waiting} · ${words.waiting_oldest(aged(words, status.oldest_s))}`;
}

function deviceText(words, device) {
  const state = said(words.device_state, device.state);
  return device.reason ? `${state}: ${said(words.device_reason, device.reason)}` : state;
}

/** The overlay that is open, if any. */
export function Overlay(props) {
  const { open, lane, words, close, act, home } = props;
  const passage = lane.passage;
  // A pad belongs to the passage it was opened for: when that has gone, so has the pad.
  if (open.key !== undefined && (passage === null || passage.key !== open.key)) return null;
  switch (open.name) {
    case "more":
      return html`<${More} ...${props} open=${act.open} />`;
    case "arrival":
      return html`<${Arrival} ...${props} />`;
    case "persons":
      return html`<${Persons} ...${props} />`;
    case "alerts":
      return html`<${Alerts} ...${props} />`;
    case "apart":
      return html`<${Apart} ...${props} />`;
    case "whose":
      return html`<${Whose} ...${props} />`;
    case "override":
      return html`<${Override} ...${props} />`;
    case "status":
      return html`<${Status} ...${props} />`;
    case "plate": {
      const { text, candidates } = passage.plate;
      const offered = candidates.length ? [...new Set([text, ...candidates])].filter(Boolean) : [];
      return html`<${PlatePad} words=${words} home=${home} candidates=${offered} close=${close}
        done=${(typed) => { act.touch({ touch: "PlateTyped", lane: lane.lane, text: typed, passage: passage.key }); close(); }} />`;
    }
    case "temperature":
      return html`<${TemperaturePad} words=${words} close=${close}
        persons=${passage.persons.map((person) => person.person)} person=${wanting(passage)}
        done=${(person, centi_c, site) => {
          act.touch({ touch: "TemperatureTyped", lane: lane.lane, person, centi_c, site, passage: passage.key });
          close();
        }} />`;
    default:
      return null;
  }
}

/** The person whom a typed value is most likely of: one sent for the contact or hand thermometer. */
function wanting(passage) {
  const one = passage.persons.find((person) => person.next === "contact" || person.next === "hand")
    ?? passage.persons.find((person) => person.next !== "none");
  return one ? one.person : null;
}
