// The wall: total, offices, compounds, gates, alarms and hours, live from the feeds.

import { html, render } from "./vendor/preact-htm.js";
import { Chart } from "./chart.js";
import { WAITING_MANY, alarmsOf, isAllStale, picture, stateOf, watch, wrongWith } from "./feeds.js";
import { WORDS, aged, said } from "./words.js";

const ALARMS_SHOWN = 14;
const TILE_FIGURES = ["vehicles_in", "vehicles_out", "on_foot", "refer"];
const remembered = (key, other) => localStorage.getItem(key) ?? other;
let state = {
  language: remembered("language", "zh"),
  onlyWrong: remembered("only-wrong", "no") === "yes",
  scope: "total",
  span: "hours",
};
let due = false;

/** Draw once for all that changed since the last frame. */
function changed() {
  if (due) return;
  due = true;
  setTimeout(() => {
    due = false;
    draw();
  }, 100);
}

function put(change) {
  state = { ...state, ...change };
  localStorage.setItem("language", state.language);
  localStorage.setItem("only-wrong", state.onlyWrong ? "yes" : "no");
  draw();
}

function draw() {
  document.documentElement.lang = state.language === "zh" ? "zh-CN" : "en";
  render(html`<${Wall} ...${state} />`, document.getElementById("wall"));
}

const PATHS = {
  fine: html`<circle cx="24" cy="24" r="17" />`,
  none: html`<circle class="hollow" cx="24" cy="24" r="17" />`,
  old: html`<path class="hollow" d="M24 6a18 18 0 1 1-13 5M24 13v12l8 6" />`,
  partial: html`<path d="M24 4l21 38H3z" /><path class="mark" d="M24 17v12M24 35v2" />`,
  p1: html`<path d="M24 4l21 38H3z" /><path class="mark" d="M24 17v12M24 35v2" />`,
  p2: html`<rect x="5" y="5" width="38" height="38" /><path class="mark" d="M24 13v14M24 34v2" />`,
  p3: html`<circle cx="24" cy="24" r="20" /><path class="mark" d="M24 22v13M24 14v2" />`,
};

function Shape({ of }) {
  return html`<svg class=${`shape ${of}`} viewBox="0 0 48 48" aria-hidden="true">${PATHS[of]}</svg>`;
}

const two = (n) => String(n).padStart(2, "0");

/** A moment as the site's own clock has it. */
function timeOf(ms) {
  const zone = picture.site?.zone;
  return new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: zone,
  }).format(ms);
}

const whole = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u2009");

function nameOf(place, language) {
  return place.names[language] ?? place.names.zh ?? place.id;
}

function Wall({ language, onlyWrong, scope, span }) {
  const words = WORDS[language];
  const { site } = picture;
  if (site === null) return html`<p class="banner">${picture.siteFault ? words.site_fault : words.connecting}</p>`;
  const ctx = { words, language, onlyWrong, scope, span };
  return html`<div class=${`wall ${isAllStale() ? "stale" : ""}`}>
    <${Head} ...${ctx} />
    <${Banner} words=${words} />
    <section class="left"><${Total} ...${ctx} /><${Hours} ...${ctx} /></section>
    <section class="places"><${Offices} ...${ctx} /></section>
    <${Alarms} ...${ctx} />
  </div>`;
}

function Head({ words, language, onlyWrong }) {
  return html`<header>
    <h1>${nameOf(picture.site, language)}</h1>
    <span class=${`link ${picture.link}`} data-name="link">
      <${Shape} of=${picture.link === "live" ? "fine" : "partial"} />${words.link[picture.link]}
    </span>
    <span class="heard" data-name="heard">
      ${picture.heardAt ? words.as_of(timeOf(picture.heardAt)) : ""}
    </span>
    <button type="button" data-name="only-wrong" class=${onlyWrong ? "chosen" : ""} aria-pressed=${onlyWrong}
      onClick=${() => put({ onlyWrong: !onlyWrong })}>${onlyWrong ? words.show_all : words.only_wrong}</button>
    <button type="button" data-name="language"
      onClick=${() => put({ language: language === "zh" ? "en" : "zh" })}>${words.other}</button>
  </header>`;
}

/** Why all below is old, over the whole width; nothing when it is not. */
function Banner({ words }) {
  const { link, central } = picture;
  if (link === "live" && (central === null || central.online)) return null;
  const text = link === "connecting" ? words.connecting
    : link === "live" ? words.central_gone(timeOf(central.at_ms))
      : link === "refused" ? words.refused_since()
        : words.gone_since(timeOf(picture.linkSince));
  return html`<p class="banner" role="status" data-name="banner"><${Shape} of="partial" />${text}</p>`;
}

