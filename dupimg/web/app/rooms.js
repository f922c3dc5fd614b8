/* Which view is shown, language and theme, Quit, and the start of it all. */

const VIEWS = {
  "/": homeView, "/new": formView, "/run": runView, "/result": resultView,
  "/files": (query) => new FilesView(query.get("folder")).show(),
};

async function showRoom() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  const view = VIEWS[path] ?? homeView;
  try {
    const isScrolled = await view(new URLSearchParams(query));
    if (isScrolled) return;
    scrollTo(0, 0);
    byId("heading")?.focus({ preventScroll: true });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    showOver("lost", inLanguages(error.said), link("#/", { class: "button" }, t("home")));
  }
}

function translate() {
  document.querySelectorAll("[data-label]").forEach((part) => {
    part.setAttribute("aria-label", t(part.dataset.label));
    if (part.matches("button, a")) part.title = t(part.dataset.label);
  });
  const [lang, name] = words.language === "en" ? ["zh-CN", "中文"] : ["en", "English"];
  byId("language").textContent = name;
  byId("language").lang = lang;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  remember("theme", theme);
}

byId("language").addEventListener("click", () => {
  const next = words.language === "en" ? "zh-CN" : "en";
  remember("language", next);
  setLanguage(next);
  translate();
  showRoom();
});

byId("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  setTheme(now === "dark" ? "light" : "dark");
});

byId("quit").addEventListener("click", async () => {
  const { running } = await trying(() => ask("home")) ?? { running: [] };
  const lines = running.length ? [t("quit.running", { count: running.length })] : [t("quit.about")];
  if (!await confirmBox(t("quit.title"), lines, t(running.length ? "quit.stop" : "quit"))) return;
  if (await trying(() => send("quit"))) ended("quit.done");
});

/** Show a page on which there is nothing but a word about why. */
function showOver(key, about, ...more) {
  const place = element("span");
  showView(t(key), element("section", { class: "over" }, icon("photos"), place, element("p", { class: "about" }, ...about), ...more));
  place.replaceWith(byId("heading"));
}

/** Say that the app is over; nothing on the page would work any more. */
function ended(key) {
  alive.close();
  byId("running").replaceChildren();
  showOver(key, [t("quit.again")]);
  document.querySelectorAll(".tools button").forEach((each) => { each.disabled = each.id === "quit"; });
}

setLanguage(chosenLanguage());
if (["light", "dark"].includes(remembered("theme"))) setTheme(remembered("theme"));
translate();
const alive = new EventSource("alive");
alive.addEventListener("ping", ({ data }) => {
  const ids = data ? data.split(",") : [];
  const place = byId("running");
  if (place.dataset.ids === data + words.language + location.hash) return;
  place.dataset.ids = data + words.language + location.hash;
  place.replaceChildren(...ids.filter((id) => !location.hash.includes(id)).map((id) =>
    link(`#/run?id=${id}`, { class: "chip" }, element("span", { class: "pulse" }), t("running"))));
});
alive.addEventListener("error", () => {
  if (alive.readyState === EventSource.CLOSED) ended("gone");
});
document.addEventListener("visibilitychange", () => refreshResult());
addEventListener("hashchange", showRoom);
showRoom();
