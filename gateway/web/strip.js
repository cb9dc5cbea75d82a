// The status strip: link, what waits to be sent, devices, clock, disk; what is wrong says so.

import { html } from "/vendor/preact-htm.js";
import { Fit, Shape, isSmall } from "/kit.js";
import { aged, said } from "/words.js";

/** One line; on the small panel in short words. */
export function Strip({ words, view, language }) {
  const { status } = view;
  const small = isSmall();
  const banners = status.banners.map((code) => said(words.banner, code));
  const bad = view.alerts.filter((alert) => alert.state === "acked").length;
  return html`<header class="strip">
    ${banners.length > 0
      ? html`<${Fit} class="banners" min=${11}><${Shape} of="bad" />${banners.join(" · ")}<//>`
      : html`<${Fit} class="gate-name" min=${11}>${view.names[language] ?? view.gate}<//>`}
    ${bad > 0 && html`<${Item} fine=${false}>${words.alerts} ${bad}<//>`}
    ${status.not_recorded > 0 && html`<${Item} fine=${false}>${words.not_recorded} ${status.not_recorded}<//>`}
    <${Item} fine=${status.link === "up"}>
      ${small ? "" : `${words.link_name} `}${words.link_short[status.link]}
    <//>
    <${Item} plain=${true} fine=${true}>
      ${small ? "↑" : `${words.waiting} `}${status.waiting}${
        status.waiting > 0 && status.oldest_s >= 1 ? ` ${aged(words, status.oldest_s)}` : ""}
    <//>
    ${deviceKinds(status.devices).map(([kind, fine]) => html`<${Item} fine=${fine}>
      ${(small ? words.device_kind_short : words.device_kind)[kind] ?? kind}
    <//>`)}
    <${Item} fine=${status.clock !== "unset"}>${clockText(words, view, small)}<//>
    ${(!small || status.disk !== "ok") && html`<${Item} fine=${status.disk === "ok"}>
      ${words.disk_name}${status.disk === "ok" ? "" : ` ${words.disk[status.disk]}`}
    <//>`}
  </header>`;
}

function Item({ fine, plain = false, children }) {
  return html`<span class=${fine ? "item" : "item bad"}>
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
  if (view.status.clock === "unset") return small ? words.clock_name : `${words.clock_name} ${words.clock.unset}`;
  const at = new Date(view.now_ms);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}
