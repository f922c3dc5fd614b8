/* The buttons of a review: on photos and blocks, at the top, and for a selection. */

class Controls {
  constructor(review) {
    this.review = review;
    Object.assign(review, {
      blockControls: (block) => this.ofBlock(block),
      photoControls: ({ row }) => this.decisions(row, false),
      selectControl: (item) => this.ofSelection(item),
      restoreControl: (row) => [button({
        name: "undo", text: t("undo"), class: "quiet small-button", "data-key": "restore",
        disabled: review.blocked, onclick: () => review.act([row], row.decided),
      })],
      viewTools: (view) => (view === "duplicates" ? review.groups.tools() : []),
      fileControls: (row) => this.ofFile(row),
      viewerControls: (row) => this.decisions(row, true),
      show: () => this.show(),
    });
    byId("review-tools").hidden = false;
  }

  /** Make the choice of keep, remove or leave; with words where there is room. */
  choice(row, worded) {
    const actions = row.scene === null ? ["other", "leave"] : ["keep", "remove", "leave"];
    const choose = (action) => {
      const word = t(`action.${action}.planned`);
      return button({
        name: action, label: word, text: worded ? word : undefined, "data-key": action,
        "aria-pressed": String(row.action === action), disabled: this.review.blocked,
        onclick: () => this.review.decide([{ path: row.path, action }], action),
      });
    };
    return element("div", { class: "segmented", role: "group",
      "aria-label": t("choice", { name: visible(row.path) }) }, ...actions.map(choose));
  }

  /** Make what only photos with duplicates have: another keeper, not a duplicate. */
  ofGroup(row, worded) {
    if (row.duplicate_group === null) return [];
    const { review } = this;
    const text = (key) => (worded ? t(key) : undefined);
    return [
      button({
        name: "star", label: t("make.keeper"), text: text("make.keeper"), class: "quiet",
        "data-key": "star",
        disabled: review.blocked || (review.model.isKeeper(row) && row.copies > 0),
        onclick: () => review.makeKeeper(row),
      }),
      button({
        name: "apart", label: t("not.duplicate"), text: text("not.duplicate"), class: "quiet",
        "data-key": "apart", disabled: review.blocked || !row.keeper,
        "aria-pressed": String(review.model.isApart(row)),
        onclick: () => review.notDuplicate(row),
      }),
    ];
  }

  /** Make the choice of a row of the list of files; of what was carried out, the way back. */
  ofFile(row) {
    const { review } = this;
    if (row.companion_of) return [];
    if (!review.carriedOut) return [this.choice(row, false)];
    if (!isPlaced(row)) return [];
    if (review.broughtBack.has(row.path)) return [element("span", { class: "about" }, t("brought.back"))];
    return [button({ text: t("bring.back"), class: "small-button", "data-key": "back",
      onclick: () => new ApplyDialog(review).bringBack([row]) })];
  }

  /** Make all that can be decided about a photo by itself. */
  decisions(row, worded) {
    const choice = this.choice(row, worded);
    // The large view lies above the message of the page.
    const whyNot = worded && this.review.blocked
      ? element("p", { class: "about" }, this.review.whyNot) : null;
    return [element("div", { class: "decide" }, choice, ...this.ofGroup(row, worded), whyNot)];
  }

  ofSelection({ row }) {
    const box = element("input", {
      type: "checkbox", class: "select", "data-key": "select",
      checked: this.review.selection.has(row.path),
      "aria-label": t("select", { name: visible(row.path) }),
      onclick: (event) => this.review.select(row, event.shiftKey),
    });
    return [box];
  }

  ofBlock(block) {
    const { review } = this;
    if (block.kind === "group") {
      return [
        ...this.ofBurst(block), review.groups.mark(block),
        button({ text: t("keep.all"), class: "quiet small-button", disabled: review.blocked,
          onclick: () => review.act(groupOf(review.model, block).photos, "keep") }),
      ];
    }
    if (block.kind !== "scene") return [];
    const last = review.page.found.at(-1).number === block.number;
    return [
      ...this.ofBurst(block),
      ...(review.namesScenes ? [
        button({ label: t("scene.name"), name: "name", class: "quiet small-button",
          disabled: review.blocked, onclick: () => new NameDialog(review, block).open() }),
      ] : []),
      button({ label: t("select.scene"), name: "select", class: "quiet small-button",
        onclick: () => review.toggle(block.photos) }),
      button({ label: t("merge.next"), name: "merge", class: "quiet small-button",
        ...shortcut("G", t("merge.next")), disabled: review.blocked || last,
        onclick: () => review.mergeWithNext(block.number) }),
    ];
  }

