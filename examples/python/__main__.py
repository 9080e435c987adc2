"""Last night's backup, restored on this computer and proved."""

import os

import pulumi
import pulumi_etcd_restore as etcd_restore

config = pulumi.Config()
restored = etcd_restore.LocalRestore(
    "last-night",
    snapshot=os.path.abspath(config.require("snapshot")),
    lab_directory=os.path.abspath("last-night"),
    client_port=22379,
    peer_port=22380,
    expected_keys=["/registry/namespaces/default"],
)

pulumi.export("clientEndpoint", restored.client_endpoint)
pulumi.export("clientKey", restored.client_key)
pulumi.export("etcdctl", restored.etcdctl)
pulumi.export("verdict", restored.verdict)
pulumi.export("report", restored.report)
