// The lanes beside the one shown large: each says its state by colour, shape and word.

import { html } from "/vendor/preact-htm.js";
import { Fit, Shape } from "/kit.js";

/** The lanes' names as people say them; numbered only where two are alike. */
export function laneNames(words, lanes) {
  const names = {};
  for (const lane of lanes) {
    const alike = lanes.filter((other) => other.way === lane.way);
    names[lane.lane] = alike.length > 1
      ? `${words.way[lane.way]} ${alike.indexOf(lane) + 1}`
      : words.way[lane.way];
  }
  return names;
}

/** The state that a lane's tile shows. */
export function laneShape(lane) {
  return lane.passage === null ? "free" : lane.passage.decision;
}

function stateWord(words, lane) {
  if (lane.passage === null) return words.free;
  const { decision } = lane.passage;
  return decision === "waiting" && lane.way === "out" ? words.waiting_out : words.decision_short[decision];
}

/** A tile a lane; the chosen one is raised. */
export function Lanes({ words, view, names, chosen, choose }) {
  return html`<nav class="lanes">
    ${view.lanes.map((lane) => html`<button type="button" data-name=${`lane-${lane.lane}`}
        class=${`lane ${laneShape(lane)} ${lane.lane === chosen ? "chosen" : ""}`}
        aria-pressed=${lane.lane === chosen} onClick=${() => choose(lane.lane)}>
      <${Fit} class="lane-name">${names[lane.lane]}<//>
      <${Shape} of=${laneShape(lane)} />
      <${Fit} class="lane-state" min=${12}>
        ${stateWord(words, lane)}${(lane.aside ?? []).length > 0 ? ` +${lane.aside.length}` : ""}
      <//>
    </button>`)}
  </nav>`;
}