  /** Offer to keep only the best of the shots of one moment. */
  ofBurst(block) {
    const { review } = this;
    const burst = review.model.burstOf(block.photos);
    if (burst.length < 2) return [];
    return [button({ text: t("burst.best"), class: "quiet small-button best-shot",
      label: t("burst.best.about", { count: burst.length }), disabled: review.blocked,
      onclick: () => review.decide(burst.slice(1).map(({ path }) => ({ path, action: "remove" })),
        "burst") })];
  }

  /** Show the state of saving, and the bar of the selection. */
  show() {
    const { saving, state, blocked } = this.review;
    const tools = [
        element("span", { class: `saving ${state}`, role: "status" }, t(`saving.${state}`)),
        button({ name: "undo", label: t("undo"), class: "quiet", "data-key": "undo",
          disabled: !saving.undoSteps || blocked, onclick: () => this.review.undo() }),
        button({ name: "redo", label: t("redo"), class: "quiet", "data-key": "redo",
          disabled: !saving.redoSteps || blocked, onclick: () => this.review.redo() }),
        this.review.carriedOut && this.review.connected
          ? button({ text: t("apply.result"), class: "primary", "data-key": "apply",
              onclick: () => new ApplyDialog(this.review).showResult() })
          : button({ text: t("apply"), class: "primary", "data-key": "apply", disabled: blocked,
              onclick: () => new ApplyDialog(this.review).open() }),
    ];
    replaceKeepingFocus(byId("review-tools"), tools);
    this.showSelection();
  }

  showSelection() {
    const { review } = this;
    const rows = review.selected();
    const bar = byId("selection");
    const hadFocus = bar.contains(document.activeElement);
    bar.hidden = !rows.length;
    if (bar.hidden && hadFocus) review.page.focusPlace();
    if (bar.hidden) return;
    if (review.carriedOut) {
      replaceKeepingFocus(bar, this.toBringBack(rows));
      return;
    }
    const disabled = review.blocked;
    const decision = (text, key, decide, name) =>
      button({ text, name, class: "quiet", ...shortcut(key), disabled,
        onclick: () => decide(review.selected()) });
    const act = (action, key) =>
      decision(t(`action.${action}.planned`), key, (photos) => review.actOn(photos, action), action);
    replaceKeepingFocus(bar, [
      this.selectedCount(rows),
      ...(review.model.hasScenes ? [
        decision(t("scene.new"), "N", (photos) => review.split(photos)),
        decision(t("scene.move"), "V", (photos) => review.chooseScene(photos)),
      ] : []),
      act("keep", "P"), act("remove", "X"), act("leave", "U"),
      review.page.view === "duplicates"
        ? decision(t("prefer.selected"), "B", (photos) => review.groups.preferPhotos(photos), "star")
        : null,
      this.clearButton(),
    ].filter(Boolean));
  }

  selectedCount(rows) {
    return element("strong", {}, t("selected", { count: rows.length }));
  }

  clearButton() {
    return button({ label: t("select.none"), name: "close", class: "quiet clear",
      ...shortcut("Esc", t("select.none"), "Escape"),
      onclick: () => this.review.clearSelection() });
  }

  /** Offer to bring files back that were carried to their places. */
  toBringBack(rows) {
    const placed = rows.filter((row) => isPlaced(row) && !this.review.broughtBack.has(row.path));
    return [
      this.selectedCount(rows),
      button({ text: t("bring.back"), class: "quiet", disabled: !placed.length,
        onclick: () => new ApplyDialog(this.review).bringBack(placed) }),
      this.clearButton(),
    ];
  }
}

/** Return whether a plan brings a file to another place, from where it can come back. */
const isPlaced = (row) => Boolean(row.destination);

/** Return the attributes by which a button tells its key; `name` is that of the key in ARIA. */
function shortcut(key, label, name = key) {
  const title = [label, t("key", { key })].filter(Boolean).join(" · ");
  return { title, "aria-keyshortcuts": name };
}
