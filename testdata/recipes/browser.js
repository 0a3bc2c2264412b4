// What a browser has, for api.js in Node: cookies, and locks across tabs. The server's URL is the argument.
const { readFileSync } = require("node:fs");
const vm = require("node:vm");

const server = process.argv[2];
const jar = new Map();
const counts = {};
const drop = (what) => [...jar.keys()].filter((name) => name.includes(what)).forEach((name) => jar.delete(name));

let queue = Promise.resolve();
const sandbox = {
  document: { get cookie() { return [...jar].filter(([name]) => name.includes("csrf")).map((pair) => pair.join("=")).join("; "); } },
  navigator: { locks: { request: (_, turn) => (queue = queue.then(turn, turn)) } },
  fetch: async (path, options = {}) => {
    counts[path] = (counts[path] ?? 0) + 1;
    const cookie = [...jar].map((pair) => pair.join("=")).join("; ");
    const answer = await fetch(server + path, { ...options, headers: { ...options.headers, cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (/Max-Age=0/.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  },
};
vm.runInNewContext(readFileSync(__dirname + "/api.js", "utf8") + "\nthis.api = api;", sandbox);

(async () => {
  const say = async (what, answer) => console.log(what, answer.status, answer.ok ? "" : (await answer.clone().json()).code);
  const order = () => sandbox.api("/orders", { method: "POST", body: "tea" });
  await say("login", await sandbox.fetch("/login", { method: "POST" }));
  await say("order", await order());
  drop("access_token"); // as a browser does when they have expired
  for (const answer of await Promise.all([order(), order(), order()])) await say("later", answer);
  console.log("refreshes", counts["/refresh"]);
  await say("delete", await sandbox.api("/account", { method: "DELETE" }));
  console.log("refreshes", counts["/refresh"]);
  await sandbox.fetch("/end", { method: "POST" });
  await say("ended", await order());
  drop("access_token");
  await say("ended, later", await order());
  drop("token");
  await say("nobody", await order());
})();
