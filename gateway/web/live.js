// The link to the gateway: newest view in, touches out, and the word NOT LIVE when no view comes.
// It stands apart from the drawing, so that a fault there cannot hide that the picture is old.

const LIVE_S = 3;
const page = document.querySelector('meta[name="gatepost"]').dataset;
const gone = document.getElementById("gone");
let heardAt = performance.now();
let heardClock = new Date();
let source = null;

/** Watch the gateway; `take` gets each view. */
export function watch(take) {
  open(take);
  setInterval(() => {
    const silent_s = (performance.now() - heardAt) / 1000;
    if (silent_s > LIVE_S && gone.dataset.on !== "yes") showGone();
    if (source === null) open(take);
  }, 500);
}

function open(take) {
  source = new EventSource("/live");
  source.addEventListener("boot", (event) => {
    // Another start of the gateway has another token, and may have another page.
    if (event.data !== page.boot) location.reload();
  });
  source.onmessage = (event) => {
    const view = JSON.parse(event.data);
    heardAt = performance.now();
    heardClock = new Date();
    gone.dataset.on = "no";
    take(view);
  };
  source.onerror = () => {
    // The browser tries again by itself unless it was refused.
    if (source !== null && source.readyState === EventSource.CLOSED) source = null;
  };
}

function showGone() {
  const two = (n) => String(n).padStart(2, "0");
  const time = `${two(heardClock.getHours())}:${two(heardClock.getMinutes())}`;
  document.getElementById("gone-since").textContent = `自 since ${time}`;
  gone.dataset.on = "yes";
}

/** Send a touch; the promise says whether the gateway took it, and why not. */
export async function send(touch) {
  try {
    const answer = await fetch("/touch", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Gatepost-Token": page.token },
      body: JSON.stringify(touch),
      signal: AbortSignal.timeout(3000),
    });
    if (answer.ok) return { taken: true };
    if (answer.status === 403) location.reload();
    return { taken: false, why: (await answer.json()).refused };
  } catch {
    return { taken: false, why: "" };
  }
}

export const begin = { language: page.language, home: page.home };
