import packageJson from "../../package.json";

/** Who makes the reports: `etcd-restore X.Y.Z`. */
export const TOOL = `${packageJson.name} ${packageJson.version}`;
