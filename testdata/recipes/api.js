// csrf reads the value that goes with the access or the refresh token.
const csrf = (which) =>
  document.cookie.match(new RegExp(`(?:^|; )__Host-csrf_${which}_token=([^;]*)`))?.[1] ?? "";

const send = (path, options, which = "access") =>
  fetch(path, { ...options, headers: { ...options.headers, "X-CSRF-Token": csrf(which) } });

// isOver tells whether a refresh helps: the token has expired, or its cookie has gone with it.
const isOver = async (answer) =>
  answer.status === 401 &&
  ["token_expired", "token_missing"].includes((await answer.clone().json().catch(() => ({}))).code);

// api is fetch, which refreshes once if it must: one tab at a time.
async function api(path, options = {}) {
  const answer = await send(path, options);
  if (!await isOver(answer)) return answer;
  return navigator.locks.request("refresh", async () => {
    const again = await send(path, options); // another tab may have refreshed while this one waited
    if (!await isOver(again)) return again;
    const refresh = await send("/refresh", { method: "POST" }, "refresh");
    return refresh.ok ? send(path, options) : refresh;
  });
}
