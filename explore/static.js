// Write the first state of every explorable as HTML: node static.mjs FOLDER

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { VIEWS, build, firstState } from "./explorable.js";

const { document } = parseHTML("<!doctype html><html><head></head><body></body></html>");

for (const [name, view] of Object.entries(VIEWS)) {
  const root = document.createElement("div");
  const widthOf = (chart, panel) => (panel.wide ? 720 : 350);
  build(root, name, document, { prefix: "PREFIX", widthOf })(firstState(view));
  writeFileSync(join(process.argv[2], `${name}.html`), root.innerHTML);
}
