/** `lab:kubernetes up|down|status`: a real cluster on this computer, to take backups out of. */
import { runLab } from "../lab-command";
import { bringUp, takeDown } from "./bring-up";
import { labStatus, statusText } from "./status";

void runLab({
  name: "kubernetes",
  description:
    "A Kubernetes of one node on this computer: kubelet, containerd, kubeadm's control plane, and two etcd as static pods,\n" +
    "one of them for the events. It lives in namespaces of its own; this computer reaches it at 127.0.0.1:16443.",
  up:
    "Builds what is missing (minutes, once), starts the cluster and waits until something lives in it.\n" +
    "A lab that runs already is left as it is. Needs root, Debian 12, Go to build, 2 GiB of memory.",
  down: "Ends it and removes it, with all that is in it. Nothing but the built programs and images stays.",
  example: "  npx etcd-restore pods",
  bringUp,
  takeDown,
  status: labStatus,
  statusText,
});
