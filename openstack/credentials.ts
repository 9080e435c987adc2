/** Where a cloud is and who we are there, as OpenStack's own clients find it out: `OS_CLOUD` and clouds.yaml, or `OS_*`. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { parse } from "yaml";
import * as z from "zod";
import { readPlainText } from "../files/plain-file";
import { CloudError } from "./cloud-error";

/** What keystone wants to know; the three ways to log in that need nothing but a file. */
export type Identity =
  | { readonly method: "password"; readonly user: PasswordUser; readonly scope: Scope }
  | { readonly method: "application_credential"; readonly id: string; readonly secret: string }
  | { readonly method: "token"; readonly token: string; readonly scope: Scope };

interface PasswordUser {
  readonly id?: string;
  readonly name?: string;
  readonly domain?: Domain;
  readonly password: string;
}

/** By id, or else by name. */
type Domain = { readonly id: string } | { readonly name: string };

/** The project that things are made in. */
export type Scope =
  | { readonly project: { readonly id: string } }
  | { readonly project: { readonly name: string; readonly domain: Domain } };

export interface Credentials {
  /** With its version: `https://…/v3`. */
  readonly authUrl: string;
  readonly identity: Identity;
  /** @default the only one, or the first that the catalogue names */
  readonly region: string | undefined;
  readonly endpoint: "public" | "internal" | "admin";
  /** PEM texts. */
  readonly ca: string | undefined;
  readonly verify: boolean;
  /** Where this was found, for messages. */
  readonly source: string;
}

const Entry = z.object({
  auth: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  auth_type: z.string().optional(),
  region_name: z.string().optional(),
  interface: z.string().optional(),
  endpoint_type: z.string().optional(),
  cacert: z.string().optional(),
  verify: z.boolean().optional(),
});
type Entry = z.infer<typeof Entry>;
const Clouds = z.object({ clouds: z.record(z.string(), z.unknown()) });

/** A variable that every openrc file sets, and its name in clouds.yaml. */
const VARIABLES: Readonly<Record<string, string>> = {
  OS_AUTH_URL: "auth_url",
  OS_USERNAME: "username",
  OS_USER_ID: "user_id",
  OS_PASSWORD: "password",
  OS_TOKEN: "token",
  OS_PROJECT_NAME: "project_name",
  OS_TENANT_NAME: "project_name",
  OS_PROJECT_ID: "project_id",
  OS_TENANT_ID: "project_id",
  OS_DOMAIN_NAME: "domain_name",
  OS_DOMAIN_ID: "domain_id",
  OS_USER_DOMAIN_NAME: "user_domain_name",
  OS_USER_DOMAIN_ID: "user_domain_id",
  OS_PROJECT_DOMAIN_NAME: "project_domain_name",
  OS_PROJECT_DOMAIN_ID: "project_domain_id",
  OS_DEFAULT_DOMAIN: "default_domain",
  OS_APPLICATION_CREDENTIAL_ID: "application_credential_id",
  OS_APPLICATION_CREDENTIAL_SECRET: "application_credential_secret",
};

const HOW =
  "set OS_CLOUD to a cloud of your clouds.yaml, or source the openrc file that your cloud's dashboard offers (API access)";

/**
 * The credentials that this environment names. clouds.yaml is looked for where OpenStack's own clients look:
 * `OS_CLIENT_CONFIG_FILE`, this folder, `~/.config/openstack`, `/etc/openstack`; secure.yaml beside it is read too.
 * @throws CloudError when there are none, or they are not complete.
 */
export function findCredentials(env: NodeJS.ProcessEnv, cwd: string): Credentials {
  const name = env.OS_CLOUD;
  if (name !== undefined && name !== "") {
    const { entry, file } = findCloud(name, env, cwd);
    return credentialsOf(entry, `cloud "${name}" of ${file}`);
  }
  const auth: Record<string, string> = {};
  for (const [variable, key] of Object.entries(VARIABLES)) {
    const value = env[variable];
    if (value !== undefined && value !== "") auth[key] ??= value;
  }
  if (auth.auth_url === undefined) {
    throw new CloudError(
      "usage",
      `no OpenStack is named: neither OS_CLOUD nor OS_AUTH_URL is set; ${HOW}`,
    );
  }
  const entry = {
    auth,
    auth_type: env.OS_AUTH_TYPE,
    region_name: env.OS_REGION_NAME,
    interface: env.OS_INTERFACE ?? env.OS_ENDPOINT_TYPE,
    cacert: env.OS_CACERT,
    verify: /^(1|true)$/i.test(env.OS_INSECURE ?? "") ? false : undefined,
  };
  return credentialsOf(entry, "the OS_* variables");
}

