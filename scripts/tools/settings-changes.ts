/** Prints docs/settings-changes.md, made from `settings/changes.ts`. */
import { CHANGES, EFFECTS, type Change } from "../../settings/changes";

/** The page as it is committed. */
export function settingsChangesPage(): string {
  const rows = Object.entries<Change>(CHANGES).map(([setting, { local, openstack, note }]) => {
    const word = (effect: Change["local"]) => effect ?? "not known there";
    return `| \`${setting}\` | ${word(local)} | ${word(openstack)} | ${note ?? ""} |`;
  });
  return `# What a change of a setting does

What serves is always what was wished for. When you change a setting and run \`npm start\` or \`pulumi up\` again, the new
programs and settings are laid beside those that serve, and take their place together with the data, once that is proved.
When anything of it fails, the old etcd goes on with its old data, programs and settings, and the message says so.

| word | what is done |
| --- | --- |
${Object.entries(EFFECTS)
  .map(([effect, meaning]) => `| ${effect} | ${meaning} |`)
  .join("\n")}

| setting | on this computer | on OpenStack | |
| --- | --- | --- | --- |
${rows.join("\n")}

The report compares the version that serves with the one that was wished for: its check \`etcd-version\` fails with "asked
for 3.7, found 3.5.35" when they differ.

This page is made from \`settings/changes.ts\`; a test changes the settings on both targets and sees what is done. Of
\`target\` that is not tested, and of user and password on OpenStack's side alone: the proof is the same on both.
`;
}

if (require.main === module) process.stdout.write(settingsChangesPage());
