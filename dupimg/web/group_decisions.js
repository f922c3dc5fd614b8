/* Deciding about many duplicate groups at once, and which of them a person has looked over. */

const IDENTICAL = ["identical bytes", "identical pixels"];
const ACCEPTED = { identical: IDENTICAL, copies: [...IDENTICAL, "copy"] };

/** Return the whole group of a block, which may be folded. */
const groupOf = (model, { number }) => model.groupByNumber.get(number);

class GroupDecisions {
  constructor(review, data) {
    this.review = review;
    this.reviewed = new Set(data.reviewed);
  }

  get page() {
    return this.review.page;
  }

  get all() {
    return this.review.model.groups;
  }

  /** The groups that the filter and the search leave. */
  get shown() {
    return this.page.found.map((block) => groupOf(this.review.model, block)).filter(Boolean);
  }

  /** Make what stands above the groups: how far a person is, and what is done to many at once. */
  tools() {
    const { review, all, reviewed } = this;
    if (!all.length) return [];
    const done = all.filter(({ number }) => reviewed.has(number)).length;
    const accept = (kind) => {
      const count = this.acceptable(kind).length;
      if (!count) return null;
      return button({ text: t(`accept.${kind}`, { count }), "data-key": `accept-${kind}`,
        disabled: review.blocked, onclick: () => this.accept(kind) });
    };
    return [
      element("label", { class: "row reviewed-share" },
        element("progress", { max: all.length, value: done }),
        element("span", { class: "numbers" },
          t("reviewed.share", { done, count: all.length }))),
      button({ text: t("reviewed.next"), ...shortcut("E", t("reviewed.next")),
        disabled: done === all.length, onclick: () => this.goOn() }),
      accept("identical"), accept("copies"),
      this.folders().length ? button({ text: t("prefer"), disabled: review.blocked,
        onclick: () => new PreferDialog(this).open() }) : null,
    ].filter(Boolean);
  }

  /** Make the mark of a group by which a person notes that it is looked over. */
  mark({ number }) {
    const is = this.reviewed.has(number);
    return button({
      name: "reviewed", class: `quiet small-button mark ${is ? "is-reviewed" : ""}`,
      text: t(is ? "reviewed" : "reviewed.mark"), ...shortcut("R", t("reviewed")),
      "data-key": "reviewed",
      "aria-pressed": String(is), disabled: this.review.blocked,
      onclick: () => this.note([number], !is),
    });
  }

  /** Note that groups are looked over, or are not. */
  async note(numbers, reviewed = true) {
    const before = new Set(this.reviewed);
    for (const number of numbers) {
      if (reviewed) this.reviewed.add(number);
      else this.reviewed.delete(number);
    }
    this.page.refresh();
    const answer = await post("reviewed", { groups: numbers, reviewed: Number(reviewed) })
      .catch(() => null);
    if (answer?.ok) return;
    this.reviewed = before;
    this.page.refresh();
    if (answer) this.page.say(reasonOf(await answer.json()));
    else this.review.lost([]);
  }

  /** Note the groups that a decision was about. */
  decided(changes) {
    const rows = changes.filter((change) => change.action)
      .map(({ path }) => this.review.model.byPath.get(path));
    const numbers = [...new Set(rows.map((row) => row.duplicate_group))]
      .filter((number) => number !== null && !this.reviewed.has(number));
    if (numbers.length) this.note(numbers);
  }

  markAndGoOn(row) {
    if (row.duplicate_group === null) return;
    if (this.review.blocked) {
      this.review.sayWhyNot();
      return;
    }
    this.note([row.duplicate_group]);
    this.goOn();
  }

  /** Go to the next group that nobody has looked over: after the current one, or from the top. */
  goOn() {
    const { page } = this;
    if (page.view !== "duplicates") return;
    const current = page.items[page.place]?.of?.number;
    const from = page.items.findLastIndex(({ of }) => of.number === current) + 1;
    const order = [...page.items.slice(from), ...page.items.slice(0, from)];
    const next = order.find(({ of }) => !this.reviewed.has(of.number));
    if (!next) page.say(t("reviewed.all"));
    else if (page.viewer.isOpen) page.viewer.step(next.place - page.place);
    else page.land(next.place);
  }

  /** Return the groups of which all that goes is sure to be the same picture. */
  acceptable(kind) {
    return this.shown.filter(({ number, photos }) => {
      const going = photos.filter((row) => row.action === "remove");
      return !this.reviewed.has(number) && going.length &&
        going.every((row) => ACCEPTED[kind].includes(row.verdict));
    });
  }

  accept(kind) {
    const numbers = this.acceptable(kind).map(({ number }) => number);
    this.note(numbers);
    this.page.say(t("toast.accept", { count: numbers.length }), TOAST_MILLISECONDS,
      () => this.note(numbers, false));
  }

  /** Return the folders that could be preferred, with the groups that this would change. */
  folders() {
    const groups = new Map();
    for (const group of this.shown) {
      for (const folder of new Set(group.photos.map(({ path }) => splitPath(path).folder))) {
        const chosen = choiceOf(group, (row) => splitPath(row.path).folder === folder);
        if (!chosen) continue;
        if (!groups.has(folder)) groups.set(folder, []);
        groups.get(folder).push(chosen);
      }
    }
    return [...groups].sort((a, b) => b[1].length - a[1].length || a[0].localeCompare(b[0]));
  }

  /** Let the photos of a folder be the keepers of their groups. */
  preferFolder(folder) {
    const [, chosen] = this.folders().find(([name]) => name === folder) ?? [null, []];
    this.review.decide(chosen.flatMap(asKeeper), "prefer");
  }

  /** Let selected photos be the keepers of their groups: of one group, the first one. */
  preferPhotos(photos) {
    const paths = new Set(photos.map(({ path }) => path));
    const chosen = this.all.map((group) => choiceOf(group, (row) => paths.has(row.path)));
    this.review.decideAbout(photos, () =>
      this.review.decide(chosen.filter(Boolean).flatMap(asKeeper), "prefer"));
  }
}

/** Return which photo of a group a rule prefers to its keeper, if another one stays now. */
function choiceOf({ photos }, isPreferred) {
  const keeper = photos.find((row) => row.action !== "remove" && row.copies);
  const preferred = photos.find(isPreferred);
  if (!keeper || !preferred || isPreferred(keeper)) return null;
  return { preferred, keeper };
}

/** Return the changes by which one photo stays in place of another. */
const asKeeper = ({ preferred, keeper }) => [
  { path: preferred.path, action: keeper.action }, { path: keeper.path, action: "remove" },
];
