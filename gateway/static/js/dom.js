// Building elements from data. Text is always set as text, never as markup.
import { t } from "./i18n.js";

/** An element with attributes and children; `i18n` and `vars` name its translated text, `on` its listeners. */
export function el(tag, { i18n, vars, on = {}, ...attributes } = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
  if (i18n) say(node, i18n, vars);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets an element's translated text; it follows the language from then on. */
export function say(node, key, vars) {
  node.dataset.i18n = key;
  if (vars) node.dataset.i18nVars = JSON.stringify(vars);
  else delete node.dataset.i18nVars;
  node.textContent = t(key, vars);
}

export const byId = (id) => document.getElementById(id);

/** Shows a short message for a few seconds; errors stay longer. */
export function tell(text, seconds = 5) {
  const message = el("p", {}, text);
  byId("messages").append(message);
  setTimeout(() => message.remove(), seconds * 1000);
}
