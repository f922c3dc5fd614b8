/* What the page knows about the files: rows, duplicate groups, scenes, what is near a threshold. */

// Shots that follow each other so soon are of one moment.
const BURST_MILLISECONDS = 2000;

// What decisions change of a row, and `derive` looks at.
const DECIDED = ["action", "scene", "keeper", "cosine_to_keeper"];

/** Turn columns into an array of rows, each with its capture time in milliseconds: what the camera's
 * clock showed, whatever its offset from UTC and the zone of this machine. */
function unpack(columns) {
  // Column by column: of 100,000 rows that takes 0.1 s, row by row 0.4 s.
  const rows = columns.path.map(() => ({}));
  for (const [name, cells] of Object.entries(columns)) {
    rows.forEach((row, i) => (row[name] = cells[i]));
  }
  for (const row of rows) {
    row.time = row.taken_at ? Date.parse(`${row.taken_at.slice(0, 23)}Z`) : NaN;
    row.words = row.path.normalize("NFC").toLowerCase();
  }
  return rows;
}

class Model {
  constructor(data) {
    this.about = data.about;
    // Where only duplicates go, nothing is sorted into the scenes that the plan knows of.
    this.hasScenes = data.about.only !== "duplicates";
    this.apart = new Set((data.apart ?? []).map((pair) => [...pair].sort().join(" ")));
    this.rows = unpack(data.rows);
    this.firstNewScene = data.new_scene ?? Infinity;
    // Rows that are names of one file.
    this.linked = data.linked.map((numbers) => numbers.map((n) => this.rows[n]));
    this.rows.forEach((row, n) => {
      row.n = n;
      row.decided = data.decided?.[n] ?? row.action;
    });
    this.byPath = new Map(this.rows.map((row) => [row.path, row]));
    this.derive();
  }

  /** Take in rows that a server changed; most are shown as they are by then, but for the reason. */
  patch(columns) {
    let news = false;
    for (const changed of unpack(columns)) {
      const row = this.byPath.get(changed.path);
      news ||= DECIDED.some((name) => row[name] !== changed[name]);
      Object.assign(row, changed);
    }
    if (news) this.derive();
  }

  derive() {
    // Videos stand among the photos of their scene.
    this.photos = this.rows.filter((row) => row.scene !== null && !row.companion_of);
    this.videos = this.photos.filter((row) => row.video);
    // Else scenes are found by the embedding of duplicates.
    this.sceneCosines = this.photos.some((row) => row.nearest_scene_cosine !== null);
    this.others = this.rows.filter((row) => row.scene === null && !row.companion_of);
    this.companions = this.rows.filter((row) => row.companion_of);
    for (const row of this.rows) row.copies = 0;
    for (const row of this.photos) {
      if (row.action === "remove" && row.keeper) this.byPath.get(row.keeper).copies += 1;
    }
    this.groups = this.duplicateGroups();
    this.groupByNumber = new Map(this.groups.map((group) => [group.number, group]));
    this.scenes = this.hasScenes ? this.scenesInOrder() : [];
    this.border = borderline(this);
  }

  /** Return the duplicate groups, in each the keeper first, then what was decided to stay. */
  duplicateGroups() {
    const rank = (row) => (row.copies ? 0 : row.decided === "remove" ? 2 : 1);
    return collect(this.photos, "duplicate_group").map((group) => {
      group.photos.sort((a, b) => rank(a) - rank(b));
      return group;
    });
  }

  /** Return the scenes in order of their first photo, each in order of time, without duplicates
   * and without photos that could not be brought to their places. What a person has removed from a
   * scene is still shown there. */
  scenesInOrder() {
    const shown = this.photos.filter((row) =>
      (row.action !== "remove" || this.isGone(row)) && !row.failed);
    const scenes = collect(shown, "scene");
    const when = ({ time }) => (Number.isNaN(time) ? Number.MAX_VALUE : time);
    for (const scene of scenes) scene.photos.sort((a, b) => when(a) - when(b) || a.n - b.n);
    return scenes.sort((a, b) => when(a.photos[0]) - when(b.photos[0]) || a.number - b.number);
  }

  /** Return whether a person has removed a photo that was to stay. */
  isGone(row) {
    return row.action === "remove" && row.decided !== "remove";
  }

  /** Return the shots of one moment that stay, of which one is the best; few for no burst. */
  burstOf(photos) {
    const shots = photos.filter((row) => row.action !== "remove" && !row.video);
    const best = shots.find(isBestShot);
    if (!best) return [];
    const isLinked = (a, b) =>
      Math.abs(a.time - b.time) <= BURST_MILLISECONDS ||
      [[a, b], [b, a]].some(([one, other]) =>
        one.compared_with === other.path && one.verdict && one.verdict !== "same scene");
    const burst = new Set([best]);
    for (const shot of burst) {
      for (const other of shots) if (isLinked(shot, other)) burst.add(other);
    }
    return [best, ...[...burst].filter((row) => row !== best)];
  }

  /** Return the photo to compare one with: its keeper, or the one most like it. */
  counterpart(row) {
    const path = row.keeper || sparedFor(row) || row.compared_with;
    return path ? this.byPath.get(path) : undefined;
  }

  /** Return the cosine that counts for scenes, between a photo and the one most like it. */
  sceneCosine(row) {
    return this.sceneCosines ? row.nearest_scene_cosine : row.nearest_cosine;
  }

  /** Return whether a person said that a photo and its counterpart are no duplicates. */
  isApart(row) {
    const other = this.counterpart(row);
    const pair = other && [row.digest, other.digest].sort().join(" ");
    return Boolean(pair) && !row.keeper && this.apart.has(pair);
  }

  /** Return the bytes that deleting some rows frees: those of a file once all its names go. */
  freed(rows) {
    const going = new Set(rows);
    let bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
    for (const names of this.linked) {
      const count = names.filter((row) => going.has(row)).length;
      bytes -= names[0].bytes * (count - (count === names.length ? 1 : 0));
    }
    return bytes;
  }

  /** Return whether a photo is one that stays while others of its group go. */
  isKeeper(row) {
    return row.duplicate_group !== null && (row.action === "keep" || row.copies > 0);
  }
}

/** Gather rows by a number that they have, in order of the numbers. */
function collect(rows, name) {
  const gathered = new Map();
  for (const row of rows) {
    if (row[name] === null) continue;
    if (!gathered.has(row[name])) gathered.set(row[name], []);
    gathered.get(row[name]).push(row);
  }
  return [...gathered]
    .map(([number, photos]) => ({ number, photos }))
    .sort((a, b) => a.number - b.number);
}

function splitPath(path) {
  const end = path.lastIndexOf("/") + 1;
  return { folder: path.slice(0, Math.max(0, end - 1)), name: path.slice(end) };
}
