"use strict";

const $ = (id) => document.getElementById(id);
const mapping = $("mapping"), input = $("input"), output = $("output"), status = $("status");

// How long the page waits for the next key before it asks, in milliseconds.
const PAUSE = 120;

const BLOBLANG = /(?<c>#.*)|(?<s>"""[^]*?(?:"""|$)|"(?:\\.|[^"\\\n])*"?)|(?<v>\$\w+|@(?:\w+|"(?:\\.|[^"\\\n])*")?)|(?<n>\b\d+(?:\.\d+)?\b)|(?<k>\b(?:root|this|if|else|match|let|meta|map|import|from|null|true|false)\b)|(?<f>\b[A-Za-z_]\w*(?=\())|(?<o>->|=>|[-+*/%|&!<>=]+)/g;
const JSON_TEXT = /(?<f>"(?:\\.|[^"\\\n])*"(?=\s*:))|(?<s>"(?:\\.|[^"\\\n])*"?)|(?<n>-?\b\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\b)|(?<k>\b(?:null|true|false)\b)/g;
// Longer texts are shown without colours.
const PAINTED_MAX = 200000;

function tokens(text, language) {
  const found = [];
  if (!language || text.length > PAINTED_MAX) return found;
  for (const match of text.matchAll(language)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    found.push({ start: match.index, end: match.index + match[0].length, kind });
  }
  return found;
}

// Writes a text with its colours, its errors underlined, and the message of each behind its line.
function paint(target, text, language, errors = []) {
  const cuts = new Set([0, text.length]);
  const colours = tokens(text, language);
  const marked = errors.map((error) => {
    let { start, end } = error;
    if (end <= start) {
      // Something is missing here: a character beside it shows where.
      if (start < text.length && text[start] !== "\n") end = start + 1;
      else { end = start; start = Math.max(0, start - 1); }
      if (text[start] === "\n") start = end;
    }
    return { ...error, start, end };
  });
  for (const { start, end } of [...colours, ...marked]) cuts.add(start).add(end);
  const lenses = new Map();
  for (const error of errors) {
    const found = text.indexOf("\n", error.start);
    const at = found < 0 ? text.length : found;
    if (!lenses.has(at)) lenses.set(at, error.message);
    cuts.add(at);
  }
  const places = [...cuts].filter((at) => at <= text.length).sort((a, b) => a - b);
  const parts = document.createDocumentFragment();
  let colour = 0;
  for (let index = 0; index < places.length; index += 1) {
    const at = places[index], end = places[index + 1];
    if (lenses.has(at)) {
      const lens = document.createElement("span");
      lens.className = "lens";
      lens.textContent = lenses.get(at);
      parts.append(lens);
    }
    if (end === undefined) break;
    while (colour < colours.length && colours[colour].end <= at) colour += 1;
    const within = colours[colour];
    const names = within && within.start <= at ? [within.kind] : [];
    if (marked.some((it) => it.start <= at && end <= it.end)) names.push("error");
    const piece = text.slice(at, end);
    if (names.length === 0) { parts.append(piece); continue; }
    const span = document.createElement("span");
    span.className = names.join(" ");
    span.textContent = piece;
    parts.append(span);
  }
  // The last line has its height even when it is empty.
  parts.append("\n");
  target.replaceChildren(parts);
}

function number(target, text, bad = new Set()) {
  const count = text.split("\n").length;
  const lines = document.createDocumentFragment();
  for (let line = 1; line <= count; line += 1) {
    if (bad.has(line)) {
      const mark = document.createElement("span");
      mark.className = "bad";
      mark.textContent = line;
      lines.append(mark, "\n");
    } else {
      lines.append(line + "\n");
    }
  }
  target.replaceChildren(lines);
}

// An editor is a text area whose letters are not seen, over a copy with colours.
class Editor {
  constructor(area, language) {
    this.area = area;
    this.language = language;
    this.errors = [];
    this.paint = area.previousElementSibling;
    this.numbers = area.closest(".editor").querySelector(".numbers");
    area.addEventListener("input", () => { this.errors = []; this.draw(); });
    area.addEventListener("scroll", () => this.follow());
    area.addEventListener("keydown", (event) => this.indent(event));
  }
  draw() {
    const text = this.area.value;
    paint(this.paint, text, this.language(text), this.errors);
    number(this.numbers, text, new Set(this.errors.map((error) => error.line)));
    this.follow();
  }
  follow() {
    const { scrollLeft, scrollTop } = this.area;
    this.paint.style.transform = `translate(${-scrollLeft}px, ${-scrollTop}px)`;
    this.numbers.scrollTop = scrollTop;
  }
  // A new line begins as the one before it, two blanks further in a bracket.
  indent(event) {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const before = this.area.value.slice(0, this.area.selectionStart);
    const line = before.slice(before.lastIndexOf("\n") + 1);
    const blanks = line.match(/^[ \t]*/)[0] + (/[([{]\s*$/.test(line) ? "  " : "");
    if (blanks === "") return;
    event.preventDefault();
    replace(this.area, this.area.selectionStart, this.area.selectionEnd, "\n" + blanks);
  }
}

// Replaces a part of a text as if it was typed, so that it can be undone.
function replace(area, start, end, text) {
  area.focus();
  area.setSelectionRange(start, end);
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, start, end, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

const isJson = (text) => { try { JSON.parse(text); return true; } catch { return false; } };
const mappingEditor = new Editor(mapping, () => BLOBLANG);
const inputEditor = new Editor(input, (text) => (/^\s*[[{"]/.test(text) ? JSON_TEXT : null));

async function ask(path, body, signal) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  if (!answer.ok) throw new Error((await answer.text()).trim() || `status ${answer.status}`);
  return answer.json();
}

function tell(state, text) {
  status.dataset.state = state;
  status.textContent = text;
}

function showProblems(errors) {
  mappingEditor.errors = errors;
  mappingEditor.draw();
  mapping.setAttribute("aria-invalid", String(errors.length > 0));
  $("problems").replaceChildren(...errors.map((error) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    const part = (name, text) => {
      const span = document.createElement("span");
      span.className = name;
      span.textContent = text;
      button.append(span);
    };
    part("at", `${error.line}:${error.column}`);
    part("what", error.message);
    if (error.help) part("help", error.help);
    button.addEventListener("click", () => {
      mapping.focus();
      mapping.setSelectionRange(error.start, Math.max(error.end, error.start));
    });
    item.append(button);
    return item;
  }));
}

function showOutput(text, { language = null, kind = "", className = "" } = {}) {
  output.className = `paint ${className}`;
  $("output-kind").textContent = kind;
  const numbers = $("result").querySelector(".numbers");
  if (className) {
    output.textContent = text;
    numbers.replaceChildren();
  } else {
    paint(output, text, language);
    number(numbers, text);
  }
  $("copy").disabled = className !== "";
  output.dataset.text = className ? "" : text;
}

function show(answer, took) {
  showProblems(answer.errors);
  const failure = answer.mapping_error;
  if (answer.parse_error) {
    showOutput("The mapping has to be put right first.", { className: "empty" });
  } else if (failure) {
    showOutput(failure, { kind: "failed", className: "failure wraps" });
  } else if (answer.deleted) {
    showOutput("The message is deleted.", { kind: "deleted", className: "empty" });
  } else {
    const json = isJson(answer.result);
    showOutput(answer.result, { language: json ? JSON_TEXT : null, kind: json ? "JSON" : "text" });
  }
  const metadata = answer.metadata && Object.keys(answer.metadata).length > 0;
  $("metadata").hidden = !metadata;
  $("metadata").lastElementChild.textContent = metadata ? JSON.stringify(answer.metadata, null, 2) : "";
  const count = answer.errors.length;
  if (answer.save_error) tell("bad", answer.save_error);
  else if (answer.parse_error) tell("bad", count === 1 ? "1 error" : `${count} errors`);
  else if (failure) tell("bad", "the mapping fails on this input");
  else tell("good", `mapped in ${took} ms`);
}

let timer = 0, running = null;

async function evaluate() {
  running?.abort();
  const own = (running = new AbortController());
  const began = performance.now();
  try {
    const texts = { mapping: mapping.value, input: input.value, edited: Date.now() };
    const answer = await ask("/execute", texts, own.signal);
    if (own.signal.aborted) return;
    show(answer, Math.max(1, Math.round(performance.now() - began)));
  } catch (error) {
    if (error.name === "AbortError") return;
    tell("bad", error instanceof TypeError ? "the server does not answer" : error.message);
  }
}

function later() {
  clearTimeout(timer);
  $("input-kind").textContent = input.value.trim() === "" ? "" : isJson(input.value) ? "JSON" : "text";
  timer = setTimeout(evaluate, PAUSE);
}

async function format() {
  try {
    const answer = await ask("/format", { mapping: mapping.value });
    if (answer.errors.length > 0) { showProblems(answer.errors); tell("bad", "what has errors cannot be formatted"); return; }
    if (answer.mapping !== mapping.value) {
      const { scrollTop } = mapping;
      replace(mapping, 0, mapping.value.length, answer.mapping);
      mapping.setSelectionRange(0, 0);
      mapping.scrollTop = scrollTop;
    }
    tell("good", "formatted");
  } catch (error) {
    tell("bad", error.message);
  }
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").textContent = name === "dark" ? "Light" : "Dark";
  $("theme").setAttribute("aria-pressed", String(name === "dark"));
}

const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
theme(remembered() ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
$("theme").addEventListener("click", () => {
  theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  try { localStorage.setItem("theme", document.documentElement.dataset.theme); } catch { /* not kept then */ }
});
$("format").addEventListener("click", format);
document.addEventListener("keydown", (event) => {
  if (event.altKey && event.shiftKey && event.code === "KeyF") { event.preventDefault(); format(); }
});
$("copy").addEventListener("click", async () => {
  try { await navigator.clipboard.writeText(output.dataset.text); tell("good", "copied"); }
  catch { tell("bad", "the browser does not let the page copy: select the text instead"); }
});
$("result").querySelector(".text").addEventListener("scroll", (event) => {
  $("result").querySelector(".numbers").scrollTop = event.target.scrollTop;
});
mapping.addEventListener("input", later);
input.addEventListener("input", later);

(async () => {
  try {
    const state = await (await fetch("/state")).json();
    mapping.value = state.mapping;
    input.value = state.input;
    $("saves").textContent = state.saves ? "changes are saved" : "";
    mappingEditor.draw();
    inputEditor.draw();
    later();
  } catch {
    tell("bad", "the server does not answer");
  }
})();
