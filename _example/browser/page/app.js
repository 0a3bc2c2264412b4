"use strict";

// What a page does with tokens that it cannot see: it repeats the CSRF value of each, which it can, and refreshes in time.

const $ = (id) => document.getElementById(id);
let expiresAt = 0, life = 1, refreshes = 0;

// csrf reads the value that goes with the access or the refresh token. Names differ by their prefix alone.
const csrf = (which) => document.cookie.match(new RegExp(`(?:^|; )(?:__Host-|__Secure-)?csrf_${which}_token=([^;]*)`))?.[1] ?? "";

const send = (path, which, body) => fetch(path, {
  method: "POST", body, headers: { "X-CSRF-Token": csrf(which), ...(path === "/login" && { "Content-Type": "application/json" }) },
});

// refresh lets one tab at a time do it. The server would give all of them the same successor for some seconds, but that is a net, not a plan.
async function refresh() {
  const turn = async () => {
    if (csrf("access") && expiresAt - Date.now() > life / 2) return true; // another tab was here before
    const answer = await send("/refresh", "refresh");
    if (answer.ok) $("refreshes").textContent = ++refreshes;
    return answer.ok;
  };
  return navigator.locks ? navigator.locks.request("refresh", turn) : turn();
}

// call is fetch that refreshes once when the access token has ended.
async function call(method, path, body) {
  const once = () => method === "GET" ? fetch(path, { cache: "no-store" }) : send(path, "access", body);
  const answer = await once();
  return answer.status === 401 && csrf("refresh") && await refresh() ? once() : answer;
}

async function show() {
  if (!csrf("access") && !csrf("refresh")) return leave("");
  const answer = await call("GET", "/me");
  if (!answer.ok) return leave(answer.status === 401 ? "The session has ended." : "Something went wrong.");
  const me = await answer.json();
  expiresAt = me.expires_at;
  life = Math.max(expiresAt - Date.now(), 1);
  $("name").textContent = me.name;
  $("fresh").hidden = !me.fresh;
  $("login").hidden = true;
  $("session").hidden = false;
  list(await (await call("GET", "/notes")).json());
}

function leave(message) {
  expiresAt = 0;
  $("notes").replaceChildren();
  $("name").textContent = "";
  $("session").hidden = true;
  $("login").hidden = false;
  $("message").textContent = message;
}

function list(notes) {
  $("notes").replaceChildren(...notes.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await send("/login", "access", JSON.stringify(Object.fromEntries(new FormData(event.target))));
  event.target.password.value = "";
  $("message").textContent = answer.ok ? "" : "Wrong name or password.";
  if (answer.ok) show();
});

$("note").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await call("POST", "/notes", event.target.text.value);
  if (!answer.ok) return show();
  event.target.reset();
  list(await answer.json());
});

$("refresh").addEventListener("click", async () => {
  expiresAt = 0;
  await refresh();
  show();
});
$("logout").addEventListener("click", async () => {
  const answer = await send("/logout", csrf("access") ? "access" : "refresh");
  leave(answer.ok ? "Logged out." : "That did not work: try again.");
});
$("everywhere").addEventListener("click", async () => {
  const answer = await call("POST", "/logout-everywhere");
  leave(answer.ok ? "Logged out everywhere." : "That did not work: try again.");
});

setInterval(async () => {
  if (!expiresAt) return;
  const left = expiresAt - Date.now();
  $("left").textContent = Math.max(0, Math.ceil(left / 1000));
  $("ring").style.strokeDashoffset = 1 - Math.max(0, left / life);
  if (left < life / 3) {
    expiresAt = 0; // once
    await refresh();
    show();
  }
}, 250);

// A page that comes back from the browser's memory looks again.
window.addEventListener("pageshow", (event) => event.persisted && show());
show();
