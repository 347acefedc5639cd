// Making questions as a live stream, handing answers in, and earlier exercises.
import { events, get, post, remove } from "./api.js";
import { byId, el, say, tell } from "./dom.js";
import { failure, t } from "./i18n.js";
import { draftCard, KINDS, QuestionCard } from "./questions.js";

export function startExercises(documents) {
  const form = byId("generate-form");
  byId("kinds").append(...KINDS.map((kind) => el("label", {},
    el("input", { type: "checkbox", name: "kind", value: `QUESTION_KIND_${kind}`, checked: true }),
    el("span", { i18n: `kind_${kind.toLowerCase()}` }))));
  form.addEventListener("change", () => {
    for (const part of form.querySelectorAll("[data-from]")) part.hidden = part.dataset.from !== form.elements.from.value;
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = wanted(form, documents);
    if (body) await generate(body);
  });
  listEarlier();
}

function wanted(form, documents) {
  const kinds = [...form.querySelectorAll("[name=kind]:checked")].map((box) => box.value);
  if (!kinds.length) return refuse("choose_kind");
  const body = { kinds, count: form.elements.count.valueAsNumber, generator: form.elements.generator.value };
  if (form.elements.from.value === "text") {
    const text = form.elements.text.value.trim();
    return text ? { ...body, text } : refuse("need_text");
  }
  const selected = documents.selection();
  const ids = (selected.length ? selected : documents.indexed()).slice(0, 64);
  if (!ids.length) return refuse("nothing_indexed");
  return { ...body, documents: { document_ids: ids, topic: form.elements.topic.value.trim() } };
}

function refuse(key) {
  tell(t(key));
  return null;
}

async function generate(body) {
  const button = byId("generate-button");
  const leaving = new AbortController();
  const sheet = new Sheet();
  let runId = null;
  button.disabled = true;
  byId("exercise").replaceChildren(sheet.node);
  sheet.onStop = async () => {
    // The service keeps what it has made and ends the stream itself; closing the connection is the fallback.
    setTimeout(() => leaving.abort(), runId ? 2000 : 0);
    if (runId) await post(`/api/v1/runs/${runId}:cancel`).catch(() => leaving.abort());
  };
  try {
    for await (const { name, data } of events("POST", "/api/v1/exercises:generate", { body, signal: leaving.signal })) {
      if (name === "started") runId = data.run_id;
      sheet.take(name, data);
    }
  } catch (error) {
    if (!leaving.signal.aborted) tell(error.message, 10);
    sheet.ended(leaving.signal.aborted ? null : error.message);
  } finally {
    button.disabled = false;
    listEarlier();
  }
}

/** An exercise on the page: the progress of its making, its questions, its grades. */
class Sheet {
  #cards = new Map();
  #drafts = new Map();
  #exerciseId = null;
  onStop = () => {};

