/** Configuration of the lab's services, for Debian 12's OpenStack (Zed). Paths are those of the capsule. */

import { LAB, apiUrl, REGION, API_ADDRESS } from "./addresses";

/** Sections of an ini file. */
type Ini = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;

const database = (name: string) => ({
  connection: `mysql+pymysql://root@localhost/${name}?unix_socket=${LAB}/db/mysqld.sock`,
  max_pool_size: 5,
  max_overflow: 20,
});
const QUIET = { oslo_messaging_notifications: { driver: "noop" } };
const LOCKS = { oslo_concurrency: { lock_path: `${LAB}/tmp` } };
const MESSAGES = {
  use_stderr: true,
  transport_url: "rabbit://guest:guest@127.0.0.1:5672/",
  host: "lab",
};
const RABBIT = {
  oslo_messaging_rabbit: { heartbeat_timeout_threshold: 0, rabbit_retry_interval: 1 },
};

/** How a service asks another one. */
const login = (username: string, password: string) => ({
  auth_url: `${apiUrl("keystone")}/v3`,
  auth_type: "password",
  project_name: "service",
  project_domain_id: "default",
  user_domain_id: "default",
  username,
  password,
  region_name: REGION,
});

/** Files by their path below `etc/`, with the password that all service users share. */
export function configFiles(password: string): Readonly<Record<string, string>> {
  const tokens = (service: string) => ({
    keystone_authtoken: {
      www_authenticate_uri: `${apiUrl("keystone")}/v3`,
      ...login(service, password),
    },
  });
  const files: Readonly<Record<string, Ini>> = {
    "keystone/keystone.conf": {
      DEFAULT: { use_stderr: true, transport_url: "fake://" },
      ...QUIET,
      database: database("keystone"),
      token: { provider: "fernet", expiration: 86_400 },
      fernet_tokens: { key_repository: `${LAB}/etc/keystone/fernet-keys` },
      credential: { key_repository: `${LAB}/etc/keystone/credential-keys` },
      cache: { enabled: true, backend: "dogpile.cache.memory" },
      identity: { password_hash_rounds: 4 },
    },
    "glance/glance-api.conf": {
      DEFAULT: {
        use_stderr: true,
        bind_host: API_ADDRESS,
        workers: 0,
        enabled_import_methods: "[]",
        transport_url: "fake://",
      },
      ...QUIET,
      ...LOCKS,
      database: database("glance"),
      glance_store: {
        stores: "file",
        default_store: "file",
        filesystem_store_datadir: `${LAB}/glance`,
      },
      paste_deploy: { flavor: "keystone", config_file: "/etc/glance/glance-api-paste.ini" },
      ...tokens("glance"),
    },
    "placement/placement.conf": {
      DEFAULT: { use_stderr: true },
      api: { auth_strategy: "keystone" },
      ...LOCKS,
      placement_database: database("placement"),
      ...tokens("placement"),
    },
    "nova/nova.conf": { ...nova(password), ...tokens("nova") },
    "neutron/neutron.conf": { ...neutron(password), ...tokens("neutron") },
    "neutron/dhcp_agent.ini": {
      DEFAULT: {
        interface_driver: "linuxbridge",
        // Servers have a config drive.
        enable_isolated_metadata: false,
        force_metadata: false,
        resync_interval: 5,
      },
    },
    "neutron/l3_agent.ini": {
      DEFAULT: {
        interface_driver: "linuxbridge",
        agent_mode: "legacy",
        enable_metadata_proxy: false,
      },
    },
    "uwsgi.ini": {
      uwsgi: {
        plugins: "python3",
        master: true,
        "lazy-apps": true,
        "enable-threads": true,
        "die-on-term": true,
        "no-orphans": true,
        "buffer-size": 65_535,
        listen: 64,
        "add-header": "Connection: close",
        "wsgi-manage-chunked-input": true,
      },
    },
  };
  return {
    ...Object.fromEntries(Object.entries(files).map(([name, ini]) => [name, iniText(ini)])),
    "libvirtd.conf":
      'auth_unix_rw = "none"\nunix_sock_rw_perms = "0700"\nmin_workers = 2\nmax_workers = 8\nlog_outputs = "3:stderr"\n',
    // No AppArmor in here, and no further namespace inside this one.
    "qemu.conf":
      'security_driver = "none"\nstdio_handler = "file"\nnamespaces = []\nremember_owner = 0\ncgroup_controllers = []\n',
    "rabbitmq.conf":
      "loopback_users.guest = true\nlisteners.tcp.1 = 127.0.0.1:5672\nvm_memory_high_watermark.absolute = 512MB\n",
  };
}

