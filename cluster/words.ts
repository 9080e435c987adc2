/**
 * What kubectl says when it fails, and what to do then. Its exit code is 1 for nearly everything; its words are stable
 * enough to be told apart (those here are of kubectl 1.35, each seen on a real cluster).
 */
import { visible } from "../etcd/wire/visible";

/** A failure of kubectl in words. */
export interface KubectlFailure {
  /** What it was, and what to do. */
  readonly message: string;
  /** `forbidden` and `unable` close one way into a pod; `gone`: another try may help; the rest closes all of them. */
  readonly kind: "forbidden" | "unable" | "gone" | "not-found" | "unreachable" | "usage" | "other";
}

/** The rule of a Role that would allow what was refused, on one line of YAML. */
export function ruleFor(verb: string, resource: string, group: string): string {
  return `{ apiGroups: ["${group}"], resources: ["${resource}"], verbs: ["${verb}"] }`;
}

const FORBIDDEN =
  /User "([^"]*)" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"(?: in the namespace "([^"]*)"| at the cluster scope)?/;

/** Patterns that mean one thing, in the order in which they are looked for. */
const KNOWN: readonly {
  readonly pattern: RegExp;
  readonly kind: KubectlFailure["kind"];
  readonly what: (found: RegExpExecArray) => string;
}[] = [
  {
    pattern:
      /context was not found for specified context: (\S+)|context "([^"]*)" does not exist|no context exists with the name: "([^"]*)"/,
    kind: "usage",
    what: ([, ...names]) =>
      `the kubeconfig has no context ${names.find(Boolean) ?? ""}; \`kubectl config get-contexts\` lists those there are`,
  },
  {
    // Where kubectl looks when it has no kubeconfig.
    pattern: /The connection to the server localhost:8080 was refused/,
    kind: "unreachable",
    what: () => "there is no kubeconfig: set KUBECONFIG to that of your cluster",
  },
  {
    pattern: /The connection to the server (\S+) was refused/,
    kind: "unreachable",
    what: ([, server]) =>
      `no API server answers at ${server ?? ""}: is the cluster up, and is this its kubeconfig (KUBECONFIG, --context)?`,
  },
  {
    pattern: /Unable to connect to the server: (?:tls|x509): ([^\n]*)|(x509: [^\n]*)/,
    kind: "unreachable",
    what: ([, one, two]) =>
      `the API server's certificate is not trusted (${one ?? two ?? ""}): the kubeconfig is of another cluster, or its certificate-authority is old`,
  },
  {
    pattern:
      /Please enter Username|You must be logged in to the server|the server has asked for the client to provide credentials/,
    kind: "unreachable",
    what: () =>
      "the API server does not know you: the kubeconfig has no credentials, or they have run out",
  },
  {
    pattern:
      /executable file not found in \$PATH|no such file or directory: unknown|exec: "([^"]*)": stat/,
    kind: "unable",
    what: () => "the image has no such program",
  },
  {
    pattern: /pods "([^"]*)" not found/,
    kind: "not-found",
    what: ([, pod]) => `there is no pod ${pod ?? ""} (any more)`,
  },
  {
    pattern: /dial tcp (\S+:10250): connect: connection refused|error dialing backend: ([^\n]*)/,
    kind: "gone",
    what: ([, kubelet, why]) => `the pod's kubelet does not answer (${kubelet ?? why ?? ""})`,
  },
  {
    pattern:
      /lost connection to pod|unexpected EOF|stream error|container not found|cannot exec into a container in a completed pod|pod is not running|connection reset by peer/,
    kind: "gone",
    what: ([said]) => `the connection to the pod broke off (${said})`,
  },
];

/** Turns what kubectl printed on stderr into words. */
export function failureOf(stderr: string, doing: string): KubectlFailure {
  const forbidden = FORBIDDEN.exec(stderr);
  if (forbidden !== null) {
    const [, user = "", verb = "", resource = "", group = "", namespace] = forbidden;
    const where = namespace === undefined ? "in the cluster" : `in namespace ${namespace}`;
    return {
      kind: "forbidden",
      message: visible(
        `${doing}: user ${user} may not ${verb} ${resource} ${where}. This rule would allow it: ` +
          `${ruleFor(verb, resource, group)} (examples/kubernetes/backup-rbac)`,
      ),
    };
  }
  for (const { pattern, kind, what } of KNOWN) {
    const found = pattern.exec(stderr);
    if (found !== null) return { kind, message: visible(`${doing}: ${what(found)}`) };
  }
  const last = stderr.trim().split("\n").slice(-2).join(" ").slice(0, 400);
  return {
    kind: "other",
    message: visible(`${doing}: ${last || "kubectl failed and said nothing"}`),
  };
}
