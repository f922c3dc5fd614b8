/* Ask about pairs of photos, one after the other; then show what the answers say. */

const KEYS = { 1: "same photo", 2: "same scene", 3: "different" };
const main = document.getElementById("main");
const message = document.getElementById("message");
let state = null;
let waiting = false;

async function call(path, body) {
  if (waiting) return;
  waiting = true;
  try {
    const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const response = await fetch(path, options);
    const answer = await response.json();
    if (!response.ok) announce(t("failed", { message: say(answer.message) }));
    else show(answer);
  } catch {
    announce(t("gone"));
  } finally {
    waiting = false;
  }
}

function show(next) {
  state = next;
  const folder = document.getElementById("folder");
  folder.title = visible(state.folder);
  folder.replaceChildren(...pathParts(folder.title));
  const total = state.question?.total ?? state.answers;
  const progress = document.getElementById("progress");
  progress.max = Math.max(total, 1);
  progress.value = state.answers;
  progress.setAttribute("aria-label", t("progress.label"));
  main.classList.toggle("asking", state.question !== null);
  main.replaceChildren(...(state.question ? questionView(state.question) : [resultView(state.result)]));
  announce(state.said && state.question ? inWords(state.said) : "");
  if (state.result) document.getElementById("heading").focus();
}

function announce(text) {
  message.replaceChildren(...inLanguages(text));
}

function inWords({ answer, cosine, scene_cosine: scene }) {
  return t(`said.${answer}`, { cosine: formatCosine(cosine), scene: formatCosine(scene) });
}

/* The question. */

function questionView(question) {
  return [
    element(
      "div",
      { class: "ask-head" },
      element("h2", {}, t("question")),
      element("span", { class: "small numbers" }, t("question.number", question)),
    ),
    element("div", { class: "pair" }, ...question.photos.map((photo, i) => photoView(photo, question.rows[i], "AB"[i]))),
    element(
      "div",
      { class: "answers", role: "group", "aria-label": t("answers.label") },
      ...Object.entries(KEYS).map(([key, answer]) =>
        element(
          "button",
          { type: "button", onclick: () => reply(answer), "aria-keyshortcuts": key },
          element("kbd", { "aria-hidden": "true" }, key),
          element("strong", {}, t(answer)),
          element("span", { class: "small" }, t(`${answer}.about`)),
        ),
      ),
    ),
    element(
      "div",
      { class: "below" },
      button({ class: "quiet", text: t("back"), name: "back", label: t("key", { key: "←" }), disabled: !state.can_go_back, onclick: back }),
      button({ class: "quiet", text: t("skip"), name: "skip", label: t("key", { key: "→" }), onclick: () => reply("skipped") }),
      button({ class: "quiet", text: t("finish"), onclick: () => call("finish", {}) }),
    ),
  ];
}

function photoView(photo, row, letter) {
  const path = visible(photo.path);
  const lost = element("p", { class: "lost", hidden: true }, t("photo.missing"));
  const image = element("img", { src: `photo/${row}`, alt: t("photo", { letter, path }), decoding: "async" });
  image.addEventListener("error", () => {
    image.hidden = true;
    lost.hidden = false;
  });
  const taken = photo.taken && ` · ${words.formats.moment.format(Date.parse(`${photo.taken}Z`))}`;
  return element(
    "figure",
    {},
    element("div", { class: "frame" }, image, lost),
    element(
      "figcaption",
      { title: path },
      element("bdi", {}, ...pathParts(path)),
      element(
        "span",
        { class: "facts" },
        `${formatPixels(photo)} · ${formatBytes(photo.bytes)}`,
        element("span", { class: "taken" }, taken),
      ),
    ),
  );
}

/** Make the parts of a path: where there is no room for all of it, the name stays in sight. */
function pathParts(path) {
  const [, above, name] = /^(.*[/\\])?(.*)$/s.exec(path);
  return [element("span", { class: "in-folder" }, above ?? ""), element("span", { class: "file" }, name)];
}

function reply(answer) {
  if (state?.question) call("answer", { answer, rows: state.question.rows });
}

function back() {
  if (state?.can_go_back) call("back", {});
}

/* Keys, language, theme. */

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || state?.over) return;
  if (event.key in KEYS) reply(KEYS[event.key]);
  else if (event.key === "ArrowLeft") back();
  else if (event.key === "ArrowRight") reply("skipped");
});

function useLanguage(language) {
  setLanguage(language);
  const locale = navigator.languages.find((tag) => tag.startsWith(language.slice(0, 2))) ?? language;
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  words.formats.percent = { format: (share) => t("percent", { percent: whole.format(100 * share) }) };
  document.getElementById("language").textContent = t("language.other");
  document.getElementById("to-app-name").textContent = t("to.app");
  document.getElementById("to-app").setAttribute("aria-label", t("to.app"));
  document.getElementById("theme").setAttribute("aria-label", t("theme.label"));
  if (state) show(state);
}

document.getElementById("language").addEventListener("click", () => {
  const other = words.language === "en" ? "zh-CN" : "en";
  remember("language", other);
  useLanguage(other);
});

function useTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

const theme = document.getElementById("theme");
theme.append(icon("theme"));
theme.addEventListener("click", () => {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (isDark ? "dark" : "light");
  const other = now === "dark" ? "light" : "dark";
  remember("theme", other);
  useTheme(other);
});

useTheme(remembered("theme"));
useLanguage(chosenLanguage());
offerApp(document.getElementById("to-app"));

const alive = new EventSource("alive");
alive.addEventListener("error", () => {
  if (alive.readyState === EventSource.CLOSED) announce(t("gone"));
});
call("state");
