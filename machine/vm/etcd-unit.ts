/** The systemd unit of etcd on a VM. */

/** What decides the unit. */
export interface EtcdUnitSettings {
  /** Folder with the program `etcd`. */
  readonly programs: string;
  readonly environmentFile: string;
  /** The only folder that etcd may write to; may be a mount point. */
  readonly stateDirectory: string;
  /** ETCD_DATA_DIR, inside the state directory. */
  readonly dataDirectory: string;
  readonly certificateDirectory: string;
}

/**
 * The text of `etcd.service`. The same settings give the same text.
 *
 * In /etc/systemd/system it stands before a package's own unit of that name. Until a backup is restored and the
 * certificates are there its conditions are not met, so nothing that starts it (a package's installation, a reboot)
 * has an etcd without data as its result.
 */
export function etcdUnit(settings: EtcdUnitSettings): string {
  return `# Written by etcd-restore.
[Unit]
Description=etcd, restored from a backup
Documentation=https://etcd.io/docs/
Wants=network-online.target
After=network-online.target time-sync.target
RequiresMountsFor=${settings.stateDirectory}
ConditionPathIsDirectory=${settings.dataDirectory}/member
ConditionDirectoryNotEmpty=${settings.certificateDirectory}
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
User=etcd
Group=etcd
EnvironmentFile=${settings.environmentFile}
ExecStart=${settings.programs}/etcd
Restart=on-failure
RestartSec=5
# A store of 8 GB needs minutes until it serves.
TimeoutStartSec=900
LimitNOFILE=65536
UMask=0077

NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=${settings.stateDirectory}
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
`;
}
