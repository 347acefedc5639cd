// One question: its form, the answer given, and how it was graded.
import { el } from "./dom.js";
import { t } from "./i18n.js";
import { opensSource } from "./source.js";

export const KINDS = ["SINGLE_CHOICE", "MULTIPLE_CHOICE", "TRUE_FALSE", "FILL_IN_THE_BLANK", "SHORT_ANSWER"];

const GAP = /_{3,}/;

/** A question while it is written: its kind, and the text so far. */
export function draftCard(kind) {
  const stem = el("p", { class: "stem" });
  const meta = el("div", { class: "meta" },
    el("span", { i18n: kind.replace("QUESTION_KIND_", "kind_").toLowerCase() }),
    el("span", { class: "made", i18n: "being_written" }));
  return { stem, node: el("li", { class: "draft", "aria-busy": "true" }, meta, stem) };
}

export class QuestionCard {
  #question;
  #inputs = [];
  #grade = null;

  constructor(question, onChange) {
    this.#question = question;
    const kind = question.kind.replace("QUESTION_KIND_", "");
    const made = question.generator === "GENERATOR_CLOZE"
      ? el("span", { class: "made", i18n: "by_cloze" })
      : el("span", { class: "made", i18n: "by_model", vars: { model: question.model || "model" } });
    const meta = el("div", { class: "meta" },
      el("span", { class: "number" }, String(question.number)),
      el("span", { i18n: `kind_${kind.toLowerCase()}` }),
      el("span", { i18n: "points", vars: { points: question.points } }),
      made);
    this.node = el("li", { class: "question", on: { input: onChange, change: onChange } }, meta, ...this.#form(kind));
  }

  /** The learner's answer; null when there is none. */
  answer() {
    const answer = { question_id: this.#question.question_id };
    const kind = this.#question.kind.replace("QUESTION_KIND_", "");
    if (kind === "SINGLE_CHOICE" || kind === "MULTIPLE_CHOICE") {
      answer.option_keys = this.#inputs.filter((input) => input.checked).map((input) => input.value);
      return answer.option_keys.length ? answer : null;
    }
    if (kind === "TRUE_FALSE") {
      const chosen = this.#inputs.find((input) => input.checked);
      return chosen ? { ...answer, truth: chosen.value === "true" } : null;
    }
    const texts = this.#inputs.map((input) => input.value.trim());
    if (!texts.some(Boolean)) return null;
    return kind === "SHORT_ANSWER" ? { ...answer, text: texts[0] } : { ...answer, blanks: texts };
  }

  /** Shows a grade and closes the form; null takes it away again. */
  show(grade) {
    this.#grade?.remove();
    this.#grade = null;
    for (const input of this.#inputs) {
      input.disabled = grade !== null;
      input.closest("label")?.classList.remove("right", "wrong");
      if (grade === null && (input.type === "radio" || input.type === "checkbox")) input.checked = false;
      else if (grade === null) input.value = "";
    }
    if (grade === null) return;
    if (grade.answer_key) this.#mark(grade.answer_key);
    this.#grade = gradeOf(grade, this.#question);
    this.node.append(this.#grade);
  }

  #form(kind) {
    const name = `q-${this.#question.question_id}`;
    const stem = el("p", { class: "stem", id: `${name}-stem` });
    const choices = (type, values) => el("div", { class: "options", role: type === "radio" ? "radiogroup" : "group", "aria-labelledby": stem.id },
      ...values.map(([value, label]) => {
        const input = el("input", { type, name, value });
        this.#inputs.push(input);
        return el("label", {}, input, label);
      }));
    if (kind === "FILL_IN_THE_BLANK") {
      stem.append(...this.#withGaps(this.#question.stem));
      return [stem];
    }
    stem.append(this.#question.stem);
    if (kind === "TRUE_FALSE") {
      return [stem, choices("radio", [["true", el("span", { i18n: "true" })], ["false", el("span", { i18n: "false" })]])];
    }
    if (kind === "SHORT_ANSWER") {
      const area = el("textarea", { rows: 3, maxlength: 8000, "aria-labelledby": stem.id, "data-i18n-placeholder": "your_answer" });
      area.placeholder = t("your_answer");
      this.#inputs.push(area);
      return [stem, area];
    }
    const type = kind === "SINGLE_CHOICE" ? "radio" : "checkbox";
    const label = (option) => el("span", {}, el("strong", {}, `${option.key}. `), option.text);
    return [stem, choices(type, this.#question.options.map((option) => [option.key, label(option)]))];
  }

  #withGaps(stem) {
    const pieces = stem.split(GAP);
    if (pieces.length === 1) pieces.push("");
    return pieces.flatMap((piece, index) => {
      if (index === 0) return [piece];
      const input = el("input", { type: "text", class: "blank", autocomplete: "off", maxlength: 1000, "aria-label": t("blank", { number: index }) });
      this.#inputs.push(input);
      return [input, piece];
    });
  }

  #mark(key) {
    const right = new Set([...key.option_keys, ...("truth" in key && key.truth !== null ? [String(key.truth)] : [])]);
    for (const input of this.#inputs) {
      const label = input.closest("label");
      if (label && right.has(input.value)) label.classList.add("right");
      else if (label && input.checked) label.classList.add("wrong");
    }
  }
}

function gradeOf(grade, question) {
  const verdict = grade.verdict.replace("VERDICT_", "").toLowerCase();
  const points = grade.points === undefined || grade.points === null ? "–" : grade.points;
  const line = (key, text) => (text ? el("p", {}, el("span", { class: "label", i18n: key }), "  ", text) : null);
  return el("div", { class: "grade" },
    el("p", {}, el("span", { class: `verdict ${verdict}`, i18n: `verdict_${verdict}` }),
      el("span", { class: "label", i18n: "score", vars: { points, max: grade.max_points } })),
    line("key", keyText(grade.answer_key, question)),
    line("feedback", grade.feedback),
    ...grade.rubric_results.map((result) => el("p", { class: "label" }, `${result.text}: ${result.points} / ${result.max_points}`,
      result.evidence ? ` — “${result.evidence}”` : "")),
    line("explanation", grade.explanation),
    sourceOf(grade.source));
}

function keyText(key, question) {
  if (!key) return "";
  if (key.option_keys.length) {
    const texts = new Map(question.options.map((option) => [option.key, option.text]));
    return key.option_keys.map((letter) => `${letter}. ${texts.get(letter) ?? ""}`).join("；");
  }
  if (key.truth !== undefined && key.truth !== null) return el("span", { i18n: String(key.truth) });
  if (key.blanks.length) return key.blanks.map((blank) => blank.accepted[0]).join("；");
  return key.reference;
}

function sourceOf(source) {
  if (!source?.quote) return null;
  const name = { key: source.page ? "page" : "pasted", vars: { page: source.page } };
  const button = el("button", { type: "button", i18n: "show_source", vars: { name: source.document_name || name } });
  opensSource(button, () => source);
  return el("blockquote", {}, source.quote, el("br"), button);
}
