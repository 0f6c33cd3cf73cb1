// Show what a link leads to while it is pointed at or has the focus: an equation, a figure, an
// entry of the bibliography. Fingers follow links at once; Escape takes a preview away.
document.addEventListener("DOMContentLoaded", () => {
  if (!matchMedia("(hover: hover)").matches) return;
  const article = document.querySelector(".bd-article");
  if (!article) return;
  const box = Object.assign(document.createElement("div"), { id: "preview", hidden: true });
  box.setAttribute("role", "tooltip");
  article.append(box);
  let timer;
  let described = null;

  // What a link leads to, copied so that no id is there twice and no link can be reached in it.
  const content = (href) => {
    const carried = [...document.querySelectorAll("template[data-preview]")].find(
      (template) => template.dataset.preview === href,
    );
    if (carried) return carried.content.cloneNode(true);
    if (!href.startsWith("#")) return null;
    let target = document.getElementById(decodeURIComponent(href.slice(1)));
    target = target?.querySelector(":scope > figure") ?? target;
    if (!target?.matches("figure, div.math, div.citation, div.proof, div.exercise")) return null;
    const copy = target.cloneNode(true);
    for (const part of copy.querySelectorAll(".headerlink, .take-away, script, button")) part.remove();
    for (const part of [copy, ...copy.querySelectorAll("[id]")]) part.removeAttribute("id");
    for (const link of copy.querySelectorAll("a")) link.replaceWith(...link.childNodes);
    for (const part of copy.querySelectorAll("[tabindex]")) part.removeAttribute("tabindex");
    return copy;
  };

  const hide = () => {
    clearTimeout(timer);
    box.hidden = true;
    described?.removeAttribute("aria-describedby");
    described = null;
  };

  const show = async (link) => {
    const shown = content(link.getAttribute("href"));
    if (!shown) return;
    hide();
    // Read aloud, a formula alone would be a description without words.
    const name = Object.assign(document.createElement("span"), { className: "visually-hidden" });
    name.textContent = `${link.textContent}: `;
    box.replaceChildren(name, shown);
    box.hidden = false;
    described = link;
    link.setAttribute("aria-describedby", "preview");
    if (/\\[[(]/.test(box.textContent)) await window.MathJax?.typesetPromise?.([box]);
    const at = link.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = box;
    const above = at.top > height + 8;
    box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
    box.style.top = `${above ? at.top - height - 4 : at.bottom + 4}px`;
  };

  const linkOf = (event) => event.target.closest?.("a.reference.internal[href*='#']");
  const soon = (act, delay) => {
    clearTimeout(timer);
    timer = setTimeout(act, delay);
  };
  article.addEventListener("mouseover", (event) => {
    const link = linkOf(event);
    if (link && link !== described) soon(() => show(link), 250);
  });
  article.addEventListener("mouseout", (event) => linkOf(event) && soon(hide, 300));
  box.addEventListener("mouseenter", () => clearTimeout(timer));
  box.addEventListener("mouseleave", () => soon(hide, 300));
  article.addEventListener("focusin", (event) => {
    const link = linkOf(event);
    if (link?.matches(":focus-visible")) show(link);
  });
  article.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { passive: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
});
