// @ts-check
/**
 * Holds the programs of a clone: starts and ends them as it is told on stdin, and carries bytes between Unix sockets and
 * their ports, which nobody else can reach where it runs in a network namespace.
 *
 * It lives as long as its stdin is open: whatever happens to the process that started it (also SIGKILL), the programs
 * end and the folder of the clone is removed. In a process namespace it is the first process, so that with itself the
 * kernel ends all others. Plain JavaScript, so that it starts at once and needs none of our packages.
 *
 *     node keeper.cjs FOLDER [LIST]   FOLDER is removed at the end; LIST is kept of what runs, for whoever must end it should
 *                                     this process be killed where it is not the first one of a namespace
 *
 * stdin, a JSON on each line: {"id", "do": "start", "name", "argv", "env", "log"}, {"id", "do": "stop", "name"},
 * {"id", "do": "relay", "socket", "port"} and {"id", "do": "port"}. stdout: {"id", …} with the
 * answer or an "error", and {"ended": NAME, "code", "signal"} when a program has ended.
 */
"use strict";
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");

const [folder = "", list] = process.argv.slice(2);
/** Seconds from SIGTERM to SIGKILL. */
const GRACE = 30;

/** @typedef {{id: number, do: string, name?: string, argv?: string[], env?: Record<string, string>, log?: string, socket?: string, port?: number}} Order */
/** @type {Map<string, import("node:child_process").ChildProcess>} */
const running = new Map();

/** @param {object} message */
const tell = (message) => void process.stdout.write(`${JSON.stringify(message)}\n`);

/** Notes who runs. In a process namespace never: there the numbers are others' outside. */
function note() {
  if (list === undefined) return;
  const pids = [...running.values()].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  const lines = pids.map((pid) => `${pid} ${startOf(pid)}\n`);
  fs.writeFileSync(`${list}.new`, lines.join(""), { mode: 0o600 });
  fs.renameSync(`${list}.new`, list);
}

/** Clock ticks from boot to the start of a process: with its id they are this very process. @param {number} pid */
function startOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

/** @param {Order} order */
function start({ id, name = "", argv = [], env = {}, log = "" }) {
  const [program = "", ...args] = argv;
  const out = fs.openSync(log, "a", 0o600);
  const child = spawn(program, args, { env, stdio: ["ignore", out, out], cwd: folder });
  fs.closeSync(out);
  running.set(name, child);
  child.once("spawn", () => {
    note();
    tell({ id });
  });
  child.once("error", (error) => {
    if (child.pid === undefined) {
      running.delete(name);
      tell({ id, error: error.message });
    }
  });
  child.once("exit", (code, signal) => {
    running.delete(name);
    note();
    tell({ ended: name, code, signal });
  });
}

/** @param {Order} order */
function stop({ id, name = "" }) {
  const child = running.get(name);
  if (child === undefined) {
    tell({ id });
    return;
  }
  const force = setTimeout(() => child.kill("SIGKILL"), GRACE * 1000);
  child.once("exit", () => {
    clearTimeout(force);
    tell({ id });
  });
  child.kill("SIGTERM");
}

/** Carries bytes both ways, as they are. @param {Order} order */
function relay({ id, socket = "", port = 0 }) {
  const server = net.createServer((near) => {
    const far = net.connect(port, "127.0.0.1");
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  server.on("error", (error) => tell({ id, error: error.message }));
  server.listen(socket, () => tell({ id }));
}

/** A port of loopback that nobody listens at. @param {Order} order */
function port({ id }) {
  const server = net.createServer();
  server.on("error", (error) => tell({ id, error: error.message }));
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => {
      tell({ id, port: typeof address === "object" ? address?.port : 0 });
    });
  });
}

/** Ends all and removes the folder. */
function remove() {
  for (const child of running.values()) child.kill("SIGKILL");
  // What was killed may hold its files for a moment yet.
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

/** @param {string} line */
function obey(line) {
  /** @type {Order} */
  const order = JSON.parse(line);
  const orders = { start, stop, relay, port };
  const action = orders[/** @type {keyof typeof orders} */ (order.do)];
  try {
    action(order);
  } catch (error) {
    tell({ id: order.id, error: error instanceof Error ? error.message : String(error) });
  }
}

let rest = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text) => {
  const lines = (rest + text).split("\n");
  rest = lines.pop() ?? "";
  lines.forEach(obey);
});
process.stdin.on("end", () => {
  remove();
  process.exit(0);
});
// A reader that has gone is told by stdin's end.
process.stdout.on("error", () => undefined);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    remove();
    process.exit(0);
  });
}
tell({ ready: true });
