/* Saving decisions: one after another, each shown at once and honestly marked until it is saved. */

class Saving {
  /** `listener` has `saved(answer)`, `shown(changes)`, `refused(answer)` and `conflict(answer)`. */
  constructor(data, listener) {
    this.listener = listener;
    this.queue = [];
    this.failed = false;
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
    if (this.over) return "over";
    if (this.failed) return "failed";
    return this.queue.length ? "saving" : "saved";
  }

  /** Save a step; `changes` are what it does to rows, as far as the page can tell by itself. */
  save(path, body, changes = []) {
    if (this.over) return;
    this.queue.push({ path, body, changes });
    this.listener.shown(changes);
    this.work();
  }

  async work() {
    if (this.busy) return;
    this.busy = true;
    this.failed = false;
    while (this.queue.length && !this.failed && !this.over) await this.send(this.queue[0]);
    this.busy = false;
    this.listener.shown([]);
  }

  async send({ path, body }) {
    let response;
    try {
      response = await post(path, { stamp: this.stamp, ...body });
    } catch {
      this.failed = true;
      return;
    }
    const answer = await response.json();
    if (response.ok) {
      this.queue.shift();
      this.take(answer);
      this.listener.saved(answer);
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
