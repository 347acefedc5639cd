// The side panel: a quoted passage where it stands in its document.
import { get } from "./api.js";
import { byId, el } from "./dom.js";

const AROUND = 400; // Characters shown on each side of the quote.

let shown = null;
let returnTo = null;

export function startSourcePanel() {
  byId("source-close").addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !byId("source").hidden) close();
  });
}

function close() {
  byId("source").hidden = true;
  shown?.classList.remove("shown");
  shown = null;
  returnTo?.focus();
  returnTo = null;
}

/** Makes a button open the panel: a click moves there; the pointer sees the quote, or looks if it is open. */
export function opensSource(button, sourceOf) {
  button.addEventListener("click", () => {
    open(button, sourceOf());
    returnTo = button;
    byId("source-close").focus();
  });
  button.addEventListener("pointerenter", (event) => {
    button.title = sourceOf()?.quote ?? "";
    if (event.pointerType === "mouse" && !byId("source").hidden) open(button, sourceOf());
  });
}

async function open(button, source) {
  if (!source || shown === button) return;
  shown?.classList.remove("shown");
  shown = button;
  button.classList.add("shown");
  const where = el("p", { class: "where" });
  const outside = source.origin?.knowledge_base;
  if (source.document_name) where.append(el("strong", {}, source.document_name));
  else if (!outside) where.append(el("strong", { i18n: "pasted" }));
  if (outside) where.append(el("span", {}, outside));
  if (source.page) where.append(el("span", { i18n: "page", vars: { page: source.page } }));
  const context = el("p", { class: "context" }, el("mark", {}, source.quote));
  byId("source-body").replaceChildren(where, context);
  byId("source").hidden = false;
  if (!source.document_id) return;
  try {
    const start = Math.max(0, source.start - AROUND);
    const path = `/api/v1/documents/${source.document_id}/text?start=${start}&end=${source.end + AROUND}`;
    const slice = await get(path);
    if (shown !== button) return;
    // Offsets count code points, which JavaScript's strings do not.
    const points = Array.from(slice.text);
    const from = source.start - slice.start;
    const to = source.end - slice.start;
    const mark = el("mark", {}, points.slice(from, to).join(""));
    context.replaceChildren(
      (slice.start > 0 ? "…" : "") + points.slice(0, from).join(""),
      mark,
      points.slice(to).join("") + (slice.end < slice.text_length ? "…" : ""),
    );
    mark.scrollIntoView({ block: "center" });
  } catch {
    // The quote itself is shown already; its surroundings are an extra.
  }
}
