/** Where a run took place: the computer's name, and the page of the pipeline that started it, as that says itself. */
import { hostname } from "node:os";
import type { RanOn } from "./report";

/** @param environment that of the process. Each runner's own names: GitLab, Jenkins, Buildkite, CircleCI, GitHub, Azure. */
export function ranOn(environment: NodeJS.ProcessEnv = process.env): RanOn {
  const pipeline = [
    environment.CI_JOB_URL,
    environment.BUILD_URL,
    environment.BUILDKITE_BUILD_URL,
    environment.CIRCLE_BUILD_URL,
    gitHubRun(environment),
    azureBuild(environment),
  ]
    .map(linkOf)
    .find((link) => link !== undefined);
  return { host: hostname(), ...(pipeline !== undefined && { pipeline }) };
}

function gitHubRun(environment: NodeJS.ProcessEnv): string | undefined {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = environment;
  const { GITHUB_RUN_ID: run } = environment;
  if (server === undefined || repository === undefined || run === undefined) return undefined;
  return `${server}/${repository}/actions/runs/${run}`;
}

function azureBuild(environment: NodeJS.ProcessEnv): string | undefined {
  const { SYSTEM_COLLECTIONURI: collection, SYSTEM_TEAMPROJECT: project } = environment;
  const { BUILD_BUILDID: build } = environment;
  if (collection === undefined || project === undefined || build === undefined) return undefined;
  const name = encodeURIComponent(project);
  return `${collection}${name}/_build/results?buildId=${encodeURIComponent(build)}`;
}

/** A page of the web without a login in it; undefined for anything else. */
function linkOf(text: string | undefined): string | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined;
  const { protocol, origin, pathname, search } = new URL(text);
  if (protocol !== "https:" && protocol !== "http:") return undefined;
  return origin + pathname + search;
}
