/** The lab's processes that need nothing but their configuration: what is started, with which words. */
import type { Capsule } from "./capsule";
import { API_ADDRESS, LAB, PORTS } from "./addresses";

/** For nova's programs: where its settings are. */
export const NOVA = `--config-file=${LAB}/etc/nova/nova.conf`;
/** For neutron's. */
export const NEUTRON = `--config-file=${LAB}/etc/neutron/neutron.conf`;

/** RabbitMQ and libvirt. */
export function startBasics(capsule: Capsule): void {
  capsule.start("rabbitmq", ["/usr/lib/rabbitmq/bin/rabbitmq-server"], {
    HOME: `${LAB}/rabbit`,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: "lab@localhost",
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_DIST_PORT: "25672",
    RABBITMQ_MNESIA_BASE: `${LAB}/rabbit/mnesia`,
    RABBITMQ_LOG_BASE: `${LAB}/rabbit/log`,
    RABBITMQ_LOGS: "-",
    RABBITMQ_CONFIG_FILE: `${LAB}/etc/rabbitmq`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${LAB}/rabbit/plugins`,
    RABBITMQ_CONF_ENV_FILE: "/dev/null",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      "+S 1:1 +A 4 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
  });
  capsule.start("libvirtd", ["libvirtd", "--config", `${LAB}/etc/libvirtd.conf`]);
}

/** Everything that must be there before an agent asks it. */
export function startApis(capsule: Capsule): void {
  capsule.start("neutron-server", ["neutron-server", NEUTRON]);
  startWsgi(
    capsule,
    "placement",
    "/usr/bin/placement-api",
    { processes: 1, threads: 2 },
    {
      OS_PLACEMENT_CONFIG_DIR: `${LAB}/etc/placement`,
    },
  );
  startWsgi(
    capsule,
    "nova",
    "/usr/bin/nova-api-wsgi",
    { processes: 2, threads: 1 },
    {
      OS_NOVA_CONFIG_DIR: `${LAB}/etc/nova`,
    },
  );
  capsule.start("glance", ["glance-api", `--config-file=${LAB}/etc/glance/glance-api.conf`]);
  capsule.start("nova-conductor", ["nova-conductor", NOVA]);
  capsule.start("nova-scheduler", ["nova-scheduler", NOVA]);
}

/** nova-compute, and neutron's agents. */
export function startAgents(capsule: Capsule): void {
  const ini = (name: string) => `--config-file=${LAB}/etc/neutron/${name}_agent.ini`;
  capsule.start("nova-compute", ["nova-compute", NOVA]);
  capsule.start("linuxbridge-agent", ["neutron-linuxbridge-agent", NEUTRON]);
  capsule.start("dhcp-agent", ["neutron-dhcp-agent", NEUTRON, ini("dhcp")]);
  capsule.start("l3-agent", ["neutron-l3-agent", NEUTRON, ini("l3")]);
}

/** A web service in uwsgi. */
export function startWsgi(
  capsule: Capsule,
  service: keyof typeof PORTS,
  program: string,
  size: { readonly processes: number; readonly threads: number },
  environment: Readonly<Record<string, string>>,
): void {
  capsule.start(
    service,
    [
      ...["uwsgi", "--ini", `${LAB}/etc/uwsgi.ini`, "--wsgi-file", program],
      ...["--http-socket", `${API_ADDRESS}:${PORTS[service]}`],
      ...["--processes", `${size.processes}`, "--threads", `${size.threads}`],
    ],
    environment,
  );
}
