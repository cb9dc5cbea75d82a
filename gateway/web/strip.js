// The status strip: link, what waits to be sent, devices, clock, disk; what is wrong says so.

import { html } from "/vendor/preact-htm.js";
import { Fit, Shape, isSmall } from "/kit.js";
import { wantsWord } from "/alerts.js";
import { aged, said } from "/words.js";

/** Where so much is wrong that the long words would not stand beside each other. */
const CROWDED = 3;

/** One line, made to fit; short words on the small panel, and where much is wrong. */
export function Strip({ words, view, language }) {
  const { status } = view;
  const alerts = view.alerts.filter((alert) => !wantsWord(alert) || (isSmall() && alert.priority > 2)).length;
  const apart = view.lanes.reduce((sum, lane) => sum + (lane.aside ?? []).length, 0);
  const kinds = deviceKinds(status.devices);
  const wrong = [alerts, status.not_recorded, status.link !== "up", status.clock === "unset",
    status.disk !== "ok", ...kinds.map(([, fine]) => !fine), ...status.banners].filter(Boolean).length;
  const small = isSmall() || wrong > CROWDED;
  const crowded = isSmall() && wrong > CROWDED;
  const banners = status.banners.map((code) => said(small ? words.banner_short : words.banner, code));
  const name = (kind) => (small ? words.short[kind] : words[`${kind}_name`] ?? words[kind]);
  const age = status.waiting > 0 && status.oldest_s >= 1 && !crowded ? ` ${aged(words, status.oldest_s)}` : "";
  return html`<header class=${`strip ${crowded ? "crowded" : ""}`}><${Fit} class="strip-line" min=${11}>
    ${banners.length > 0
      ? html`<span class="banners" data-name="banners"><${Shape} of="bad" />${banners.join(" · ")}</span>`
      : !crowded && html`<span class="gate-name">${view.names[language] ?? view.gate}</span>`}
    ${isSmall() && apart > 0 && html`<${Item} name="apart" plain=${true} fine=${true}>+${apart}<//>`}
    ${alerts > 0 && html`<${Item} name="alerts" fine=${false}>${name("alerts")} ${alerts}<//>`}
    ${status.not_recorded > 0 && html`<${Item} name="unrecorded" fine=${false}>
      ${name("not_recorded")} ${status.not_recorded}<//>`}
    <${Item} name="link" fine=${status.link === "up"}>
      ${small && status.link !== "up" ? name("link") : `${small ? "" : `${name("link")} `}${words.link_short[status.link]}`}
    <//>
    <${Item} name="waiting" plain=${true} fine=${true}>
      ${small ? "↑" : `${words.waiting} `}${status.waiting}${age}
    <//>
    ${kinds.map(([kind, fine]) => html`<${Item} name=${kind} fine=${fine}>
      ${(small ? words.device_kind_short : words.device_kind)[kind] ?? kind}
    <//>`)}
    <${Item} name="clock" fine=${status.clock !== "unset"}>${clockText(words, view, small)}<//>
    ${(!isSmall() || status.disk !== "ok") && html`<${Item} name="disk" fine=${status.disk === "ok"}>
      ${small ? words.short.disk : words.disk_name}${status.disk === "ok" || small ? "" : ` ${words.disk[status.disk]}`}
    <//>`}
  <//></header>`;
}

function Item({ name, fine, plain = false, children }) {
  return html`<span class=${fine ? "item" : "item bad"} data-name=${`strip-${name}`}>
    ${!plain && html`<${Shape} of=${fine ? "ok" : "bad"} />`}${children}
  </span>`;
}

function deviceKinds(devices) {
  const kinds = new Map();
  for (const device of devices) {
    kinds.set(device.kind, (kinds.get(device.kind) ?? true) && device.state === "ok");
  }
  return [...kinds];
}

function clockText(words, view, small) {
  if (view.status.clock === "unset") return small ? words.short.clock : `${words.clock_name} ${words.clock.unset}`;
  const at = new Date(view.now_ms);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}
