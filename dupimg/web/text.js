/* Words, numbers and dates in the reader's language. */

const TEXTS = JSON.parse(document.getElementById("text").textContent);

const words = { language: "en", formats: {}, templates: {} };

/** Remember a small choice of the reader; a browser may forbid it. */
function remember(key, value) {
  try {
    localStorage.setItem(`dupimg.${key}`, value);
  } catch {
    // The choice holds for as long as the page is open.
  }
}

function remembered(key) {
  try {
    return localStorage.getItem(`dupimg.${key}`);
  } catch {
    return null;
  }
}

function chosenLanguage() {
  const known = remembered("language");
  if (known in TEXTS) return known;
  const wanted = navigator.languages.find((tag) => /^(en|zh)\b/i.test(tag)) ?? "en";
  return wanted.startsWith("zh") ? "zh-CN" : "en";
}

function setLanguage(language) {
  words.language = language;
  words.templates = {};
  // A reader of English may be used to the dates of Britain, India or Canada.
  const tongue = language.slice(0, 2);
  const locale = navigator.languages.find((tag) => tag.startsWith(tongue)) ?? language;
  const number = (options) => new Intl.NumberFormat(locale, options);
  const date = (options) => new Intl.DateTimeFormat(locale, options);
  words.plural = new Intl.PluralRules(language);
  words.formats = {
    number: number(),
    cosine: number({ minimumFractionDigits: 4, maximumFractionDigits: 4 }),
    threshold: number({ minimumFractionDigits: 2, maximumFractionDigits: 4 }),
    megapixels: number({ maximumSignificantDigits: 3 }),
    day: date({ dateStyle: "medium" }),
    time: date({ timeStyle: "medium" }),
    minute: date({ timeStyle: "short" }),
    moment: date({ dateStyle: "medium", timeStyle: "medium" }),
    range: date({ dateStyle: "medium", timeStyle: "short" }),
    tenths: number({ maximumFractionDigits: 1 }),
  };
  for (const unit of ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"]) {
    const digits = unit === "byte" ? 0 : 1;
    words.formats[unit] = number({ style: "unit", unit, maximumFractionDigits: digits });
  }
  document.documentElement.lang = language;
}

/** Return the words for a key, with `{name}` replaced and the plural chosen by `count`. */
function t(key, values = {}) {
  const entry = TEXTS[words.language][key];
  const sentence =
    typeof entry === "string" ? entry : (entry[words.plural.select(values.count)] ?? entry.other);
  return sentence.replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === "number" ? formatNumber(values[name]) : values[name],
  );
}

function formatNumber(value) {
  return words.formats.number.format(value);
}

function formatCosine(value) {
  return words.formats.cosine.format(value);
}

function formatThreshold(value) {
  return words.formats.threshold.format(value);
}

function formatBytes(value) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log10(value || 1) / 3)));
  return words.formats[units[step]].format(value / 1000 ** step);
}

function formatPixels(row) {
  return `${row.width} × ${row.height}`;
}

function formatMegapixels(row) {
  const millions = (row.width * row.height) / 1e6;
  return t("megapixels", { number: words.formats.megapixels.format(millions) });
}

/** Write when a photo was taken; a time without an offset is that of this machine. */
function formatMoment(row, format = "moment") {
  return Number.isNaN(row.time) ? "" : words.formats[format].format(row.time);
}

/** Say why a photo stays or goes; the verdict of a second look tells more than its likeness. */
function formatWhy(row) {
  // Only then the second look was at the keeper that it has now.
  const looked = row.keeper && row.verdict && row.compared_with === row.keeper;
  if (!looked || row.reason.includes(" by hand (")) return formatReason(row.reason);
  const rest = row.reason.split("; ").filter((part) => !LIKENESS.includes(part));
  const parts = [t(`verdict.${row.verdict}`), formatReason(rest.join("; "))];
  return parts.filter(Boolean).join(t("reason.separator"));
}

const LIKENESS = ["identical bytes", "similar to the keeper"];

/** Translate why a file stays or goes: as a whole, or part by part; a person's words stay. */
function formatReason(reason) {
  const whole = translated("reason", reason);
  if (whole !== undefined) return whole;
  const parts = reason.split("; ").map((part) => [part, translated("reason", part)]);
  if (parts.every(([, known]) => known === undefined)) return reason;
  return parts.map(([part, known]) => known ?? part).join(t("reason.separator"));
}

/** Return a sentence of the report in the reader's language, if one of its templates fits. */
function translated(kind, sentence) {
  words.templates[kind] ??= templatesOf(kind);
  for (const { pattern, translation } of words.templates[kind]) {
    const groups = pattern.exec(sentence)?.groups;
    if (groups) return translation.replace(/\{(\w+)\}/g, (_, name) => partOf(name, groups[name]));
  }
  return undefined;
}

/** Read the templates of a kind, whose keys are English sentences with {parts}, longest first. */
function templatesOf(kind) {
  const entries = Object.entries(TEXTS[words.language])
    .filter(([key]) => key.startsWith(`${kind}: `))
    .sort(([a], [b]) => b.length - a.length);
  return entries.map(([key, translation]) => {
    const sentence = key.slice(kind.length + 2).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const parts = sentence.replace(/\\\{(\w+)\\\}/g, (_, name) => `(?<${name}>${formOf(name)})`);
    return { pattern: new RegExp(`^(?<all>${parts})$`, "s"), translation };
  });
}

/** Return the pattern of a part of a sentence; of files' names anything is to be expected. */
function formOf(name) {
  if (name === "action" || name === "before") return "keep|remove|other|leave";
  return name === "scene" || name === "old" ? "\\d+" : ".+?";
}

/** Translate a part of a sentence; words of a decoder or the system that nobody has translated
 * are isolated (U+2068 … U+2069). */
function partOf(name, text) {
  if (name === "why") return translated("why", text) ?? `\u2068${text}\u2069`;
  if (name === "reason") return formatReason(text);
  if (name === "action" || name === "before") return t(`action.${text}.planned`);
  if (name === "where" || name === "goes") return told(name, text);
  return text;
}

/** Say a sentence of the run in the reader's language; as it is where no template fits. */
function told(kind, sentence) {
  return translated(kind, sentence) ?? sentence;
}