  constructor() {
    this.title = el("p", { class: "title" });
    this.bar = el("progress", {});
    this.stage = el("p", { class: "stage", role: "status", i18n: "starting" });
    this.stop = el("button", { type: "button", class: "plain", i18n: "stop", on: { click: () => this.onStop() } });
    this.blame = el("p", { class: "absent", role: "status", hidden: true });
    this.list = el("ol", { class: "questions" });
    this.writing = el("ul", { class: "questions" });
    this.answered = el("span", { class: "hint" });
    this.submit = el("button", { type: "button", class: "primary", i18n: "submit", hidden: true, on: { click: () => this.#submit() } });
    this.again = el("button", { type: "button", class: "plain", i18n: "try_again", hidden: true, on: { click: () => this.#again() } });
    this.score = el("div", { class: "score", role: "status" });
    this.node = el("section", { class: "run" },
      el("div", { class: "row" }, el("div", {}, this.title, this.stage), this.stop),
      this.bar, this.blame, this.score, this.list, this.writing,
      el("div", { class: "row" }, this.answered, this.again, this.submit));
  }

  take(name, data) {
    if (name === "started") this.#exerciseId = data.exercise_id;
    else if (name === "progress") this.#progress(data);
    else if (name === "writing") this.#write(data);
    else if (name === "rejected") this.#drop(data.draft);
    else if (name === "question") {
      this.#drop(data.draft);
      this.#add(data.question);
    } else if (name === "model_given_up") this.#blame(data);
    else if (name === "done") this.#done(data);
  }

  /** Why the model did not make every question; nothing where it did. */
  #blame({ reason, message }) {
    this.blame.hidden = !reason;
    if (reason) say(this.blame, "model_failed", { message: failure(reason, message) });
  }

  /** A stored exercise, opened again. */
  open(exercise) {
    this.#exerciseId = exercise.exercise_id;
    this.title.textContent = exercise.title;
    say(this.stage, "questions_count", { count: exercise.question_count });
    this.#blame({ reason: exercise.model_reason, message: exercise.model_message });
    exercise.questions.forEach((question) => this.#add(question));
    this.#finish();
  }

  ended(message) {
    if (message) say(this.stage, "run_failed", { message });
    else say(this.stage, "run_cancelled", { count: this.#cards.size });
    this.#finish();
  }

  #progress({ phase, done, total }) {
    this.bar.max = total || 1;
    this.bar.value = done;
    say(this.stage, phase.replace("RUN_PHASE_", "phase_").toLowerCase(), { done, total });
  }

  /** A question that the model is writing; the checks may yet refuse it. */
  #write({ draft, kind, stem }) {
    if (!this.#drafts.has(draft)) {
      const card = draftCard(kind);
      this.#drafts.set(draft, card);
      this.writing.append(card.node);
    }
    this.#drafts.get(draft).stem.textContent = stem;
  }

  #drop(draft) {
    this.#drafts.get(draft)?.node.remove();
    this.#drafts.delete(draft);
  }

  #add(question) {
    const card = new QuestionCard(question, () => this.#count());
    this.#cards.set(question.question_id, card);
    this.list.append(card.node);
    this.#count();
  }

  #done({ state, question_count: count, model_count: model, cloze_count: cloze, rejected_count: rejected, message, model_reason, model_message }) {
    this.#blame({ reason: model_reason, message: model_message });
    if (state === "RUN_STATE_CANCELLED") say(this.stage, "run_cancelled", { count });
    else if (state === "RUN_STATE_FAILED") say(this.stage, "run_failed", { message });
    else say(this.stage, "run_done", { count, model, cloze, rejected });
    this.#finish();
  }

  #finish() {
    [...this.#drafts.keys()].forEach((draft) => this.#drop(draft));
    this.stop.hidden = true;
    this.bar.hidden = true;
    this.submit.hidden = this.#cards.size === 0;
  }

  #count() {
    const done = [...this.#cards.values()].filter((card) => card.answer()).length;
    say(this.answered, "answered", { done, total: this.#cards.size });
  }

  async #submit() {
    this.submit.disabled = true;
    try {
      const answers = [...this.#cards.values()].map((card) => card.answer()).filter(Boolean);
      const { submission } = await post(`/api/v1/exercises/${this.#exerciseId}:submit`, { answers });
      for (const grade of submission.grades) this.#cards.get(grade.question_id)?.show(grade);
      this.score.replaceChildren(
        el("strong", { i18n: "score", vars: { points: round(submission.points), max: round(submission.max_points) } }),
        ...(submission.needs_review_count
          ? [el("span", { class: "hint", i18n: "needs_review", vars: { count: submission.needs_review_count } })] : []));
      this.submit.hidden = true;
      this.again.hidden = false;
      this.node.scrollIntoView({ behavior: "smooth" });
    } catch (error) {
      tell(error.message, 10);
    } finally {
      this.submit.disabled = false;
    }
  }

  #again() {
    for (const card of this.#cards.values()) card.show(null);
    this.score.replaceChildren();
    this.again.hidden = true;
    this.submit.hidden = false;
    this.#count();
  }
}

const round = (points) => Math.round(points * 100) / 100;

async function listEarlier() {
  try {
    const { exercises } = await get("/api/v1/exercises?page_size=20");
    byId("earlier").hidden = exercises.length === 0;
    byId("exercises").replaceChildren(...exercises.map(earlier));
  } catch {
    byId("earlier").hidden = true; // The list is an extra; what fails here fails loudly where it is used.
  }
}

function earlier(exercise) {
  const open = async () => {
    try {
      const found = await get(`/api/v1/exercises/${exercise.exercise_id}`);
      const sheet = new Sheet();
      sheet.open(found.exercise);
      byId("exercise").replaceChildren(sheet.node);
      sheet.node.scrollIntoView({ behavior: "smooth" });
    } catch (error) {
      tell(error.message);
    }
  };
  const erase = async () => {
    if (!confirm(t("confirm_remove_exercise"))) return;
    try {
      await remove(`/api/v1/exercises/${exercise.exercise_id}`);
      listEarlier();
    } catch (error) {
      tell(error.message);
    }
  };
  const title = exercise.title || exercise.exercise_id;
  const removal = el("button", { type: "button", class: "remove", "aria-label": t("remove", { name: title }), on: { click: erase } }, "×");
  return el("li", {},
    el("button", { type: "button", class: "open", on: { click: open } }, title),
    el("span", { class: "hint", i18n: "questions_count", vars: { count: exercise.question_count } }),
    removal);
}
