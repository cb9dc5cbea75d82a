// The picture that the feeds make: kept here, and judged by its age. Nothing here draws.

import mqtt from "./vendor/mqtt.js";

const STALE_S = 180;
/** Central refreshes every `now` feed each minute, changed or not: three missed make it old. */
const RETRY_MS = 2000;

/** What is known, and how the link to the broker is. */
export const picture = {
  site: null,
  siteFault: false,
  link: "connecting",
  linkSince: Date.now(),
  heardAt: null,
  central: null,
  now: new Map(),
  hours: new Map(),
  days: new Map(),
  alarms: new Map(),
};

/** Load the site, then watch its feeds; `changed` is called after each change. */
export async function watch(changed) {
  try {
    const answer = await fetch("site.json");
    picture.site = await answer.json();
    picture.siteFault = false;
  } catch {
    picture.siteFault = true;
    changed();
    setTimeout(() => watch(changed), RETRY_MS);
    return;
  }
  changed();
  connect(changed);
}

function connect(changed) {
  const { broker, root } = picture.site;
  const client = mqtt.connect(broker, {
    protocolVersion: 5,
    clean: true,
    keepalive: 15,
    reconnectPeriod: RETRY_MS,
    connectTimeout: 5000,
    resubscribe: false,
    // The library's own timers run in a worker made of a blob, which the page's policy forbids.
    timerVariant: "native",
  });
  const link = (state) => {
    if (picture.link !== state) {
      picture.link = state;
      picture.linkSince = Date.now();
    }
    changed();
  };
  client.on("connect", () => {
    // What was emptied while we were away is told to nobody: begin with nothing.
    for (const part of ["now", "hours", "days", "alarms"]) picture[part].clear();
    picture.central = null;
    client.subscribe([`${root}/feed/#`, `${root}/central/status`], { qos: 1 }, (fault) => {
      link(fault ? "refused" : "live");
    });
  });
  client.on("message", (topic, payload) => {
    if (take(topic.slice(root.length + 1), payload)) {
      picture.heardAt = Date.now();
      changed();
    }
  });
  client.on("error", (fault) => link([4, 5, 134, 135].includes(fault.code) ? "refused" : "gone"));
  client.on("close", () => {
    if (picture.link !== "refused") link("gone");
  });
}

/** Take one message; one that is not understood changes nothing. */
function take(topic, payload) {
  const parts = topic.split("/");
  if (parts[0] === "feed" && parts[1] === "alarm") {
    const key = parts.slice(2).join("/");
    if (payload.length === 0) return picture.alarms.delete(key);
    return keep(picture.alarms, key, payload);
  }
  if (topic === "central/status") {
    picture.central = read(payload);
    return true;
  }
  const part = parts.at(-1);
  if (parts[0] !== "feed" || !["now", "hours", "days"].includes(part)) return false;
  const scope = parts.slice(1, -1).join("/");
  if (payload.length === 0) return picture[part].delete(scope);
  return keep(picture[part], scope, payload);
}

function keep(where, key, payload) {
  const found = read(payload);
  if (found === null || found.v !== 1) return false;
  where.set(key, found);
  return true;
}

function read(payload) {
  try {
    return JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return null;
  }
}

/** Whether all of the picture is old: the broker or central is away. */
export function isAllStale() {
  return picture.link !== "live" || (picture.central !== null && !picture.central.online);
}

/** How a scope's figures are: none, old, incomplete or whole. */
export function stateOf(scope) {
  const feed = picture.now.get(scope);
  if (feed === undefined || feed.figures === null) return "none";
  if (isAllStale() || (Date.now() - feed.as_of_ms) / 1000 > STALE_S) return "old";
  return feed.gates_heard < feed.gates_expected ? "partial" : "whole";
}

/** What is wrong with a scope, as codes; empty when nothing is. */
export function wrongWith(scope) {
  const feed = picture.now.get(scope);
  const state = stateOf(scope);
  const wrong = state === "whole" ? [] : [state];
  if (feed === undefined) return wrong;
  if (feed.alarms_active > 0 || feed.alarms_unacknowledged > 0) wrong.push("alarms");
  for (const code of ["waiting", "lost", "unsure", "conflicts", "not_understood", "day_unknown"]) {
    if ((feed[code] ?? 0) > (code === "waiting" ? WAITING_MANY : 0)) wrong.push(code);
  }
  return wrong;
}

/** Fewer than this are on their way at any busy gate. */
export const WAITING_MANY = 50;

/** The open alarms of a scope, the gravest and newest first. */
export function alarmsOf(compound) {
  return [...picture.alarms.values()]
    .filter((alarm) => compound === undefined || alarm.compound === compound)
    .sort((a, b) => rank(a) - rank(b) || b.since_ms - a.since_ms);
}

function rank(alarm) {
  return alarm.priority * 10 + ["unack", "rtnun", "acked"].indexOf(alarm.state);
}
