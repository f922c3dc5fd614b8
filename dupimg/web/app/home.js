/* The first view: what can be begun, and what was done before. */

async function homeView() {
  const home = await ask("home");
  const begin = async () => {
    const folder = await trying(() => new FolderDialog(t("photos.choose")).open());
    if (folder) go(`#/new?input=${encodeURIComponent(folder)}`);
  };
  const samples = async (event) => {
    event.target.closest("button").disabled = true;
    const made = await trying(() => send("samples"));
    if (made) go(`#/new?input=${encodeURIComponent(made.folder)}`);
    else homeView();
  };
  const known = home.results.length > 0;
  const hero = element("section", { class: known ? "hero small-hero" : "hero" },
    icon("photos"),
    element("div", { class: "pitch" }, "heading-here",
      element("p", { class: "about" }, t("home.about")),
      element("div", { class: "row" },
        button({ text: t("photos.choose"), name: "folder", class: "primary big", onclick: begin }),
        known ? null : button({ text: t("home.samples"), class: "big quiet", onclick: samples }))));
  const recent = home.recent.length && known
    ? element("section", { class: "recent" }, element("h3", {}, t("home.recent")),
        element("ul", { class: "chips" }, ...home.recent.slice(0, 5).map((path) => element("li", {},
          link(`#/new?input=${encodeURIComponent(path)}`, { class: "chip" }, icon("folder"), pathText(path))))))
    : null;
  const cards = known
    ? element("section", {}, element("h3", {}, t("home.results")),
        element("ul", { class: "cards" }, ...home.results.map((card) => element("li", {}, resultCard(card)))))
    : null;
  const heading = showView(t(known ? "home.again" : "home.title"), hero, recent, cards);
  hero.querySelector(".pitch").firstChild.replaceWith(heading);
}

function resultCard(card) {
  const href = card.running ? `#/run?id=${card.running.id}` : resultHash(card.folder);
  const pictures = card.running
    ? Array.from({ length: card.previews }, (_, i) =>
        element("img", { class: "thumb", alt: "", src: `preview/${card.running.id}/${i}` }))
    : (card.digests ?? []).map((digest) => thumb(card.folder, { digest, path: "" }));
  const collage = pictures.length ? pictures : [element("span", { class: "thumb empty" }, icon("photos"))];
  const counts = card.counts && card.state !== "undone"
    ? t("card.counts", { kept: card.counts.kept, removed: card.counts.removed }) : "";
  return link(href, { class: "result-card" },
    element("div", { class: `collage of-${collage.length}`, "aria-hidden": "true" }, ...collage),
    element("div", { class: "caption" },
      element("div", { class: "card-head" }, pathText(card.folder), badge(card.state)),
      element("p", { class: "small" }, [counts, relative(card.started)].filter(Boolean).join(" · "))));
}