/** As-of, completeness and whatever else must be known before a figure is believed. */
function Worth({ words, scope }) {
  const feed = picture.now.get(scope);
  const how = stateOf(scope);
  const notes = feed === undefined ? [] : ["waiting", "lost", "unsure", "conflicts", "not_understood", "day_unknown"]
    .filter((code) => (feed[code] ?? 0) > 0)
    .map((code) => [code, words[code](feed[code]), code !== "waiting" || feed[code] > WAITING_MANY]);
  return html`<p class="worth">
    <span class=${`how ${how}`}><${Shape} of=${how === "whole" ? "fine" : how} />
      ${how === "whole" ? "" : `${words[how]} `}${feed ? words.heard(feed.gates_heard, feed.gates_expected) : ""}
    </span>
    ${feed && html`<span class="as-of">${words.as_of(timeOf(feed.as_of_ms))}</span>`}
    ${notes.map(([code, text, bad]) => html`<span class=${bad ? "bad" : ""} data-note=${code}>${text}</span>`)}
  </p>`;
}

function Figure({ name, value, words, wide = false }) {
  return html`<div class=${`figure ${wide ? "wide" : ""}`} data-figure=${name}>
    <b>${value === null || value === undefined ? "—" : typeof value === "number" ? whole(value) : value}</b>
    <span>${words[name]}</span>
  </div>`;
}

function Total({ words, scope }) {
  const feed = picture.now.get("total");
  const f = feed?.figures ?? null;
  const pair = (a, b) => (f === null ? null : `${whole(f[a])} / ${whole(f[b])}`);
  return html`<article class=${`total ${stateOf("total")} ${scope === "total" ? "chosen" : ""}`} data-scope="total">
    <h2><button type="button" onClick=${() => put({ scope: "total" })}>${words.total}</button>
      ${f === null && html`<em>${words.none}</em>`}</h2>
    <div class="figures big">
      <${Figure} name="vehicles_in" value=${f?.vehicles_in} words=${words} />
      <${Figure} name="vehicles_out" value=${f?.vehicles_out} words=${words} />
      <${Figure} name="on_foot" value=${f?.on_foot} words=${words} />
      <${Figure} name="inside" value=${f === null ? null : feed.inside_estimate} words=${words} />
    </div>
    <div class="figures">
      <${Figure} name="persons" value=${f?.persons} words=${words} />
      <${Figure} name="admit" value=${f?.admit} words=${words} />
      <${Figure} name="recheck" value=${f?.recheck} words=${words} />
      <${Figure} name="refer" value=${f?.refer} words=${words} />
      <${Figure} name="undecided" value=${f?.undecided} words=${words} />
      <${Figure} name="overrides" value=${f?.overrides} words=${words} />
      <${Figure} name="bicycles" value=${pair("bicycles_in", "bicycles_out")} words=${words} />
      <${Figure} name="plates" wide=${true} value=${pair("plates_read", "plates_unread")} words=${words} />
    </div>
    <${Worth} words=${words} scope="total" />
  </article>`;
}

function scopeName(scope, words, language) {
  const [kind, id] = scope.split("/");
  if (kind === "total") return words.total;
  const places = kind === "office" ? picture.site.offices : picture.site.compounds;
  const place = places.find((one) => one.id === id);
  return place ? nameOf(place, language) : scope;
}

function Hours({ words, language, scope, span }) {
  const feed = picture[span].get(scope);
  const rows = feed === undefined ? [] : span === "hours"
    ? feed.hours.map((hour, i) => [two(i), ...(hour === null ? [null, null, null] : hour.slice(0, 3))])
    : [...feed.days].reverse().map((day) => [day[0].slice(5).replace("-", "/"), day[2], day[3], day[4]]);
  const known = rows.some((row) => row[1] !== null);
  const revised = span === "days" && feed ? feed.days.filter((day) => day[1] > 1).length : 0;
  return html`<article class="hours" data-name="hours">
    <h2>${words[span](scopeName(scope, words, language))}
      <button type="button" data-name="span" onClick=${() => put({ span: span === "hours" ? "days" : "hours" })}>
        ${span === "hours" ? words.days_key : words.hours_key}
      </button></h2>
    <p class="key"><i class="in"></i>${words.chart_in}<i class="out"></i>${words.chart_out}<i class="foot"></i>${words.chart_foot}
      ${feed && html`<span class="as-of">${words.as_of(timeOf(feed.as_of_ms))}</span>`}
      ${revised > 0 && html`<span>${words.revised(revised)}</span>`}</p>
    ${known
      ? html`<${Chart} key=${span} rows=${rows} labels=${[words.chart_in, words.chart_out, words.chart_foot]} />`
      : html`<p class="chart-none">${words.chart_none}</p>`}
  </article>`;
}

