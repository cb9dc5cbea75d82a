// Small pieces that every part of the page is built of.

import { html, useLayoutEffect, useRef, useState } from "/vendor/preact-htm.js";

const SMALL = matchMedia("(max-width: 640px), (max-height: 400px)");

/** Whether this is the 3.5-inch panel, where a finger needs two pages for what one holds elsewhere. */
export const isSmall = () => SMALL.matches;

const PATHS = {
  admit: html`<circle cx="24" cy="24" r="21" /><path class="mark" d="M13 25l8 8 15-17" />`,
  recheck: html`<path d="M24 2l22 22-22 22L2 24z" /><path class="mark" d="M33 20a10 10 0 1 0 1 8M34 13v8h-8" />`,
  refer: html`<path d="M15 2h18l13 13v18L33 46H15L2 33V15z" /><path class="mark" d="M24 11v17M24 34v3" />`,
  waiting: html`<circle class="hollow" cx="24" cy="24" r="20" /><path class="mark dark" d="M14 24h2M23 24h2M32 24h2" />`,
  free: html`<circle class="hollow" cx="24" cy="24" r="20" />`,
  alarm: html`<path d="M24 3l22 40H2z" /><path class="mark" d="M24 17v13M24 36v2" />`,
  device: html`<rect x="4" y="4" width="40" height="40" /><path class="mark" d="M24 13v14M24 33v3" />`,
  note: html`<circle cx="24" cy="24" r="21" /><path class="mark" d="M24 21v14M24 13v2" />`,
  ok: html`<circle cx="24" cy="24" r="16" />`,
  bad: html`<path d="M24 5l20 36H4z" />`,
};

/** A shape that says by its outline what its colour says too. */
export function Shape({ of }) {
  return html`<svg class=${`shape ${of}`} viewBox="0 0 48 48" aria-hidden="true">${PATHS[of]}</svg>`;
}

const overflows = (e) => e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1;

function shrink(e, min) {
  e.style.fontSize = "";
  let size = parseFloat(getComputedStyle(e).fontSize);
  while (size > min && overflows(e)) {
    size = Math.max(min, size - 1);
    e.style.fontSize = `${size}px`;
  }
}

/** Sentences, the most pressing first: as many as fit at `min` pixels, and "…" for the others. */
export function FitParts({ class: name = "", min = 12, parts }) {
  const box = useRef(null);
  const fitted = useRef("");
  useLayoutEffect(() => {
    const e = box.current;
    const key = `${parts.join()}|${e.clientWidth}x${e.clientHeight}|${document.fonts.status}`;
    if (key === fitted.current) return;
    e.textContent = "";
    for (let count = parts.length; count > 0; count -= 1) {
      e.textContent = parts.slice(0, count).join(" · ") + (count < parts.length ? " …" : "");
      shrink(e, min);
      if (!overflows(e)) break;
    }
    fitted.current = `${parts.join()}|${e.clientWidth}x${e.clientHeight}|${document.fonts.status}`;
  });
  return html`<div class=${`fit ${name}`} ref=${box}></div>`;
}

/** Text that is made smaller until it fits its box, down to `min` pixels. */
export function Fit({ class: name = "", min = 13, children }) {
  const box = useRef(null);
  const fitted = useRef("");
  useLayoutEffect(() => {
    const e = box.current;
    const key = `${e.textContent}|${e.clientWidth}x${e.clientHeight}|${document.fonts.status}`;
    if (key === fitted.current) return;
    shrink(e, min);
    fitted.current = `${e.textContent}|${e.clientWidth}x${e.clientHeight}|${document.fonts.status}`;
  });
  return html`<div class=${`fit ${name}`} ref=${box}>${children}</div>`;
}

/** A key's words, in its middle. */
export function Label({ min = 12, children }) {
  return html`<${Fit} class="label" min=${min}><span>${children}</span><//>`;
}

/** A button; `name` is for tests and stays the same in both languages. */
export function Key({ name, class: kind = "", off = false, on, children }) {
  return html`<button type="button" data-name=${name} class=${kind} disabled=${off} onClick=${on}>
    ${children}
  </button>`;
}

/** A grid of as many items as fit, with a key for the next page when there are more. */
export function Pages({ words, items, each, class: kind = "", foot }) {
  const [at, turn] = useState(0);
  const pages = Math.max(1, Math.ceil(items.length / each));
  const page = at % pages;
  return html`<div class=${`pages ${kind}`}>
      ${items.slice(page * each, (page + 1) * each)}
    </div>
    <div class="foot">
      ${foot}
      ${pages > 1 && html`<${Key} name="page" on=${() => turn(page + 1)}>
        <${Label}>${words.page_next} ${page + 1}/${pages}<//>
      <//>`}
    </div>`;
}
