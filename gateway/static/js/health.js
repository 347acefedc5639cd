// The line that says what does not work at the moment.
import { byId, say } from "./dom.js";

const EVERY_SECONDS = 15;

/** Asks for the state of the parts now and then, and shows what is down or that the disk is full. */
export function startHealth() {
  const look = async () => {
    show(await noticeOf());
    setTimeout(look, EVERY_SECONDS * 1000);
  };
  look();
}

/** Key and variables of the notice; null when all is well. */
async function noticeOf() {
  let state;
  try {
    state = await (await fetch("/readyz", { cache: "no-store" })).json();
  } catch {
    return { key: "unreachable" };
  }
  if (state.disk === "full") return { key: "disk_full" };
  const services = Object.entries(state.services ?? {}).filter(([, found]) => found !== "SERVING").map(([name]) => name);
  const names = [...new Set([...services, ...Object.keys(state.down ?? {})])];
  return names.length ? { key: "parts_down", vars: { names: names.join(", ") } } : null;
}

function show(notice) {
  const node = byId("notice");
  node.hidden = notice === null;
  if (notice) say(node, notice.key, notice.vars);
}
