/* Deciding: keep, remove, leave, another keeper, not a duplicate, scenes; undo of every step. */

const LOOK_ONLY = {
  active: false,
  isSelected: () => false,
  blockControls: () => [],
  photoControls: () => [],
  selectControl: () => [],
  restoreControl: () => [],
  viewTools: () => [],
  viewerControls: () => [],
  fileControls: () => [],
  key: () => false,
};

class Review {
  constructor(page, data) {
    this.page = page;
    this.active = true;
    this.connected = true;
    this.commands = { command: data.command, status: data.status, resume: data.resume };
    this.obstacle = "";
    this.applying = false;
    this.carriedOut = false;
    this.outcome = null;
    this.broughtBack = new Set();
    this.firstNewScene = data.new_scene;
    this.namesScenes = data.names_scenes;
    this.selection = new Set();
    this.saving = new Saving(data, this);
    this.groups = new GroupDecisions(this, data);
    this.controls = new Controls(this);
    this.show();
    this.listen();
    offerApp(byId("to-app"));
  }

  get model() {
    return this.page.model;
  }

  /** Follow what others do to the plan; the server stops when nobody listens any more. */
  listen() {
    const events = new EventSource("alive");
    events.addEventListener("changed", () => this.reload(t("review.changed")));
    events.addEventListener("ping", (event) => this.notice(JSON.parse(event.data)));
    for (const type of ["open", "ping"]) events.addEventListener(type, () => this.found());
    events.addEventListener("error", () => this.lost([]));
  }

  /** Whether nothing can be decided now. */
  get blocked() {
    return !this.connected || this.saving.over || this.obstacle !== "";
  }

  /** How things stand, in a word. */
  get state() {
    if (this.saving.over) return "over";
    if (!this.connected) return "lost";
    return this.obstacle ? "unreadable" : this.saving.state;
  }

  /** The server is there again: show what it knows. */
  found() {
    if (this.connected) return;
    this.connected = true;
    if (!this.saving.queue.length) this.reload(t("review.found"));
  }

  /** The server is gone: take back what it has not saved, and let nobody decide. */
  lost(changes) {
    const news = this.connected || changes.length;
    this.connected = false;
    if (!news) return;
    this.shown(changes);
    this.page.refresh();
    this.sayWhyNot();
  }

  /** Say why nothing can be decided, for as long as that is so. */
  sayWhyNot() {
    if (!this.saving.over || this.obstacle) this.page.say(this.whyNot, Infinity);
  }

  get whyNot() {
    if (this.saving.over) return this.obstacle || t("saving.over");
    if (this.connected) return this.obstacle;
    const interrupted = this.applying || this.appliedElsewhere;
    return t(interrupted ? "apply.interrupted.about" : "review.lost", this.commands);
  }

  /** Fetch anew what another page of this review has decided: two pings in a row say so. */
  notice({ stamp, applying }) {
    // Another page may have begun it, and nothing will say so when the server is gone.
    this.appliedElsewhere = applying;
    // A plan that is over, or cannot be read, has none.
    const known = stamp === this.saving.stamp || this.saving.over || this.obstacle;
    const strange = !known && !this.saving.queue.length;
    if (strange && stamp === this.strange) this.reload(t("review.changed"));
    this.strange = strange ? stamp : null;
  }

  async reload(reason) {
    let response, data;
    try {
      response = await fetch("data");
      data = await response.json();
    } catch {
      this.lost([]);
      return;
    }
    this.saving.over = data.error === "carried out";
    this.obstacle = response.ok ? "" : reasonOf(data);
    if (response.ok) {
      this.applying = false;
      this.saving.take(data);
      this.page.take(data);
      this.page.say(reason);
    } else {
      this.sayWhyNot();
      this.page.refresh();
    }
    this.show();
  }

  /* What saving tells, and asks. */

  /** Return the changes that lead back to how rows are now. */
  before(changes) {
    return changes.map(({ path, ...change }) => {
      const row = this.model.byPath.get(path);
      const values = Object.keys(change).map((name) => [name, row[name]]);
      return { path, ...Object.fromEntries(values) };
    });
  }

  shown(changes) {
    for (const { path, ...change } of changes) Object.assign(this.model.byPath.get(path), change);
    if (changes.length) this.model.derive();
    if (changes.length) this.page.refresh();
    this.show();
  }

  saved({ rows, note }, step) {
    if (rows.path.length) {
      this.model.patch(rows);
      this.page.refresh();
    }
    // What was said before is over, such as why a decision could not be.
    const said = note ? say(note) : toastOf(step);
    const undo = step.path === "undo" ? null : () => this.undo();
    this.page.say(said, TOAST_MILLISECONDS, rows.path.length ? undo : null);
    this.show();
  }

  async refused(answer) {
    await this.reload(t("review.refused", { reason: reasonOf(answer) }));
  }

  async conflict(answer) {
    if (answer.error === "changed") await this.reload(t("review.conflict"));
    else this.page.say(reasonOf(answer));
    if (this.saving.over) this.page.refresh();
  }

  /* Decisions. Changes that change nothing are left out. */