function Offices(ctx) {
  const { words, language, onlyWrong, scope } = ctx;
  const offices = picture.site.offices.map((office) => [
    office,
    picture.site.compounds.filter((place) => place.office === office.id
      && (!onlyWrong || isWrong(place))),
  ]).filter(([office, places]) => !onlyWrong || places.length > 0 || wrongWith(`office/${office.id}`).length > 0);
  if (offices.length === 0) return html`<p class="all-well" data-name="all-well"><${Shape} of="fine" />${words.all_well}</p>`;
  return offices.map(([office, places]) => {
    const name = `office/${office.id}`;
    const f = picture.now.get(name)?.figures ?? null;
    return html`<article class=${`office ${stateOf(name)} ${scope === name ? "chosen" : ""}`} data-scope=${name} key=${name}>
      <div class="office-head">
        <h2><button type="button" onClick=${() => put({ scope: name })}>${nameOf(office, language)}</button></h2>
        ${f === null ? html`<em>${words.none}</em>` : html`
          ${TILE_FIGURES.map((code) => html`<span>${words.tile[code]} <b>${whole(f[code])}</b></span>`)}`}
        <${Worth} words=${words} scope=${name} />
      </div>
      <div class="tiles">${places.map((place) => html`<${Tile} key=${place.id} place=${place} ...${ctx} />`)}</div>
    </article>`;
  });
}

function isWrong(place) {
  return wrongWith(`compound/${place.id}`).length > 0 || alarmsOf(place.id).length > 0
    || place.gates.some((gate) => stateOf(`gate/${place.id}/${gate.id}`) !== "whole");
}

function Tile({ words, language, place, scope }) {
  const name = `compound/${place.id}`;
  const feed = picture.now.get(name);
  const f = feed?.figures ?? null;
  const alarms = alarmsOf(place.id);
  const worst = alarms.length > 0 ? alarms[0] : null;
  return html`<section class=${`tile ${stateOf(name)} ${worst ? `p${worst.priority} ${worst.state}` : ""} ${scope === name ? "chosen" : ""}`}
      data-scope=${name}>
    <h3><button type="button" onClick=${() => put({ scope: name })}>${nameOf(place, language)}</button>
      ${worst && html`<span class=${`tile-alarm p${worst.priority} ${worst.state}`} data-name="tile-alarm">
        <${Shape} of=${`p${worst.priority}`} />${words.alarms_count(alarms.length)}</span>`}</h3>
    ${f === null ? html`<p class="no-data" data-name="no-data">${words.none}</p>` : html`<div class="figures">
      ${TILE_FIGURES.map((name) => html`<${Figure} name=${name} value=${f[name]} words=${words.tile} />`)}
    </div>`}
    <p class="gates">${place.gates.map((gate) => {
      const how = stateOf(`gate/${place.id}/${gate.id}`);
      return html`<span class=${`gate ${how}`} data-gate=${`${place.id}/${gate.id}`}>
        <${Shape} of=${how === "whole" ? "fine" : how} />${nameOf(gate, language)}${how === "whole" ? "" : ` ${gateWord(words, how)}`}
      </span>`;
    })}</p>
    <${Worth} words=${words} scope=${name} />
  </section>`;
}

function gateWord(words, how) {
  return how === "partial" ? words.alert.gate_silent : words[how];
}

function Alarms({ words, language }) {
  const alarms = alarmsOf();
  const unacknowledged = alarms.filter((one) => one.state !== "acked").length;
  return html`<section class="alarms" data-name="alarms">
    <h2>${words.alarms} ${alarms.length > 0 ? alarms.length : ""}
      ${unacknowledged > 0 && html`<small>${words.unacknowledged(unacknowledged)}</small>`}</h2>
    ${alarms.length === 0 && html`<p class="none">${stateOf("total") === "none" ? words.none : words.alarms_none}</p>`}
    <ol>${alarms.slice(0, ALARMS_SHOWN).map((alarm) => html`
      <li key=${`${alarm.compound}/${alarm.gate}/${alarm.alert}`} class=${`alarm p${alarm.priority} ${alarm.state}`}>
        <${Shape} of=${`p${alarm.priority}`} />
        <div><b>${said(words.alert, alarm.what)}</b> ${alarm.device ?? ""}
          <br />${placeOf(alarm, words, language)}
          <br /><small>${timeOf(alarm.since_ms).slice(0, 5)} · ${words.ago(aged(words, (Date.now() - alarm.since_ms) / 1000))}
            ${" · "}${said(words.state, alarm.state)}</small></div>
      </li>`)}</ol>
    ${alarms.length > ALARMS_SHOWN && html`<p>${words.alarms_more(alarms.length - ALARMS_SHOWN)}</p>`}
  </section>`;
}

function placeOf(alarm, words, language) {
  if (alarm.compound === "central") return words.centre;
  const place = picture.site.compounds.find((one) => one.id === alarm.compound);
  const gate = place?.gates.find((one) => one.id === alarm.gate);
  return `${place ? nameOf(place, language) : alarm.compound} ${gate ? nameOf(gate, language) : alarm.gate}`;
}

// Ages and staleness move on without news.
setInterval(changed, 5000);
watch(changed);
