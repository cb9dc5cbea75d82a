// Loads the page again when a part of it did not come, or when it fails: an old picture must not
// stand, and what would say so may be just the part that is missing.

const AGAIN_S = 5;
const BEGUN_S = 30;
const PARTS = "script, link[rel=stylesheet]"; // A picture that is gone is none.
const again = () => location.reload();

addEventListener(
  "error",
  ({ target }) => {
    if (target === window || target.matches?.(PARTS)) setTimeout(again, AGAIN_S * 1000);
  },
  true,
);
setTimeout(() => {
  if (document.documentElement.dataset.now === undefined) again();
}, BEGUN_S * 1000);
