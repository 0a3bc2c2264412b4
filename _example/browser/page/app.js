"use strict";

// What a page does with tokens that it cannot see: it repeats the CSRF value of each, which it can, and refreshes when
// it is told that the access token is over.

const $ = (id) => document.getElementById(id);

// The page that led here for want of a login. Only our own: an address may come from anybody.
const next = ["/print"].find((page) => location.search === "?next=" + encodeURIComponent(page));

let expiresAt = 0, life = 1, refreshes = 0;

// csrf reads the value that goes with the access or the refresh token. Names differ by their prefix alone.
const csrf = (which) =>
  document.cookie.match(new RegExp(`(?:^|; )(?:__Host-)?csrf_${which}_token=([^;]*)`))?.[1] ?? "";

const isLoggedIn = () => csrf("access") !== "" || csrf("refresh") !== "";

// reach is fetch, whose answer has the status 0 if there is none.
const reach = (path, options) => fetch(path, { cache: "no-store", ...options }).catch(() => Response.error());

const send = (path, options = {}, which = "access") =>
  reach(path, { ...options, headers: { ...options.headers, "X-CSRF-Token": csrf(which) } });

const codeOf = (answer) => answer.clone().json().then((problem) => problem.code ?? "", () => "");

// isOver tells whether a refresh helps: the token has expired, or its cookie has gone with it.
const isOver = async (answer) =>
  answer.status === 401 && ["token_expired", "token_missing"].includes(await codeOf(answer));

// inTurn lets one tab at a time refresh. The server forgives a second refresh, but that is a net, not a plan.
const inTurn = (work) => navigator.locks ? navigator.locks.request("refresh", work) : work();

async function refresh() {
  const answer = await send("/refresh", { method: "POST" }, "refresh");
  if (answer.ok) $("refreshes").textContent = ++refreshes;
  return answer;
}

// api sends, and refreshes once if it must.
async function api(path, options) {
  const answer = await send(path, options);
  if (!await isOver(answer)) return answer;
  return inTurn(async () => {
    const again = await send(path, options); // another tab may have refreshed while this one waited
    if (!await isOver(again)) return again;
    const refreshed = await refresh();
    return refreshed.ok ? send(path, options) : refreshed;
  });
}

// show asks who is logged in, and shows what is theirs.
async function show() {
  if (!isLoggedIn()) return leave(next ? "Log in to see that page." : "");
  const answer = await api("/me");
  if (!answer.ok) return fail(answer);
  if (next) return location.replace(next);
  const me = await answer.json();
  life = me.life * 1000;
  expiresAt = Date.now() + me.left * 1000;
  $("name").textContent = me.name;
  $("fresh").hidden = !me.fresh;
  for (const which of ["access", "refresh"]) $(`csrf-${which}`).textContent = csrf(which);
  $("login").hidden = true;
  $("session").hidden = false;
  const notes = await api("/notes");
  if (!notes.ok) return fail(notes);
  list(await notes.json());
  say("");
}

// fail says why something did not work. Only a 401 ends the session: everything else may pass.
async function fail(answer) {
  if (answer.status === 401) return leave("The session has ended. Log in again.");
  say(answer.status === 0 ? "The server cannot be reached. Try again in a moment."
    : answer.status >= 500 ? "The server cannot answer just now. Try again in a moment."
      : `The server refused: ${answer.status} ${await codeOf(answer)}`, true);
}

function leave(message) {
  expiresAt = 0;
  $("notes").replaceChildren();
  for (const id of ["name", "refusal", "csrf-access", "csrf-refresh"]) $(id).textContent = "";
  $("session").hidden = true;
  $("login").hidden = false;
  say(message);
}

function say(message, isError = false) {
  $("message").textContent = message;
  $("message").className = isError ? "error" : "notice";
}

function list(notes) {
  const item = (text) => Object.assign(document.createElement("li"), { textContent: text });
  $("notes").replaceChildren(...notes.map(item));
}

// wrong marks the password as wrong, or no longer.
function wrong(message) {
  const password = $("login").password;
  $("wrong").textContent = message;
  if (!message) return password.removeAttribute("aria-invalid");
  password.setAttribute("aria-invalid", "true");
  password.value = "";
  password.focus();
}

$("login").addEventListener("input", () => wrong(""));
$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  wrong("");
  const answer = await reach("/login", {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify(Object.fromEntries(new FormData(event.target))),
  });
  if (answer.status === 401) {
    say("");
    return wrong("Wrong name or password.");
  }
  if (!answer.ok) return fail(answer);
  event.target.password.value = "";
  show();
});

$("note").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await api("/notes", { method: "POST", body: event.target.text.value });
  if (!answer.ok) return fail(answer);
  event.target.reset();
  show();
});

$("refresh").addEventListener("click", async () => {
  const answer = await inTurn(refresh);
  return answer.ok ? show() : fail(answer);
});

$("logout").addEventListener("click", async () => {
  const answer = await send("/logout", { method: "POST" }, csrf("access") ? "access" : "refresh");
  return answer.ok ? leave("Logged out.") : fail(answer);
});

$("everywhere").addEventListener("click", async () => {
  const answer = await api("/logout-everywhere", { method: "POST" });
  return answer.ok ? leave("Logged out everywhere.") : fail(answer);
});

// What a forger can do at most: the browser adds the cookies, but the value that they do not know is missing.
$("forge").addEventListener("click", async () => {
  const answer = await reach("/notes", { method: "POST", body: "forged" });
  $("refusal").textContent = `${answer.status} ${await codeOf(answer)}`;
});

setInterval(() => {
  if ($("session").hidden) return;
  if (!isLoggedIn()) return leave("You are logged out."); // by another tab
  if (!expiresAt) return;
  const left = Math.max(0, expiresAt - Date.now());
  $("left").textContent = Math.ceil(left / 1000);
  $("ring").style.strokeDashoffset = 1 - Math.min(1, left / life);
  if (left > 0 || document.hidden) return; // a tab that nobody looks at keeps no session alive
  expiresAt = Date.now() + 5000; // when to ask again, should the server not answer
  show();
}, 250);

// A page that comes back from the browser's memory looks again.
window.addEventListener("pageshow", (event) => event.persisted && show());
show();
