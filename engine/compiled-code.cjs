// @ts-check
// Where compiled code is kept between two runs. It is executed when it is found again, so the folder must be one that
// nobody else can write to, and never one in the shared temporary directory, which belongs to whoever makes it first.
"use strict";
const fs = require("node:fs");
const { homedir } = require("node:os");
const { dirname, isAbsolute, join, sep } = require("node:path");

const GROUP_OR_OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * A folder that only this user can write to, made if need be: in the project where that is this user's and no installed
 * package, else in the user's cache. Undefined where neither is to be had: then everything is compiled anew.
 * @param {string} project
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined}
 */
function compiledCodeFolder(project, env) {
  const user = process.geteuid?.();
  // Windows has a temporary directory for each user.
  if (user === undefined) return undefined;
  if (isOwn(project, user) && !project.split(sep).includes("node_modules")) {
    // Whoever else could put something into the project could as well change the program itself.
    const tools = join(project, ".tools");
    const folder = ownFolder(tools, user) && ownFolder(join(tools, "compiled"), user);
    if (folder) return folder;
  }
  const cache = env["XDG_CACHE_HOME"] ?? "";
  const parent = isAbsolute(cache) ? cache : join(homeOf(env), ".cache");
  if (!isAbsolute(parent) || !nobodyElseMayMove(parent, user)) return undefined;
  const ours = join(parent, "etcd-restore");
  return ownFolder(ours, user) && ownFolder(join(ours, "compiled"), user);
}

/** @param {NodeJS.ProcessEnv} env */
function homeOf(env) {
  try {
    return homedir();
  } catch {
    // A user without an entry in the list of users.
    return env["HOME"] ?? "";
  }
}

/**
 * The folder, made with mode 0700 if it was not there; undefined when it is a link, somebody else's, or open to others.
 * @param {string} folder
 * @param {number} user
 */
function ownFolder(folder, user) {
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Perhaps it is there; what it is, is looked at in any case.
    if (!(error instanceof Error)) throw error;
  }
  return isOwn(folder, user) ? folder : undefined;
}

/** @param {string} folder @param {number} user */
function isOwn(folder, user) {
  const stats = lstat(folder);
  return (
    stats?.isDirectory() === true && stats.uid === user && !(stats.mode & GROUP_OR_OTHERS_WRITE)
  );
}

/**
 * Whether the way to a folder is safe: each folder on it belongs to this user or to root, and where others may write,
 * they may not rename what is not theirs. One that is not there is made.
 * @param {string} folder
 * @param {number} user
 */
function nobodyElseMayMove(folder, user) {
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (let at = fs.realpathSync(folder); ; at = dirname(at)) {
      const { uid, mode } = fs.statSync(at);
      if (uid !== user && uid !== 0) return false;
      if (mode & GROUP_OR_OTHERS_WRITE && !(mode & STICKY)) return false;
      if (at === dirname(at)) return true;
    }
  } catch {
    return false;
  }
}

/** @param {string} path */
function lstat(path) {
  try {
    return fs.lstatSync(path);
  } catch {
    return undefined;
  }
}

module.exports = { compiledCodeFolder };
