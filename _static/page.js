// Mend what the theme leaves to scripts: "Contents" shows where one reads, wide equations can be
// scrolled by keys and look cut where they go on, a page is printed light with all folds open.
document.addEventListener("DOMContentLoaded", () => {
  const links = [...document.querySelectorAll("nav.page-toc a[href^='#']")];
  const targets = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
  let waiting = 0;
  const highlight = () => {
    waiting = 0;
    let last = links[0];
    for (const [i, target] of targets.entries()) {
      const { top, height } = target?.getBoundingClientRect() ?? {};
      if (height && top < Math.max(200, innerHeight / 4)) last = links[i];
    }
    for (const link of links) link.classList.toggle("active", link === last);
    // The links above it in the list of lists stay on, as the theme unfolds below them.
    let item = last?.closest("li")?.parentElement.closest("nav.page-toc li");
    for (; item; item = item.parentElement.closest("nav.page-toc li")) {
      item.querySelector(":scope > a").classList.add("active");
    }
  };
  if (!links.length) return;
  addEventListener("scroll", () => (waiting ||= requestAnimationFrame(highlight)), { passive: true });
  highlight();
});

document.addEventListener("DOMContentLoaded", async () => {
  await window.MathJax?.startup?.promise;
  const equations = [...document.querySelectorAll(".bd-article mjx-container[display]")];
  const look = (part) => {
    const left = part.scrollWidth - part.clientWidth;
    const wide = left > 1;
    part.classList.toggle("goes-on", wide && part.scrollLeft < left - 1);
    part.classList.toggle("ends", wide && part.scrollLeft >= left - 1);
    if (wide) {
      part.tabIndex = 0;
      part.setAttribute("role", "group");
      part.setAttribute("aria-label", "equation, wider than the page");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) part.removeAttribute(name);
    }
  };
  const watch = new ResizeObserver((seen) => seen.forEach(({ target }) => look(target)));
  for (const part of equations) {
    watch.observe(part);
    part.addEventListener("scroll", () => look(part), { passive: true });
  }
});

let before;
addEventListener("beforeprint", () => {
  const { theme } = document.documentElement.dataset;
  const folded = [...document.querySelectorAll(".bd-article details:not([open])")];
  before = { theme, folded };
  document.documentElement.dataset.theme = "light";
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => {
  if (!before) return;
  document.documentElement.dataset.theme = before.theme;
  for (const part of before.folded) part.open = false;
});
