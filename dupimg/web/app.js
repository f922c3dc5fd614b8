/* Light or dark, which language, and the start of it all. */

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  remember("theme", theme);
}

function switchTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  setTheme(now === "dark" ? "light" : "dark");
}

function switchLanguage(page) {
  const next = words.language === "en" ? "zh-CN" : "en";
  remember("language", next);
  setLanguage(next);
  translate(page);
  page.show();
  page.review.show?.();
}

/** Put the words of the language into the fixed parts of the page. */
function translate(page) {
  translateParts();
  byId("folder").textContent = page.folder;
  byId("folder").title = visible(Object.values(page.model.about.inputs).join(", "));
}

function translateParts() {
  const each = (name, put) =>
    document.querySelectorAll(`[data-${name}]`).forEach((part) => put(part, t(part.dataset[name])));
  each("text", (part, text) => (part.textContent = text));
  each("placeholder", (part, text) => (part.placeholder = text));
  each("label", (part, text) => {
    part.setAttribute("aria-label", text);
    if (part.matches("button")) part.title = text;
  });
  const [lang, name] = words.language === "en" ? ["zh-CN", "中文"] : ["en", "English"];
  byId("language").textContent = name;
  byId("language").lang = lang;
}

/** Read the data from the page, or fetch them from its server. */
async function readData() {
  return JSON.parse(byId("data").textContent) ?? (await fetch("data")).json();
}

/** Say why there is no plan to decide about: it may be carried out by now. */
function showRefusal(refusal) {
  translateParts();
  byId("view-title").textContent = t("saving.over");
  byId("nothing").textContent = reasonOf(refusal);
  for (const part of document.querySelectorAll(".tools")) part.hidden = true;
  const events = new EventSource("alive"); // the way to the app is there as long as the server is
  events.addEventListener("error", () => { byId("to-app").hidden = true; });
  offerApp(byId("to-app"));
}

setLanguage(chosenLanguage());
if (["light", "dark"].includes(remembered("theme"))) setTheme(remembered("theme"));
readData().then((data) => (data.error ? showRefusal(data) : new Page(data)));
