/* Ask the server of the app. */

/** Something that cannot be done: `said` in the reader's language, and the field that is wrong. */
class Refusal extends Error {
  constructor(answer) {
    super("refused");
    const told = answer.message;
    const parts = [told, ...(answer.parts ?? [])].map((part) => (Array.isArray(part) ? say(part) : String(part)));
    this.said = parts.join("\n");
    this.field = answer.field ?? "";
  }
}

/** The server has not answered. */
class Lost extends Refusal {}

async function ask(path, values = {}, options = {}) {
  const query = new URLSearchParams(values).toString();
  let response;
  try {
    response = await fetch(query ? `${path}?${query}` : path, options);
  } catch {
    throw new Lost({ message: t("gone") });
  }
  const answer = await response.json();
  if (!response.ok) throw new Refusal(answer);
  return answer;
}

/** Ask again for a while: a browser loses requests, for example when another network comes up. */
async function askPatiently(path, values) {
  for (let tries = 6; ; tries -= 1) {
    try {
      return await ask(path, values);
    } catch (error) {
      if (!(error instanceof Lost) || tries === 1) throw error;
    }
    await new Promise((wake) => setTimeout(wake, 500));
  }
}

const send = (path, body = {}) =>
  ask(path, {}, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });

/** Do something, and tell the reader if it is refused. */
async function trying(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    toast(error.said);
    return null;
  }
}
