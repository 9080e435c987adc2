/** Metrics as Prometheus text (exposition format 0.0.4). All are gauges: they describe what was found, they do not count up. */

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Metric {
  readonly name: string;
  readonly help: string;
  /** A metric without one is left out. */
  readonly samples: readonly Sample[];
}

export function metricsText(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(
      ({ name, help, samples }) =>
        `# HELP ${name} ${help.replace(/\\/g, "\\\\")}\n# TYPE ${name} gauge\n` +
        samples.map((sample) => `${name}${labelText(sample)} ${sample.value}\n`).join(""),
    )
    .join("");
}

/** Seconds since 1970, as Prometheus has its times. */
export function unixSeconds(iso: string): number {
  return Date.parse(iso) / 1000;
}

function labelText({ labels }: Sample): string {
  if (labels === undefined) return "";
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`,
  );
  return `{${pairs.join(",")}}`;
}
