// Loads the page again when a part of it did not come: what would say so may be just that part.

const AGAIN_S = 3;
const BEGUN_S = 30;
const PARTS = "script, link[rel=stylesheet]"; // A picture that is gone is none.
const again = () => location.reload();

addEventListener(
  "error",
  (event) => {
    const part = event.target instanceof Element && event.target.matches(PARTS);
    if (part) setTimeout(again, AGAIN_S * 1000);
  },
  true,
);
setTimeout(() => {
  if (document.documentElement.dataset.now === undefined) again();
}, BEGUN_S * 1000);
