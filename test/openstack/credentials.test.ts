import * as fs from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findCredentials } from "../../openstack/credentials";
import { createWorkspace, type Workspace } from "../support/kubernetes-fixtures";

let files: Workspace;
beforeEach(() => {
  files = createWorkspace();
});
afterEach(() => {
  files.remove();
});

const write = (name: string, text: string) => {
  fs.writeFileSync(files.path(name), text);
};
const find = (env: Readonly<Record<string, string>>) =>
  findCredentials({ OS_CLIENT_CONFIG_FILE: files.path("clouds.yaml"), ...env }, files.path("."));

const CLOUDS = `clouds:
  one:
    auth: {auth_url: "https://one.example.org:5000", username: anna, project_name: p, user_domain_name: d}
    region_name: north
    interface: internal
    verify: false
  two:
    auth_type: v3applicationcredential
    auth: {auth_url: "https://two.example.org/identity/v3/", application_credential_id: x, application_credential_secret: y}
`;

describe("credentials", () => {
  it("come from clouds.yaml, and the password from secure.yaml beside it", () => {
    write("clouds.yaml", CLOUDS);
    write("secure.yaml", "clouds: {one: {auth: {password: 12345}}}\n");
    expect(find({ OS_CLOUD: "one" })).toEqual({
      authUrl: "https://one.example.org:5000/v3",
      identity: {
        method: "password",
        user: { name: "anna", domain: { name: "d" }, password: "12345" },
        scope: { project: { name: "p", domain: { id: "default" } } },
      },
      region: "north",
      endpoint: "internal",
      ca: undefined,
      verify: false,
      source: `cloud "one" of ${files.path("clouds.yaml")}`,
    });
  });

  it("may be an application credential, which has its project in it", () => {
    write("clouds.yaml", CLOUDS);
    expect(find({ OS_CLOUD: "two" })).toMatchObject({
      authUrl: "https://two.example.org/identity/v3",
      identity: { method: "application_credential", id: "x", secret: "y" },
    });
  });

  it("come from an openrc file's variables when no cloud is named", () => {
    const env = {
      OS_AUTH_URL: "https://k.example.org/v2.0",
      OS_USERNAME: "anna",
      OS_PASSWORD: "word",
      OS_PROJECT_ID: "p-1",
      OS_USER_DOMAIN_NAME: "Default",
    };
    expect(find(env)).toMatchObject({
      authUrl: "https://k.example.org/v3",
      identity: {
        user: { name: "anna", domain: { name: "Default" }, password: "word" },
        scope: { project: { id: "p-1" } },
      },
      endpoint: "public",
      verify: true,
    });
  });
});

it.each([
  [{}, /neither OS_CLOUD nor OS_AUTH_URL is set; set OS_CLOUD to a cloud of your clouds\.yaml/],
  [{ OS_CLOUD: "three" }, /OS_CLOUD is "three", and .* has no such cloud; it has: one, two/],
  [{ OS_CLOUD: "one" }, /cloud "one" .*: password is missing/],
  [{ OS_AUTH_URL: "https://k" }, /the OS_\* variables: project_name is missing/],
])("with %j it says what is missing", (env, message) => {
  write("clouds.yaml", CLOUDS);
  expect(() => find(env)).toThrow(message);
});

it("says where it has looked when there is no clouds.yaml, and what is wrong in one", () => {
  expect(() => find({ OS_CLOUD: "one" })).toThrow(
    new RegExp(`there is no clouds\\.yaml; looked for: ${files.path("clouds.yaml")}, `),
  );
  write("clouds.yaml", "one: {}\n");
  expect(() => find({ OS_CLOUD: "one" })).toThrow(/is no clouds\.yaml: it has no "clouds:"/);
});
