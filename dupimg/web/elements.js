/* Making elements: what comes from files becomes text and attributes, never markup. */

const byId = (id) => document.getElementById(id);

/** Make an element; `children` are elements, texts, or nothing. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(made, name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function setAttribute(made, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) {
    made.addEventListener(name.slice(2), value);
  } else if (name === "style") {
    // The policy of the page forbids styles as text.
    for (const [key, text] of Object.entries(value)) made.style.setProperty(key, text);
  } else {
    made.setAttribute(name, value === true ? "" : value);
  }
}

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function icon(name) {
  const use = svg("use", { href: `#icon-${name}` });
  return svg("svg", { class: "icon", "aria-hidden": "true" }, use);
}

/** Make a button that shows an icon, a text, or both. */
function button({ label, name, text, ...attributes }, ...children) {
  const inside = [name ? icon(name) : null, text === undefined ? null : element("span", {}, text)];
  const hint = text === undefined ? { "aria-label": label, title: label } : { title: label };
  return element("button", { type: "button", ...hint, ...attributes }, ...inside, ...children);
}

/** Show a name as it is, but control characters as symbols and each in its own direction. */
function visible(name) {
  return name
    .replace(/[\u0000-\u001f]/g, (control) => String.fromCharCode(0x2400 + control.charCodeAt(0)))
    .replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu, "\ufffd");
}

/** Make the nodes of a name; the end of a long one stays in sight: it tells files apart. */
function nameParts(name) {
  const [, start, end] = /^(.{8,}?)((?:\P{M}\p{M}*){12})$/su.exec(visible(name)) ?? [];
  if (!start) return [visible(name)];
  return [element("span", { class: "name-start" }, start), end];
}

/** Make the nodes of a text, in which parts that are isolated (U+2068 … U+2069) are English: words that nobody has translated. */
function inLanguages(text) {
  return text.split(/\u2068(.*?)\u2069/s).map((part, i) =>
    (i % 2 ? element("span", { lang: "en" }, part) : part));
}

/** Make the nodes of a command, whose lines do not end within a word: not between `--` and its name. */
function commandWords(command) {
  return command.split(" ").flatMap((word) => [element("span", { class: "word" }, word), " "]).slice(0, -1);
}

/** Replace the children of an element; the one at the same place has the focus again. */
function replaceKeepingFocus(container, children) {
  const focused = [...container.children].findIndex((child) => child === document.activeElement);
  container.replaceChildren(...children);
  container.children[focused]?.focus({ preventScroll: true });
  // On a narrow screen, the current one may be out of sight.
  const current = container.querySelector("[aria-current]");
  if (current) container.scrollLeft = current.offsetLeft - container.offsetLeft - 16;
}

/** Fill a dialog: a title, a button that closes it, and what follows. */
function sheetParts(sheet, title, ...children) {
  const close = () => sheet.close();
  sheet.setAttribute("aria-label", title);
  sheet.replaceChildren(
    element("div", { class: "sheet-head" }, element("h2", {}, title),
      button({ label: t("close"), name: "close", class: "quiet", onclick: close })),
    ...children.filter(Boolean),
  );
}
