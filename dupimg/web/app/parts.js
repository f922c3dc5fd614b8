/* Parts that several views share. */

let toastTimer = 0;

/** Say something for a while. */
function toast(text) {
  const place = byId("message");
  place.replaceChildren(...inLanguages(text));
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => place.replaceChildren(), 8000);
}

/** Show a view: its heading has the focus, so that a screen reader begins there. */
function showView(title, ...children) {
  const heading = element("h2", { tabindex: -1, id: "heading" }, title);
  byId("main").replaceChildren(...children.flat().filter(Boolean).map((child) =>
    (child === "heading" ? heading : child)));
  if (!heading.isConnected) byId("main").prepend(heading);
  document.title = `${title} · dupimg`;
  return heading;
}

const link = (href, attributes, ...children) => element("a", { href, ...attributes }, ...children);

const go = (hash) => { location.hash = hash; };

const resultHash = (folder) => `#/result?folder=${encodeURIComponent(folder)}`;

/** Split a path at its last separator: what is above it, and its name. */
function splitPath(path) {
  const cut = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return cut < 0 || cut === path.length - 1
    ? ["", path] : [path.slice(0, cut + 1), path.slice(cut + 1)];
}

/** Show a path whose name stays in sight where there is no room for all of it. */
function pathText(path) {
  const [above, name] = splitPath(path);
  return element("span", { class: "path", title: visible(path), dir: "ltr" },
    element("span", { class: "above" }, visible(above)), element("strong", {}, ...nameParts(name)));
}

function thumb(folder, photo) {
  if (!photo.digest) return element("span", { class: "thumb empty" }, icon("photos"));
  const image = element("img", {
    class: "thumb", loading: "lazy", decoding: "async", alt: visible(splitPath(photo.path ?? "")[1]),
    src: `thumb?${new URLSearchParams({ folder, digest: photo.digest })}`,
  });
  image.addEventListener("error", () => image.classList.add("lost"));
  return image;
}

/** Make a folded line that shows the command that does the same. */
function commandPart(getCommand) {
  const code = element("code", { tabindex: 0 }, "");
  const copy = button({ text: t("copy"), name: "copy", onclick: async () => {
    await navigator.clipboard.writeText(code.textContent).catch(() => getSelection().selectAllChildren(code));
    toast(t("copied"));
  } });
  const fold = element("details", { class: "as-command" },
    element("summary", {}, t("as_command")),
    element("div", { class: "command" }, code, copy));
  const fill = async () => {
    if (!fold.open) return;
    try {
      code.replaceChildren(...commandWords(await getCommand()));
    } catch (error) {
      code.textContent = error.said ?? "";
    }
  };
  fold.addEventListener("toggle", fill);
  fold.refresh = fill;
  return fold;
}

/** Ask with a dialog; true if the reader agrees. */
function confirmBox(title, lines, yes, no = t("cancel")) {
  const sheet = byId("dialog");
  return new Promise((answered) => {
    let agreed = false;
    const agree = () => { agreed = true; sheet.close(); };
    sheetParts(sheet, title, ...lines.map((line) =>
      (typeof line === "string" ? element("p", {}, line) : line)),
    element("div", { class: "row actions" }, button({ text: no, onclick: () => sheet.close() }),
      button({ text: yes, class: "primary", onclick: agree })));
    sheet.addEventListener("close", () => answered(agreed), { once: true });
    if (!sheet.open) sheet.showModal();
  });
}

const relative = (seconds) =>
  new Intl.DateTimeFormat(words.locale, { dateStyle: "medium", timeStyle: "short" })
    .format(seconds * 1000);

/** Write how long something takes, as exactly as anybody can know it. */
function duration(seconds) {
  if (seconds < 60) return t("seconds", { count: Math.max(1, Math.round(seconds)) });
  if (seconds < 5400) return t("minutes", { count: Math.round(seconds / 60) });
  return t("hours", { count: Math.round(seconds / 3600) });
}

const badge = (state) => element("span", { class: `badge ${state}` }, t(`state.${state}`));
