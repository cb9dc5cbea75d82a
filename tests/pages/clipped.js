// What is cut off, squeezed, outside the window or lying on something else.
() => {
  const faults = [];
  const seen = (e) => e.checkVisibility({opacityProperty: false}) && e.getClientRects().length > 0;
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + 1) faults.push(`page is ${root.scrollWidth} wide`);
  if (root.scrollHeight > innerHeight + 1 && !window.mayScroll) faults.push(`page is ${root.scrollHeight} high`);
  const wide = innerWidth + 0.5;
  const high = (window.mayScroll ? root.scrollHeight : innerHeight) + 0.5;
  const name = (e) => `${e.tagName}.${e.className.baseVal ?? e.className} "${e.textContent.trim().slice(0, 40)}"`;
  // An overlay covers what is beneath it: only what can be touched or read on top counts.
  const top = document.querySelector(".over");
  for (const e of document.body.querySelectorAll("*")) {
    if (!seen(e) || e.closest("svg")?.contains(e.parentElement)) continue;
    if (top && e.closest(".main, .lanes, .strip") && !top.contains(e)) continue;
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== "");
    const box = e.getBoundingClientRect();
    if (!text && e.tagName !== "BUTTON" && e.tagName !== "svg" && e.tagName !== "IMG") continue;
    if (box.left < -0.5 || box.top < -0.5 || box.right > wide || box.bottom > high)
      faults.push(`outside: ${name(e)} ${Math.round(box.right)}x${Math.round(box.bottom)}`);
    if (e.tagName === "svg" && (box.width < 6 || box.height < 6)) faults.push(`squeezed: ${name(e)}`);
    if (e.tagName === "INPUT") continue;
    if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0) faults.push(`cut right: ${name(e)} ${e.scrollWidth}>${e.clientWidth}`);
    if (e.scrollHeight > e.clientHeight + 2 && e.clientHeight > 0) faults.push(`cut below: ${name(e)} ${e.scrollHeight}>${e.clientHeight}`);
    if (!text) continue;
    const range = document.createRange();
    range.selectNodeContents(e);
    for (const line of range.getClientRects()) {
      for (let p = e; p && p !== document.body; p = p.parentElement) {
        const clip = getComputedStyle(p);
        if (clip.overflow === "visible") continue;
        const edge = p.getBoundingClientRect();
        if (line.right > edge.right + 1.5 || line.left < edge.left - 1.5 || line.bottom > edge.bottom + 2.5 || line.top < edge.top - 2.5)
          { faults.push(`clipped by ${name(p)}: ${name(e)}`); break; }
      }
    }
    const size = parseFloat(getComputedStyle(e).fontSize);
    if (size < 11) faults.push(`too small: ${name(e)} ${size}px`);
  }
  // Two keys must not lie on each other.
  const keys = [...document.querySelectorAll("button")].filter((e) => seen(e)
    && !(top && e.closest(".main, .lanes, .strip") && !top.contains(e)));
  for (let i = 0; i < keys.length; i++) for (let j = i + 1; j < keys.length; j++) {
    const a = keys[i].getBoundingClientRect(), b = keys[j].getBoundingClientRect();
    if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
      faults.push(`overlap: ${name(keys[i])} / ${name(keys[j])}`);
  }
  return [...new Set(faults)];
}
