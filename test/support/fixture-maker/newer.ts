/** Kinds that not every minor of Kubernetes serves: each is made in the oldest version that the server has of it. */
import { object } from "./cluster";
import type { ApiObject } from "../kubernetes-server";

/** A kind, the versions that it may be served in, oldest first, and what it holds in each of them. */
export interface NewerKind {
  readonly apiVersions: readonly string[];
  readonly make: (apiVersion: string) => ApiObject;
}

const RESOURCE = ["v1beta1", "v1beta2", "v1"].map((version) => `resource.k8s.io/${version}`);
const SELECTOR = { cel: { expression: "device.driver == 'gpu.example.com'" } };
/** Until v1beta1 a request held what `exactly` holds since. */
const request = (apiVersion: string) =>
  apiVersion.endsWith("v1beta1")
    ? { name: "gpu", deviceClassName: "gpu.example.com" }
    : { name: "gpu", exactly: { deviceClassName: "gpu.example.com" } };

/** Of a CA that is nobody's: its key was thrown away when it was made. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBhjCCAS2gAwIBAgIUSUC6L3gOz8XqJ7pkBgoyy6qq5LkwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOY2EuZXhhbXBsZS5jb20wHhcNMjYxMTMwMDU1MjMwWhcNMzYx
MTI3MDU1MjMwWjAZMRcwFQYDVQQDDA5jYS5leGFtcGxlLmNvbTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABAlY6kAWhXBeuvgWetO3JkMByflNrkHkcIN7CNroY/YX
gv+2FKI9DJE95EKTw4g19r+rtf08ei6HTUM/2FH6ObmjUzBRMB0GA1UdDgQWBBTT
kKHnZizWg6rT7Iv3ilf3dJ3hNTAfBgNVHSMEGDAWgBTTkKHnZizWg6rT7Iv3ilf3
dJ3hNTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIBP5gnI+BdBb
3U15G1MpT2RYlfRszYiYKyKCFTZ5ZKqAAiBK2IO9y3l2yF8BB/72BrDaHKxoC+eU
65+nJXbwTE9bSQ==
-----END CERTIFICATE-----
`;

export const NEWER: readonly NewerKind[] = [
  {
    apiVersions: RESOURCE,
    make: (apiVersion) =>
      object(apiVersion, "DeviceClass", "gpu.example.com", { spec: { selectors: [SELECTOR] } }),
  },
  {
    apiVersions: RESOURCE,
    make: (apiVersion) =>
      object(apiVersion, "ResourceClaim", "team-a/gpu", {
        spec: { devices: { requests: [request(apiVersion)] } },
      }),
  },
  {
    apiVersions: RESOURCE,
    make: (apiVersion) =>
      object(apiVersion, "ResourceSlice", "node-1-gpu", {
        spec: {
          ...{ driver: "gpu.example.com", nodeName: "node-1" },
          pool: { name: "node-1", generation: 1, resourceSliceCount: 1 },
          devices: [
            apiVersion.endsWith("v1beta1")
              ? { name: "gpu-0", basic: { attributes: { model: { string: "made-up" } } } }
              : { name: "gpu-0", attributes: { model: { string: "made-up" } } },
          ],
        },
      }),
  },
  {
    apiVersions: ["storage.k8s.io/v1beta1", "storage.k8s.io/v1"],
    make: (apiVersion) =>
      object(apiVersion, "VolumeAttributesClass", "fast", {
        ...{ driverName: "ebs.csi.aws.com", parameters: { iops: "5000" } },
      }),
  },
  {
    apiVersions: ["admissionregistration.k8s.io/v1beta1", "admissionregistration.k8s.io/v1"],
    make: (apiVersion) =>
      object(apiVersion, "MutatingAdmissionPolicy", "owner.example.com", {
        spec: {
          ...{ failurePolicy: "Ignore", reinvocationPolicy: "Never" },
          matchConstraints: {
            resourceRules: [
              {
                ...{ apiGroups: ["example.com"], apiVersions: ["v1"], operations: ["UPDATE"] },
                ...{ resources: ["backuppolicies"] },
              },
            ],
          },
          mutations: [
            {
              patchType: "JSONPatch",
              jsonPatch: {
                expression:
                  '[JSONPatch{op: "add", path: "/metadata/labels/owner", value: "nobody"}]',
              },
            },
          ],
        },
      }),
  },
  {
    apiVersions: ["coordination.k8s.io/v1beta1"],
    make: (apiVersion) =>
      object(apiVersion, "LeaseCandidate", "kube-system/scheduler-1", {
        spec: {
          ...{ leaseName: "kube-scheduler", strategy: "OldestEmulationVersion" },
          ...{ binaryVersion: "1.33.0", emulationVersion: "1.33.0" },
        },
      }),
  },
  {
    apiVersions: ["certificates.k8s.io/v1beta1", "certificates.k8s.io/v1"],
    make: (apiVersion) =>
      object(apiVersion, "ClusterTrustBundle", "example", { spec: { trustBundle: CERTIFICATE } }),
  },
  {
    apiVersions: ["networking.k8s.io/v1beta1", "networking.k8s.io/v1"],
    make: (apiVersion) =>
      object(apiVersion, "ServiceCIDR", "more", { spec: { cidrs: ["10.1.0.0/24"] } }),
  },
  {
    apiVersions: ["scheduling.k8s.io/v1beta1", "scheduling.k8s.io/v1"],
    make: (apiVersion) =>
      object(apiVersion, "Workload", "team-a/training", {
        spec: { podGroups: [{ name: "workers", policy: { basic: {} } }] },
      }),
  },
];
