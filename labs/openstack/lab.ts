/** `lab:openstack up|down|status`: an OpenStack on this computer, for whoever has none to try this on. */
import { runLab } from "../lab-command";
import { bringUp, takeDown } from "./bring-up";
import { labStatus, statusText } from "./status";

void runLab({
  name: "openstack",
  description:
    "An OpenStack on this computer: keystone, glance, placement, nova with QEMU, and neutron, from Debian 12's packages.\n" +
    "It lives in namespaces of its own; this computer reaches it at 203.0.113.194, and nobody else does.",
  up:
    "Installs what is missing, builds the image once, starts everything and waits until it works.\n" +
    "A lab that runs already is left as it is. Needs root, Debian 12, 4 GiB of memory.",
  down: "Ends it and removes it, with every server in it. Nothing but packages and the built image stays.",
  example: "  npx etcd-restore doctor --target openstack",
  bringUp,
  takeDown,
  status: labStatus,
  statusText,
});
