/* The way back to the app, where one runs. */

/** Show a button that leads to the app. */
async function offerApp(way) {
  const address = async () => {
    const answer = await fetch("app").catch(() => null);
    return answer?.ok ? (await answer.json()).address : "";
  };
  way.hidden = !(await address());
  way.addEventListener("click", async () => {
    // It may have been started anew meanwhile.
    const there = await address();
    if (there) location.href = there;
    else way.hidden = true;
  });
}