  save(path, body, changes = []) {
    if (this.blocked) {
      this.sayWhyNot();
      return;
    }
    this.saving.save(path, body, changes);
    this.groups.decided(changes);
  }

  decide(changes, label) {
    const real = changes.filter(({ path, ...change }) =>
      Object.entries(change).some(([name, value]) => this.model.byPath.get(path)[name] !== value),
    );
    if (real.length) this.save("decide", { changes: real, label }, real);
  }

  /** Choose an action; what is no photo can only go to the others or be left. */
  act(rows, action) {
    const own = rows.filter((row) => !row.companion_of);
    const changes = own.map(({ path, scene }) => {
      const other = scene === null && action !== "leave";
      return { path, action: other ? "other" : action };
    });
    this.decide(changes, action);
  }

  /** Let a photo stay in place of the keeper of its group. */
  makeKeeper(row) {
    const group = this.model.groupByNumber.get(row.duplicate_group);
    if (!group) return;
    const old = group.photos.filter((photo) =>
      photo !== row && (photo.action === "keep" || (photo.action === "leave" && photo.copies)));
    const changes = old.map(({ path }) => ({ path, action: "remove" }));
    // Where duplicates alone go, what stays is left where it is.
    const action = old.find((photo) => photo.copies)?.action ?? "keep";
    this.decide([{ path: row.path, action }, ...changes], "keeper");
  }

  notDuplicate(row) {
    if (!row.keeper) return;
    const pair = [row.digest, this.model.byPath.get(row.keeper).digest];
    if (!this.blocked) this.model.apart.add([...pair].sort().join(" "));
    const changes = [{ path: row.path, action: "keep" }];
    this.save("not_duplicate", { path: row.path, label: "not a duplicate" }, changes);
  }

  moveToScene(rows, scene) {
    this.decide(rows.map(({ path }) => ({ path, scene })), "scene");
  }

  /** Make a new scene of some photos. */
  split(rows) {
    this.decideAbout(rows, () => this.moveToScene(rows, this.newScene(rows)));
  }

  /** Let the person choose the scene into which some photos go. */
  chooseScene(rows) {
    if (this.blocked) this.sayWhyNot();
    else new SceneDialog(this, rows).open();
  }

  /** The number of a new scene for some photos: the first one after those of the plan. */
  newScene(rows) {
    const moving = new Set(rows);
    const others = this.model.photos.filter((row) => !moving.has(row));
    const taken = new Set(others.map(({ scene }) => scene));
    let number = this.firstNewScene;
    while (taken.has(number)) number += 1;
    return number;
  }

  /** Move the photos of the scene that stands after another into that. */
  mergeWithNext(number) {
    if (this.page.view !== "scenes") return;
    const scenes = this.page.found;
    const next = scenes[scenes.findIndex((scene) => scene.number === number) + 1];
    if (next) this.moveToScene(next.photos, number);
  }

  undo() {
    if (this.saving.undoSteps) this.save("undo", {});
  }

  redo() {
    if (this.saving.redoSteps) this.save("redo", {});
  }

  /* Selecting. */

  toggle(rows) {
    const all = rows.every(({ path }) => this.selection.has(path));
    for (const { path } of rows) {
      if (all) this.selection.delete(path);
      else this.selection.add(path);
    }
    this.page.refresh();
    this.show();
  }

  select(row, extend) {
    if (extend && this.last) {
      const items = this.page.items.map((item) => item.row);
      const [from, to] = [items.indexOf(this.last), items.indexOf(row)].sort((a, b) => a - b);
      for (const { path } of items.slice(from, to)) this.selection.add(path);
      this.selection.add(row.path);
      this.toggle([]);
    } else {
      this.toggle([row]);
    }
    this.last = row;
  }

  clearSelection() {
    this.selection.clear();
    this.page.refresh();
    this.show();
  }

  key(event) {
    return answerReviewKey(this, event);
  }

  isSelected({ path }) {
    return this.selection.has(path);
  }

  /** The photos that the selection bar, and a key outside the large view, is about. */
  selected() {
    return [...this.selection].map((path) => this.model.byPath.get(path)).filter(Boolean);
  }

  /** Decide about photos, which are selected no longer. */
  decideAbout(rows, decide) {
    if (this.blocked) {
      this.sayWhyNot();
      return;
    }
    const deselected = rows.filter(({ path }) => this.selection.delete(path));
    decide();
    if (!deselected.length) return;
    this.page.refresh();
    this.show();
  }

  actOn(rows, action) {
    this.decideAbout(rows, () => this.act(rows, action));
  }
}

const TOAST_MILLISECONDS = 6_000;

/** Say what was just decided. */
function toastOf({ path, body, changes }) {
  if (path !== "decide" && path !== "not_duplicate") return t(`toast.${path}`);
  const count = changes.length;
  const name = count ? visible(splitPath(changes[0].path).name) : "";
  const label = LABELS[body.label] ?? body.label;
  return count > 1 ? t(`toast.${label}.many`, { count }) : t(`toast.${label}`, { name });
}

const LABELS = { "not a duplicate": "apart" };

/** Say why the server did not do something. */
function reasonOf({ message = "", problems = [] }) {
  return [message, ...problems].filter(Boolean).map(say).join(" ");
}
