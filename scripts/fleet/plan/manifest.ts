/**
 * The manifest of a Kubernetes Indexed Job that does a plan: a pod a shard, of whose ends Kubernetes itself says which are tried again
 * (kubernetes.io/docs/concepts/workloads/controllers/job, "Backoff limit per index", "Pod failure policy").
 */
import type { Pod } from "./plan";
import { quantity } from "./quantity";

export interface ManifestOptions {
  readonly shards: number;
  readonly pod: Pod;
  /** Pods at the same time. */
  readonly parallelism: number;
  readonly image: string;
  /** `s3://BUCKET/PREFIX`. */
  readonly results: string;
  /** Of those that the list gives none. */
  readonly level: string;
  /** The longest that a shard should take. */
  readonly seconds: number;
}

/** A pod that waits for its image, and a store that is slow: nobody waits for more than that. */
const PATIENCE = 4;
const LEAST_DEADLINE_SECONDS = 3600;

/** @returns YAML; every value that was given is a quoted string in it */
export function jobManifest(options: ManifestOptions): string {
  const { shards, pod, parallelism, image, results, level, seconds } = options;
  const memory = quantity(pod.memoryBytes);
  const disk = quantity(pod.diskBytes);
  const deadline = Math.max(LEAST_DEADLINE_SECONDS, Math.ceil(seconds * PATIENCE));
  const text = (word: string): string => JSON.stringify(word);
  return `# Made by \`etcd-restore plan\`: ${shards} shards, ${memory} of memory and ${pod.cores} cores a pod.
apiVersion: v1
kind: ServiceAccount
metadata:
  name: etcd-fleet
# It may do nothing, and its pods are given no token of it.
automountServiceAccountToken: false
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: etcd-fleet
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: etcd-fleet
  policyTypes: [Ingress, Egress]
  # Nobody reaches the etcds in it; they listen on loopback. Out of it names are asked for, and the store that holds backups and results.
  ingress: []
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
          podSelector:
            matchLabels:
              k8s-app: kube-dns
      ports:
        - { protocol: UDP, port: 53 }
        - { protocol: TCP, port: 53 }
    # Put the addresses of your store here.
    - to:
        - ipBlock:
            cidr: 192.0.2.0/24
      ports:
        - { protocol: TCP, port: 443 }
---
apiVersion: batch/v1
kind: Job
metadata:
  name: etcd-fleet
  labels:
    app.kubernetes.io/name: etcd-fleet
spec:
  completionMode: Indexed
  completions: ${shards}
  parallelism: ${parallelism}
  # A shard that fails stops no other one.
  backoffLimitPerIndex: 3
  maxFailedIndexes: ${shards}
  podFailurePolicy:
    rules:
      # 1: a check failed. 2: a backup that cannot be read, or wrong use. Another try would find the same.
      - action: FailIndex
        onExitCodes:
          containerName: drill
          operator: In
          values: [1, 2]
      # A node that is drained is nobody's fault.
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
      # All else, 3 (the environment) among it, is tried again; what is done by then is known by its result.
  activeDeadlineSeconds: ${deadline}
  ttlSecondsAfterFinished: 604800
  template:
    metadata:
      labels:
        app.kubernetes.io/name: etcd-fleet
    spec:
      serviceAccountName: etcd-fleet
      automountServiceAccountToken: false
      enableServiceLinks: false
      restartPolicy: Never
      # SIGTERM ends what is under way, and takes it away.
      terminationGracePeriodSeconds: 120
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        runAsGroup: 10001
        fsGroup: 10001
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: drill
          image: ${text(image)}
          args:
            - drill
            - --from
            - /fleet/fleet.jsonl
            - --level
            - ${text(level)}
            - --results
            - ${text(results)}
            - --jobs
            - "${pod.cores}"
          env:
            # JOB_COMPLETION_INDEX, the number of the shard, is set by Kubernetes.
            - name: JOB_COMPLETIONS
              value: "${shards}"
            - name: ETCD_RESTORE_HOME
              value: /work
            - name: TMPDIR
              value: /work
          envFrom:
            # AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL; none where the nodes' role will do.
            - secretRef:
                name: etcd-fleet-store
                optional: true
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          resources:
            requests:
              cpu: "${pod.cores}"
              memory: ${memory}
              ephemeral-storage: ${disk}
            limits:
              cpu: "${pod.cores}"
              memory: ${memory}
              ephemeral-storage: ${disk}
          volumeMounts:
            - name: fleet
              mountPath: /fleet
              readOnly: true
            - name: work
              mountPath: /work
      volumes:
        # kubectl create configmap etcd-fleet --from-file=fleet.jsonl
        - name: fleet
          configMap:
            name: etcd-fleet
        - name: work
          emptyDir:
            sizeLimit: ${disk}
`;
}