function findCloud(
  name: string,
  env: NodeJS.ProcessEnv,
  cwd: string,
): { readonly entry: Entry; readonly file: string } {
  const folders = [cwd, path.join(os.homedir(), ".config", "openstack"), "/etc/openstack"];
  const named = env.OS_CLIENT_CONFIG_FILE;
  const candidates = [
    ...(named === undefined || named === "" ? [] : [named]),
    ...folders.flatMap((folder) =>
      ["clouds.yaml", "clouds.yml"].map((file) => path.join(folder, file)),
    ),
  ];
  const file = candidates.find((candidate) => fs.existsSync(candidate));
  if (file === undefined) {
    throw new CloudError(
      "usage",
      `OS_CLOUD is "${name}", and there is no clouds.yaml; looked for: ${candidates.join(", ")}`,
    );
  }
  const clouds = readClouds(file);
  const found = clouds[name];
  if (found === undefined) {
    throw new CloudError(
      "usage",
      `OS_CLOUD is "${name}", and ${file} has no such cloud; it has: ${Object.keys(clouds).join(", ") || "none"}`,
    );
  }
  const secure = path.join(path.dirname(file), "secure.yaml");
  const secrets = fs.existsSync(secure) ? readClouds(secure)[name] : undefined;
  const [entry, hidden] = [found, secrets ?? {}].map((value) => {
    const { success, data, error } = Entry.safeParse(value);
    if (!success) {
      throw new CloudError(
        "usage",
        `cloud "${name}" of ${file} cannot be read: ${z.prettifyError(error)}`,
      );
    }
    return data;
  });
  return { entry: { ...entry, auth: { ...entry?.auth, ...hidden?.auth } }, file };
}

function readClouds(file: string): Readonly<Record<string, unknown>> {
  let content: unknown;
  try {
    content = parse(readPlainText(file));
  } catch (error) {
    throw new CloudError(
      "usage",
      `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const { success, data } = Clouds.safeParse(content);
  if (!success)
    throw new CloudError("usage", `${file} is no clouds.yaml: it has no "clouds:" at its top`);
  return data.clouds;
}

function readCa(file: string): string {
  try {
    return readPlainText(file);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new CloudError("usage", `cannot read ${file}, the cacert of the cloud: ${problem}`);
  }
}

function credentialsOf(entry: Entry, source: string): Credentials {
  const auth = (key: string): string | undefined => {
    const value = entry.auth[key];
    return value === undefined ? undefined : String(value);
  };
  const need = (key: string): string => {
    const value = auth(key);
    if (value === undefined) {
      throw new CloudError("usage", `${source}: ${key} is missing; ${HOW}`);
    }
    return value;
  };
  const authUrl = need("auth_url").replace(/\/+$/, "");
  return {
    authUrl: authUrl.endsWith("/v3") ? authUrl : `${authUrl.replace(/\/v2\.0$/, "")}/v3`,
    identity: identityOf(entry.auth_type, auth, need),
    region: entry.region_name,
    endpoint: endpointOf(entry.interface ?? entry.endpoint_type),
    ca: entry.cacert === undefined ? undefined : readCa(entry.cacert),
    verify: entry.verify ?? true,
    source,
  };
}

function identityOf(
  type: string | undefined,
  auth: (key: string) => string | undefined,
  need: (key: string) => string,
): Identity {
  if (type === "v3applicationcredential" || auth("application_credential_id") !== undefined) {
    return {
      method: "application_credential",
      id: need("application_credential_id"),
      secret: need("application_credential_secret"),
    };
  }
  const domain = (kind: "user" | "project"): Domain => {
    const id = auth(`${kind}_domain_id`) ?? auth("domain_id");
    const name = auth(`${kind}_domain_name`) ?? auth("domain_name");
    if (id !== undefined) return { id };
    return name === undefined ? { id: auth("default_domain") ?? "default" } : { name };
  };
  const projectId = auth("project_id");
  const scope: Scope =
    projectId === undefined
      ? { project: { name: need("project_name"), domain: domain("project") } }
      : { project: { id: projectId } };
  const token = auth("token");
  if (type === "v3token" || type === "token" || (token !== undefined && type === undefined)) {
    return { method: "token", token: need("token"), scope };
  }
  const id = auth("user_id");
  const password = need("password");
  const user =
    id === undefined
      ? { name: need("username"), domain: domain("user"), password }
      : { id, password };
  return { method: "password", user, scope };
}

function endpointOf(given: string | undefined): Credentials["endpoint"] {
  const word = given?.replace(/URL$/, "");
  return word === "internal" || word === "admin" ? word : "public";
}
