// The public REST API, nothing else. What it says of files is in the reader's language.
import { language, t } from "./i18n.js";

/** A failed request: RFC 9457 problem details. */
export class Problem extends Error {
  constructor(details) {
    const fields = (details.errors ?? []).map((error) => `${error.field}: ${error.message}`);
    const detail = details.detail ?? details.title ?? "error";
    super([detail, ...fields].join(" — "));
    this.detail = detail;
    this.reason = details.reason;
    this.status = details.status;
    this.metadata = details.metadata ?? {};
  }
}

async function problemOf(response) {
  try {
    return new Problem(await response.json());
  } catch {
    return new Problem({ status: response.status, detail: response.statusText || String(response.status) });
  }
}

/** One JSON request; its JSON answer. */
export async function request(method, path, body, signal) {
  const response = await fetch(path, {
    method,
    signal,
    headers: { "Accept-Language": language(), ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

export const get = (path, signal) => request("GET", path, undefined, signal);
export const post = (path, body = {}, signal) => request("POST", path, body, signal);
export const remove = (path) => request("DELETE", path);

/** Server-sent events of one response as { name, id, data }; ends with the stream, throws on its `error` event. */
export async function* events(method, path, { body, after, signal } = {}) {
  const headers = { Accept: "text/event-stream", "Accept-Language": language() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (after) headers["Last-Event-ID"] = String(after);
  const response = await fetch(path, {
    method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw await problemOf(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      pending += value;
      let end;
      while ((end = pending.indexOf("\n\n")) >= 0) {
        const event = parsed(pending.slice(0, end));
        pending = pending.slice(end + 2);
        if (event?.name === "error") throw new Problem(event.data);
        if (event) yield event;
      }
    }
  } finally {
    // Leaving the loop early closes the connection, which stops the work behind it.
    reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  const event = { name: "message", id: 0, data: null };
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) event.name = line.slice(7);
    else if (line.startsWith("id: ")) event.id = Number(line.slice(4));
    else if (line.startsWith("data: ")) event.data = JSON.parse(line.slice(6));
  }
  return event.data === null ? null : event;
}

/** As `events` of a GET, but takes up again after a broken connection until one of `last` has come. */
export async function* followed(path, last, signal) {
  let after = 0;
  for (let attempt = 0; attempt < 8; attempt += 1) {
    try {
      for await (const event of events("GET", path, { after, signal })) {
        after = event.id;
        attempt = 0;
        yield event;
        if (last.includes(event.name)) return;
      }
    } catch (error) {
      if (signal?.aborted || (error instanceof Problem && error.status < 500)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** Math.min(attempt, 4)));
  }
}

/** Uploads a file, reporting the share that is sent; the stored document. One that is here already may be refused. */
export function upload(file, onProgress, { refuseDuplicate = false } = {}) {
  // fetch cannot report how much of a body is sent.
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("file", file, file.name);
    const sending = new XMLHttpRequest();
    sending.open("POST", `/api/v1/documents?kind=DOCUMENT_KIND_MATERIAL&parse=true&refuse_duplicate=${refuseDuplicate}`);
    sending.setRequestHeader("Accept-Language", language());
    sending.responseType = "json";
    sending.upload.addEventListener("progress", (event) => onProgress(event.loaded, event.total));
    sending.addEventListener("load", () => {
      if (sending.status === 200) resolve(sending.response.document);
      else reject(new Problem(sending.response ?? { status: sending.status, detail: sending.statusText }));
    });
    sending.addEventListener("error", () => reject(new Problem({ status: 0, detail: t("not_sent") })));
    sending.send(form);
  });
}
