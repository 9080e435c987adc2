/**
 * A suite of tests as JUnit XML, for pipelines that show tests. The form is the one of the Jenkins xUnit plugin's
 * `junit-10.xsd`, which GitLab, Azure and GitHub's test reporters read as well:
 * `testsuites > testsuite > properties, testcase…, system-out`.
 */
import { lines, markup } from "./markup";

export interface TestCase {
  /** Groups the cases. */
  readonly classname: string;
  /** Servers follow a test through the nights by it. */
  readonly name: string;
  /** Wall time. Default: it is not told. */
  readonly seconds?: number;
  readonly outcome: "passed" | "failure" | "skipped";
  /** Of what did not pass. */
  readonly type?: string;
  readonly message?: string;
  readonly details: readonly string[];
}

export interface TestSuite {
  readonly name: string;
  readonly seconds: number;
  /** ISO 8601. */
  readonly timestamp: string;
  readonly properties?: readonly (readonly [name: string, value: string | number])[];
  readonly cases: readonly TestCase[];
  /** What is told of the suite as a whole. */
  readonly output?: readonly string[];
}

export function junitText({
  name,
  timestamp,
  properties,
  cases,
  output,
  ...suite
}: TestSuite): string {
  const count = (wanted: TestCase["outcome"]) =>
    cases.filter(({ outcome }) => outcome === wanted).length;
  const [failures, skipped, seconds] = [
    count("failure"),
    count("skipped"),
    suite.seconds.toFixed(3),
  ];
  return markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="etcd-restore" tests="${cases.length}" failures="${failures}" errors="0" time="${seconds}">
  <testsuite name="${name}" tests="${cases.length}" failures="${failures}" errors="0" skipped="${skipped}" time="${seconds}" timestamp="${timestamp}">
${properties && markup`    <properties>\n${properties.map(([key, value]) => markup`      <property name="${key}" value="${value}"/>\n`)}    </properties>\n`}${cases.map(caseText)}${output && markup`    <system-out>${lines(output)}</system-out>\n`}  </testsuite>
</testsuites>
`.markup;
}

function caseText({ classname, name, seconds, outcome, type, message, ...found }: TestCase) {
  const details = lines(found.details);
  const time = seconds === undefined ? undefined : markup` time="${seconds.toFixed(3)}"`;
  const inside =
    outcome === "passed"
      ? markup`<system-out>${details}</system-out>`
      : outcome === "failure"
        ? markup`<failure type="${type}" message="${message}">${details}</failure>`
        : markup`<skipped type="${type}" message="${message}">${details}</skipped>`;
  return markup`    <testcase classname="${classname}" name="${name}"${time}>${inside}</testcase>\n`;
}

/** `name: text` for each part that there is. */
export function partLines(parts: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(parts).flatMap(([name, text]) =>
    text === undefined ? [] : [`${name}: ${text}`],
  );
}
