// SPDX-License-Identifier: MIT
// The conversation on the page: sends questions, shows the answer while it is written, stops it.
//
// All text is inserted as text (`textContent`), so the model's output is never treated as markup.

import { events } from "./events.js";

const log = document.querySelector("#log");
const welcome = document.querySelector("#welcome");
const form = document.querySelector("#composer");
const prompt = document.querySelector("#prompt");
const send = document.querySelector("#send");
const stop = document.querySelector("#stop");
const reset = document.querySelector("#reset");
const template = document.querySelector("#message");

const NAMES = { user: "You", assistant: "Model" };

/** The conversation so far, in the form that the server expects. */
let messages = [];

/** Stops the answer that is being written; null when there is none. */
let running = null;

/** Returns whether the end is visible. If not, the page does not scroll to follow the text. */
function atEnd() {
  return log.scrollHeight - log.scrollTop - log.clientHeight < 60;
}

function follow(wanted) {
  if (wanted) log.scrollTop = log.scrollHeight;
}

function show(role, text) {
  const article = template.content.firstElementChild.cloneNode(true);
  article.className = role;
  article.querySelector("h3").textContent = NAMES[role];
  article.querySelector(".text").textContent = text;
  welcome.hidden = true;
  log.append(article);
  follow(true);
  return article;
}

function note(article, text, action) {
  const footer = article.querySelector("footer");
  footer.textContent = text;
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = action.name;
    button.addEventListener("click", action.run, { once: true });
    footer.append(button);
  }
  footer.hidden = false;
}

function busy(is) {
  send.hidden = is;
  stop.hidden = !is;
  reset.disabled = is;
  log.setAttribute("aria-busy", String(is));
}

/** Returns a sentence that explains an error of the server to the user. */
function explain(error) {
  if (error.kind === "rate_limited") {
    const seconds = Math.ceil(error.retry_after ?? 1);
    return `Too many questions at once. Please try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.`;
  }
  if (error.kind === "overloaded") return "The model is busy. Please try again in a moment.";
  return `That did not work: ${error.message ?? "the server gave no reason"}`;
}

async function refusal(response) {
  let error = {};
  try { error = await response.json(); } catch { /* not JSON: a proxy's page, perhaps */ }
  const after = Number(response.headers.get("retry-after"));
  return {
    kind: error.kind ?? (response.status === 429 ? "rate_limited" : "server"),
    message: error.message ?? `the server answered ${response.status}`,
    retry_after: Number.isFinite(after) && after > 0 ? after : undefined,
  };
}

/** Reads one answer into an article. Returns the error, or null when the answer is complete. */
async function read(article, signal) {
  const text = article.querySelector(".text");
  const response = await fetch("api/chat", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify({ messages }),
    signal,
  });
  if (!response.ok) return refusal(response);
  for await (const event of events(response.body)) {
    const data = JSON.parse(event.data);
    if (event.type === "failed") return data;
    if (event.type === "done") return null;
    const stay = atEnd();
    // Many models begin an answer with a space.
    text.append(text.textContent === "" ? data.text.trimStart() : data.text);
    follow(stay);
  }
  return { kind: "incomplete_generation", message: "the answer broke off" };
}

async function answer() {
  const article = show("assistant", "");
  const abort = new AbortController();
  let error;
  article.classList.add("writing");
  running = () => abort.abort();
  busy(true);
  try {
    error = await read(article, abort.signal);
  } catch (reason) {
    error = { kind: "connection", message: "the server could not be reached" };
    if (!abort.signal.aborted) console.warn(reason);
  }
  running = null;
  busy(false);
  article.classList.remove("writing");
  const said = article.querySelector(".text").textContent;
  if (abort.signal.aborted) {
    note(article, "Stopped.");
  } else if (error) {
    article.classList.add("failed");
    note(article, explain(error), { name: "Try again", run: () => retry(article) });
  }
  // A complete or stopped answer becomes part of the conversation; a failed one does not.
  if (said !== "" && !error || abort.signal.aborted && said !== "") {
    messages.push({ role: "assistant", content: said });
  } else if (!error || abort.signal.aborted) {
    messages.pop();              // remove the question, which got no answer
  }
  follow(true);
  prompt.focus();
}

function retry(article) {
  if (running) return;
  article.remove();
  answer();
}

function ask(text) {
  if (running || text.trim() === "") return;
  // The last question failed and was not repeated: remove it.
  if (messages.at(-1)?.role === "user") messages.pop();
  log.querySelector(".failed footer button")?.remove();
  messages.push({ role: "user", content: text });
  show("user", text);
  answer();
}

function grow() {
  prompt.style.height = "auto";
  prompt.style.height = `${prompt.scrollHeight + 2}px`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) return;
  const text = prompt.value;
  prompt.value = "";
  grow();
  ask(text);
});

prompt.addEventListener("input", grow);

prompt.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && running) running();
});

stop.addEventListener("click", () => running?.());

reset.addEventListener("click", () => {
  messages = [];
  for (const article of log.querySelectorAll("article")) article.remove();
  welcome.hidden = false;
  prompt.focus();
});

for (const button of document.querySelectorAll(".suggestion")) {
  button.addEventListener("click", () => ask(button.textContent));
}

// The browser may keep a page in memory after the user has left it, together with its connection.
window.addEventListener("pagehide", () => running?.());