function nova(password: string): Ini {
  return {
    DEFAULT: {
      ...MESSAGES,
      my_ip: API_ADDRESS,
      state_path: `${LAB}/nova`,
      compute_driver: "libvirt.LibvirtDriver",
      force_config_drive: true,
      mkisofs_cmd: "genisoimage",
      flat_injected: false,
      reserved_host_memory_mb: 0,
      cpu_allocation_ratio: 16,
      ram_allocation_ratio: 2,
      disk_allocation_ratio: 16,
      rootwrap_config: "/etc/nova/rootwrap.conf",
      service_down_time: 120,
      // Work by the clock that a short-lived cloud has no use for.
      sync_power_state_interval: 600,
    },
    ...QUIET,
    ...RABBIT,
    ...LOCKS,
    api: { auth_strategy: "keystone" },
    api_database: database("nova_api"),
    database: database("nova"),
    conductor: { workers: 1 },
    scheduler: { workers: 1 },
    filter_scheduler: {
      enabled_filters:
        "ComputeFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter,ServerGroupAntiAffinityFilter",
      track_instance_changes: false,
    },
    workarounds: { disable_rootwrap: true },
    glance: { api_servers: apiUrl("glance") },
    vnc: { enabled: false },
    spice: { enabled: false },
    libvirt: {
      virt_type: "qemu",
      // The model whose emulation costs least, of the three that were timed.
      cpu_mode: "custom",
      cpu_models: "Nehalem",
      images_type: "qcow2",
      mem_stats_period_seconds: 0,
    },
    neutron: { ...login("neutron", password), service_metadata_proxy: false },
    placement: login("placement", password),
    nova_sys_admin: {
      helper_command: `privsep-helper --config-file ${LAB}/etc/nova/nova.conf`,
    },
    vif_plug_linux_bridge_privileged: {
      helper_command: `privsep-helper --config-file ${LAB}/etc/nova/nova.conf`,
    },
  };
}

function neutron(password: string): Ini {
  return {
    DEFAULT: {
      ...MESSAGES,
      bind_host: API_ADDRESS,
      core_plugin: "ml2",
      service_plugins: "router",
      auth_strategy: "keystone",
      api_paste_config: "/etc/neutron/api-paste.ini",
      api_workers: 0,
      rpc_workers: 0,
      rpc_state_report_workers: 0,
      state_path: `${LAB}/neutron`,
      notify_nova_on_port_status_changes: true,
      notify_nova_on_port_data_changes: true,
      send_events_interval: 1,
      dhcp_load_type: "networks",
      // A call that is lost while both ends start costs one such timeout.
      rpc_response_timeout: 15,
      agent_down_time: 120,
    },
    ...QUIET,
    ...RABBIT,
    ...LOCKS,
    agent: { root_helper: "env", report_interval: 30 },
    database: database("neutron"),
    nova: login("nova", password),
    privsep: {
      helper_command: `privsep-helper --config-file ${LAB}/etc/neutron/neutron.conf`,
    },
    ml2: {
      // One node: a network of a project is one bridge. VXLAN over loopback would hear its own multicast.
      type_drivers: "local,flat",
      tenant_network_types: "local",
      mechanism_drivers: "linuxbridge",
      extension_drivers: "port_security",
    },
    ml2_type_flat: { flat_networks: "external" },
    linux_bridge: { bridge_mappings: "external:br-ex" },
    vxlan: { enable_vxlan: false },
    securitygroup: {
      enable_security_group: true,
      enable_ipset: true,
      firewall_driver: "iptables",
    },
    // Zed calls its linuxbridge agent so.
    experimental: { linuxbridge: true },
  };
}

function iniText(ini: Ini): string {
  return Object.entries(ini)
    .map(
      ([section, values]) =>
        `[${section}]\n${Object.entries(values)
          .map(([key, value]) => `${key} = ${value}\n`)
          .join("")}`,
    )
    .join("");
}
