/* Saving decisions: one after another, each shown at once and honestly marked until it is saved. */

class Saving {
  /** `listener` has `before(changes)`, `shown(changes)`, `saved(answer, step)`, `refused(answer)`,
   * `conflict(answer)` and `lost(changes)`. */
  constructor(data, listener) {
    this.listener = listener;
    this.queue = [];
    this.over = false;
    this.busy = false;
    this.take(data);
  }

  take({ stamp, undo, redo }) {
    this.stamp = stamp ?? this.stamp;
    this.undoSteps = undo;
    this.redoSteps = redo;
  }

  get state() {
    return this.queue.length ? "saving" : "saved";
  }

  /** Save a step; `changes` are what it does to rows, as far as the page can tell by itself. */
  save(path, body, changes = []) {
    this.queue.push({ path, body, changes, before: this.listener.before(changes) });
    this.listener.shown(changes);
    this.work();
  }

  async work() {
    if (this.busy) return;
    this.busy = true;
    while (this.queue.length) await this.send(this.queue[0]);
    this.busy = false;
    this.listener.shown([]);
  }

  async send(step) {
    const { path, body } = step;
    let response, answer;
    try {
      response = await post(path, { stamp: this.stamp, ...body });
      answer = await response.json();
    } catch {
      // What was not saved must not look so: the last step is taken back first.
      this.listener.lost(this.queue.splice(0).reverse().flatMap(({ before }) => before));
      return;
    }
    if (response.ok) {
      this.queue.shift();
      this.take(answer);
      this.listener.saved(answer, step);
      // What waits to be saved stays shown.
      for (const { changes } of this.queue) this.listener.shown(changes);
      return;
    }
    // What follows was decided about a plan that is not so.
    this.queue = [];
    if (answer.error === "carried out") this.over = true;
    if (response.status === 422) await this.listener.refused(answer);
    else await this.listener.conflict(answer);
  }
}

function post(path, body) {
  return fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}
